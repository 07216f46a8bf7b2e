"""Putting a move right: what a person says of single things, photos and rooms, as edits on record.

Edits lie over what engines found. They outlive a new analysis, another engine and a restart, apply
at once in :func:`read_inventory`, and can be undone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photoqueue.client.corrections import newest_inventory, room_meant, thing_meant
from photoqueue.client.identifiers import checked, checked_user
from photoqueue.errors import NotFoundError, PayloadError, StateError
from photoqueue.installation import Installation, current
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.overlay import Overlaid, anchors, followed, found_alike, overlay
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.inventory.volumes import Kind
from photoqueue.jobs.inventory_sync import completed
from photoqueue.queue import edit_log, projects
from photoqueue.records.base import DEFAULT_STRATEGY, Box
from photoqueue.records.edits import Anchor, Edit, NamedThing
from photoqueue.records.results import FoundItem, InventoryResult

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.inventory.counting import Thing


@dataclass
class State:
    """A project as it is: its photos, and the edits over them."""

    installation: Installation
    project_id: str
    edits: Sequence[Edit]
    #: Open for writing; None for reading.
    log: edit_log.EditLog | None = field(default=None, repr=False)

    @cached_property
    def rows(self) -> list[projects.PhotoRow]:
        """All photos."""
        return projects.project_photos(self.installation.database, self.project_id)

    @cached_property
    def photos(self) -> list[AnalysedPhoto]:
        """The photos that have a result, without edits."""
        return completed(self.rows)

    @cached_property
    def done(self) -> Overlaid:
        """The photos that have a result, with edits."""
        return self.without()

    def without(self, edit: Edit | None = None) -> Overlaid:
        """Return the photos as if one edit were undone."""
        undone = {"undone_at": edit.created_at} if edit else {}
        edits = [one.model_copy(update=undone) if one is edit else one for one in self.edits]
        return overlay(self.photos, edits, self.installation.settings.language)

    @cached_property
    def items(self) -> dict[str, tuple[AnalysedPhoto, FoundItem]]:
        """What there is now, by item id, with its photo."""
        return {
            str(item.item_id): (photo, item)
            for photo in self.done.photos
            for item in photo.result.items
        }

    @cached_property
    def newest(self) -> InventoryResult | None:
        """The newest inventory as it was stored."""
        return newest_inventory(self.installation, self.project_id)

    def anchor(self, item_id: object) -> Anchor:
        """Return the anchor of an item that is there.

        Raises
        ------
        NotFoundError, StateError
            It is not: the message says why.
        """
        known = anchors(self.photos, self.edits)
        if isinstance(item_id, str) and item_id in self.items:
            return known[item_id]
        said = f"Item {item_id!r:.60} of project {self.project_id!r:.80}"
        if not isinstance(item_id, str) or item_id not in known:
            raise NotFoundError(
                f"{said} does not exist, or is of an earlier analysis of its photo. items() lists "
                "those that there are."
            )
        photo = self.done.excluded.get(known[item_id].photo_id)
        by = photo or self.done.edited.get(item_id)
        why = "is in a photo that was taken out" if photo else "was removed"
        undo = f" by {by.user_id}; undo({by.number}) brings it back" if by else ""
        raise StateError(f"{said} {why}{undo}.")

    def equal(self, anchor: Anchor) -> int:
        """Count the other items in the place of one that its engine takes for the same kind."""
        (photo,) = (photo for photo in self.photos if photo.photo_id == anchor.photo_id)
        kind = NamedThing(key=anchor.key, name=anchor.name, category=anchor.category)
        names = {f"{photo.job_id}.{n}" for n in found_alike(photo, kind, anchor.box)}
        return len(names & self.items.keys() - {anchor.item_id})

    def photo(self, photo_id: object) -> projects.PhotoRow:
        """Return a photo of the project that was not taken out.

        Raises
        ------
        NotFoundError, StateError
            There is none.
        """
        out = self.done.excluded.get(str(photo_id))
        if out is not None:
            by = out.user_id if out.standing else out.undone_by
            how = f"undo({out.number})" if out.standing else f"a redo of edit {out.number}"
            raise StateError(f"Photo {photo_id!r:.60} was taken out by {by}; {how} brings it back.")
        for row in self.rows:
            if row.photo_id == photo_id:
                return row
        raise NotFoundError(
            f"Project {self.project_id!r:.80} has no photo {photo_id!r:.60}. items() lists its "
            "photos; one that was erased cannot be edited."
        )


class Review:
    """A project under review by one person; made by :func:`review`.

    Each verb stores one edit and returns it. Verbs raise :class:`NotFoundError` for an item, photo
    or room that does not exist, :class:`StateError` for one that was removed, and
    :class:`PayloadError` for values that are not valid; nothing is stored then.
    """

    def __init__(self, project_id: str, user_id: str) -> None:
        self.project_id = project_id
        self.user_id = user_id

    def __repr__(self) -> str:
        return f"<Review of {self.project_id!r:.40} by {self.user_id!r:.20}>"

    # -- reading

    def items(self) -> pd.DataFrame:
        """Return what the photos show, with all edits: one row each.

        Returns
        -------
        pandas.DataFrame
            ``item_id``, ``photo_id``, ``room``, ``name``, ``score`` (0…1; none for what a person
            named), ``box`` (x0, y0, x1, y1 in 0…1 of the upright picture), ``thing`` (as in
            :meth:`things`) and ``edited`` (the newest edit, and by whom).
        """
        import pandas as pd

        state = self._state()
        things = {
            item_id: name
            for name, _, thing, _ in self._things(state)
            for item_id in _item_ids(thing)
        }
        rows = [
            {
                "item_id": item_id,
                "photo_id": photo.photo_id,
                "room": photo.room,
                "name": self._name(state, item.key, item.name),
                "score": item.score,
                "box": item.box,
                "thing": things.get(item_id),
                "edited": _by_whom(state.done.edited.get(item_id)),
            }
            for item_id, (photo, item) in state.items.items()
        ]
        columns = ["item_id", "photo_id", "room", "name", "score", "box", "thing", "edited"]
        return pd.DataFrame(rows, columns=columns)

    def things(self) -> pd.DataFrame:
        """Return the things of the project: one row each, with the boxes that show it.

        Returns
        -------
        pandas.DataFrame
            ``thing`` (an id as long as nothing changes), ``room``, ``name``, ``counts`` (whether it
            is in the count of its line), ``reason`` (why not), ``items`` and ``boxes`` (a list of
            ``(photo_id, box)``); empty for a thing that is only listed. A count set by hand is not
            divided into things.
        """
        import pandas as pd

        state = self._state()
        rows = []
        for name, room, thing, label in self._things(state):
            left_out = "stays here" if thing.stays else thing.left_out
            boxes = [
                (state.items[item_id][0].photo_id, state.items[item_id][1].box)
                for item_id in _item_ids(thing)
            ]
            rows.append((name, room, label, not left_out, left_out, _item_ids(thing), boxes))
        columns = ["thing", "room", "name", "counts", "reason", "items", "boxes"]
        return pd.DataFrame(rows, columns=columns)

    def to_coco(self, folder: str | Path) -> Path:
        """Write the reviewed rooms as a set on which engines can be measured or trained.

        Parameters
        ----------
        folder
            A new folder: it gets the photos, ``annotations.json`` (COCO, with keys of the catalogue
            as categories) and ``things.csv``, which also lists things without a box.
            ``photoqueue evaluate`` reads it.

        Returns
        -------
        Path
            The file of annotations.

        Raises
        ------
        StateError
            The folder exists, or no room is reviewed.
        StorageError
            A photo cannot be read, or the folder cannot be written.
        """
        from photoqueue.inventory.export import write_coco
        from photoqueue.photos.opening import picture_format

        state = self._state()
        photos = [photo for photo in state.done.photos if photo.room in state.done.reviewed]
        if not photos:
            raise StateError(
                f"No room of project {self.project_id!r:.80} is reviewed. Say that one is right "
                "with reviewed(room)."
            )
        store = state.installation.photo_store

        def read(content: str) -> tuple[bytes, str]:
            data = store.get(content)
            return data, f".{(picture_format(data) or 'jpg').lower()}"

        return write_coco(Path(folder), photos, read)

    def log(self) -> pd.DataFrame:
        """Return all edits, oldest first: one row each, with those that were undone."""
        import pandas as pd

        columns = ["number", "created_at", "user_id", "kind", "what", "undone_at", "undone_by"]
        rows = [
            {**edit.model_dump(include=set(columns)), "what": edit.words()}
            for edit in self._state().edits
        ]
        return pd.DataFrame(rows, columns=columns)

    def unplaced(self) -> pd.DataFrame:
        """Return the edits whose item was not found again: one row each, with the reason.

        :meth:`place` applies one to another item, :meth:`keep` leaves it aside, :meth:`undo` drops
        it.
        """
        import pandas as pd

        rows = [
            (edit.number, edit.user_id, edit.kind, edit.words(), reason)
            for edit, reason in self._state().done.unplaced
        ]
        return pd.DataFrame(rows, columns=["number", "user_id", "kind", "what", "reason"])

    # -- things

    def rename(
        self,
        item_id: str,
        name: str,
        *,
        category: str | None = None,
        volume: float | None = None,
    ) -> Edit:
        """Say what an item is.

        Parameters
        ----------
        item_id
            As in :meth:`items`.
        name
            A name in English or French or a key of the catalogue.
        category, volume
            Of a thing that the catalogue lacks; the volume of one in m³ is needed then.
        """
        with self._editing() as state:
            anchor = state.anchor(item_id)
            photo, item = state.items[item_id]
            thing = self._named(state, photo.room, name, category or item.category, volume)
            return self._add(state, "rename", items=(anchor,), thing=thing)

    def remove(self, item_id: str) -> Edit:
        """Say that an item is not there."""
        with self._editing() as state:
            anchor = state.anchor(item_id)
            return self._add(state, "remove", items=(anchor,), found=state.equal(anchor))

    def add(
        self,
        photo_id: str,
        name: str,
        *,
        box: Box | None = None,
        category: str | None = None,
        volume: float | None = None,
    ) -> Edit:
        """Say that a photo shows a thing that the engine did not find.

        Parameters
        ----------
        photo_id
            A photo with a result.
        name, category, volume
            As in :meth:`rename`.
        box
            Where it is: x0, y0, x1, y1 in 0…1 of the upright picture.
        """
        place = None if box is None else _box(box)
        with self._editing() as state:
            row = state.photo(photo_id)
            found = [photo for photo in state.photos if photo.photo_id == photo_id]
            if not found:
                raise StateError(
                    f"Photo {photo_id!r:.60} has no result: its job is {row.state}. Things are "
                    "added to analysed photos."
                )
            thing = self._named(state, found[0].room, name, category or "misc", volume)
            return self._add(
                state,
                "add",
                photo_id=photo_id,
                thing=thing,
                box=place,
                job_id=found[0].job_id,
                found=len(found_alike(found[0], thing, place)),
            )

    def redraw(self, item_id: str, box: Box) -> Edit:
        """Say where an item is: x0, y0, x1, y1 in 0…1 of the upright picture."""
        return self._of_item("redraw", item_id, box=_box(box))

    def same(self, *item_ids: str) -> Edit:
        """Say that items of several photos of a room are one thing."""
        with self._editing() as state:
            names = list(dict.fromkeys(item_ids))
            if len(names) < 2:
                raise PayloadError("Give the ids of at least two items.")
            items = tuple(state.anchor(name) for name in names)
            seen = [state.items[name] for name in names]
            kinds = {Kind.of(item): self._name(state, item.key, item.name) for _, item in seen}
            if len(kinds) > 1:
                raise PayloadError(
                    f"One thing cannot be {' and '.join(sorted(kinds.values()))}. Rename the wrong "
                    "one first."
                )
            if len({photo.photo_id for photo, _ in seen}) < len(seen):
                raise PayloadError(
                    "Two items of one photo are two things. Remove one of them if it is a mistake."
                )
            rooms = sorted({str(photo.room) for photo, _ in seen})
            if len(rooms) > 1:
                raise PayloadError(
                    f"The items are in {' and '.join(rooms)}. Move a photo, or merge the rooms."
                )
            return self._add(state, "same", items=items)

    def apart(self, item_id: str) -> Edit:
        """Say that an item is a thing of its own, unlike those of other photos."""
        return self._of_item("apart", item_id)

    def stays(self, item_id: str) -> Edit:
        """Say that an item is there and does not move."""
        return self._of_item("stays", item_id)

    # -- photos and rooms

    def exclude(self, photo_id: str) -> Edit:
        """Take a photo out of the inventory."""
        with self._editing() as state:
            return self._add(state, "exclude", photo_id=state.photo(photo_id).photo_id)

    def replace(self, photo_id: str, photo: Any) -> Edit:
        """Submit another photo in place of one: a path, an address, bytes, a picture, an array.

        If the servers fail in between, call it again: the new photo is submitted once.
        """
        from photoqueue.client.submit import submit_photo

        state = self._state()
        row = state.photo(photo_id)
        known = {one.photo_id for one in state.rows}
        rooms = {one.photo_id: one.room for one in state.done.photos}
        job = submit_photo(
            photo,
            project_id=self.project_id,
            room=rooms.get(photo_id, row.room),
            room_type=row.room_type,
            user_id=self.user_id,
        )
        if job.photo_id == photo_id:
            raise PayloadError(f"That is photo {photo_id!r:.60} itself. Give another picture.")
        with self._editing() as state:
            by_photo = str(job.photo_id)
            out = state.done.excluded.get(by_photo)
            if out is None or out.standing:
                state.photo(by_photo)
            return self._add(
                state,
                "replace",
                photo_id=state.photo(photo_id).photo_id,
                by_photo=by_photo,
                photos=() if by_photo in known else (by_photo,),
            )

    def move(self, photo_id: str, *, room: str) -> Edit:
        """Say in which room a photo was taken; the room may be new."""
        with self._editing() as state:
            known = state.photo(photo_id).photo_id
            place = self._room(state, room, new_room=True)
            return self._add(state, "move", photo_id=known, to_room=place)

    def rename_room(self, room: str, to: str) -> Edit:
        """Give a room another name; to that of another room, to merge them."""
        with self._editing() as state:
            place = self._room(state, room)
            name = checked("room", to).strip()
            if name == place:
                raise PayloadError(f"The room is called {name!r:.60} already.")
            photos = tuple(state.done.rooms.get(place, ()))
            return self._add(state, "rename_room", room=place, to_room=name, photos=photos)

    def reviewed(self, room: str) -> Edit:
        """Say that a room is right; a new photo of it opens it again."""
        with self._editing() as state:
            place = self._room(state, room)
            photos = tuple(state.done.rooms.get(place, ()))
            return self._add(state, "reviewed", room=place, photos=photos)

    # -- edits

    def undo(self, number: int | None = None) -> Edit:
        """Undo one's own last edit, or any edit by its number.

        Raises
        ------
        StateError
            There is none, it was undone already, or a later edit rests on it.
        """
        with self._editing() as state:
            edit = self._last_of_mine(state) if number is None else _numbered(state, number)
            _refuse_undone(edit)
            resting = _resting_on(state, edit)
            if resting:
                told = "; ".join(f"{other.number} ({other.words()})" for other in resting)
                raise StateError(
                    f"Edit {edit.number} ({edit.words()}) cannot be undone while later ones rest "
                    f"on it: {told}. Undo those first."
                )
            assert state.log is not None
            return state.log.undo(edit, self.user_id)

    def redo(self) -> Edit:
        """Do again what one has undone last.

        Raises
        ------
        StateError
            There is nothing to do again.
        """
        with self._editing() as state:
            by_number = {edit.number: edit for edit in state.edits}
            for made in reversed(state.edits):
                undone = by_number.get(made.of or 0)
                mine = made.kind == "undo" and made.user_id == self.user_id
                if mine and undone and not undone.standing:
                    assert state.log is not None
                    return state.log.redo(undone, self.user_id)
        raise StateError(f"{self.user_id} has undone nothing in this project.")

    def place(self, number: int, item_id: str) -> Edit:
        """Apply an edit whose item was not found again to another item, in its place."""
        with self._editing() as state:
            edit = _numbered(state, number)
            _refuse_undone(edit)
            if len(edit.items) != 1:
                raise StateError(f"Edit {number} ({edit.words()}) is not about one item.")
            anchor = state.anchor(item_id)
            assert state.log is not None
            state.log.undo(edit, self.user_id)
            return self._add(state, edit.kind, items=(anchor,), thing=edit.thing, box=edit.box)

    def keep(self, number: int) -> Edit:
        """Leave an edit whose item was not found again as it is, in case the item comes back."""
        with self._editing() as state:
            edit = _numbered(state, number)
            _refuse_undone(edit)
            return self._add(state, "keep", of=edit.number)

    # -- how

    def _state(self) -> State:
        installation = current()
        made = edit_log.of_project(installation.database, self.project_id)
        return State(installation, self.project_id, made)

    @contextmanager
    def _editing(self) -> Iterator[State]:
        installation = current()
        with edit_log.editing(installation.database, self.project_id) as log:
            yield State(installation, self.project_id, log.edits, log)

    def _add(self, state: State, kind: Any, **what: Any) -> Edit:
        assert state.log is not None
        given = {name: value for name, value in what.items() if value is not None}
        return state.log.add(kind, self.user_id, **given)

    def _of_item(self, kind: Any, item_id: str, **what: Any) -> Edit:
        with self._editing() as state:
            return self._add(state, kind, items=(state.anchor(item_id),), **what)

    def _room(self, state: State, room: str, *, new_room: bool = False) -> str:
        name = checked("room", room).strip()
        return room_meant(state.installation, self.project_id, name, new_room=new_room)

    def _named(
        self,
        state: State,
        room: str | None,
        name: str,
        category: str,
        volume: float | None,
    ) -> NamedThing:
        meant = thing_meant(
            state.installation,
            self.project_id,
            room or "",
            checked("name", name).strip(),
            category=category,
            volume=volume,
        )
        return NamedThing(**meant._asdict())

    def _name(self, state: State, key: str | None, name: str) -> str:
        settings = state.installation.settings
        known = Catalogue.for_settings(settings).by_key(key or "")
        return known.name(settings.language) if known else name

    def _things(self, state: State) -> Iterator[tuple[str, str, Thing, str]]:
        """Give each thing with its id, room and name."""
        from photoqueue.inventory.merge import count_rooms

        settings = state.installation.settings
        newest = state.newest
        rooms = count_rooms(
            state.done.photos,
            Catalogue.for_settings(settings),
            strategy=newest.strategy if newest else DEFAULT_STRATEGY,
            language=settings.language,
            listed=followed(newest.listed, newest.listed_photos or {}, state.done.rooms)
            if newest and newest.listed
            else None,
            links=state.done.links,
        )
        number = 0
        for room in rooms:
            for one in room.counts:
                for thing in one.things:
                    number += 1
                    named = thing.listed or (thing.sightings[0].item if thing.sightings else None)
                    label = self._name(state, one.kind.key, named.name if named else "")
                    yield f"t{number}", room.room, thing, label

    def _last_of_mine(self, state: State) -> Edit:
        for edit in reversed(state.edits):
            if edit.standing and edit.user_id == self.user_id and edit.kind not in ("undo", "redo"):
                return edit
        raise StateError(f"No edit of {self.user_id} holds in project {self.project_id!r:.80}.")


def review(project_id: str, *, user_id: str | None = None) -> Review:
    """Begin to put a project right.

    Parameters
    ----------
    project_id
        The project.
    user_id
        Who edits; default is the login name.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.

    Examples
    --------
    >>> r = review("move-42")  # doctest: +SKIP
    >>> r.rename("0199…f2.3", "two-door wardrobe")  # doctest: +SKIP
    """
    project = checked("project_id", project_id)
    projects.require_project(current().database, project)
    return Review(project, checked_user(user_id))


def _item_ids(thing: Thing) -> list[str]:
    return [str(found.item.item_id) for found in thing.sightings]


def _by_whom(edit: Edit | None) -> str | None:
    return None if edit is None else f"{edit.kind} by {edit.user_id}"


def _box(value: object) -> Box:
    try:
        x0, y0, x1, y1 = map(float, value)  # type: ignore[call-overload]  # whatever it is
    except (TypeError, ValueError):
        x0 = y0 = x1 = y1 = math.nan
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise PayloadError(
            f"box is {value!r:.60}; give x0, y0, x1, y1 within 0…1 of the upright picture, with "
            "x0 < x1 and y0 < y1."
        )
    return x0, y0, x1, y1


def _numbered(state: State, number: object) -> Edit:
    for edit in state.edits:
        if edit.number == number and not isinstance(number, bool):
            if edit.kind in ("undo", "redo"):
                raise StateError(
                    f"Edit {number} is an {edit.kind}; give the number of the edit itself."
                )
            return edit
    raise NotFoundError(
        f"Project {state.project_id!r:.80} has no edit {number!r:.40}. log() lists them."
    )


def _refuse_undone(edit: Edit) -> None:
    if not edit.standing:
        raise StateError(
            f"Edit {edit.number} ({edit.words()}) was already undone by {edit.undone_by}; nothing "
            "was changed."
        )


def _resting_on(state: State, edit: Edit) -> list[Edit]:
    """Return the later edits that would have nothing to be about without one."""
    after = state.without(edit)
    lost = {one.edit.number for one in after.unplaced}
    lost -= {one.edit.number for one in state.done.unplaced}
    gone = state.done.rooms.keys() - after.rooms.keys()
    kinds = {
        str(item.item_id): Kind.of(item) for photo in after.photos for item in photo.result.items
    }
    mixed = [
        group
        for group in after.links.groups
        if len({kinds[item_id] for item_id in group if item_id in kinds}) > 1
    ]
    return [
        other
        for other in state.edits
        if other.standing
        and other.number > edit.number
        and (
            other.number in lost
            or other.room in gone
            or (other.kind == "same" and any(a.item_id in g for a in other.items for g in mixed))
        )
    ]
