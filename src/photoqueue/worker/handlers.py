"""What a worker does for each type of job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from photoqueue.errors import PayloadError, PhotoqueueError, StorageError
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.jobs.photo_analyze import PhotoPayload
from photoqueue.queue import corrections, projects
from photoqueue.queue.ledger import AiCall, Claim
from photoqueue.records.results import PhotoResult
from photoqueue.words import JobState
from photoqueue.worker.engines import Engines, measured
from photoqueue.worker.results import photo_result
from photoqueue.worker.rooms import RoomLooks

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import Analysis, Engine
    from photoqueue.installation import Installation
    from photoqueue.photos.pixels import Decoded

logger = logging.getLogger(__name__)

#: Does a job: takes the claim and a list to which it adds its AI calls; returns the
#: result as JSON.
Handler = Callable[[Claim, list[AiCall]], str]
_Payload = TypeVar("_Payload", bound=BaseModel)


class PhotoAnalyze:
    """``photo-analyze``: load the photo, let its engine look at it, shape the result."""

    def __init__(self, installation: Installation, engines: Engines) -> None:
        self._store = installation.photo_store
        self._settings = installation.settings
        self._engines = engines

    def __call__(self, claim: Claim, calls: list[AiCall]) -> str:
        """Analyse the photo of a claimed job."""
        from photoqueue.engines.contract import LEAST_SIDE, sufficient_side
        from photoqueue.photos.pixels import shrunk

        payload = _validated(PhotoPayload, claim)
        data = self._store.get(payload.sha256)
        try:
            engine = self._engines(payload.engine)
        except PhotoqueueError:
            # A photo whose engine this worker lacks is one to look at, too.
            self._keep_thumbnail(payload, self._decoded(data, LEAST_SIDE).image)
            raise
        photo = self._decoded(data, sufficient_side(engine))
        small = shrunk(photo.image, LEAST_SIDE)  # once, for all but the engine
        self._keep_thumbnail(payload, small)
        analysis = self._analyse(engine, payload, photo.image, calls)
        return photo_result(payload, small, analysis, engine, size=photo.size).to_json()

    def _decoded(self, data: bytes, side: int | None) -> Decoded:
        from photoqueue.photos.pixels import decode_enough

        max_pixels = round(self._settings.max_photo_megapixels * 1e6)
        return decode_enough(data, side, max_pixels=max_pixels)

    def _analyse(
        self, engine: Engine, payload: PhotoPayload, image: Image.Image, calls: list[AiCall]
    ) -> Analysis:
        from photoqueue.engines.contract import Hint

        hint = Hint(
            photo_id=payload.photo_id,
            room=payload.room,
            room_type=payload.room_type,
            language=self._settings.language,
        )
        return measured(engine, hint, calls, lambda hint: engine.analyse(image, hint))

    def _keep_thumbnail(self, payload: PhotoPayload, image: Image.Image) -> None:
        from photoqueue.photos.pixels import thumbnail

        try:
            self._store.put_thumbnail(payload.sha256, thumbnail(image))
        except StorageError as exc:
            # A gallery without one picture is no reason to lose an analysis.
            logger.warning("no thumbnail for photo %s: %s", payload.photo_id, exc)


class InventorySync:
    """``inventory-sync``: add up the photos of a project."""

    def __init__(self, installation: Installation) -> None:
        from photoqueue.inventory.catalogue import Catalogue

        self._database = installation.database
        self._language = installation.settings.language
        self._catalogue = Catalogue.for_settings(installation.settings)
        self._rooms = RoomLooks(installation)

    def __call__(self, claim: Claim, calls: list[AiCall]) -> str:
        """Add up the project of a claimed job."""
        from photoqueue.inventory.correcting import corrected
        from photoqueue.inventory.merge import AnalysedPhoto, add_up

        payload = _validated(InventoryPayload, claim)
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
        return corrected(result, made, self._catalogue, language=self._language).to_json()


def _validated(model: type[_Payload], claim: Claim) -> _Payload:
    try:
        return model.model_validate(claim.payload)
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()
        )
        raise PayloadError(
            f"The job data of {claim.job_key} is not valid ({problems}). Submit it again with "
            "the names and types of the contract."
        ) from None
