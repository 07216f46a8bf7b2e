"""A thing seen in one view: what it may be, what it looks like, what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from photoqueue.inventory.views import View
from photoqueue.inventory.volumes import Thing
from photoqueue.models import Box, FoundItem


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One finding in one view of a room.

    Attributes
    ----------
    view : int
        Position of the view among those of the room.
    item : FoundItem
    thing : Thing
        What the engine took it for.
    kinds : mapping of str to float
        Catalogue key → probability that it is that; empty for what the catalogue lacks.
    beside : mapping of Thing to float
        What stands beside it in the view, with how near, 0…1; empty where boxes are missing.
    """

    view: int
    item: FoundItem
    thing: Thing
    kinds: Mapping[str, float]
    beside: Mapping[Thing, float]

    @property
    def certainty(self) -> float:
        """The score, 0…1; 1 where the engine gives none."""
        return 1.0 if self.item.score is None else self.item.score


def sightings_of(views: Sequence[View]) -> list[Sighting]:
    """Return what the views of a room show, in an order that depends on the items alone."""
    return [
        Sighting(
            view=number,
            item=item,
            thing=Thing.of(item),
            kinds=_kinds(item),
            beside=_beside(item, view.items),
        )
        for number, view in enumerate(views)
        for item in view.items
    ]


def same_kind(some: Sighting, other: Sighting) -> float:
    """Return how well two findings agree on what they are, 0…1."""
    if some.thing == other.thing:
        return 1.0
    return sum(min(p, other.kinds.get(key, 0.0)) for key, p in some.kinds.items())


def _kinds(item: FoundItem) -> dict[str, float]:
    """Return what an item may be; the kind it was taken for is the likeliest."""
    if not item.key:
        return {}
    others = {
        key: min(max(share, 0.0), 1.0)
        for key, share in sorted((item.alternatives or {}).items())
        if key != item.key
    }
    rest = max(1.0 - sum(others.values()), *others.values(), 0.0)
    whole = rest + sum(others.values())
    return {key: share / whole for key, share in {item.key: rest, **others}.items()}


def _beside(item: FoundItem, all_items: Sequence[FoundItem]) -> dict[Thing, float]:
    """Return what stands near an item: 1 where boxes touch, 0 from one box size away."""
    if item.box is None:
        return {}
    near: dict[Thing, float] = {}
    for other in all_items:
        if other is item or other.box is None:
            continue
        closeness = 1 - _gap(item.box, other.box)
        thing = Thing.of(other)
        if closeness > near.get(thing, 0.0):
            near[thing] = closeness
    return near


def _gap(first: Box, second: Box) -> float:
    """Distance of two boxes, in sizes of the larger one; 0 where they overlap."""
    aside = max(first[0] - second[2], second[0] - first[2], 0.0)
    above = max(first[1] - second[3], second[1] - first[3], 0.0)
    size = max(
        first[2] - first[0], first[3] - first[1], second[2] - second[0], second[3] - second[1], 1e-6
    )
    return float((aside * aside + above * above) ** 0.5 / size)
