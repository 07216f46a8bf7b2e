"""Which photos show which room, and which of them are copies of one picture."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from photoqueue.inventory.copies import SAME_PLACE, item_order, items_of_copies, overlap
from photoqueue.inventory.volumes import Kind
from photoqueue.inventory.wording import canonical_room_type, room_type_name
from photoqueue.records.base import Box
from photoqueue.records.results import FoundItem, PhotoResult

#: Largest difference of the perceptual hashes of copies, of 64 bits. Measured on 22 photos of
#: rooms: copies that were recompressed, scaled to 0.3…2 times the size, brightened by up to a
#: quarter or cropped by 1 % on each side differ by at most 6; different photos by at least 15. A
#: crop of 2 % gives up to 7 and is mostly recognised.
SAME_PICTURE_BITS: Final = 6


class Told(NamedTuple):
    """That a person said something of an item."""

    #: Number of the newest edit.
    number: int
    #: The item as the engine found it, or as a person added it.
    found: FoundItem


@dataclass(frozen=True, kw_only=True)
class AnalysedPhoto:
    """One photo of a project and its analysis."""

    photo_id: str
    #: Content hash of the picture.
    sha256: str
    #: The caller's name of the room.
    room: str | None = None
    #: The caller's word for its kind.
    room_type: str | None = None
    result: PhotoResult
    #: The job of the result.
    job_id: str = ""
    #: Items that persons said something of, by item id.
    told: Mapping[str, Told] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RoomView:
    """One picture of a room, however often it was submitted."""

    #: The alphabetically first photo that shows it.
    photo_id: str
    #: Content hash of that photo.
    sha256: str
    #: The other photos.
    duplicates: tuple[str, ...]
    #: What it shows, in an order that depends only on the items; for copies, merged
    #: (:mod:`photoqueue.inventory.copies`).
    items: tuple[FoundItem, ...]
    #: Perceptual hash.
    phash: str | None = None

    @property
    def counts(self) -> Counter[Kind]:
        """How many of each thing it shows."""
        return Counter(map(Kind.of, self.items))


def by_room(photos: Iterable[AnalysedPhoto], language: str) -> dict[str, list[AnalysedPhoto]]:
    """Group the photos by room; rooms in alphabetical order."""
    rooms: defaultdict[str, list[AnalysedPhoto]] = defaultdict(list)
    for photo in photos:
        rooms[room_name(photo.room, photo.result, language)].append(photo)
    return {room: rooms[room] for room in sorted(rooms)}


def room_name(named: str | None, result: PhotoResult, language: str) -> str:
    """Return the room of a photo: the caller's name, else its kind in the given language."""
    if named and named.strip():
        return named.strip()
    given = result.room_type
    return room_type_name(canonical_room_type(given) or given, language)


def room_type(photos: Iterable[AnalysedPhoto]) -> str:
    """Return the kind of a room: the one with the highest confidence over all its pictures."""
    certainty: dict[tuple[str, str], float] = {}
    for photo in photos:
        verdict = (photo.result.room_type, photo.sha256)  # copies count once
        sure = photo.result.room_type_confidence or 0.0
        certainty[verdict] = max(sure, certainty.get(verdict, 0.0))
    votes: defaultdict[str, float] = defaultdict(float)
    # Sorted: the last digit of a sum of floats depends on the order.
    for (kind, _), sure in sorted(certainty.items()):
        votes[kind] += sure
    return min(votes, key=lambda kind: (-votes[kind], kind))


def views_of(photos: Sequence[AnalysedPhoto]) -> list[RoomView]:
    """Group the photos of a room that show the same picture.

    Photos show the same picture if their content is the same or their perceptual hashes differ by
    at most :data:`SAME_PICTURE_BITS`. This must hold for *every* pair in a group: a slow pan over a
    room, each frame much like the one before, does not become one picture. The closest photos are
    joined first.
    """
    contents: defaultdict[str, list[AnalysedPhoto]] = defaultdict(list)
    for photo in photos:
        contents[photo.sha256].append(photo)
    groups = [contents[sha256] for sha256 in sorted(contents)]
    pairs = sorted(
        (distance, a, b)
        for a, b in itertools.combinations(range(len(groups)), 2)
        if (distance := _distance(groups[a], groups[b])) <= SAME_PICTURE_BITS
    )
    joined = [{number} for number in range(len(groups))]  # by group: with which others
    close = {(a, b) for _, a, b in pairs}
    for _, a, b in pairs:
        if joined[a] is joined[b]:
            continue
        both = sorted(joined[a] | joined[b])
        if all(pair in close for pair in itertools.combinations(both, 2)):
            together = set(both)
            for number in both:
                joined[number] = together
    pictures = {min(numbers): numbers for numbers in joined}
    views = [
        _view([photo for number in sorted(numbers) for photo in groups[number]])
        for numbers in pictures.values()
    ]
    return sorted(views, key=lambda view: (list(map(item_order, view.items)), view.photo_id))


