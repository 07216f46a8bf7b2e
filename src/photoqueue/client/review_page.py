"""The page of review as plain values: what a front end shows of a project, ready for JSON.

Names of keys are camelCase. Things are by letter, lines by kind in a room. The parts:

* the *head*: project, engine, progress, totals, what is left to check, undo and others' edits;
* *rooms*: one entry each;
* for each room its lines with their things, and its photos with their items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final

from photoqueue.client.review_reading import ProjectReading
from photoqueue.format import natural_key
from photoqueue.inventory.correcting import thing_of
from photoqueue.inventory.counting import Count, Thing
from photoqueue.inventory.lines import doubts, held_back
from photoqueue.inventory.merge import RoomCounts
from photoqueue.inventory.views import AnalysedPhoto, one_place
from photoqueue.inventory.volumes import Kind, litres, to_cubic_metres, volume_range
from photoqueue.inventory.wording import Wording
from photoqueue.phrases import phrase
from photoqueue.queue.projects import PhotoRow
from photoqueue.records.edits import Edit
from photoqueue.records.results import FoundItem, InventoryLine

Json = dict[str, Any]

#: Characters of a photo's id that stand for it where it has no file name.
_ID_SHOWN: Final = 10


def photo_title(row: PhotoRow) -> str:
    """Return what to call a photo within its room: its file name, else the start of its id."""
    return row.file_name or row.photo_id[:_ID_SHOWN]


@dataclass
class RoomPages:
    """The rooms of a project, each as the page shows it.

    Attributes
    ----------
    before : RoomPages or None
        Those of an earlier reading: a room of which nothing has changed is taken from there.
    """

    reading: ProjectReading
    wording: Wording
    before: InitVar[RoomPages | None] = None

    def __post_init__(self, before: RoomPages | None) -> None:
        self._known = before._made if before else {}
        self._made: dict[str, tuple[object, Json]] = {}

    def rooms(self) -> list[Json]:
        """Return the list of rooms, in order; photos that no room is known of come last."""
        lines, by = self._lines, self.reading.done.reviewed
        return [
            {
                "name": room,
                "kind": self._kind(room),
                "photos": sum(row.photo_id not in self._out for row in rows),
                "failed": sum(self._state(row) in ("failed", "cancelled") for row in rows),
                "things": sum(line.count for line in lines.get(room, ())),
                "volume": to_cubic_metres(sum(litres(line.volume) for line in lines.get(room, ()))),
                "left": sum(line.review for line in lines.get(room, ())),
                "reviewed": by[room].user_id if room in by else None,
            }
            for room, rows in self._photos.items()
        ]

    def room(self, room: str) -> Json:
        """Return one room with its lines and photos."""
        rows, shared = self._photos[room], self.reading.result.shared_photos or {}
        rests_on = (
            self.wording.language,
            self._counts.get(room),
            self._lines.get(room),
            [(row, row.photo_id in self._out, shared.get(row.photo_id)) for row in rows],
            self._edits.get(room),
        )
        made = self._known.get(room)
        if made is None or made[0] != rests_on:
            made = rests_on, self._make(room)
        self._made[room] = made
        return made[1]

    @cached_property
    def _edits(self) -> dict[str, list[tuple[int, bool]]]:
        """The edits that say something of each room or what is in it, and whether they hold."""
        where = {row.photo_id: room for room, rows in self._photos.items() for row in rows}
        edits: dict[str, list[tuple[int, bool]]] = {}
        for edit in self.reading.edits:
            photos = (edit.photo_id or "", *(anchor.photo_id for anchor in edit.items))
            for room in {edit.room, edit.to_room, *map(where.get, photos)} - {None}:
                edits.setdefault(str(room), []).append((edit.number, edit.standing))
        return edits

    def _make(self, room: str) -> Json:
        known = self._counts.get(room)
        counts = {count.kind: count for count in known.counts} if known else {}
        colours = self._colours(room)
        places: dict[str, tuple[str, str]] = {}
        lines = []
        for line in self._lines.get(room, ()):
            kind = thing_of(line)
            things = self._things(counts[kind]) if kind in counts else []
            for thing in things:
                places |= dict.fromkeys(thing["items"], (line_id(kind), thing["letter"]))
            colour = colours.setdefault(kind, len(colours))
            lines.append(self._line(line, kind, colour, things))
        photos = self._photos[room]
        return {
            "name": room,
            "lines": lines,
            "photos": [self._photo(row, places, known) for row in photos],
        }

    # -- what is in which room

    @cached_property
    def _out(self) -> Mapping[str, Edit]:
        return self.reading.done.excluded

    @cached_property
    def _done(self) -> dict[str, AnalysedPhoto]:
        return {photo.photo_id: photo for photo in self.reading.done.photos}

    @cached_property
    def _counts(self) -> dict[str, RoomCounts]:
        return {counts.room: counts for counts in self.reading.rooms}

    @cached_property
    def _lines(self) -> dict[str, list[InventoryLine]]:
        lines: dict[str, list[InventoryLine]] = {}
        for line in self.reading.result.lines:
            lines.setdefault(line.room, []).append(line)
        return lines

    @cached_property
    def _photos(self) -> dict[str, list[PhotoRow]]:
        """The photos of each room by name, also those without a result."""
        rooms: dict[str, list[PhotoRow]] = {room: [] for room in self.reading.result.rooms}
        for row in self.reading.rows:
            rooms.setdefault(self.reading.done.places[row.photo_id], []).append(row)
        return {
            room: sorted(rooms[room], key=lambda row: natural_key(photo_title(row)))
            for room in sorted(rooms, key=lambda room: (not room, natural_key(room)))
        }

    def _kind(self, room: str) -> str:
        known = self._counts.get(room)
        lines = self._lines.get(room, ())
        kind = known.room_type if known else lines[0].room_type if lines else ""
        name = self.wording.room_type(kind) if kind else ""
        # A kind that says nothing more than the name is not shown.
        return "" if kind == "other" or name.casefold() == room.casefold() else name

    def _colours(self, room: str) -> dict[Kind, int]:
        """Return the kinds of a room, numbered as they came, so that edits recolour nothing.

        Those that engines found come first, then those that edits named.
        """
        ids = {row.photo_id: None for row in self._photos[room]}
        photos = filter(None, map(self.reading.analysed.get, ids))
        found = (Kind.of(item) for photo in photos for item in photo.result.items)
        named = (
            Kind.named(edit.thing.key, edit.thing.name, edit.thing.category)
            for edit in self.reading.edits
            if edit.thing
            and (
                edit.room == room
                or edit.photo_id in ids
                or any(anchor.photo_id in ids for anchor in edit.items)
            )
        )
        return {kind: n for n, kind in enumerate(dict.fromkeys(chain(found, named)))}

    # -- lines and things

    def _line(self, line: InventoryLine, kind: Kind, colour: int, things: Sequence[Json]) -> Json:
        corrections = [
            edit
            for edit in self.reading.done.counts
            if edit.thing
            and edit.room == line.room
            and Kind.named(edit.thing.key, edit.thing.name, edit.thing.category) == kind
        ]
        edits = (self.reading.done.edited.get(name) for thing in things for name in thing["items"])
        touched = [*corrections, *filter(None, edits)]
        newest = max(touched, key=lambda edit: edit.number, default=None)
        one = line.volume_of_one
        known = self.wording.catalogue.by_key(line.key or "")
        low, high = (known.volume_low, known.volume_high) if known else (one, one)
        if line.count:
            low = line.volume_min / line.count
            high = line.volume_max / (line.count + line.held_back)
        elif known and not line.corrected:
            one = known.volume_usual
        return {
            "id": line_id(kind),
            "name": self.wording.item(line.key, line.name),
            "key": line.key,
            "category": line.category,
            "colour": colour,
            "count": line.count,
            "volume": line.volume,
            "volumeOne": round(one, 3),
            "volumeOneMin": round(low, 3),
            "volumeOneMax": round(high, 3),
            "dismountable": line.dismountable,
            "check": (line.reason or "") if line.review else "",
            "seenCount": line.seen_count if line.corrected else None,
            "correction": corrections[-1].number if line.corrected and corrections else None,
            "stays": line.stays,
            "held": line.held_back,
            "by": newest.user_id if newest else None,
            "things": list(things),
        }

    def _things(self, count: Count) -> list[Json]:
        things = sorted(count.things, key=self._first_seen)
        catalogue = self.wording.catalogue
        known = catalogue.by_key(count.kind.key) if count.kind.key else None
        held = held_back(count, volume_range(known, count.items)[1])
        doubtful = [thing for _, about in doubts(count, catalogue) for thing in about]
        return [
            {
                "letter": _letter(number) if len(things) > 1 else "",
                "items": sorted(
                    (str(found.item.item_id) for found in thing.sightings),
                    key=lambda name: self._order.get(name, len(self._order)),
                ),
                "counts": thing.moves and thing not in held,
                "doubtful": bool(thing.left_out) or thing in doubtful,
                "why": self._why(thing, held),
                "stays": thing.stays,
                "settled": thing.settled,
            }
            for number, thing in enumerate(things)
        ]

    @cached_property
    def _order(self) -> dict[str, int]:
        """The place of each item among all, in the order of the photos."""
        rows = (row for its_photos in self._photos.values() for row in its_photos)
        photos = (self._done.get(row.photo_id) for row in rows)
        items = (str(item.item_id) for photo in photos if photo for item in photo.result.items)
        return {name: number for number, name in enumerate(items)}

    def _first_seen(self, thing: Thing) -> int:
        seen = (self._order.get(str(found.item.item_id)) for found in thing.sightings)
        return min((place for place in seen if place is not None), default=len(self._order))

    def _why(self, thing: Thing, held: Sequence[Thing]) -> str:
        language = self.wording.language
        if thing.stays:
            return phrase(language, "stays here")
        if thing in held:
            text = "seen in one of {views} photos only and with little certainty ({score})"
            return phrase(language, text, views=thing.alone_of, score=thing.score)
        return phrase(language, thing.left_out)

    # -- photos and items

    def _state(self, row: PhotoRow) -> str:
        return "excluded" if row.photo_id in self._out else str(row.state)

    def _photo(
        self, row: PhotoRow, places: Mapping[str, tuple[str, str]], room: RoomCounts | None
    ) -> Json:
        done, analysed = (of.get(row.photo_id) for of in (self._done, self.reading.analysed))
        result, seen = self.reading.result, analysed and analysed.result
        state = self._state(row)
        error = None
        if state in ("failed", "cancelled"):
            error = {
                "type": row.error_type or "",
                "message": row.error_message or phrase(self.wording.language, "cancelled"),
                "canRetry": row.can_retry,
            }
        out = self._out.get(row.photo_id)
        return {
            "id": row.photo_id,
            "title": photo_title(row),
            "file": row.file_name or "",
            "room": self.reading.done.places[row.photo_id],
            "state": state,
            "width": (seen and seen.width) or row.width,
            "height": (seen and seen.height) or row.height,
            "error": error,
            # The edit to undo so that the photo counts again; None where another took its place.
            "excluded": out.number if out and out.kind == "exclude" and out.standing else None,
            "warnings": list(seen.warnings) if seen else [],
            "duplicateOf": result.duplicate_photos.get(row.photo_id),
            "sharedWith": (result.shared_photos or {}).get(row.photo_id),
            "items": list(self._items(done, places, room)) if done else [],
        }

    def _items(
        self,
        photo: AnalysedPhoto,
        places: Mapping[str, tuple[str, str]],
        room: RoomCounts | None,
    ) -> Iterator[Json]:
        for item in photo.result.items:
            name = str(item.item_id)
            line, letter = places.get(name) or self._as_its_copy(photo, item, places, room)
            edit = self.reading.done.edited.get(name)
            yield {
                "id": name,
                "name": self.wording.item(item.key, item.name),
                "key": item.key,
                "category": item.category,
                "score": item.score,
                "box": item.box and list(item.box),
                "merged": [list(box) for box in item.merged or ()],
                "line": line,
                "letter": letter,
                "alternatives": self._alternatives(name, item),
                "by": edit.user_id if edit else None,
                "did": edit.words(self.wording) if edit else None,
            }

    def _as_its_copy(
        self,
        photo: AnalysedPhoto,
        item: FoundItem,
        places: Mapping[str, tuple[str, str]],
        room: RoomCounts | None,
    ) -> tuple[str, str]:
        """Return line and letter of an item that another photo of the same picture stands for."""
        views = room.views if room else ()
        names = [{view.photo_id, *view.duplicates} for view in views]
        copies: Iterable[str] = next((of for of in names if photo.photo_id in of), ())
        for other in filter(None, map(self._done.get, copies)):
            for found in other.result.items:
                if str(found.item_id) in places and one_place(item, found):
                    return places[str(found.item_id)]
        return line_id(Kind.of(item)), ""

    def _alternatives(self, item_id: str, item: FoundItem) -> list[Json]:
        """Return the other kinds that an engine thought of, the likeliest first."""
        job, _, position = item_id.rpartition(".")
        shares = dict(item.alternatives or {})
        if job in self._by_job:  # an edit has cleared them: what is named is not in doubt
            shares = dict(self._by_job[job].result.items[int(position)].alternatives or {})
        shares.pop(item.key or "", None)
        return [
            {"key": key, "name": self.wording.item(key, key), "share": round(share, 3)}
            for key, share in sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
        ]

    @cached_property
    def _by_job(self) -> dict[str, AnalysedPhoto]:
        return {photo.job_id: photo for photo in self.reading.analysed.values()}


def line_id(kind: Kind) -> str:
    """Return the id of a line within its room: the same as long as its kind is."""
    return kind.key or f"{kind.category}/{kind.name}"


def _letter(number: int) -> str:
    """Return the letter of a number from 0: A to Z, then AA, AB and so on."""
    before, place = divmod(number, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + place)
