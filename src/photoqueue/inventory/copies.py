"""What several photos of one picture show, put together.

Copies are analysed one by one, and an engine that wavers may call a thing by one name in
one copy and by another in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from photoqueue.inventory.look_alikes import look_alike
from photoqueue.inventory.volumes import Thing
from photoqueue.models import Box, FoundItem

#: Overlap (IoU), 0…1, from which findings in two copies are in one place.
_SAME_PLACE: Final = 0.5


def items_of_copies(copies: Sequence[Sequence[FoundItem]]) -> tuple[FoundItem, ...]:
    """Return what the copies of a picture show together.

    Each kind of thing is as in the copy that shows most of it. What one copy takes for
    another, doubtful kind than the next one, in the same place, is one thing: the surest
    finding stays. What a copy shows side by side, it shows.

    Parameters
    ----------
    copies : sequence of sequence of FoundItem
        In an order that does not depend on chance, as the first of equals is taken.

    Returns
    -------
    tuple of FoundItem
        In the order of :func:`item_order`.
    """
    best: dict[Thing, tuple[int, list[FoundItem]]] = {}
    for number, items in enumerate(copies):
        kinds: dict[Thing, list[FoundItem]] = {}
        for item in sorted(items, key=item_order):
            kinds.setdefault(Thing.of(item), []).append(item)
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
    """Sort items by what is known of them, surest first."""
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
    """Compare what two copies say of one kind: more of it, then surer, then anything fixed."""
    sure = sum(round(1000 * (item.score or 0.0)) for item in items)
    return len(items), sure, [item_order(item) for item in items]


def _one_thing(item: FoundItem, rival: FoundItem) -> bool:
    """Whether findings of two kinds are in one place, and their kinds in doubt."""
    doubtful = (
        look_alike(item.key, rival.key)
        or rival.key in (item.alternatives or {})
        or item.key in (rival.alternatives or {})
    )
    return Thing.of(item) != Thing.of(rival) and doubtful and _same_place(item.box, rival.box)


def _shows(copy: Iterable[FoundItem], wanted: FoundItem) -> bool:
    """Whether a copy shows this kind of thing in this place."""
    thing = Thing.of(wanted)
    return any(Thing.of(item) == thing and _same_place(item.box, wanted.box) for item in copy)


def _same_place(first: Box | None, second: Box | None) -> bool:
    if first is None or second is None:
        return False
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or high <= 0:
        return False
    return wide * high >= _SAME_PLACE * (_area(first) + _area(second) - wide * high)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
