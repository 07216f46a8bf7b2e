"""Putting a move right: what a person says of single things, photos and rooms, as edits on record.

Edits lie over what engines found. They outlive a new analysis, another engine and a restart, apply
at once in :func:`read_inventory`, and can be undone.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from photoqueue.client.identifiers import checked, checked_user
from photoqueue.client.project_state import OpenProject, ProjectState, editing
from photoqueue.client.review_tables import ReviewTables
from photoqueue.errors import NotFoundError, PayloadError, StateError
from photoqueue.installation import current
from photoqueue.inventory.overlay import found_alike
from photoqueue.inventory.volumes import Kind
from photoqueue.inventory.wording import Wording
from photoqueue.phrases import InBoth
from photoqueue.queue import edit_log, projects
from photoqueue.records.base import Box
from photoqueue.records.edits import Edit, action_of, last_of, undone_by

if TYPE_CHECKING:
    pass


class Review(ReviewTables):
    """A project under review by one person; made by :func:`review`.

    Each verb stores one edit and returns it. Verbs raise :class:`NotFoundError` for an item, photo
    or room that does not exist, :class:`StateError` for one that was removed, and
    :class:`PayloadError` for values that are not valid; nothing is stored then.
    """

    def __init__(self, project_id: str, user_id: str, *, ref: str | None = None) -> None:
        super().__init__(project_id)
        self.user_id = user_id
        self.ref = ref

    def __repr__(self) -> str:
        return f"<Review of {self.project_id!r:.40} by {self.user_id!r:.20}>"

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
        with self._editing(item_id) as state:
            anchor = state.anchor(item_id)
            photo, item = state.items[item_id]
            kind = category or item.category
            thing = state.thing(photo.room or "", name, category=kind, volume=volume)
            return self._add(state, "rename", items=(anchor,), thing=thing)

    def remove(self, item_id: str) -> Edit:
        """Say that an item is not there."""
        with self._editing(item_id) as state:
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
                    "Photo {photo!r:.60} has no result: its job is {state}. Things are added to "
                    "analysed photos.",
                    photo=photo_id,
                    state=InBoth(str(row.state)),
                )
            kind = category or "misc"
            thing = state.thing(found[0].room or "", name, category=kind, volume=volume)
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
        names = list(dict.fromkeys(item_ids))
        if len(names) < 2:
            raise PayloadError("Give the ids of at least two items.")
        with self._editing(*names) as state:
            items = tuple(state.anchor(name) for name in names)
            seen = [state.items[name] for name in names]
            kinds = {Kind.of(item): state.name(item.key, item.name) for _, item in seen}
            if len(kinds) > 1:
                raise PayloadError(
                    "One thing cannot be {names}. Rename the wrong one first.",
                    names=tuple(sorted(kinds.values())),
                )
            if len({photo.photo_id for photo, _ in seen}) < len(seen):
                raise PayloadError(
                    "Two items of one photo are two things. Remove one of them if it is a mistake."
                )
            rooms = sorted({str(photo.room) for photo, _ in seen})
            if len(rooms) > 1:
                raise PayloadError(
                    "The items are in {rooms}. Move a photo, or merge the rooms.",
                    rooms=tuple(rooms),
                )
            return self._add(state, "same", items=items)

    def apart(self, item_id: str) -> Edit:
        """Say that an item is a thing of its own, unlike those of other photos."""
        return self._of_item("apart", item_id)

    def stays(self, item_id: str) -> Edit:
        """Say that an item is there and does not move."""
        return self._of_item("stays", item_id)

    def accept(self, *item_ids: str) -> Edit:
        """Say that items are there and are what they are called.

        What they show counts then, however small the score, and is no longer to check.
        """
        names = list(dict.fromkeys(item_ids))
        if not names:
            raise PayloadError("Give the id of at least one item.")
        with self._editing(*names) as state:
            return self._add(state, "accept", items=tuple(map(state.anchor, names)))

    # -- photos and rooms

    def exclude(self, photo_id: str) -> Edit:
        """Take a photo out of the inventory."""
        with self._editing() as state:
            return self._add(state, "exclude", photo_id=state.photo(photo_id).photo_id)

    def replace(self, photo_id: str, photo: Any, *, file_name: str | None = None) -> Edit:
        """Submit another photo in place of one: a path, an address, bytes, a picture, an array.

        ``file_name`` is for display; default is that of the path or address.

        If the servers fail in between, call it again: the new photo is submitted once.
        """
        from photoqueue.client.submit import submit_photo

        state = self._state()
        edit_log.require_new(state.edits, self.ref)
        row = state.photo(photo_id)
        known = {one.photo_id for one in state.rows}
        job = submit_photo(
            photo,
            project_id=self.project_id,
            room=state.done.places[photo_id] or None,
            room_type=row.room_type,
            user_id=self.user_id,
            file_name=file_name,
        )
        if job.photo_id == photo_id:
            raise PayloadError(
                "That is photo {photo!r:.60} itself. Give another picture.", photo=photo_id
            )
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
            place = state.room(room, new_room=True)
            return self._add(state, "move", photo_id=known, to_room=place)

    def rename_room(self, room: str, to: str) -> Edit:
        """Give a room another name; to that of another room, to merge them."""
        with self._editing() as state:
            place = state.room(room)
            name = state.room(to, new_room=True, but=place)
            if name == place:
                raise PayloadError("The room is called {name!r:.60} already.", name=name)
            photos = tuple(state.done.rooms.get(place, ()))
            return self._add(state, "rename_room", room=place, to_room=name, photos=photos)

    def reviewed(self, room: str) -> Edit:
        """Say that a room is right; a new photo of it opens it again."""
        with self._editing() as state:
            place = state.room(room)
            photos = tuple(state.done.rooms.get(place, ()))
            return self._add(state, "reviewed", room=place, photos=photos)

    def acknowledge(self, gap: str) -> Edit:
        """Say that a gap is none, or is known: there is no cellar, one photo shows all of the hall.

        Parameters
        ----------
        gap
            Its name, as in :meth:`gaps`: ``no-photo:cellar``.

        Raises
        ------
        NotFoundError
            There is no such gap; the message names those that there are.
        StateError
            Somebody has acknowledged it.
        """
        with self._editing() as state:
            known = {one.name: one for one in state.gaps()}
            found = known.get(gap)
            if found is None:
                raise NotFoundError(
                    "Project {project!r:.80} has no gap {gap!r:.60}. Its gaps: {gaps}.",
                    project=self.project_id,
                    gap=gap,
                    gaps=", ".join(known) or InBoth("none"),
                )
            if found.acknowledged:
                by = found.acknowledged
                raise StateError(
                    "{user} has acknowledged {gap!r:.60}; undo({number}) takes it back.",
                    user=by.user_id,
                    gap=gap,
                    number=by.number,
                )
            return self._add(state, "acknowledge", gap=gap, photos=found.photos)

    # -- edits

    def undo(self, number: int | None = None) -> Edit:
        """Undo what one has done last, or any edit by its number.

        Raises
        ------
        StateError
            There is none, it was undone already, or a later edit rests on it.
        """
        with self._editing() as state:
            edit = self._last_of_mine(state) if number is None else state.edit(number)
            _refuse_undone(edit)
            together = action_of(state.edits, edit) if number is None else [edit]
            made = [one for one in together if one.standing and one.kind not in ("undo", "redo")]
            resting = [o for one in made for o in state.resting_on(one) if o not in made]
            if resting:
                raise StateError(
                    "Edit {number} ({words}) cannot be undone while later ones rest on it: "
                    "{others}. Undo those first.",
                    number=edit.number,
                    words=_words(edit),
                    others=InBoth(
                        "; ".join(f"{one.number} ({_words(one)})" for one in resting),
                        french=" ; ".join(
                            f"{one.number} ({_words(one).french})" for one in resting
                        ),
                    ),
                )
            return [state.log.undo(one, self.user_id) for one in reversed(made)][-1]

    def redo(self) -> Edit:
        """Do again what one has undone last.

        Raises
        ------
        StateError
            There is nothing to do again.
        """
        with self._editing() as state:
            undone = undone_by(state.edits, self.user_id)
            if not undone:
                raise StateError("{user} has undone nothing in this project.", user=self.user_id)
            return [state.log.redo(one, self.user_id) for one in undone][-1]

    def place(self, number: int, item_id: str) -> Edit:
        """Apply an edit whose item was not found again to another item, in its place."""
        with self._editing(item_id) as state:
            edit = state.edit(number)
            _refuse_undone(edit)
            if len(edit.items) != 1:
                raise StateError(
                    "Edit {number} ({words}) is not about one item.",
                    number=number,
                    words=_words(edit),
                )
            anchor = state.anchor(item_id)
            state.log.undo(edit, self.user_id)
            return self._add(state, edit.kind, items=(anchor,), thing=edit.thing, box=edit.box)

    def keep(self, number: int) -> Edit:
        """Leave an edit whose item was not found again as it is, in case the item comes back."""
        with self._editing() as state:
            edit = state.edit(number)
            _refuse_undone(edit)
            return self._add(state, "keep", of=edit.number)

    # -- how

    def _editing(self, *about: object) -> AbstractContextManager[OpenProject]:
        return editing(self.project_id, *about, ref=self.ref)

    def _add(self, state: OpenProject, kind: Any, **what: Any) -> Edit:
        given = {name: value for name, value in what.items() if value is not None}
        return state.log.add(kind, self.user_id, **given)

    def _of_item(self, kind: Any, item_id: str, **what: Any) -> Edit:
        with self._editing(item_id) as state:
            return self._add(state, kind, items=(state.anchor(item_id),), **what)

    def _last_of_mine(self, state: ProjectState) -> Edit:
        edit = last_of(state.edits, self.user_id)
        if edit is None:
            raise StateError(
                "No edit of {user} holds in project {project!r:.80}.",
                user=self.user_id,
                project=self.project_id,
            )
        return edit


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


def _box(value: Any) -> Box:
    try:
        x0, y0, x1, y1 = map(float, value)
    except (TypeError, ValueError):
        x0 = y0 = x1 = y1 = math.nan
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise PayloadError(
            "box is {value:.60}; give x0, y0, x1, y1 within 0…1 of the upright picture, with "
            "x0 < x1 and y0 < y1.",
            value=repr(value),
        )
    return x0, y0, x1, y1


def _refuse_undone(edit: Edit) -> None:
    if not edit.standing:
        raise StateError(
            "Edit {number} ({words}) was already undone by {user}; nothing was changed.",
            number=edit.number,
            words=_words(edit),
            user=edit.undone_by,
        )


def _words(edit: Edit) -> InBoth:
    wording = Wording.of("fr", current().settings)
    return InBoth(edit.words(), french=edit.words(wording))
