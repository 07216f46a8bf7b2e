"""Edits: what persons said about a project, as facts on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from photoqueue.format import one_line
from photoqueue.phrases import phrase
from photoqueue.records.base import Box, Record
from photoqueue.records.hooks import Namer

EditKind = Literal[
    "rename",
    "remove",
    "add",
    "redraw",
    "same",
    "apart",
    "stays",
    "accept",
    "count",
    "exclude",
    "replace",
    "move",
    "rename_room",
    "reviewed",
    "acknowledge",
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

    #: What names it for whoever made it: an edit that is sent again under it is not made twice.
    #: Several edits that were made as one action share it.
    ref: str | None = None
    #: Of an edit that came over HTTP with a token: its name.
    token: str | None = None
    #: The items that it is about: of ``rename``, ``remove``, ``redraw``, ``same``, ``apart``,
    #: ``stays``, ``accept``.
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
    #: Of ``acknowledge``: the name of the gap.
    gap: str | None = None
    #: Of ``reviewed``, ``rename_room`` and ``acknowledge``: the photos of the room then; of
    #: ``replace``: the photo that was submitted for it.
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

    def words(
        self, names: Namer | None = None, titles: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Return what it says, on one line: ``chair is armchair``.

        Parameters
        ----------
        names
            Those of a language, which the text is in then; None is English, with names as given.
        titles
            What to call photos, by id; others are called by their id.
        """
        language = names.language if names else "en"

        def name(of: Anchor | NamedThing) -> str:
            return names.item(of.key, of.name) if names else of.name

        subjects = [one_line(name(item), 24) for item in self.items]
        if self.kind == "accept":
            subjects = list(dict.fromkeys(subjects))
        return one_line(
            phrase(
                language,
                _SAYING[self.kind],
                what=phrase(language, " and ").join(subjects),
                name=name(self.thing) if self.thing else "",
                photo=titles.get(self.photo_id or "", self.photo_id),
                other=titles.get(self.by_photo or "", self.by_photo),
                count=self.count,
                room=self.to_room if self.kind == "move" else self.room,
                to=self.to_room,
                of=self.of,
                gap=gap_words(self.gap, names) if self.gap else "",
            ),
            80,
        )

    def __repr__(self) -> str:
        undone = "" if self.standing else ", undone"
        return f"<Edit {self.number}: {self.words()}, by {one_line(self.user_id, 16)}{undone}>"


def gap_words(gap: str, names: Namer | None = None) -> str:
    """Return what the name of a gap means: ``no photo of cellar``.

    ``names`` is as of :meth:`Edit.words`.
    """
    kind, _, place = gap.partition(":")
    told = names.room_type(place) if names and place in OFTEN_FORGOTTEN else place
    return phrase(names.language if names else "en", GAPS[kind], place=one_line(told, 40))


#: Kinds of room that customers forget to photograph, and movers find on the day.
OFTEN_FORGOTTEN: Final = ("cellar", "attic", "garage", "balcony")
#: What an inventory may lack, by the first part of a gap's name.
GAPS: Final = {
    "no-photo": "no photo of {place}",
    "one-photo": "only one photo of {place}",
    "nothing-found": "nothing found in {place}",
}
_SAYING: Final[dict[EditKind, str]] = {
    "rename": "{what} is {name}",
    "remove": "{what} removed",
    "add": "{name} added in {photo}",
    "redraw": "{what} redrawn",
    "same": "{what} are one thing",
    "apart": "{what} is a thing of its own",
    "stays": "{what} stays here",
    "accept": "{what} accepted",
    "count": "{count} × {name} in {room}",
    "exclude": "{photo} excluded",
    "replace": "{photo} replaced by {other}",
    "move": "{photo} moved to {room}",
    "rename_room": "{room} is {to}",
    "reviewed": "{room} reviewed",
    "acknowledge": "{gap}: acknowledged",
    "keep": "edit {of} kept",
    "undo": "edit {of} undone",
    "redo": "edit {of} done again",
}


def last_of(edits: Sequence[Edit], user_id: str) -> Edit | None:
    """Return the newest edit of a person that holds: what an undo of theirs takes back."""
    for edit in reversed(edits):
        if edit.standing and edit.user_id == user_id and edit.kind not in ("undo", "redo"):
            return edit
    return None


def undone_by(edits: Sequence[Edit], user_id: str) -> list[Edit]:
    """Return what a person undid last and what is still undone: a redo of theirs brings it back."""
    by_number = {edit.number: edit for edit in edits}
    for made in reversed(edits):
        undone = by_number.get(made.of or 0)
        if made.kind == "undo" and made.user_id == user_id and undone and not undone.standing:
            together = (one for one in action_of(edits, made) if one.kind == "undo")
            numbers = sorted(one.of for one in together if one.of)
            return [by_number[number] for number in numbers if not by_number[number].standing]
    return []


def action_of(edits: Sequence[Edit], edit: Edit) -> list[Edit]:
    """Return the edits that were made together with one, as one action, oldest first."""
    if edit.ref is None:
        return [edit]
    return [one for one in edits if one.ref == edit.ref]
