"""Merges the findings of several photos of one picture.

Copies are analysed separately, and an uncertain engine may name one thing differently in each copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from photoqueue.inventory.volumes import Kind
from photoqueue.records.base import Box
from photoqueue.records.results import FoundItem

BANDS: Final = 4
DIRECTIONS: Final = 8
_BYTES: Final = 4 * BANDS + DIRECTIONS

#: Mean difference of the descriptor bytes at which two findings have nothing in common: for
#: brightness, which changes with the light of a view, and for the colours, which change less.
_BRIGHTNESS_SPAN: Final = 200.0
_COLOUR_SPAN: Final = 40.0
#: Positions of the brightness bytes: the first of three in each band. The other bytes of the bands
#: are colour, and so are the directions at the end.
_OF_BRIGHTNESS: Final = range(0, 3 * BANDS, 3)
_OF_COLOUR: Final = (
    *(byte for byte in range(3 * BANDS) if byte % 3),
    *range(4 * BANDS, _BYTES),
)


def likeness(first: str | None, second: str | None) -> float | None:
    """Return how similar two findings look, 0…1.

    Parameters
    ----------
    first, second : str or None
        Two ``FoundItem.appearance``.

    Returns
    -------
    float or None
        ``None`` if one is missing or not a valid descriptor.
    """
    one, other = _read(first), _read(second)
    if one is None or other is None:
        return None
    # Two dozen bytes: plain Python is faster than numpy here, and workers start without it.
    colour = _mean_difference(one, other, _OF_COLOUR)
    brightness = _mean_difference(one, other, _OF_BRIGHTNESS)
    return max(0.0, 1 - colour / _COLOUR_SPAN - brightness / _BRIGHTNESS_SPAN)


def _mean_difference(one: bytes, other: bytes, places: Sequence[int]) -> float:
    return sum(abs(one[place] - other[place]) for place in places) / len(places)


@lru_cache(maxsize=4096)
def _read(text: str | None) -> bytes | None:
    """Read a descriptor; ``None`` if it is missing or invalid."""
    try:
        data = bytes.fromhex(text or "")
    except ValueError:
        return None
    return data if len(data) == _BYTES else None


#: Groups of catalogue keys that look alike; a key is in at most one group. Only within a group do
#: appearance or position alone suggest that findings of different kinds are one thing.
LOOK_ALIKES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"sofa_2_seat", "sofa_3_seat", "corner_sofa", "sofa_bed"}),
    frozenset({"single_bed", "double_bed", "king_size_bed", "bunk_bed"}),
    frozenset(
        {
            *("wardrobe_1_door", "wardrobe_2_door", "wardrobe_3_door", "bookcase", "shelf_unit"),
            *("display_cabinet", "chest_of_drawers", "sideboard", "tv_unit", "shoe_cabinet"),
            "bathroom_cabinet",
        }
    ),
    frozenset({"dining_table", "kitchen_table", "desk", "garden_table"}),
    frozenset({"coffee_table", "side_table", "nightstand", "ottoman", "stool"}),
    frozenset({"chair", "office_chair", "garden_chair", "armchair"}),
    frozenset({"floor_lamp", "table_lamp"}),
)
_GROUP: Final = {key: number for number, keys in enumerate(LOOK_ALIKES) for key in keys}


def look_alike(key: str | None, other: str | None) -> bool:
    """Whether two kinds look alike from some side; every kind looks like itself.

    Examples
    --------
    >>> look_alike("single_bed", "king_size_bed"), look_alike("single_bed", "chair")
    (True, False)
    """
    group = _GROUP.get(key or "")
    return group is not None and group == _GROUP.get(other or "")


#: Overlap (IoU, 0…1) from which boxes of two copies, or of two analyses, are in the same place.
SAME_PLACE: Final = 0.5


def items_of_copies(copies: Sequence[Sequence[FoundItem]]) -> tuple[FoundItem, ...]:
    """Merge the findings of the copies of a picture.

    Each kind of thing is taken from the copy that shows most of it. Findings of different, doubtful
    kinds in the same place of two copies are one thing: the finding with the best score stays.
    Findings side by side in one copy are always different things.

    Parameters
    ----------
    copies : sequence of sequence of FoundItem
        In a deterministic order: of equal findings, the first is taken.

    Returns
    -------
    tuple of FoundItem
        In the order of :func:`item_order`.
    """
    best: dict[Kind, tuple[int, list[FoundItem]]] = {}
    for number, items in enumerate(copies):
        kinds: dict[Kind, list[FoundItem]] = {}
        for item in sorted(items, key=item_order):
            kinds.setdefault(Kind.of(item), []).append(item)
        for thing, found in kinds.items():
            if thing not in best or _richer(found) > _richer(best[thing][1]):
                best[thing] = number, found
    taken: list[tuple[int, FoundItem]] = []
    candidates = [(number, item) for number, found in best.values() for item in found]
    for number, item in sorted(candidates, key=lambda entry: _surest_first(entry[1])):
        if not any(
            number != other
            and _one_thing(item, rival)
            and not _shows(copies[number], rival)
            and not _shows(copies[other], item)
            for other, rival in taken
        ):
            taken.append((number, item))
    return tuple(sorted((item for _, item in taken), key=item_order))


def item_order(item: FoundItem) -> tuple[object, ...]:
    """Sort key of items: by what identifies them, best score first."""
    return (
        item.key or "",
        item.name.casefold(),
        item.category,
        -(item.score or 0.0),
        item.box or (),
        item.volume or 0.0,
        item.name,
        item.dismountable,
        item.appearance or "",
        sorted((item.alternatives or {}).items()),
    )


def _surest_first(item: FoundItem) -> tuple[object, ...]:
    return -(item.score or 0.0), item_order(item)


def _richer(items: Sequence[FoundItem]) -> tuple[object, ...]:
    """Rank what two copies show of one kind: by number, then score, then any fixed order."""
    sure = sum(round(1000 * (item.score or 0.0)) for item in items)
    return len(items), sure, [item_order(item) for item in items]


def _one_thing(item: FoundItem, rival: FoundItem) -> bool:
    """Whether two findings of different kinds are in one place, and their kinds in doubt."""
    doubtful = (
        look_alike(item.key, rival.key)
        or rival.key in (item.alternatives or {})
        or item.key in (rival.alternatives or {})
    )
    return Kind.of(item) != Kind.of(rival) and doubtful and _same_place(item.box, rival.box)


def _shows(copy: Iterable[FoundItem], wanted: FoundItem) -> bool:
    """Whether a copy shows this kind of thing in this place."""
    thing = Kind.of(wanted)
    return any(Kind.of(item) == thing and _same_place(item.box, wanted.box) for item in copy)


def _same_place(first: Box | None, second: Box | None) -> bool:
    return first is not None and second is not None and overlap(first, second) >= SAME_PLACE


def overlap(first: Box, second: Box) -> float:
    """Return intersection over union of two boxes, 0…1."""
    common = common_area(first, second)
    return common / (area(first) + area(second) - common) if common else 0.0


def common_area(first: Box, second: Box) -> float:
    """Return the area that two boxes share."""
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    return max(wide, 0.0) * max(high, 0.0)


def area(box: Box) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
