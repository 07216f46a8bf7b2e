"""A project under review as tables: items, things, edits, and the photos of reviewed rooms."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from photoqueue.client.project_state import ProjectState
from photoqueue.errors import StateError
from photoqueue.installation import current
from photoqueue.inventory.overlay import followed
from photoqueue.records.edits import Edit, gap_words

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.inventory.counting import Thing


class ReviewTables:
    """What there is to read of a project under review."""

    def __init__(self, project_id: str) -> None:
        self.project_id = project_id

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
            (
                *(item_id, photo.photo_id, photo.room, state.name(item.key, item.name)),
                *(item.score, item.box, things.get(item_id)),
                _by_whom(state.done.edited.get(item_id)),
            )
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
        store = current().photo_store

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
            (one.edit.number, one.edit.user_id, one.edit.kind, one.edit.words(), one.reason)
            for one in self._state().done.unplaced
        ]
        return pd.DataFrame(rows, columns=["number", "user_id", "kind", "what", "reason"])

    def gaps(self) -> pd.DataFrame:
        """Return what the inventory may lack: one row each.

        Places that customers forget (cellar, attic, garage, balcony) and that no photo shows, rooms
        without a photo or with only one, and rooms in which nothing was found.

        Returns
        -------
        pandas.DataFrame
            ``gap`` (its name, for :meth:`acknowledge`), ``what`` and ``acknowledged`` (by whom).
        """
        import pandas as pd

        rows = [
            (gap.name, gap_words(gap.name), gap.acknowledged.user_id if gap.acknowledged else None)
            for gap in self._state().gaps()
        ]
        return pd.DataFrame(rows, columns=["gap", "what", "acknowledged"])

    def _state(self) -> ProjectState:
        return ProjectState.read(self.project_id)

    def _things(self, state: ProjectState) -> Iterator[tuple[str, str, Thing, str]]:
        """Give each thing with its id, room and name."""
        from photoqueue.inventory.merge import count_rooms

        newest = state.newest
        rooms = count_rooms(
            state.done.photos,
            state.catalogue,
            strategy=state.strategy,
            language=state.settings.language,
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
                    label = state.name(one.kind.key, named.name if named else "")
                    yield f"t{number}", room.room, thing, label


class ReadOnce(ReviewTables):
    """A review that reads its project once, so that its tables belong together."""

    @cached_property
    def _read(self) -> ProjectState:
        return super()._state()

    def _state(self) -> ProjectState:
        return self._read


def _item_ids(thing: Thing) -> list[str]:
    return [str(found.item.item_id) for found in thing.sightings]


def _by_whom(edit: Edit | None) -> str | None:
    return None if edit is None else f"{edit.kind} by {edit.user_id}"
