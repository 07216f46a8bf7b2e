"""What stands nearby says what a cabinet is: under a TV, beside a bed, full of books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from photoqueue.analysis.solids import Solid

if TYPE_CHECKING:
    from photoqueue.analysis.detection import Detection
    from photoqueue.models import Box

_TV: Final = frozenset(("tv", "monitor/tv"))
_BATHROOM: Final = frozenset(("toilet", "bathtub", "showerhead"))
_KITCHEN: Final = frozenset(("gas stove", "induction cooker", "extractor", "oven", "dishwasher"))
#: Detections below this score, 0…1, are no sign of anything.
_SIGN: Final = 0.3

#: Situation → key → factor on its share; other keys keep theirs. Set by hand: a cabinet under
#: a TV is a TV unit more often than not, but a chest of drawers can carry one as well.
_FACTORS: Final[dict[str, dict[str, float]]] = {
    "bedroom": {
        "wardrobe_2_door": 2.5,
        "wardrobe_3_door": 2.5,
        "nightstand": 2.0,
        "chest_of_drawers": 1.5,
        "sideboard": 0.3,
        "bookcase": 0.6,
    },
    "under a TV": {
        "tv_unit": 12.0,
        "sideboard": 1.5,
        "wardrobe_2_door": 0.1,
        "wardrobe_3_door": 0.1,
        "bookcase": 0.3,
        "nightstand": 0.3,
    },
    "beside a bed": {"nightstand": 6.0},
    "with books": {"bookcase": 10.0, "shelf_unit": 5.0, "tv_unit": 0.5},
}
#: What cabinets are added in a bathroom and a kitchen → share before the others.
_BATHROOM_SHARE: Final = 0.6
_FITTED_SHARE: Final = 0.6


def shares(one: Detection, meanings: Sequence[Solid], others: Iterable[Detection]) -> list[float]:
    """Return how often things in this place are each of its meanings.

    Parameters
    ----------
    one : Detection
        What has several meanings.
    meanings : sequence of Solid
    others : iterable of Detection
        Everything else in the picture.

    Returns
    -------
    list of float
        One share for each meaning, all together 1.
    """
    found = [solid.share for solid in meanings]
    if one.kind == "cabinet/shelf":
        signs = [other for other in others if other.score >= _SIGN]
        for situation in _situations(one.box, signs):
            factors = _FACTORS[situation]
            found = [
                share * factors.get(solid.key or "", 1.0)
                for share, solid in zip(found, meanings, strict=True)
            ]
        kinds = {sign.kind for sign in signs}
        if kinds & _BATHROOM:
            found = _with(found, [s.key == "bathroom_cabinet" for s in meanings], _BATHROOM_SHARE)
        if kinds & _KITCHEN:
            # Kitchens are full of fitted cupboards, which stay in the house.
            found = _with(found, [s.key is None for s in meanings], _FITTED_SHARE)
    total = sum(found)
    # A catalogue of one's own may have only things without a share of their own.
    return [share / total if total else 1 / len(found) for share in found]


def _with(found: list[float], added: list[bool], share: float) -> list[float]:
    """Give a share to meanings that had none, and the rest to the others."""
    if not any(added) or not sum(found):
        return found
    rest = (1 - share) / sum(found)
    return [
        share / sum(added) if new else old * rest for old, new in zip(found, added, strict=True)
    ]


def _situations(box: Box, signs: Sequence[Detection]) -> list[str]:
    """Name the situations of a cabinet."""
    beds = [sign.box for sign in signs if sign.kind == "bed"]
    books = [sign for sign in signs if sign.kind == "book" and _holds(box, sign.box)]
    found = []
    if beds:
        found.append("bedroom")
    if any(_under(box, sign.box) for sign in signs if sign.kind in _TV):
        found.append("under a TV")
    if any(_beside(box, bed) for bed in beds):
        found.append("beside a bed")
    if len(books) >= 2:
        found.append("with books")
    return found


def _under(box: Box, screen: Box) -> bool:
    """Whether a screen stands on a cabinet, or hangs just above it."""
    high = screen[3] - screen[1]
    overlap = min(box[2], screen[2]) - max(box[0], screen[0])
    return (
        overlap > 0.5 * (screen[2] - screen[0])
        and -0.4 * high < box[1] - screen[3] < high
        and box[3] > screen[3]
    )


def _beside(box: Box, bed: Box) -> bool:
    """Whether a cabinet stands at the side of a bed, and is less than half as wide."""
    gap = max(box[0] - bed[2], bed[0] - box[2])
    wide = box[2] - box[0]
    return -0.5 * wide < gap < 0.5 * wide and wide < 0.5 * (bed[2] - bed[0])


def _holds(box: Box, small: Box) -> bool:
    """Whether the middle of a small box is in a larger one."""
    x, y = (small[0] + small[2]) / 2, (small[1] + small[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
