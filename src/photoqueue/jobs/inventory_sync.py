"""``inventory-sync``: the photos of a project are added up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from photoqueue.inventory.views import (
    AnalysedPhoto,
    RoomView,
    by_room,
    hash_distance,
    room_type,
    views_of,
)
from photoqueue.jobs.engine_calls import found_item, measured, no_analysis, share
from photoqueue.queue import corrections, projects
from photoqueue.records.base import DEFAULT_STRATEGY, Identifier, Record, Strategy
from photoqueue.records.results import FoundItem, InventoryResult, PhotoResult
from photoqueue.words import JobState, JobType

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import Engine, RoomEngine
    from photoqueue.jobs.handling import Workplace
    from photoqueue.records.snapshots import AiCall


class InventoryPayload(Record):
    """Job data of ``inventory-sync``."""

    project_id: Identifier
    user_id: Identifier
    strategy: Strategy = DEFAULT_STRATEGY
    #: Batch whose end this inventory waits for.
    after_batch: str | None = None
    #: Where the submission was traced (W3C Trace Context); the worker's spans go on from it.
    traceparent: str | None = None


INVENTORY_SYNC: Final = JobType(
    "inventory-sync",
    payload=InventoryPayload,
    result=InventoryResult,
    handler="photoqueue.jobs.inventory_sync:InventorySync",
    key="inventory-{project_id}",
)


class InventorySync:
    """``inventory-sync``: add up the photos of a project."""

    def __init__(self, workplace: Workplace) -> None:
        from photoqueue.inventory.catalogue import Catalogue

        self._database = workplace.database
        self._language = workplace.settings.language
        self._catalogue = Catalogue.for_settings(workplace.settings)
        self._rooms = RoomLooks(workplace)

    def __call__(self, payload: InventoryPayload, calls: list[AiCall]) -> InventoryResult:
        """Add up the project of a job."""
        from photoqueue.inventory.correcting import corrected
        from photoqueue.inventory.merge import AnalysedPhoto, add_up

        photos = projects.project_photos(self._database, payload.project_id)
        analysed = [
            AnalysedPhoto(
                photo_id=photo.photo_id,
                sha256=photo.sha256 or "",
                room=photo.room,
                room_type=photo.room_type,
                result=PhotoResult.model_validate(photo.result),
            )
            for photo in photos
            if photo.state is JobState.COMPLETED
        ]
        result = add_up(
            payload.project_id,
            analysed,
            self._catalogue,
            strategy=payload.strategy,
            language=self._language,
            missing=[photo.photo_id for photo in photos if photo.state is not JobState.COMPLETED],
            listed=self._rooms(analysed, calls) if payload.strategy == "llm" else None,
        )
        # Read last: what a person corrected while this ran is in it too.
        made = corrections.of_project(self._database, payload.project_id)
        return corrected(result, made, self._catalogue, language=self._language)


#: Photos that one call gets to see. Of more, those are chosen that differ most; the others
#: remain evidence of what they show.
MAX_PHOTOS: Final = 8
#: Pixels of the longest side of a picture kept for the call; several lie in memory at once.
_LONGEST_SIDE: Final = 2048


class RoomLooks:
    """Lists the things of each room with an engine that sees all its photos.

    The engine is built when the first inventory asks for it.
    """

    def __init__(self, workplace: Workplace) -> None:
        self._settings = workplace.settings
        self._workplace = workplace
        self._engine: RoomEngine | None = None

    def __call__(
        self, photos: Sequence[AnalysedPhoto], calls: list[AiCall]
    ) -> dict[str, Sequence[FoundItem]]:
        """Return room → its things.

        Parameters
        ----------
        photos : sequence of AnalysedPhoto
            The photos of a project.
        calls : list of AiCall
            One call a room is added.

        Raises
        ------
        EngineUnavailableError
            No engine is configured that can look at several photos.
        """
        ends = time.monotonic() + self._settings.job_timeout_seconds
        return {
            room: self._look(views_of(its_photos), room, its_photos, calls, ends)
            for room, its_photos in by_room(photos, self._settings.language).items()
        }

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
            # All rooms are one job: what the others took of its time is gone.
            seconds=max(ends - time.monotonic(), 0.0),
        )
        analysis = measured(engine, hint, calls, lambda hint: engine.analyse_room(images, hint))
        return room_items(analysis, engine)

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
        if self._engine is None:
            self._engine = build_room_engine(self._workplace)
        return self._engine


def _given_room_type(photos: Sequence[AnalysedPhoto]) -> str | None:
    """Return the kind of room that the caller named; a guess is not passed off as one."""
    given = [photo for photo in photos if photo.room_type]
    return room_type(given) if given else None


def most_different(views: Sequence[RoomView], limit: int) -> list[RoomView]:
    """Choose the views of a room that differ most, by their perceptual hashes.

    Begins with the first by id; each further one is that whose nearest chosen view is
    farthest. A view without a hash is as far as can be.
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


def build_room_engine(workplace: Workplace) -> RoomEngine:
    """Build an engine that looks at all photos of a room together.

    Raises
    ------
    EngineUnavailableError
        None is configured, or it cannot be built as configured.
    """
    from photoqueue.engines.registry import load_room_engine

    engine = load_room_engine(workplace.settings)
    share(engine, workplace.database)
    return engine


def room_items(analysis: Any, engine: Engine) -> tuple[FoundItem, ...]:
    """Return the items that an engine found in all photos of a room together.

    Raises
    ------
    PermanentError
        The engine returned something that is not an analysis.
    """
    try:
        return tuple(map(found_item, analysis.items))
    except (AttributeError, TypeError, ValueError) as exc:
        raise no_analysis("analyse_room", engine, exc) from exc
