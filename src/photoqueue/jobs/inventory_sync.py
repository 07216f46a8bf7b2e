"""The job type ``inventory-sync``: adds up the photos of a project to its inventory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from photoqueue.errors import PermanentError
from photoqueue.format import counted
from photoqueue.inventory.overlay import Overlaid, followed, overlay
from photoqueue.inventory.views import (
    AnalysedPhoto,
    RoomView,
    by_room,
    hash_distance,
    room_type,
    views_of,
)
from photoqueue.jobs.engine_calls import (
    FOR_TRYING_OUT,
    found_item,
    is_for_trying_out,
    measured,
    no_analysis,
    share,
)
from photoqueue.queue import edit_log, projects
from photoqueue.queue.projects import PhotoRow
from photoqueue.records.base import DEFAULT_STRATEGY, Identifier, Record, Strategy
from photoqueue.records.results import (
    EngineUse,
    FoundItem,
    InventoryLine,
    InventoryResult,
    PhotoResult,
)
from photoqueue.words import JobState, JobType

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import Engine, RoomEngine
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.inventory.merge import RoomCounts
    from photoqueue.jobs.handling import Workplace
    from photoqueue.records.snapshots import AiCall


class InventoryPayload(Record):
    """Job data of ``inventory-sync``."""

    project_id: Identifier
    user_id: Identifier
    strategy: Strategy = DEFAULT_STRATEGY
    #: Trace context of the submission (W3C Trace Context), which the worker's spans continue.
    traceparent: str | None = None


INVENTORY_SYNC: Final = JobType(
    "inventory-sync",
    payload=InventoryPayload,
    result=InventoryResult,
    handler="photoqueue.jobs.inventory_sync:InventorySync",
    key="inventory-{project_id}",
)


class InventorySync:
    """Handler of ``inventory-sync``."""

    def __init__(self, workplace: Workplace) -> None:
        from photoqueue.inventory.catalogue import Catalogue

        self._database = workplace.database
        self._language = workplace.settings.language
        self._catalogue = Catalogue.for_settings(workplace.settings)
        self._rooms = RoomLooks(workplace)

    def __call__(self, payload: InventoryPayload, calls: list[AiCall]) -> InventoryResult:
        """Add up the photos of the job's project.

        Raises
        ------
        PermanentError
            No photo is analysed, and nobody has entered a thing: there is nothing to add up.
        """
        rows = projects.project_photos(self._database, payload.project_id)
        listed = shown = None
        if payload.strategy == "llm":
            made = edit_log.of_project(self._database, payload.project_id)
            seen = overlay(completed(rows), made, self._language).photos
            listed = self._rooms(seen, calls)
            shown = {
                room: [photo.photo_id for photo in its_photos]
                for room, its_photos in by_room(seen, self._language).items()
            }
        # Read last, so that edits made while this job ran are included.
        made = edit_log.of_project(self._database, payload.project_id)
        result = inventory_of(
            payload.project_id,
            rows,
            overlay(completed(rows), made, self._language, without_result(rows)),
            self._catalogue,
            strategy=payload.strategy,
            language=self._language,
            listed=listed,
            shown=shown,
        )
        if not result.photo_count and not result.lines:
            states = ", ".join(_states(rows)) or "all were taken out"
            raise PermanentError(
                f"There is nothing to add up: no photo of project {payload.project_id[:80]!r} is "
                f"analysed ({states}). Retry its jobs, or submit its photos again, and add them up "
                "then."
            )
        if listed:
            use = self._rooms.use(len(seen))
            warnings = (*result.warnings, *self._rooms.warnings)
            update = {"engines": (use, *result.engines), "warnings": warnings}
            result = result.model_copy(update=update)
        return result


def completed(rows: Iterable[PhotoRow]) -> list[AnalysedPhoto]:
    """Return the photos of a project that have a result."""
    return [
        AnalysedPhoto(
            photo_id=row.photo_id,
            sha256=row.sha256 or "",
            room=row.room,
            room_type=row.room_type,
            result=PhotoResult.model_validate(row.result),
            job_id=str(row.job_id),
        )
        for row in rows
        if row.state is JobState.COMPLETED
    ]


def without_result(rows: Iterable[PhotoRow]) -> dict[str, str]:
    """Return the other photos, with the rooms that callers named; "" for none."""
    return {
        row.photo_id: (row.room or "").strip()
        for row in rows
        if row.state is not JobState.COMPLETED
    }


def inventory_of(
    project_id: str,
    rows: Sequence[PhotoRow],
    done: Overlaid,
    catalogue: Catalogue,
    *,
    strategy: Strategy,
    language: str,
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
    shown: Mapping[str, Sequence[str]] | None = None,
) -> InventoryResult:
    """Add up the photos of a project, with all that persons said of it.

    Parameters
    ----------
    rows : sequence of PhotoRow
        All photos of the project.
    done : Overlaid
        Those that have a result, with edits.
    listed, shown : mapping or None
        What an engine listed in each room, and the photos that it saw for that.
    """
    from photoqueue.inventory.merge import count_rooms

    now = listed and followed(listed, shown or {}, done.rooms)
    rooms = count_rooms(
        done.photos,
        catalogue,
        strategy=strategy,
        language=language,
        listed=now,
        links=done.links,
    )
    return reviewed_inventory(
        project_id,
        rows,
        done,
        rooms,
        catalogue,
        strategy=strategy,
        language=language,
        listed=now,
    )


def reviewed_inventory(
    project_id: str,
    rows: Sequence[PhotoRow],
    done: Overlaid,
    rooms: Sequence[RoomCounts],
    catalogue: Catalogue,
    *,
    strategy: Strategy,
    language: str,
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
    lines: Iterable[InventoryLine] | None = None,
) -> InventoryResult:
    """Make the inventory of counted rooms, with counts and reviews of persons.

    Parameters
    ----------
    rows : sequence of PhotoRow
        All photos of the project.
    done : Overlaid
        Those that have a result, with edits.
    rooms : sequence of RoomCounts
        What they show.
    listed : mapping or None
        What an engine listed, by the names that rooms have now.
    lines : iterable of InventoryLine, optional
        What the rooms show, where that is known.
    """
    from photoqueue.inventory.correcting import corrected, correction_of
    from photoqueue.inventory.lines import checked_off, with_lines
    from photoqueue.inventory.merge import sum_up

    rows = [row for row in rows if row.photo_id not in done.excluded]
    result = sum_up(
        project_id,
        done.photos,
        rooms,
        catalogue,
        strategy=strategy,
        language=language,
        missing=[row.photo_id for row in rows if row.state is not JobState.COMPLETED],
        listed=listed,
        lines=lines,
    )
    unplaced = [
        f"edit {one.edit.number} ({one.edit.words()}): {one.reason}" for one in done.unplaced
    ]
    warnings = (*_states(rows), *_warnings(done.photos), *result.warnings, *unplaced)
    seen = {room: tuple(done.rooms.get(room, ())) for room in result.listed or ()} or None
    by = {room: edit.user_id for room, edit in done.reviewed.items() if room in result.rooms}
    update = {"warnings": warnings, "listed_photos": seen, "reviewed_rooms": by or None}
    # The range depends on warnings and reviewed rooms: it comes with the corrections.
    result = result.model_copy(update=update)
    result = corrected(result, map(correction_of, done.counts), catalogue, language=language)
    checked = (checked_off(one) if one.room in done.reviewed else one for one in result.lines)
    return with_lines(result, checked)


def _states(photos: Sequence[PhotoRow]) -> Iterator[str]:
    """Count the photos that have no result."""
    for state, number in Counter(photo.state for photo in photos).items():
        if state is not JobState.COMPLETED:
            yield f"{counted(number, 'photo')} {state}"


def _warnings(photos: Sequence[AnalysedPhoto]) -> tuple[str, ...]:
    """Return what is known to make the whole inventory doubtful."""
    tried = sum(is_for_trying_out(photo.result.engine, photo.sha256) for photo in photos)
    part = "" if tried == len(photos) else f" ({tried} of {len(photos)} photos)"
    return (f"{FOR_TRYING_OUT}{part}",) if tried else ()


#: Photos sent in one call. Of more, those that differ most are sent; the others still count as
#: evidence for the items found in them.
MAX_PHOTOS: Final = 8
#: Longest side, in pixels, of a picture for the call; limits memory, as several are held at once.
_LONGEST_SIDE: Final = 2048


class RoomLooks:
    """Lists the items of each room with an engine that sees all photos of the room.

    The engine is built at its first use.
    """

    def __init__(self, workplace: Workplace) -> None:
        self._settings = workplace.settings
        self._workplace = workplace
        self._engine: RoomEngine | None = None
        #: What the engine could not use of what it saw in the last project, by room.
        self.warnings: list[str] = []

    def __call__(
        self, photos: Sequence[AnalysedPhoto], calls: list[AiCall]
    ) -> dict[str, Sequence[FoundItem]]:
        """Return the items of each room, by room.

        Parameters
        ----------
        photos : sequence of AnalysedPhoto
            The photos of a project.
        calls : list of AiCall
            Each call is appended; usually one per room.

        Raises
        ------
        EngineUnavailableError
            No engine that takes several photos is configured.
        """
        ends = time.monotonic() + self._settings.job_timeout_seconds
        self.warnings = []
        return {
            room: self._look(views_of(its_photos), room, its_photos, calls, ends)
            for room, its_photos in by_room(photos, self._settings.language).items()
        }

    def use(self, photos: int) -> EngineUse:
        """Return the engine, as the inventory names it."""
        engine = self._room_engine()
        return EngineUse(engine=engine.name, model=engine.model, photos=photos)

    def _look(
        self,
        views: Sequence[RoomView],
        room: str,
        photos: Sequence[AnalysedPhoto],
        calls: list[AiCall],
        ends: float,
    ) -> Sequence[FoundItem]:
        from photoqueue.engines.contract import Hint

        engine = self._room_engine()
        images = [self._picture(view) for view in most_different(views, MAX_PHOTOS)]
        hint = Hint(
            room=room,
            room_type=_given_room_type(photos),
            language=self._settings.language,
            # All rooms share the time limit of one job.
            seconds=max(ends - time.monotonic(), 0.0),
        )
        analysis = measured(engine, hint, calls, lambda hint: engine.analyse_room(images, hint))
        items = room_items(analysis, engine)
        self.warnings += [f"{room}: {warning}" for warning in analysis.warnings]
        return items

    def _picture(self, view: RoomView) -> Image.Image:
        from photoqueue.photos.pixels import decode

        image = decode(
            self._workplace.photo_store.get(view.sha256),
            max_pixels=round(self._settings.max_photo_megapixels * 1e6),
            name=f"Photo {view.photo_id}",
        )
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        return image

    def _room_engine(self) -> RoomEngine:
        from photoqueue.engines.registry import load_room_engine

        if self._engine is None:
            self._engine = load_room_engine(self._settings)
            share(self._engine, self._workplace.database)
        return self._engine


def _given_room_type(photos: Sequence[AnalysedPhoto]) -> str | None:
    """Return the kind of room that the caller named; None rather than a guess."""
    given = [photo for photo in photos if photo.room_type]
    return room_type(given) if given else None


def most_different(views: Sequence[RoomView], limit: int) -> list[RoomView]:
    """Choose the views of a room that differ most, by their perceptual hashes.

    Farthest-point selection: starts with the first view by photo id, then repeatedly adds the
    view with the greatest distance to its nearest chosen view. A view without a hash counts as
    having the greatest possible distance.
    """
    left = sorted(views, key=lambda view: view.photo_id)
    chosen = left[:1]
    left = left[1:]
    while left and len(chosen) < limit:

        def remoteness(view: RoomView) -> int:
            distances = [hash_distance(view.phash, other.phash) for other in chosen]
            return min(64 if distance is None else distance for distance in distances)

        best = max(left, key=remoteness)  # the first of equals
        chosen.append(best)
        left.remove(best)
    return sorted(chosen, key=lambda view: view.photo_id)


def room_items(analysis: Any, engine: Engine) -> tuple[FoundItem, ...]:
    """Return the items that an engine found in the photos of a room.

    Raises
    ------
    PermanentError
        The engine returned something that is not an analysis.
    """
    try:
        return tuple(map(found_item, analysis.items))
    except (AttributeError, TypeError, ValueError) as exc:
        raise no_analysis("analyse_room", engine, exc) from exc
