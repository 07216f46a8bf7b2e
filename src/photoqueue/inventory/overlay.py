"""Lays the edits of a project over what engines found; the results of jobs stay as they are.

Edits are applied in the order in which they were committed, so that the newest holds. An edit of
an item finds it by its id in the photo's newest result. After the photo was analysed anew, it finds
the item that lies where the old one lay or where a person drew it: the only one whose box overlaps
it by at least ``SAME_PLACE``, or the only one of the same kind; without boxes, the item of the same
kind and rank. What finds nothing, or two items, is *unplaced*: a person decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType

from photoqueue.inventory.copies import SAME_PLACE, items_of_copies, overlap
from photoqueue.inventory.links import Links
from photoqueue.inventory.unplaced import NO_RESULT, WAS_REMOVED, Unplaced, Why
from photoqueue.inventory.views import AnalysedPhoto, Told, room_name
from photoqueue.inventory.volumes import Kind
from photoqueue.records.base import Box
from photoqueue.records.edits import Anchor, Edit, NamedThing
from photoqueue.records.results import FoundItem


def anchors(photos: Iterable[AnalysedPhoto], edits: Iterable[Edit]) -> dict[str, Anchor]:
    """Return the anchor of each item, by its id.

    Parameters
    ----------
    photos : iterable of AnalysedPhoto
        Without edits.
    edits : iterable of Edit
        Those that add things are looked at.
    """
    found = {}
    for photo in photos:
        ranks: Counter[Kind] = Counter()
        for position, item in enumerate(photo.result.items):
            kind = Kind.of(item)
            item_id = f"{photo.job_id}.{position}"
            found[item_id] = Anchor(
                item_id=item_id,
                photo_id=photo.photo_id,
                key=item.key,
                name=item.name,
                category=item.category,
                box=item.box,
                rank=ranks[kind],
            )
            ranks[kind] += 1
    for edit in edits:
        if edit.kind == "add" and edit.thing and edit.photo_id:
            found[edit.added_id] = Anchor(
                item_id=edit.added_id,
                photo_id=edit.photo_id,
                key=edit.thing.key,
                name=edit.thing.name,
                category=edit.thing.category,
                box=edit.box,
            )
    return found


@dataclass(frozen=True, kw_only=True)
class Overlaid:
    """The photos of a project with all standing edits."""

    photos: tuple[AnalysedPhoto, ...]
    links: Links
    #: The edits that set counts, with the names that their rooms have now.
    counts: tuple[Edit, ...]
    unplaced: tuple[Unplaced, ...]
    #: Rooms that a person has reviewed and that no photo was added to since: the edit by room.
    reviewed: Mapping[str, Edit]
    #: Photos that were excluded or replaced, or came with an undone edit: the edit by photo.
    excluded: Mapping[str, Edit]
    #: The newest edit of each item that a person touched.
    edited: Mapping[str, Edit]
    #: The room of each photo, also of those without a result or taken out; "" for none.
    places: Mapping[str, str]

    @property
    def rooms(self) -> dict[str, list[str]]:
        """The photos of each room."""
        rooms: dict[str, list[str]] = {}
        for photo in self.photos:
            rooms.setdefault(str(photo.room), []).append(photo.photo_id)
        return rooms


def overlay(
    photos: Iterable[AnalysedPhoto],
    edits: Iterable[Edit],
    language: str = "en",
    waiting: Mapping[str, str] = MappingProxyType({}),
) -> Overlaid:
    """Lay edits over the photos of a project.

    Parameters
    ----------
    photos : iterable of AnalysedPhoto
        With the newest completed result of each.
    edits : iterable of Edit
        Of the project, in any order; undone ones do not count.
    language : str
        Language of the names of rooms that no caller named.
    waiting : mapping of str to str
        The photos that have no result, with the rooms that callers named; "" for none.
    """
    desk = _Desk(photos, language, waiting)
    edits = tuple(edits)
    brought = {e.by_photo for e in edits if e.kind == "replace" and e.standing}
    desk.excluded = {  # what came in place of a photo goes with the edit
        photo: edit
        for edit in edits
        if edit.kind == "replace" and not edit.standing
        for photo in edit.photos
        if photo not in brought
    }
    standing = sorted((edit for edit in edits if edit.standing), key=lambda edit: edit.number)
    kept = {edit.of for edit in standing if edit.kind == "keep"}
    desk.drawn = {
        edit.items[0].item_id: edit.box for edit in standing if edit.kind == "redraw" and edit.box
    }
    for edit in standing:
        if why := desk.withdrawn(edit) or desk.apply(edit):
            desk.unplaced.append(Unplaced(edit, why))
    desk.unplaced += desk.contradicted()
    desk.unplaced = [one for one in desk.unplaced if one.edit.number not in kept]
    return desk.result()


def followed(
    listed: Mapping[str, Sequence[FoundItem]],
    photos: Mapping[str, Sequence[str]],
    rooms: Mapping[str, Sequence[str]],
) -> dict[str, tuple[FoundItem, ...]]:
    """Return the lists of rooms by the names that the rooms have now.

    A list goes with the most of its photos. Of rooms that were merged, each kind of thing is taken
    from the list that has most of it: they are views of one room.

    Parameters
    ----------
    listed : mapping of str to sequence of FoundItem
        What an engine listed, by the name of the room then.
    photos : mapping of str to sequence of str
        The photos of each room then.
    rooms : mapping of str to sequence of str
        The photos of each room now.
    """
    where = {photo: room for room, its_photos in rooms.items() for photo in its_photos}
    now: dict[str, list[Sequence[FoundItem]]] = {}
    for room, items in listed.items():
        places = Counter(where[photo] for photo in photos.get(room, ()) if photo in where)
        place = max(places, key=lambda name: (places[name], name == room, name), default=room)
        now.setdefault(place, []).append(items)
    return {
        room: items_of_copies(lists) if len(lists) > 1 else tuple(lists[0])
        for room, lists in now.items()
    }


def found_alike(photo: AnalysedPhoto, thing: NamedThing, box: Box | None) -> list[int]:
    """Return which items of a photo's result are of a kind and, if there is a box, in its place."""
    kind = Kind.named(thing.key, thing.name, thing.category)
    return [
        position
        for position, item in enumerate(photo.result.items)
        if Kind.of(item) == kind and (box is None or _same_place(box, item.box))
    ]


