"""A project as it is: its photos with all edits, and what persons mean by names in it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from photoqueue.client.identifiers import checked
from photoqueue.errors import NotFoundError, PayloadError, StateError
from photoqueue.installation import current
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.inventory.correcting import as_photographed
from photoqueue.inventory.gaps import Gap, gaps
from photoqueue.inventory.merge import count_rooms, lines_of
from photoqueue.inventory.overlay import Overlaid, anchors, followed, found_alike, overlay
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.inventory.volumes import Kind
from photoqueue.inventory.wording import canonical_room_type, folded
from photoqueue.jobs.inventory_sync import completed, inventory_of, without_result
from photoqueue.phrases import InBoth
from photoqueue.queue import edit_log, projects, standing
from photoqueue.queue.database import Database
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGIES, Strategy
from photoqueue.records.edits import Anchor, Edit, NamedThing
from photoqueue.records.results import FoundItem, InventoryResult
from photoqueue.settings import Settings

#: Largest volume of one item, in m³; a lorry holds less.
MAX_VOLUME: Final = 200.0


@dataclass
class ProjectState:
    """What is known of a project; each part is read when it is first asked for."""

    project_id: str
    settings: Settings
    database: Database
    #: All, oldest first.
    edits: Sequence[Edit]
    #: Items of which is only asked whether they are there: only their photos are looked at. Names
    #: of things and rooms can depend on edits in other photos. None for all.
    about: Collection[object] | None = None

    @classmethod
    def read(cls, project_id: str) -> ProjectState:
        """Read a project."""
        here = current()
        made = edit_log.of_project(here.database, project_id)
        return cls(project_id, here.settings, here.database, made)

    @cached_property
    def rows(self) -> list[projects.PhotoRow]:
        """All photos."""
        if self.about is None:
            return projects.project_photos(self.database, self.project_id)
        added = [edit.photo_id or "" for edit in self.edits if edit.added_id in self.about]
        jobs = [str(item_id).rpartition(".")[0] for item_id in self.about]
        return projects.photos_among(self.database, self.project_id, jobs=jobs, photo_ids=added)

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
        return overlay(self.photos, edits, self.settings.language, without_result(self.rows))

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
        """The newest inventory as it was stored; None before the first."""
        found = standing.newest_inventory(self.database, self.project_id)
        return None if found is None else InventoryResult.model_validate(found)

    @property
    def strategy(self) -> Strategy:
        """The one that the project was last asked to be added up by."""
        asked = standing.asked_strategy(self.database, self.project_id)
        return strategy_now(asked, self.newest)

    def inventory(self) -> InventoryResult:
        """Count the photos as they are now, in the way of the newest inventory."""
        newest = self.newest
        return inventory_of(
            self.project_id,
            self.rows,
            self.done,
            self.catalogue,
            strategy=self.strategy,
            language=self.settings.language,
            listed=newest.listed if newest else None,
            shown=newest.listed_photos if newest else None,
        )

    def seen(self, room: str, kind: Kind) -> int:
        """Count the things of a kind that the photos of a room show, in the way of the newest."""
        newest, language = self.newest, self.settings.language
        photos = [photo for photo in self.done.photos if photo.room == room]
        listed = newest and newest.listed
        counted = count_rooms(
            photos,
            self.catalogue,
            strategy=self.strategy,
            language=language,
            listed=followed(listed, (newest and newest.listed_photos) or {}, self.done.rooms)
            if listed
            else None,
            links=self.done.links,
        )
        of_kind = (
            replace(one, counts=[count for count in one.counts if count.kind == kind])
            for one in counted
        )
        lines = (line for one in of_kind for line in lines_of(one, self.catalogue, language))
        return sum(line.count for line in lines)

    def gaps(self, result: InventoryResult | None = None) -> tuple[Gap, ...]:
        """Return what the inventory may lack: of a result, or of the photos as they are now."""
        kinds = {photo.result.room_type for photo in self.done.photos}
        return gaps(result or self.inventory(), self.done.rooms, kinds, self.edits)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue of the installation."""
        return Catalogue.for_settings(self.settings)

    def anchor(self, item_id: object) -> Anchor:
        """Return the anchor of an item that is there.

        Raises
        ------
        NotFoundError, StateError
            It is not: the message says why.
        """
        near = [one for one in self.photos if str(item_id).startswith(f"{one.job_id}.")]
        known = anchors(near, self.edits)
        if isinstance(item_id, str) and item_id in self.items:
            return known[item_id]
        what = {"item": item_id, "project": self.project_id}
        if not isinstance(item_id, str) or item_id not in known:
            raise NotFoundError(
                "Item {item!r:.60} of project {project!r:.80} does not exist, or is of an earlier "
                "analysis of its photo. items() lists those that there are.",
                **what,
            )
        photo = self.done.excluded.get(known[item_id].photo_id)
        by = photo or self.done.edited.get(item_id)
        if by is None:
            raise StateError("Item {item!r:.60} of project {project!r:.80} was removed.", **what)
        text = (
            "Item {item!r:.60} of project {project!r:.80} is in a photo that was taken out by "
            "{user}; undo({number}) brings it back."
            if photo
            else "Item {item!r:.60} of project {project!r:.80} was removed by {user}; "
            "undo({number}) brings it back."
        )
        raise StateError(text, **what, user=by.user_id, number=by.number)

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
            raise StateError(
                "Photo {photo!r:.60} was taken out by {user}; undo({number}) brings it back."
                if out.standing
                else "Photo {photo!r:.60} was taken out by {user}; a redo of edit {number} brings "
                "it back.",
                photo=photo_id,
                user=out.user_id if out.standing else out.undone_by,
                number=out.number,
            )
        for row in self.rows:
            if row.photo_id == photo_id:
                return row
        raise NotFoundError(
            "Project {project!r:.80} has no photo {photo!r:.60}. items() lists its photos; one "
            "that was erased cannot be edited.",
            project=self.project_id,
            photo=photo_id,
        )

    def room(self, wanted: str, *, new_room: bool = False, but: str = "") -> str:
        """Find a room by its name or, if that is unambiguous, by its kind.

        Case and accents do not matter. The room ``but`` is not looked at.

        Raises
        ------
        NotFoundError
            There is no such room, and ``new_room`` is false.
        """
        wanted = checked("room", wanted).strip()
        rooms = self._rooms() - {but}
        if wanted in rooms:
            return wanted
        alike = [room for room in rooms if folded(room) == folded(wanted)]
        kind = canonical_room_type(wanted)
        if not alike and kind is not None and not new_room:
            alike = [room for room in rooms if canonical_room_type(room) == kind]
            # "bedroom 3" is not another name of "bedroom 2".
            if any(mark.isdigit() for mark in wanted):
                alike = []
        if len(alike) == 1:
            return alike[0]
        if new_room:
            return wanted
        near = difflib.get_close_matches(wanted, rooms, n=3, cutoff=0.5) or alike
        raise NotFoundError(
            "Project {project!r} has no room {room!r}.{meant} Its rooms: {known}. A room that no "
            "photo shows is added with new_room=True (--new-room).",
            project=self.project_id,
            room=wanted,
            meant=_meant(near),
            known=", ".join(map(repr, sorted(rooms)[:20])) or InBoth("none yet"),
        )

    def _rooms(self) -> set[str]:
        """Return the rooms in photos, the newest inventory and edits."""
        rooms = {*self.done.places.values(), *(str(edit.room) for edit in self.done.counts)}
        renamed = {e.room for e in self.edits if e.kind == "rename_room" and e.standing}
        rooms |= set(self.newest.rooms if self.newest else ()) - renamed
        return rooms - {""}

    def thing(
        self, room: str, text: str, *, category: str | None, volume: float | None
    ) -> NamedThing:
        """Find a thing by its name: in the inventory, the catalogue or edits, else a custom one.

        ``volume`` is that of one in m³. A custom thing keeps its earlier one if none is given,
        because it is stored nowhere else.

        Raises
        ------
        NotFoundError
            It is not found, and category or volume for a custom thing is missing.
        """
        text = checked("name", text).strip()
        newest = self.newest
        lines = as_photographed(newest).lines if newest else ()
        here = sorted(
            (line for line in lines if text.casefold() in {line.name.casefold(), line.key}),
            key=lambda line: line.room != room,  # lines of this room first
        )
        catalogue, language = self.catalogue, self.settings.language
        volume = _volume(volume)
        if category is not None and category not in CATEGORIES:
            raise PayloadError(
                "category is {value!r:.40}; choose one of {known}.",
                value=category,
                known=", ".join(CATEGORIES),
            )
        if here and category in {None, here[0].category}:
            line = here[0]
            listed = catalogue.by_key(line.key or "") is not None
            own = None if listed else line.volume_of_one
            size = own if volume is None else volume
            return NamedThing(key=line.key, name=line.name, category=line.category, volume=size)
        known = catalogue.by_name(text)
        if known is not None:
            name = known.name(language)
            return NamedThing(key=known.key, name=name, category=known.category, volume=volume)
        for edit in reversed(self.edits):
            said = edit.thing if edit.standing else None
            if (
                said
                and said.name.casefold() == text.casefold()
                and category in {None, said.category}
            ):
                return said if volume is None else said.model_copy(update={"volume": volume})
        if category is not None and volume is not None:
            return NamedThing(name=text, category=category, volume=volume)
        near = [entry.name(language) for entry in catalogue.nearest(text)]
        raise NotFoundError(
            "The catalogue has no thing called {name!r:.60}.{meant} For a thing of your own, give "
            "its category and the volume of one in m³ (category=…, volume=…).",
            name=text,
            meant=_meant(near),
        )

    def name(self, key: str | None, name: str) -> str:
        """Return the name of a thing in the language of the installation."""
        known = self.catalogue.by_key(key or "")
        return known.name(self.settings.language) if known else name

    def edit(self, number: object) -> Edit:
        """Return an edit by its number; not one that undid or redid another."""
        for edit in self.edits:
            if edit.number == number and not isinstance(number, bool):
                if edit.kind in ("undo", "redo"):
                    raise StateError(
                        "Edit {number} is an {kind}; give the number of the edit itself.",
                        number=number,
                        kind=edit.kind,
                    )
                return edit
        raise NotFoundError(
            "Project {project!r:.80} has no edit {number:.40}. log() lists them.",
            project=self.project_id,
            number=repr(number),
        )

    def resting_on(self, edit: Edit) -> list[Edit]:
        """Return the later edits that would have nothing to be about without one."""
        after = self.without(edit)
        lost = {one.edit.number for one in after.unplaced}
        lost -= {one.edit.number for one in self.done.unplaced}
        gone = self.done.rooms.keys() - after.rooms.keys()
        kinds = {
            str(item.item_id): Kind.of(item)
            for photo in after.photos
            for item in photo.result.items
        }
        mixed = [
            group
            for group in after.links.groups
            if len({kinds[item_id] for item_id in group if item_id in kinds}) > 1
        ]
        return [
            other
            for other in self.edits
            if other.standing
            and other.number > edit.number
            and (
                other.number in lost
                or other.room in gone
                or (
                    other.kind == "same" and any(a.item_id in g for a in other.items for g in mixed)
                )
            )
        ]


