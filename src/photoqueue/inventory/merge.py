"""Adding up a project's photos to an inventory.

The rules, each of which a person can check against the photos:

* A photo belongs to the room that the caller named. Two named rooms are never merged,
  however alike their names.
* A photo without a room name belongs to the room named after its kind ("bedroom"), whether
  or not other photos are in it; words for one kind ("salon", "living room") count as one.
* Per room and thing, the count is the **maximum** seen in one photo: several views of a room
  show the same chairs. The strategy ``sum`` adds the photos up instead, for callers whose
  photos do not overlap.
* Photos of the same content in one room count once. In two rooms they count in both: the
  caller said so, and one picture can show two rooms.
* Volumes are the catalogue's. A thing that the catalogue lacks has the volume its engine
  gave it, else 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from photoqueue.inventory.catalogue import CATEGORIES, Catalogue
from photoqueue.inventory.room_types import canonical_room_type, room_type_name
from photoqueue.inventory.volumes import Thing, litres, to_cubic_metres, volume_range
from photoqueue.models import FoundItem, InventoryLine, InventoryResult, PhotoResult

Strategy = Literal["max", "sum"]


@dataclass(frozen=True, kw_only=True)
class AnalysedPhoto:
    """One photo of a project with what was found in it.

    Attributes
    ----------
    photo_id : str
    sha256 : str
        Content address of the picture.
    room : str or None
        The caller's name of the room.
    result : PhotoResult
    """

    photo_id: str
    sha256: str
    room: str | None = None
    result: PhotoResult


def add_up(
    project_id: str,
    photos: Sequence[AnalysedPhoto],
    catalogue: Catalogue,
    *,
    strategy: Strategy = "max",
    language: str = "en",
    missing: Sequence[str] = (),
) -> InventoryResult:
    """Add the photos of a project up to items and cubic metres.

    Parameters
    ----------
    project_id : str
    photos : sequence of AnalysedPhoto
        In any order; the result does not depend on it.
    catalogue : Catalogue
        Gives names and volumes.
    strategy : {"max", "sum"}
        How several photos of a room are put together.
    language : str
        ``en`` or ``fr``: language of the names.
    missing : sequence of str
        Ids of photos that could not be analysed; they are only reported.

    Returns
    -------
    InventoryResult
        Volumes in m³, to the litre. ``photo_count`` is the number of photos that count,
        so without the duplicates.
    """
    rooms: defaultdict[str, list[AnalysedPhoto]] = defaultdict(list)
    for photo in photos:
        rooms[_room_name(photo, language)].append(photo)

    lines: list[InventoryLine] = []
    duplicates: dict[str, str] = {}
    kept = 0
    for room in sorted(rooms):
        views = _views(rooms[room])
        kept += len(views)
        for view in views:
            duplicates.update(dict.fromkeys(view.duplicates, view.photo_id))
        lines.extend(_lines(room, _room_type(rooms[room]), views, catalogue, strategy, language))

    return InventoryResult(
        project_id=project_id,
        total_items=sum(line.count for line in lines),
        total_volume=to_cubic_metres(sum(litres(line.volume) for line in lines)),
        total_volume_min=to_cubic_metres(sum(litres(line.volume_min) for line in lines)),
        total_volume_max=to_cubic_metres(sum(litres(line.volume_max) for line in lines)),
        rooms=tuple(sorted(rooms)),
        strategy=strategy,
        lines=tuple(lines),
        photo_count=kept,
        missing_photos=tuple(sorted(set(missing))),
        duplicate_photos=dict(sorted(duplicates.items())),
    )


@dataclass(frozen=True, kw_only=True)
class _View:
    """One picture of a room, however many times it was sent in.

    Attributes
    ----------
    photo_id : str
        The first, alphabetically, of the photos with this content.
    duplicates : tuple of str
        The other ones.
    counts : Counter of Thing
        How many of each thing it shows. Where copies were analysed differently, the most.
    items : tuple of FoundItem
        What was found, in all copies.
    """

    photo_id: str
    duplicates: tuple[str, ...]
    counts: Counter[Thing]
    items: tuple[FoundItem, ...]


def _views(photos: Iterable[AnalysedPhoto]) -> list[_View]:
    """Put photos of the same content together."""
    copies: defaultdict[str, list[AnalysedPhoto]] = defaultdict(list)
    for photo in photos:
        copies[photo.sha256].append(photo)
    views = []
    for same in copies.values():
        counts: Counter[Thing] = Counter()
        for photo in same:
            counts |= Counter(map(Thing.of, photo.result.items))  # | keeps the larger count
        first, *others = sorted({photo.photo_id for photo in same})
        views.append(
            _View(
                photo_id=first,
                duplicates=tuple(others),
                counts=counts,
                items=tuple(item for photo in same for item in photo.result.items),
            )
        )
    return views


def _lines(
    room: str,
    room_type: str,
    views: Sequence[_View],
    catalogue: Catalogue,
    strategy: Strategy,
    language: str,
) -> list[InventoryLine]:
    """Return the inventory of one room, by category and name."""
    examples: defaultdict[Thing, list[FoundItem]] = defaultdict(list)
    for view in views:
        for item in view.items:
            examples[Thing.of(item)].append(item)

    lines = []
    for thing, found in examples.items():
        counts = [view.counts[thing] for view in views]
        count = sum(counts) if strategy == "sum" else max(counts)
        known = catalogue.by_key(thing.key) if thing.key else None
        low, usual, high = volume_range(known, found)
        lines.append(
            InventoryLine(
                room=room,
                room_type=room_type,
                key=thing.key,
                name=known.name(language) if known else min(item.name for item in found),
                category=known.category if known else min(item.category for item in found),
                dismountable=(
                    known.dismountable if known else any(item.dismountable for item in found)
                ),
                count=count,
                volume=to_cubic_metres(usual * count),
                volume_min=to_cubic_metres(low * count),
                volume_max=to_cubic_metres(high * count),
                photos=tuple(sorted({view.photo_id for view in views if view.counts[thing]})),
            )
        )
    return sorted(lines, key=_line_order)


def _line_order(line: InventoryLine) -> tuple[int, str, str, str]:
    """Furniture first, as in the catalogue; then by name."""
    known = line.category in CATEGORIES
    position = CATEGORIES.index(line.category) if known else len(CATEGORIES)
    return position, line.category, line.name, line.key or ""


def _room_name(photo: AnalysedPhoto, language: str) -> str:
    """Return the room of a photo: the caller's name, else its kind in the language asked for."""
    named = (photo.room or "").strip()
    if named:
        return named
    given = photo.result.room_type
    return room_type_name(canonical_room_type(given) or given, language)


def _room_type(photos: Iterable[AnalysedPhoto]) -> str:
    """Return the kind of a room: the one that its pictures are surest of, all together."""
    certainty: dict[tuple[str, str], float] = {}
    for photo in photos:
        verdict = (photo.result.room_type, photo.sha256)  # copies speak once
        sure = photo.result.room_type_confidence or 0.0
        certainty[verdict] = max(sure, certainty.get(verdict, 0.0))
    votes: defaultdict[str, float] = defaultdict(float)
    # Sorted: the last digit of a sum of floats depends on the order.
    for (kind, _), sure in sorted(certainty.items()):
        votes[kind] += sure
    return min(votes, key=lambda kind: (-votes[kind], kind))