class _Photo:
    """A photo while edits are applied to it."""

    def __init__(self, photo: AnalysedPhoto, language: str) -> None:
        self.photo = photo
        self.room = room_name(photo.room, photo.result, language)
        #: Whether no person named its room.
        self.unnamed = not (photo.room and photo.room.strip())
        #: What the engine found, by item id.
        self.found = {f"{photo.job_id}.{n}": item for n, item in enumerate(photo.result.items)}
        #: What there is now, by item id.
        self.items = dict(self.found)
        #: Items of this result that edits of an older one are about: id then → id now.
        self.places: dict[str, str] = {}
        #: The newest edit of each item, by item id now.
        self.said: dict[str, int] = {}

    def place(self, anchor: Anchor, drawn: Box | None = None) -> str | None:
        """Return the id of the item that an edit is about; None if there are none or two.

        ``drawn`` is where a person drew it.
        """
        if anchor.item_id in self.items or anchor.item_id in self.found:
            return anchor.item_id
        if not _job(anchor.item_id):  # what a person added, and somebody took back
            return None
        if anchor.item_id not in self.places:
            fitting = self._fitting(anchor, drawn)
            if len(fitting) != 1:
                return None
            self.places[anchor.item_id] = fitting[0]
        return self.places[anchor.item_id]

    def _fitting(self, anchor: Anchor, drawn: Box | None) -> list[str]:
        kind = Kind.named(anchor.key, anchor.name, anchor.category)
        alike = [name for name, item in self.found.items() if Kind.of(item) == kind]
        taken = self._taken(anchor)
        if anchor.box is None or not any(item.box for item in self.found.values()):
            return [name for name in alike[anchor.rank :][:1] if name not in taken]
        # The same engine finds the same again, however near to others.
        same = [n for n in alike if n not in taken and self.found[n].box == anchor.box]
        if same:
            return sorted(same, key=lambda name: alike.index(name) != anchor.rank)[:1]
        for box in filter(None, (drawn, anchor.box)):
            there = self._at(box) - taken
            if there:
                return sorted(there & set(alike) or there)
        return []

    def _taken(self, anchor: Anchor) -> set[str]:
        """Return where other items of the same result are: two of one result are two things."""
        job = _job(anchor.item_id)
        return {place for item_id, place in self.places.items() if _job(item_id) == job}

    def _at(self, box: Box) -> set[str]:
        """Return the items of the result that lie in a place."""
        return {name for name, item in self.found.items() if _same_place(box, item.box)}

    def remove(self, edit: Edit, anchor: Anchor) -> Why | None:
        """Remove an item; return why it cannot be.

        Of a new result, only what it has beyond the equal things that the person left: of a double
        finding that is single now, nothing. What the result does not have at all is no question.
        """
        name = self.places.get(anchor.item_id, anchor.item_id)
        if name in self.items:
            self.said[name] = edit.number
            del self.items[name]
            return None
        if name in self.found:
            return Why(WAS_REMOVED, anchor.photo_id, item=anchor)
        if not _job(name):
            text = "the {name} is no longer added in photo {photo}"
            return Why(text, anchor.photo_id, item=anchor)
        kind = NamedThing(key=anchor.key, name=anchor.name, category=anchor.category)
        alike = [f"{self.photo.job_id}.{n}" for n in found_alike(self.photo, kind, anchor.box)]
        taken = self._taken(anchor)
        free = [n for n in alike if n in self.items and n not in taken]
        if len(alike) > edit.found and free:
            ranks = found_alike(self.photo, kind, None)
            nth = f"{self.photo.job_id}.{ranks[min(anchor.rank, len(ranks) - 1)]}"
            claimed = set(self.places.values())
            name = min(
                free,
                key=lambda n: (
                    *(self.found[n].box != anchor.box, n != nth, n in claimed),
                    -alike.index(n),
                ),
            )
            self.places[anchor.item_id] = name
            self.said[name] = edit.number
            del self.items[name]
        elif anchor.box and not alike and self._at(anchor.box):
            return Why("another thing lies where the {name} was removed", item=anchor)
        return None

    def add(self, edit: Edit, thing: NamedThing) -> None:
        """Add what a person added; if a newer result has it as well, that one gives way."""
        if edit.job_id != self.photo.job_id:
            for position in found_alike(self.photo, thing, edit.box)[edit.found :]:
                name = f"{self.photo.job_id}.{position}"
                if name not in self.places.values():
                    self.found.pop(name, None)
                    self.items.pop(name, None)
        self.said[edit.added_id] = edit.number
        self.items[edit.added_id] = FoundItem(
            name=thing.name,
            category=thing.category,
            key=thing.key,
            volume=thing.volume,
            box=edit.box,
            dismountable=False,
        )

    def result(self) -> AnalysedPhoto:
        named = (
            item if item.item_id == name else item.model_copy(update={"item_id": name})
            for name, item in self.items.items()
        )
        analysis = self.photo.result.model_copy(update={"items": tuple(named)})
        told = {
            name: Told(number, self.found.get(name) or self.items[name])
            for name, number in self.said.items()
            if name in self.found or name in self.items
        }
        return replace(self.photo, room=self.room, result=analysis, told=told)


