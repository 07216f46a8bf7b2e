"""Distinguishing things of one class name (beds, sofas, tables, …) by size and place.

Every box of the picture is compared with what each of its meanings would look like
(:mod:`photoqueue.engines.solids`); things of known size, such as chairs and appliances, and
the things in doubt themselves make the picture's scale more certain. The result is one
probability for each meaning. The most probable one is taken, the others are kept as its
alternatives: one picture of a sofa rarely proves how many it seats.

How often that is right, on pictures simulated with cameras, sizes and turns at random
(``tests/unit/test_analysis_refine_simulated.py``), against the most usual meaning: beds 0.64
against 0.50, sofas 0.62 against 0.42, tables 0.65 against 0.50, cabinets 0.67 against 0.20, lamps
0.94 against 0.40, with two chairs in the picture. Without anything of known size: 0.58, 0.57, 0.55,
0.57 and 0.86. The
simulation has no occlusion by other furniture, so real pictures are harder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from photoqueue.engines.boxes import Detection
from photoqueue.engines.solids import KNOWN_SIZES, MEANINGS, Array, Solid, cameras, likelihoods
from photoqueue.inventory.copies import common_area

if TYPE_CHECKING:
    from photoqueue.records.base import Box

_TV: Final = frozenset(("tv", "monitor/tv"))
_BATHROOM: Final = frozenset(("toilet", "bathtub", "showerhead"))
_KITCHEN: Final = frozenset(("gas stove", "induction cooker", "extractor", "oven", "dishwasher"))
_COMPUTER: Final = frozenset(("laptop", "keyboard", "mouse", "computer box"))
#: Chairs that touch a table from which it is one to eat at: a desk or a café table has one or two.
_CHAIRS_AROUND: Final = 3
#: Detections below this score, 0…1, are ignored as context.
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
    "with a computer": {"desk": 12.0, "coffee_table": 0.5},
    "among chairs": {"dining_table": 3.0, "side_table": 0.2, "coffee_table": 0.1, "desk": 0.3},
    "in a kitchen": {"kitchen_table": 5.0},
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
    if one.kind not in _SITUATED:
        return _normed(found)
    signs = [other for other in others if other.score >= _SIGN]
    for situation in _SITUATED[one.kind](one.box, signs):
        factors = _FACTORS[situation]
        found = [
            share * factors.get(solid.key or "", 1.0)
            for share, solid in zip(found, meanings, strict=True)
        ]
    if one.kind == "cabinet/shelf":
        kinds = {sign.kind for sign in signs}
        if kinds & _BATHROOM:
            found = _with(found, [s.key == "bathroom_cabinet" for s in meanings], _BATHROOM_SHARE)
        if kinds & _KITCHEN:
            # Kitchens are full of fitted cupboards, which stay in the house.
            found = _with(found, [s.key is None for s in meanings], _FITTED_SHARE)
    return _normed(found)


def _normed(found: list[float]) -> list[float]:
    total = sum(found)
    # A user's catalogue may have only things whose share is 0.
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


def _table_situations(box: Box, signs: Sequence[Detection]) -> list[str]:
    """Name the situations of a table."""
    kinds = {sign.kind for sign in signs}
    chairs = sum(sign.kind == "chair" and common_area(box, sign.box) > 0 for sign in signs)
    found = []
    # Its lower edge lies on the table, whatever its height.
    feet = [(s.box[0], s.box[3], s.box[2], s.box[3]) for s in signs if s.kind in _COMPUTER]
    if any(_holds(box, foot) for foot in feet):
        found.append("with a computer")
    if chairs >= _CHAIRS_AROUND:
        found.append("among chairs")
    if kinds & (_KITCHEN | {"refrigerator"}):
        found.append("in a kitchen")
    return found


#: Class name → what names its situations.
_SITUATED: Final[dict[str, Callable[[Box, Sequence[Detection]], list[str]]]] = {
    "cabinet/shelf": _situations,
    "dining table": _table_situations,
}


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


#: Alternatives below this probability are left out.
_LEAST: Final = 0.05
_DIGITS: Final = 4
#: How often a box of score 1 is taken to show all of a thing; else it is partly hidden, or
#: something else, and its size means nothing.
_TRUST: Final = 0.8
#: Density of boxes without information, over the logarithms of their width and height.
_ANYTHING: Final = 0.1
#: Things of one class that give a scale: ten chairs around a table hide each other.
_SCALES_PER_CLASS: Final = 4
#: Boxes smaller than this, in heights or widths of the picture, are not measured.
_SMALLEST: Final = 0.01


@dataclass(frozen=True)
class Refinement:
    """What a detection most probably is."""

    #: Catalogue key; ``None`` for what stays in the house, such as a lamp on the ceiling.
    key: str | None
    #: Other keys → probability, 0…1, most probable first.
    alternatives: Mapping[str, float] = field(default_factory=dict)


def meanings_of(label: str) -> frozenset[str]:
    """Return the catalogue keys that a class name may stand for, where there are several."""
    return frozenset(solid.key for solid in MEANINGS.get(label.casefold(), ()) if solid.key)


def refine(
    detections: Sequence[Detection], aspect: float, known: Collection[str]
) -> dict[int, Refinement]:
    """Distinguish things that share one class name.

    Parameters
    ----------
    detections : sequence of Detection
        Everything seen in one picture; the order does not matter.
    aspect : float
        Width of the picture per height.
    known : collection of str
        Catalogue keys to choose from.

    Returns
    -------
    dict of int to Refinement
        By position; only detections whose class name stands for several things.
    """
    doubtful = {
        position: meanings
        for position, seen in enumerate(detections)
        if (meanings := _meanings(position, detections, known))
    }
    if not doubtful:
        return {}
    fits = {
        position: np.array(list(meanings.values()))[:, None]
        * _fits(detections[position], tuple(meanings), aspect)
        for position, meanings in doubtful.items()
    }
    evidence = {position: np.log(fit.sum(axis=0)) for position, fit in fits.items()}
    scale = np.log(cameras(aspect).share) + _scales(detections, aspect)
    # Sorted: the last digits of a sum of floats depend on the order.
    for logarithms in sorted(evidence.values(), key=tuple):
        scale = scale + logarithms
    return {
        position: _verdict(tuple(doubtful[position]), fit, scale - evidence[position])
        for position, fit in fits.items()
    }


def _meanings(
    position: int, detections: Sequence[Detection], known: Collection[str]
) -> dict[Solid, float]:
    """Return what a detection may be among the things of the catalogue, each with its share."""
    seen = detections[position]
    solids = [
        solid for solid in MEANINGS.get(seen.kind, ()) if solid.key is None or solid.key in known
    ]
    if not any(solid.key for solid in solids):
        return {}
    others = [*detections[:position], *detections[position + 1 :]]
    found = zip(solids, shares(seen, solids, others), strict=True)
    return {solid: share for solid, share in found if share > 0}


def _fits(seen: Detection, solids: Sequence[Solid], aspect: float) -> Array:
    """Return how well each solid explains a detection, for each camera; never 0."""
    trust = _TRUST * seen.score if _measurable(seen) else 0.0
    nothing = np.full((len(solids), len(cameras(aspect).share)), (1 - trust) * _ANYTHING)
    return nothing + trust * likelihoods(seen.box, aspect, solids) if trust else nothing


def _measurable(seen: Detection) -> bool:
    return min(seen.box[2] - seen.box[0], seen.box[3] - seen.box[1]) > _SMALLEST


def _scales(detections: Sequence[Detection], aspect: float) -> Array:
    """Return the evidence of things of known size: a logarithm of likelihood for each camera."""
    evidence: Array = np.zeros_like(cameras(aspect).share)
    counted: Counter[str] = Counter()
    # Best first and by box, so that the order of the detections does not matter.
    for seen in sorted(detections, key=lambda seen: (-seen.score, seen.kind, seen.box)):
        solid = KNOWN_SIZES.get(seen.kind)
        if solid is None:
            continue
        counted[seen.kind] += 1
        if counted[seen.kind] <= _SCALES_PER_CLASS:
            evidence = evidence + np.log(_fits(seen, (solid,), aspect)[0])
    return evidence


def _verdict(meanings: Sequence[Solid], fit: Array, scale: Array) -> Refinement:
    """Choose the most probable meaning."""
    weights = np.exp(scale - scale.max())
    found: dict[str | None, float] = {}
    for solid, likelihood in zip(meanings, fit @ weights, strict=True):
        found[solid.key] = found.get(solid.key, 0.0) + float(likelihood)
    total = sum(found.values())
    # Equal ones by name, so that a tie has one answer.
    ordered = sorted(found, key=lambda key: (-found[key], key or ""))
    best, *rest = ordered
    probabilities = {key: round(found[key] / total, _DIGITS) for key in rest if key is not None}
    return Refinement(best, {key: p for key, p in probabilities.items() if p >= _LEAST})