def _meant(near: Sequence[str]) -> InBoth | str:
    """Ask whether something similar was meant."""
    if not near:
        return ""
    names = (" or ".join(map(repr, near)), " ou ".join(map(repr, near)))
    return InBoth(f" Did you mean {names[0]}?", french=f" Voulez-vous dire {names[1]} ?")


def strategy_now(asked: str | None, newest: InventoryResult | None) -> Strategy:
    """Return how a project is counted: as was last asked, with ``llm`` once a model has listed."""
    before = newest.strategy if newest else DEFAULT_STRATEGY
    if asked == "llm" and not (newest and newest.listed):
        return before
    return next((one for one in STRATEGIES if one == asked), before)


def with_lister(result: InventoryResult, newest: InventoryResult | None) -> InventoryResult:
    """Return an inventory that names the engine, too, that saw all photos of rooms together."""
    if newest is None or not newest.listed:
        return result
    return result.model_copy(update={"engines": (newest.engines[0], *result.engines)})


def not_added_up(database: Database, project_id: str) -> NotFoundError:
    """Return the error of a project without an inventory.

    Raises
    ------
    UnknownProjectError
        There is no such project.
    """
    projects.require_project(database, project_id)
    if failure := standing.project_standing(database, project_id).error:
        return NotFoundError(
            "Project {project!r} has no inventory: adding it up failed: {error}",
            project=project_id,
            error=failure,
        )
    return NotFoundError(
        "Project {project!r} was not added up yet. Submit its inventory: "
        "submit_inventory({project!r}).",
        project=project_id,
    )


@dataclass
class OpenProject(ProjectState):
    """A project of which nobody else can change the edits."""

    log: edit_log.EditLog = field(kw_only=True)


@contextmanager
def editing(project_id: str, *about: object, ref: str | None = None) -> Iterator[OpenProject]:
    """Open a project for edits, which are stored together at the end.

    Parameters
    ----------
    project_id
        The project.
    *about
        As in :class:`ProjectState`.
    ref
        What names the edit for whoever makes it.

    Raises
    ------
    MadeBeforeError
        There is an edit with this ``ref``.
    UnknownProjectError
        The project has no photos: none was submitted, or it was erased.
    """
    here = current()
    with edit_log.editing(here.database, project_id, ref=ref) as log:
        yield OpenProject(
            project_id, here.settings, here.database, log.edits, about or None, log=log
        )


def _volume(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and 0 <= number <= MAX_VOLUME:
            return number
    raise PayloadError(
        "volume is {value:.40}; give the m³ of one piece, from 0 to {most}.",
        value=repr(value),
        most=f"{MAX_VOLUME:g}",
    )