def _job(item_id: str) -> str:
    return item_id.rpartition(".")[0]


def _same_place(one: Box, other: Box | None) -> bool:
    return other is not None and overlap(one, other) >= SAME_PLACE


class _Desk:
    """A project while edits are applied to it, one after the other."""

    def __init__(
        self, photos: Iterable[AnalysedPhoto], language: str, waiting: Mapping[str, str]
    ) -> None:
        self.photos = {photo.photo_id: _Photo(photo, language) for photo in photos}
        #: The rooms of the photos without a result.
        self.waiting = dict(waiting)
        #: Items that a person has touched.
        self.edited: dict[str, Edit] = {}
        self.groups: list[set[str]] = []
        #: The edits that joined items, with the items.
        self.same: list[tuple[Edit, frozenset[str]]] = []
        self.apart: set[str] = set()
        self.stays: set[str] = set()
        self.settled: set[str] = set()
        self.counts: list[Edit] = []
        #: Counts of one thing, the older first, of rooms that were merged.
        self.rivals: list[tuple[Edit, Edit]] = []
        self.reviewed: dict[str, Edit] = {}
        self.excluded: dict[str, Edit] = {}
        self.unplaced: list[Unplaced] = []
        #: Where persons drew items, also later than the edit at hand.
        self.drawn: dict[str, Box] = {}

    def withdrawn(self, edit: Edit) -> Why | None:
        """Return why an edit has no effect, if it is of a photo that came with an undone one."""
        for name in (edit.photo_id, *(anchor.photo_id for anchor in edit.items)):
            came = self.excluded.get(name or "")
            if came and not came.standing:
                text = "photo {photo} came with edit {number}, which was undone"
                return Why(text, name, edit=came)
        return None

    def apply(self, edit: Edit) -> Why | None:
        """Apply an edit; return why it cannot be."""
        if edit.items:
            return self._apply_to_items(edit)
        photo = self.photos.get(edit.photo_id or "")
        match edit.kind:
            case "add" if edit.thing and photo:
                photo.add(edit, edit.thing)
                self.edited[edit.added_id] = edit
                self.settled.add(edit.added_id)
            case "move" if photo or edit.photo_id in self.waiting:
                self._move(str(edit.photo_id), str(edit.to_room))
            case "exclude" | "replace" if edit.photo_id:
                self.excluded[edit.photo_id] = edit
            case "rename_room" | "reviewed" if not self._has_room(edit):
                return Why("no photo that has a result is in {room}", room=edit.room)
            case "rename_room":
                self._rename_room(edit, str(edit.room), str(edit.to_room))
            case "count":
                self.counts.append(edit)
            case "reviewed":
                self.reviewed[str(edit.room)] = edit
            case "add" | "move":
                return Why(NO_RESULT, edit.photo_id)
        return None

    def _apply_to_items(self, edit: Edit) -> Why | None:
        first = edit.items[0]
        if edit.kind == "remove" and first.photo_id in self.photos:
            self.edited[first.item_id] = edit
            return self.photos[first.photo_id].remove(edit, first)
        places: dict[str, _Photo] = {}
        lost: list[Why] = []
        for anchor in edit.items:
            name, why = self._find(anchor)
            if why:
                lost.append(why)
            else:
                places[name] = self.photos[anchor.photo_id]
        # What was accepted is there as long as one of its items shows it.
        if lost and not (places and edit.kind == "accept"):
            return lost[0]
        if edit.kind == "same":
            self._join(set(places))
            self.same.append((edit, frozenset(places)))
        if edit.kind == "rename":  # one thing has one name
            together = set().union(*(group for group in self.groups if group & places.keys()))
            for photo in self.photos.values():
                places |= dict.fromkeys(together & photo.items.keys(), photo)
        self.edited |= dict.fromkeys(places, edit)
        self.settled |= places.keys()
        for name, photo in places.items():
            self._change(edit, photo, name)
        return None

    def _find(self, anchor: Anchor) -> tuple[str, Why | None]:
        """Return the id of the item that an edit is about, or why there is none."""
        photo = self.photos.get(anchor.photo_id)
        if photo is None:
            return "", Why(NO_RESULT, anchor.photo_id)
        name = photo.place(anchor, self.drawn.get(anchor.item_id))
        if name is None:
            text = "the {name} is not found again in photo {photo}"
            return "", Why(text, anchor.photo_id, item=anchor)
        if name not in photo.items:
            return "", Why(WAS_REMOVED, anchor.photo_id, item=anchor)
        return name, None

    def _change(self, edit: Edit, photo: _Photo, name: str) -> None:
        changes: dict[str, object] = {}
        if edit.kind != "accept":  # which says nothing against what its copies show
            photo.said[name] = edit.number
        match edit.kind:
            case "rename" if edit.thing:
                changes = {**edit.thing.model_dump(), "score": None, "alternatives": None}
            case "redraw":
                changes = {"box": edit.box, "merged": None}
            case "apart":
                self.groups = [group - {name} for group in self.groups]
                self.apart.add(name)
            case "stays":
                self.stays.add(name)
        if changes:
            photo.items[name] = photo.items[name].model_copy(update=changes)

    def _join(self, names: set[str]) -> None:
        together = [group for group in self.groups if group & names]
        self.groups = [group for group in self.groups if not group & names]
        self.groups.append(names.union(*together))
        self.apart -= names

    def _has_room(self, edit: Edit) -> bool:
        places = {photo.room for photo in self.photos.values()} | {one.room for one in self.counts}
        if edit.kind == "rename_room":  # of photos that nobody has seen a result of, too
            places |= {*self.waiting.values()}
        return edit.room in places or any(map(edit.photos.__contains__, self.photos))

    def _move(self, photo_id: str, to: str) -> None:
        if photo_id in self.waiting:
            self.waiting[photo_id] = to
        else:
            self.photos[photo_id].room, self.photos[photo_id].unnamed = to, False

    def _rename_room(self, edit: Edit, room: str, to: str) -> None:
        for name, photo in self.photos.items():
            # A new analysis may take an unnamed room for another kind.
            if photo.room == room or (photo.unnamed and name in edit.photos):
                self._move(name, to)
        self.waiting |= {name: to for name, place in self.waiting.items() if place == room}
        mine, other = self._holding(room), self._holding(to)
        self.rivals += [
            (min(pair, key=attrgetter("number")), max(pair, key=attrgetter("number")))
            for kind in mine.keys() & other.keys()
            if (pair := (mine[kind], other[kind]))
        ]
        self.counts = [
            one.model_copy(update={"room": to}) if one.room == room else one for one in self.counts
        ]
        # Of a room that another is merged into, nobody has reviewed the whole.
        seen = [self.reviewed.pop(name) for name in (room, to) if name in self.reviewed]
        if seen:
            photos = tuple(photo for edit in seen for photo in edit.photos)
            self.reviewed[to] = seen[-1].model_copy(update={"photos": photos})

    def _holding(self, room: str) -> dict[Kind, Edit]:
        """Return the newest count of each kind in a room."""
        return {
            Kind.named(edit.thing.key, edit.thing.name, edit.thing.category): edit
            for edit in self.counts
            if edit.room == room and edit.thing
        }

    def contradicted(self) -> Iterator[Unplaced]:
        """Give the edits that have no effect since rooms were merged or photos moved."""
        for older, newer in self.rivals:
            rooms = {one.room for one in self.counts if one.number == newer.number}
            if any(newer.number == e.number for r in rooms for e in self._holding(str(r)).values()):
                text = "{words} holds since the rooms were merged"
                yield Unplaced(older, Why(text, edit=newer))
        for edit, names in self.same:
            rooms = {
                photo.room
                for name, photo in self.photos.items()
                if name not in self.excluded and names & photo.items.keys()
            }
            if len(rooms) > 1:
                text = "the items are in {rooms}"
                yield Unplaced(edit, Why(text, rooms=sorted(map(str, rooms))))

    def result(self) -> Overlaid:
        kept = [p for name, p in self.photos.items() if name not in self.excluded]
        rooms: dict[str, set[str]] = {}
        for photo in kept:
            rooms.setdefault(photo.room, set()).add(photo.photo.photo_id)
        return Overlaid(
            photos=tuple(photo.result() for photo in kept),
            links=Links(
                groups=tuple(frozenset(group) for group in self.groups if len(group) > 1),
                apart=frozenset(self.apart),
                stays=frozenset(self.stays),
                settled=frozenset(self.settled),
            ),
            counts=tuple(self.counts),
            unplaced=tuple(self.unplaced),
            reviewed={
                room: edit
                for room, edit in self.reviewed.items()
                if rooms.get(room, set()) <= set(edit.photos)
            },
            excluded=self.excluded,
            edited=self.edited,
            places={name: photo.room for name, photo in self.photos.items()} | self.waiting,
        )
