"""What a worker does for each type of job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from photoqueue.errors import PayloadError, PermanentError, StorageError
from photoqueue.models import FoundItem, InventoryPayload, JobState, PhotoPayload, PhotoResult
from photoqueue.tracking import projects
from photoqueue.tracking.ledger import AiCall, Claim
from photoqueue.worker.engines import measured

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.analysis.engine import Analysis, Engine
    from photoqueue.installation import Installation

logger = logging.getLogger(__name__)

#: Does a job: takes the claim and a list to which it adds its AI calls; returns the
#: result as JSON.
Handler = Callable[[Claim, list[AiCall]], str]
_Payload = TypeVar("_Payload", bound=BaseModel)


class PhotoAnalyze:
    """``photo-analyze``: load the photo, let the engine look at it, shape the result."""

    def __init__(self, installation: Installation, engine: Engine) -> None:
        self._store = installation.photo_store
        self._settings = installation.settings
        self._engine = engine

    def __call__(self, claim: Claim, calls: list[AiCall]) -> str:
        """Analyse the photo of a claimed job."""
        from photoqueue.photos.decode import decode

        payload = _validated(PhotoPayload, claim)
        image = decode(
            self._store.get(payload.sha256),
            max_pixels=round(self._settings.max_photo_megapixels * 1e6),
        )
        self._keep_thumbnail(payload, image)
        analysis = self._analyse(payload, image, calls)
        return photo_result(payload, image, analysis, self._engine).to_json()

    def _analyse(self, payload: PhotoPayload, image: Image.Image, calls: list[AiCall]) -> Analysis:
        from photoqueue.analysis.engine import Hint

        hint = Hint(
            photo_id=payload.photo_id,
            room=payload.room,
            room_type=payload.room_type,
            language=self._settings.language,
        )
        return measured(self._engine, hint, calls, lambda hint: self._engine.analyse(image, hint))

    def _keep_thumbnail(self, payload: PhotoPayload, image: Image.Image) -> None:
        from photoqueue.photos.thumbnails import thumbnail

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

    def __call__(self, claim: Claim, calls: list[AiCall]) -> str:
        """Add up the project of a claimed job."""
        from photoqueue.inventory.merge import AnalysedPhoto, add_up

        payload = _validated(InventoryPayload, claim)
        photos = projects.project_photos(self._database, payload.project_id)
        analysed = [
            AnalysedPhoto(
                photo_id=photo.photo_id,
                sha256=photo.sha256 or "",
                room=photo.room,
                result=PhotoResult.model_validate(photo.result),
            )
            for photo in photos
            if photo.state is JobState.COMPLETED
        ]
        return add_up(
            payload.project_id,
            analysed,
            self._catalogue,
            strategy=payload.strategy,
            language=self._language,
            missing=[photo.photo_id for photo in photos if photo.state is not JobState.COMPLETED],
        ).to_json()


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


def photo_result(
    payload: PhotoPayload, image: Image.Image, analysis: Any, engine: Engine
) -> PhotoResult:
    """Return the result of a photo, from what an engine made of its upright picture.

    Raises
    ------
    PermanentError
        The engine did not return an ``Analysis``.
    """
    from photoqueue.photos.quality import assess

    try:
        return PhotoResult(
            photo_id=payload.photo_id,
            items=tuple(
                FoundItem(
                    name=item.name,
                    category=item.category,
                    dismountable=item.dismountable,
                    key=item.key,
                    label=item.label,
                    score=None if item.score is None else round(float(item.score), 4),
                    box=item.box,
                    volume=item.volume,
                    alternatives=dict(item.alternatives) or None,
                )
                for item in analysis.items
            ),
            room_type=payload.room_type or analysis.room_type,
            confidence=round(float(analysis.confidence), 4),
            room_type_confidence=1.0 if payload.room_type else analysis.room_type_confidence,
            engine=engine.name,
            model=engine.model,
            width=image.width,
            height=image.height,
            warnings=assess(image).warnings,
        )
    except (AttributeError, TypeError, ValueError) as exc:
        raise PermanentError(
            f"Engine {engine.name!r} returned something that is not an Analysis: {exc}. "
            "Mend the engine: analyse() returns photoqueue.Analysis with photoqueue.Item."
        ) from exc
