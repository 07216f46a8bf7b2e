"""The job type ``photo-analyze``: analyses one photo with an engine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from photoqueue.errors import (
    ConfigurationError,
    EngineUnavailableError,
    PhotoqueueError,
    StorageError,
)
from photoqueue.jobs.engine_calls import (
    FOR_TRYING_OUT,
    found_item,
    is_for_trying_out,
    measured,
    no_analysis,
    share,
)
from photoqueue.records.base import Identifier, Record, from_json
from photoqueue.records.results import PhotoResult
from photoqueue.words import JobType

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import Analysis, Engine
    from photoqueue.jobs.handling import Workplace
    from photoqueue.photos.pixels import Decoded
    from photoqueue.records.snapshots import AiCall
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)


class PhotoPayload(Record):
    """Job data of ``photo-analyze``."""

    photo_id: Identifier
    user_id: Identifier
    asset_id: str | None = None
    room_type: str | None = None
    project_id: str | None = None
    room: str | None = None
    #: Registered name of the engine to use; ``None`` is the worker's configured engine.
    engine: Identifier | None = None
    #: Content address of the photo in the photo store.
    sha256: str
    file_name: str | None = None
    #: Completed jobs of the same content in other rooms, newest first. The first result of this
    #: worker's engine, model and the same kind of room is taken over.
    standing: list[str] | None = None
    #: Trace context of the submission (W3C Trace Context), which the worker's spans continue.
    traceparent: str | None = None


PHOTO_ANALYZE: Final = JobType(
    "photo-analyze",
    payload=PhotoPayload,
    result=PhotoResult,
    handler="photoqueue.jobs.photo_analyze:PhotoAnalyze",
    key="photo-{photo_id}",
)


class PhotoAnalyze:
    """Handler of ``photo-analyze``."""

    def __init__(self, workplace: Workplace) -> None:
        self._database = workplace.database
        self._store = workplace.photo_store
        self._settings = workplace.settings
        self._engines = Engines(workplace)

    def __call__(self, payload: PhotoPayload, calls: list[AiCall]) -> PhotoResult:
        """Analyse the photo of a job."""
        from photoqueue.engines.contract import LEAST_SIDE, sufficient_side
        from photoqueue.photos.pixels import shrunk

        data = self._store.get(payload.sha256)
        try:
            engine = self._engines(payload.engine)
            if (standing := self._standing(payload, engine)) is not None:
                return standing
        except PhotoqueueError:
            # Galleries show the photo even though its job fails.
            self._keep_thumbnail(payload, self._decoded(payload, data, LEAST_SIDE).image)
            raise
        photo = self._decoded(payload, data, sufficient_side(engine))
        small = shrunk(photo.image, LEAST_SIDE)  # shared by thumbnail and measures
        self._keep_thumbnail(payload, small)
        analysis = self._analyse(engine, payload, photo.image, calls)
        return photo_result(payload, small, analysis, engine, size=photo.size)

    def _standing(self, payload: PhotoPayload, engine: Engine) -> PhotoResult | None:
        """Return the result of the same content in another room, if it would be the same again."""
        from photoqueue.queue.read import completed_photos

        for job, found in completed_photos(self._database, payload.standing or ()):
            same = (found.get("engine"), found.get("model"), job.get("roomType"), job.get("sha256"))
            if same == (engine.name, engine.model, payload.room_type, payload.sha256):
                result = from_json(PhotoResult, found)
                return result.model_copy(update={"photo_id": payload.photo_id})
        return None

    def _decoded(self, payload: PhotoPayload, data: bytes, side: int | None) -> Decoded:
        from photoqueue.photos.pixels import decode_enough

        max_pixels = round(self._settings.max_photo_megapixels * 1e6)
        name = payload.file_name or f"Photo {payload.photo_id}"
        return decode_enough(data, side, max_pixels=max_pixels, name=name)

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
            # A missing thumbnail must not fail the analysis.
            logger.warning("no thumbnail for photo %s: %s", payload.photo_id, exc)


class Engines:
    """The engines of one process: the configured one, and those that jobs name.

    The configured engine is built at once, the others at their first use. Rate limits are
    shared with all workers.

    Raises
    ------
    EngineUnavailableError
        The configured engine cannot be built.
    ModelError
        The model file of the configured engine cannot be used.
    """

    def __init__(self, workplace: Workplace) -> None:
        from photoqueue.engines.registry import choose_engine

        self._workplace = workplace
        settings = choose_engine(workplace.settings).settings
        #: Engines by name. The name suffices as a key: the model is that of the settings, which
        #: do not change while the process runs.
        self._built = {settings.engine: self._build(settings)}
        self._own = settings.engine
        #: What ``auto`` resolves to; None until a job asks for it.
        self._best: Settings | None = None

    def __call__(self, name: str | None) -> Engine:
        """Return the engine of this name; None is the configured one.

        Raises
        ------
        PayloadError
            The name is not registered; ``submit_photo`` does not accept such a job.
        EngineUnavailableError
            This worker cannot build it as configured.
        ModelError
            Its model file cannot be used.
        """
        from photoqueue.engines.registry import checked_engine

        if name is None:
            return self._built[self._own]
        checked_engine(name)
        try:
            settings = self._settings_of(name)
            if settings.engine not in self._built:
                self._built[settings.engine] = self._build(settings)
                self._tell(settings.engine)
        except ConfigurationError as exc:
            # Permanent: neither waiting nor a retry brings a model or a key to this worker. The
            # failure is not cached: once the cause is fixed, the next job gets the engine without
            # a restart.
            raise EngineUnavailableError(
                f"This worker does not have the engine {name!r} that the job asks for. {exc} "
                "Then retry the job, or submit the photo with another engine or without one."
            ) from exc
        return self._built[settings.engine]

    def _settings_of(self, name: str) -> Settings:
        from photoqueue.engines.registry import AUTO, choose_engine

        settings = self._workplace.settings.model_copy(update={"engine": name})
        if name != AUTO:
            return settings
        if self._best is None:
            self._best = choose_engine(settings).settings
        return self._best

    def _build(self, settings: Settings) -> Engine:
        from photoqueue.engines.registry import load_engine

        engine = load_engine(settings, processes=self._workplace.processes)
        share(engine, self._workplace.database)
        return engine

    def _tell(self, name: str) -> None:
        engine = self._built[name]
        fields = {"engine": engine.name, "model": engine.model}
        logger.info("engine built for a job", extra={"fields": fields})


def photo_result(
    payload: PhotoPayload,
    image: Image.Image,
    analysis: Any,
    engine: Engine,
    *,
    size: tuple[int, int] | None = None,
) -> PhotoResult:
    """Make the result of a photo from the analysis and the upright picture.

    Parameters
    ----------
    size : tuple of int, optional
        Width and height of the photo in pixels; needed if ``image`` was made smaller.

    Raises
    ------
    PermanentError
        The engine did not return an ``Analysis``.
    """
    from photoqueue.photos.measures import Looks, assess, perceptual_hash

    looks = Looks(image)
    grey = image.convert("L")  # for both the hash and the warnings
    width, height = size or image.size
    warnings = assess(grey).warnings
    if is_for_trying_out(engine.name, payload.sha256):
        warnings = (FOR_TRYING_OUT, *warnings)
    try:
        return PhotoResult(
            photo_id=payload.photo_id,
            items=tuple(
                item.model_copy(update={"appearance": looks.of(item.box)}) if item.box else item
                for item in map(found_item, analysis.items)
            ),
            room_type=payload.room_type or analysis.room_type,
            confidence=round(float(analysis.confidence), 4),
            room_type_confidence=1.0 if payload.room_type else analysis.room_type_confidence,
            engine=engine.name,
            model=engine.model,
            width=width,
            height=height,
            phash=perceptual_hash(grey),
            warnings=(*warnings, *analysis.warnings),
        )
    except (AttributeError, TypeError, ValueError) as exc:
        raise no_analysis("analyse", engine, exc) from exc
