"""Adds up the photos of a project to an inventory.

The rules; each can be checked against the photos:

* A photo belongs to the room that the caller named. Two named rooms are never merged, however
  similar their names.
* A photo without a room name belongs to the room named after its kind ("bedroom"), whether or
  not other photos are in it; words for one kind ("salon", "living room") count as one.
* Photos of one picture in one room count once, even if it was recompressed, scaled or
  brightened (:mod:`photoqueue.inventory.views`). In two rooms they count in both: the caller
  said so, and one picture can show two rooms; the result names them.
* The strategy decides how several views of a room are combined: ``max``, ``sum`` and ``match``
  count the findings of single photos (:mod:`photoqueue.inventory.counting`); ``llm`` takes the
  list of an engine that saw all photos of the room together.
* Volumes come from the catalogue; for a thing that it lacks, from the engine, else 0.
* Large things that one of several photos shows, with little certainty, are held back
  (``held_back``): they are listed, and do not count until a user says so.
* So is a desk in an office without a table: detectors trained on COCO have no word for one.
* A line that a user should check says why (:mod:`photoqueue.inventory.lines`).
* Users' corrections are applied last (:mod:`photoqueue.inventory.correcting`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.copies import look_alike
from photoqueue.inventory.counting import Count, Thing, count, count_listed
from photoqueue.inventory.lines import line_of, with_lines, with_range
from photoqueue.inventory.links import NO_LINKS, Links
from photoqueue.inventory.views import (
    AnalysedPhoto,
    RoomView,
    by_room,
    room_type,
    sightings_of,
    views_of,
)
from photoqueue.inventory.volumes import Kind
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.records.base import DEFAULT_STRATEGY, Strategy
from photoqueue.records.results import EngineUse, FoundItem, InventoryLine, InventoryResult

__all__ = ["AnalysedPhoto", "Strategy", "add_up"]


#: What people who work in a room sit at.
_DESK = Thing(kind=Kind("desk"), left_out="a desk is likely in an office without a table")


@dataclass(frozen=True, kw_only=True)
class RoomCounts:
    """The things of a room."""

    room: str
    room_type: str
    photos: Sequence[AnalysedPhoto]
    views: Sequence[RoomView]
    counts: Sequence[Count]


def count_rooms(
    photos: Sequence[AnalysedPhoto],
    catalogue: Catalogue,
    *,
    strategy: Strategy = DEFAULT_STRATEGY,
    language: str = "en",
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
    links: Links = NO_LINKS,
) -> list[RoomCounts]:
    """Count the things of each room; parameters and errors are those of :func:`add_up`."""
    rooms = []
    for room, its_photos in by_room(photos, language).items():
        views = views_of(its_photos)
        kind = room_type(its_photos)
        counts = _counted(room, views, strategy, listed or {}, links)
        tables = (one for one in counts if look_alike(one.kind.key, "desk"))
        if canonical_room_type(kind) == "office" and catalogue.by_key("desk") and not any(tables):
            counts.append(Count(kind=_DESK.kind, things=(_DESK,)))
        rooms.append(
            RoomCounts(room=room, room_type=kind, photos=its_photos, views=views, counts=counts)
        )
    return rooms


def add_up(
    project_id: str,
    photos: Sequence[AnalysedPhoto],
    catalogue: Catalogue,
    *,
    strategy: Strategy = DEFAULT_STRATEGY,
    language: str = "en",
    missing: Sequence[str] = (),
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
    links: Links = NO_LINKS,
) -> InventoryResult:
    """Add up the photos of a project to items and cubic metres.

    Parameters
    ----------
    project_id : str
    photos : sequence of AnalysedPhoto
        In any order; the result does not depend on it.
    catalogue : Catalogue
        Provides names and volumes.
    strategy : {"max", "sum", "match", "llm"}
        How several photos of a room are combined.
    language : str
        ``en`` or ``fr``: language of the names.
    missing : sequence of str
        Ids of photos that are not analysed; they are only reported.
    listed : mapping of str to sequence of FoundItem, optional
        For the strategy ``llm``: room → what an engine found in all its photos together, one item
        per thing. Findings of single photos then serve as evidence only; a room without a list
        is counted by the default strategy, and named in ``warnings``.
    links : Links
        What persons said of single items.

    Returns
    -------
    InventoryResult
        Volumes in m³, to the litre. ``photo_count`` excludes duplicates.
    """
    rooms = count_rooms(
        photos, catalogue, strategy=strategy, language=language, listed=listed, links=links
    )
    summed = sum_up(
        project_id,
        photos,
        rooms,
        catalogue,
        strategy=strategy,
        language=language,
        missing=missing,
        listed=listed,
    )
    return with_range(summed)


def lines_of(room: RoomCounts, catalogue: Catalogue, language: str) -> list[InventoryLine]:
    """Return the lines of a counted room."""
    return [
        line_of(
            counted,
            room=room.room,
            room_type=room.room_type,
            views=room.views,
            catalogue=catalogue,
            language=language,
        )
        for counted in room.counts
    ]


def sum_up(
    project_id: str,
    photos: Sequence[AnalysedPhoto],
    rooms: Sequence[RoomCounts],
    catalogue: Catalogue,
    *,
    strategy: Strategy,
    language: str,
    missing: Sequence[str] = (),
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
    lines: Iterable[InventoryLine] | None = None,
) -> InventoryResult:
    """Make the inventory of counted rooms, without its range; parameters as of :func:`add_up`.

    ``lines`` are those of the rooms where they are known; default is :func:`lines_of`.
    """
    duplicates: dict[str, str] = {}
    contents: dict[str, str] = {}
    shared: dict[str, str] = {}
    for room in rooms:
        shared |= {p.photo_id: contents[p.sha256] for p in room.photos if p.sha256 in contents}
        ordered = sorted(room.photos, key=lambda photo: photo.photo_id, reverse=True)
        contents = {photo.sha256: photo.photo_id for photo in ordered} | contents
        for view in room.views:
            duplicates.update(dict.fromkeys(view.duplicates, view.photo_id))
    if lines is None:
        lines = [line for room in rooms for line in lines_of(room, catalogue, language)]
    unlisted = [
        room.room for room in rooms if strategy == "llm" and room.room not in (listed or {})
    ]
    empty = InventoryResult(
        project_id=project_id,
        total_items=0,
        total_volume=0.0,
        total_volume_min=0.0,
        total_volume_max=0.0,
        rooms=tuple(room.room for room in rooms),
        strategy=strategy,
        lines=(),
        photo_count=sum(len(room.views) for room in rooms),
        missing_photos=tuple(sorted(set(missing))),
        duplicate_photos=dict(sorted(duplicates.items())),
        engines=_engines(photos),
        warnings=tuple(
            f"{room}: counted in single photos, as no model has listed it" for room in unlisted
        ),
        listed={room: tuple(items) for room, items in (listed or {}).items()} or None,
        shared_photos=dict(sorted(shared.items())) or None,
    )
    return with_lines(empty, lines)


def _engines(photos: Sequence[AnalysedPhoto]) -> tuple[EngineUse, ...]:
    """Return the engines of the photos, the one with the most photos first."""
    used = Counter((photo.result.engine or "unknown", photo.result.model) for photo in photos)
    ordered = sorted(used.items(), key=lambda entry: (-entry[1], entry[0][0], entry[0][1] or ""))
    return tuple(
        EngineUse(engine=engine, model=model, photos=number) for (engine, model), number in ordered
    )


def _counted(
    room: str,
    views: Sequence[RoomView],
    strategy: Strategy,
    listed: Mapping[str, Sequence[FoundItem]],
    links: Links,
) -> list[Count]:
    """Count the things of one room."""
    sightings = sightings_of(views)
    if strategy != "llm":
        return count(sightings, strategy, views=len(views), links=links)
    if room not in listed:  # the room came after the list, with a photo or an edit
        return count(sightings, DEFAULT_STRATEGY, views=len(views), links=links)
    return count_listed(listed[room], sightings, links)