def hash_distance(first: str | None, second: str | None) -> int | None:
    """Return the number of differing bits of two perceptual hashes; ``None`` if one is missing."""
    try:
        return (int(first or "", 16) ^ int(second or "", 16)).bit_count()
    except ValueError:
        return None


def _distance(some: Sequence[AnalysedPhoto], others: Sequence[AnalysedPhoto]) -> int:
    """Return the differing bits of two contents: the largest, if copies have several hashes."""
    distances = [
        distance
        for one, other in itertools.product(some, others)
        if (distance := hash_distance(one.result.phash, other.result.phash)) is not None
    ]
    return max(distances, default=64)


def _view(same: Sequence[AnalysedPhoto]) -> RoomView:
    """Make one view of copies."""
    photos = sorted(same, key=lambda photo: photo.photo_id)
    first = photos[0]
    return RoomView(
        photo_id=first.photo_id,
        sha256=first.sha256,
        duplicates=tuple(dict.fromkeys(p.photo_id for p in photos if p.photo_id != first.photo_id)),
        items=items_of_copies(_as_told([p for p in photos if p.told] or photos)),
        phash=next((photo.result.phash for photo in photos if photo.result.phash), None),
    )


def _as_told(copies: Sequence[AnalysedPhoto]) -> list[tuple[FoundItem, ...]]:
    """Return the items of copies: what a person said of one copy last holds for all."""
    items = [{str(item.item_id): item for item in photo.result.items} for photo in copies]
    if not any(photo.told for photo in copies):
        return [photo.result.items for photo in copies]
    for photo, (number, found) in ((p, told) for p in copies for told in p.told.values()):
        for other, left in zip(copies, items, strict=True):
            for name, item in list(left.items()) if other is not photo else ():
                own = other.told.get(name, Told(0, item))
                if own.number < number and one_place(found, own.found):
                    del left[name]
                    break
    return [tuple(left.values()) for left in items]


def one_place(some: FoundItem, other: FoundItem) -> bool:
    """Whether findings of copies lie in one place or, without boxes, are of one kind."""
    if some.box and other.box:
        return overlap(some.box, other.box) >= SAME_PLACE
    return Kind.of(some) == Kind.of(other)


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One finding in one view of a room."""

    #: Index of the view within the room.
    view: int
    item: FoundItem
    #: The kind that the engine named.
    kind: Kind
    #: Catalogue key → probability; empty for things that the catalogue lacks.
    kinds: Mapping[str, float]
    #: Its neighbours in the view and how near they are, 0…1; empty if boxes are missing.
    beside: Mapping[Kind, float]

    @property
    def certainty(self) -> float:
        """The score, 0…1; 1 if the engine gives none."""
        return 1.0 if self.item.score is None else self.item.score


def sightings_of(views: Sequence[RoomView]) -> list[Sighting]:
    """Return the findings in the views of a room, in an order that depends only on the items."""
    return [
        Sighting(
            view=number,
            item=item,
            kind=Kind.of(item),
            kinds=_kinds(item),
            beside=_beside(item, view.items),
        )
        for number, view in enumerate(views)
        for item in view.items
    ]


def same_kind(some: Sighting, other: Sighting) -> float:
    """Return how well two findings agree on their kind, 0…1."""
    if some.kind == other.kind:
        return 1.0
    return sum(min(p, other.kinds.get(key, 0.0)) for key, p in some.kinds.items())


def _kinds(item: FoundItem) -> dict[str, float]:
    """Return the possible kinds of an item; the one that the engine named is the likeliest."""
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


def _beside(item: FoundItem, all_items: Sequence[FoundItem]) -> dict[Kind, float]:
    """Return the neighbours of an item: 1 if boxes touch, 0 from one box size away."""
    if item.box is None:
        return {}
    near: dict[Kind, float] = {}
    for other in all_items:
        if other is item or other.box is None:
            continue
        closeness = 1 - _gap(item.box, other.box)
        thing = Kind.of(other)
        if closeness > near.get(thing, 0.0):
            near[thing] = closeness
    return near


def _gap(first: Box, second: Box) -> float:
    """Distance of two boxes, in sizes of the larger one; 0 if they overlap."""
    aside = max(first[0] - second[2], second[0] - first[2], 0.0)
    above = max(first[1] - second[3], second[1] - first[3], 0.0)
    size = max(
        first[2] - first[0], first[3] - first[1], second[2] - second[0], second[3] - second[1], 1e-6
    )
    return float((aside * aside + above * above) ** 0.5 / size)
