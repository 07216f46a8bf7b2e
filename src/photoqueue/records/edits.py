"""Edits: what persons said about a project, as facts on record."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args

from photoqueue.format import one_line
from photoqueue.records.base import Box, Record

EditKind = Literal[
    "rename",
    "remove",
    "add",
    "redraw",
    "same",
    "apart",
    "stays",
    "count",
    "exclude",
    "replace",
    "move",
    "rename_room",
    "reviewed",
    "keep",
    "undo",
    "redo",
]
EDIT_KINDS: Final[tuple[EditKind, ...]] = get_args(EditKind)


class Anchor(Record):
    """The item that an edit is about, as its engine named it.

    It finds the item again after the photo was analysed anew or the job was deleted.
    """

    #: ``<job id>.<position>`` of what an engine found, ``e<number>`` of what a person added.
    item_id: str
    photo_id: str
    key: str | None = None
    name: str
    category: str
    box: Box | None = None
    #: Position among the photo's items of this kind, from 0: what counts where there are no boxes.
    rank: int = 0


class NamedThing(Record):
    """The kind of thing that a person named."""

    #: Catalogue key; ``None`` for a thing that is not in the catalogue.
    key: str | None = None
    name: str
    category: str
    #: Moving volume of one in m³, if the person gave it or the catalogue does not have the thing.
    volume: float | None = None


class Edit(Record):
    """One edit of a project."""

    #: Unique in the database; of a ``count``, the id of its correction.
    edit_id: int
    project_id: str
    #: Position among the edits of the project, from 1, in the order in which they were committed.
    number: int
    kind: EditKind
    user_id: str
    created_at: datetime
    #: When and by whom it was undone.
    undone_at: datetime | None = None
    undone_by: str | None = None

    #: The items that it is about: of ``rename``, ``remove``, ``redraw``, ``same``, ``apart``,
    #: ``stays``.
    items: tuple[Anchor, ...] = ()
    #: Of ``rename``, ``add`` and ``count``.
    thing: NamedThing | None = None
    #: Of ``add`` and ``redraw``; corners relative to the upright picture.
    box: Box | None = None
    #: Of ``add``, ``exclude``, ``replace`` and ``move``.
    photo_id: str | None = None
    #: Of ``add``: the job whose items the person saw.
    job_id: str | None = None
    #: Of ``add`` and ``remove``: how many others of the kind that job has in this place.
    found: int = 0
    #: Of ``replace``: the photo that is taken instead.
    by_photo: str | None = None
    #: Of ``count``, ``rename_room`` and ``reviewed``.
    room: str | None = None
    #: Of ``move`` and ``rename_room``: the room afterwards.
    to_room: str | None = None
    #: Of ``count``, and what the photos showed then.
    count: int | None = None
    seen_count: int | None = None
    dismountable: bool | None = None
    #: Of ``reviewed`` and ``rename_room``: the photos of the room then; of ``replace``: the
    #: photo that was submitted for it.
    photos: tuple[str, ...] = ()
    #: Of ``undo``, ``redo`` and ``keep``: the number of the other edit.
    of: int | None = None

    @property
    def standing(self) -> bool:
        """Whether it holds: it was not undone."""
        return self.undone_at is None

    @property
    def added_id(self) -> str:
        """The id of the thing that an ``add`` adds."""
        return f"e{self.number}"

    def words(self) -> str:
        """Return what it says, on one line: ``rename chair to armchair``."""
        subject = " and ".join(one_line(item.name, 24) for item in self.items)
        told: dict[EditKind, Any] = {
            "rename": f"{subject} is {self.thing and self.thing.name}",
            "remove": f"{subject} removed",
            "add": f"{self.thing and self.thing.name} added in {self.photo_id}",
            "redraw": f"{subject} redrawn",
            "same": f"{subject} are one thing",
            "apart": f"{subject} is a thing of its own",
            "stays": f"{subject} stays here",
            "count": f"{self.count} × {self.thing and self.thing.name} in {self.room}",
            "exclude": f"{self.photo_id} excluded",
            "replace": f"{self.photo_id} replaced by {self.by_photo}",
            "move": f"{self.photo_id} moved to {self.to_room}",
            "rename_room": f"{self.room} is {self.to_room}",
            "reviewed": f"{self.room} reviewed",
            "keep": f"edit {self.of} kept",
            "undo": f"edit {self.of} undone",
            "redo": f"edit {self.of} done again",
        }
        return one_line(str(told[self.kind]), 80)

    def __repr__(self) -> str:
        undone = "" if self.standing else ", undone"
        return f"<Edit {self.number}: {self.words()}, by {one_line(self.user_id, 16)}{undone}>"
