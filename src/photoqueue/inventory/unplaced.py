"""Why edits have no effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from photoqueue.phrases import phrase
from photoqueue.records.edits import Anchor, Edit
from photoqueue.records.hooks import Namer

NO_RESULT: Final = "photo {photo} is no longer in the project, or has no result"
WAS_REMOVED: Final = "the {name} in photo {photo} was removed"


class Why(NamedTuple):
    """Why an edit has no effect."""

    #: A text of :mod:`photoqueue.phrases`.
    text: str
    photo: str | None = None
    room: str | None = None
    #: What it is about, and another edit.
    item: Anchor | None = None
    edit: Edit | None = None
    rooms: Sequence[str] = ()


class Unplaced(NamedTuple):
    """An edit whose item was not found, and why."""

    edit: Edit
    why: Why

    @property
    def reason(self) -> str:
        """Why, in English."""
        return self.reason_in()

    def reason_in(
        self, names: Namer | None = None, titles: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Return why; parameters are those of :meth:`Edit.words`."""
        why, language = self.why, names.language if names else "en"
        item, edit = why.item, why.edit
        return phrase(
            language,
            why.text,
            photo=titles.get(why.photo or "", why.photo),
            room=why.room,
            name=names.item(item.key, item.name) if names and item else item and item.name,
            number=edit and edit.number,
            words=edit and edit.words(names, titles),
            rooms=phrase(language, " and ").join(why.rooms),
        )
