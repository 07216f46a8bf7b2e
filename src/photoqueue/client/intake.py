"""Intake of photos: read, check and store what the caller submits."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from photoqueue import tracing
from photoqueue.client.identifiers import MAX_LENGTH, optional, photo_id_for
from photoqueue.errors import (
    BrokerUnavailableError,
    PayloadError,
    PhotoError,
    PhotoNotFoundError,
    PhotoqueueError,
    StorageError,
)
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.jobs.photo_analyze import PhotoPayload
from photoqueue.queue.database import storable
from photoqueue.queue.ids import new_uuids
from photoqueue.queue.submission import Accepted, NewBatch, NewJob, NewPhoto, accept
from photoqueue.words import Message

if TYPE_CHECKING:
    from photoqueue.photos.sources import RawPhoto

#: Photos read and stored at a time, to hide the latency of network and disk.
_READERS: Final = 8
#: Columns of a DataFrame, or keys of a dict, that are used besides ``photo``.
_OWN_FIELDS: Final = ("photo_id", "room", "room_type", "asset_id")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A photo as the caller submits it."""

    source: Any
    user_id: str
    project_id: str | None = None
    room: str | None = None
    room_type: str | None = None
    photo_id: str | None = None
    asset_id: str | None = None
    file_name: str | None = None

    def row(self, photo_id: str, file_name: str | None, **read: Any) -> NewPhoto:
        """Return the row of the photo; ``read`` is what is known once it has been read."""
        own = {name: getattr(self, name) for name in _KEPT}
        return NewPhoto(
            **own, photo_id=self.photo_id or photo_id, file_name=_file_name(file_name), **read
        )


#: What a request says of a photo that its row keeps as it is.
_KEPT: Final = ("user_id", "project_id", "room", "room_type", "asset_id")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A stored photo, or the reason that it could not be stored."""

    row: NewPhoto
    error: PhotoqueueError | None = None

    @property
    def job_key(self) -> str:
        """Key of its analysis job."""
        return f"photo-{self.row.photo_id}"


def take_in(installation: Installation, request: Request) -> Taken:
    """Read, check and store one photo.

    Raises
    ------
    PhotoError
        It is missing, unreadable or too large.
    StorageError
        It could not be fetched or stored.
    """
    return _store(installation, request, _read(installation, request))


def _read(installation: Installation, request: Request) -> RawPhoto:
    from photoqueue.photos.sources import read_photo

    settings = installation.settings
    return read_photo(
        request.source,
        max_bytes=round(settings.max_photo_mb * 2**20),
        max_pixels=round(settings.max_photo_megapixels * 1e6),
    )


def _store(installation: Installation, request: Request, raw: RawPhoto) -> Taken:
    installation.photo_store.put(raw.data, raw.sha256)
    row = request.row(
        photo_id_for(raw.sha256, request.project_id),
        request.file_name or raw.name,
        sha256=raw.sha256,
        image_format=raw.format,
        byte_size=len(raw.data),
        width=raw.width,
        height=raw.height,
    )
    return Taken(row=row)


def take_in_all(installation: Installation, requests: Sequence[Request]) -> list[Taken]:
    """Read, check and store photos, several at a time; a bad one becomes a failed job.

    Raises
    ------
    StorageError
        The photo store is full or cannot be reached, which would affect all photos.
    """

    def take(request: Request) -> Taken:
        try:
            raw = _read(installation, request)
        except (PhotoError, StorageError) as exc:
            # Its source is missing, damaged or cannot be reached: one failed job of the batch.
            return _refused(request, exc)
        return _store(installation, request, raw)

    # Opened here once, as several threads would open it several times.
    _ = installation.photo_store
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="photoqueue-intake")
    try:
        taken = [future.result() for future in [pool.submit(take, one) for one in requests]]
    except BaseException:
        # Ctrl-C or a full disk: do not read the remaining photos.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return taken


def requests_from(
    photos: Any,
    *,
    project_id: str | None,
    room: str | None,
    room_type: str | None,
    user_id: str,
) -> list[Request]:
    """Turn a folder, glob, list or DataFrame into requests.

    Raises
    ------
    PhotoNotFoundError
        A folder or glob has no photos.
    PayloadError
        A row has no photo, or an identifier in it is not valid.
    """
    from photoqueue.photos.sources import expand_sources

    common = Request(
        source=None, user_id=user_id, project_id=project_id, room=room, room_type=room_type
    )
    rows = _rows(photos)
    if rows is not None:
        requests = [_own(common, row, number) for number, row in enumerate(rows, start=1)]
    else:
        groups = photos if isinstance(photos, list | tuple) else [photos]
        requests = [
            replace(common, source=source, room=room or _room_of(source, _folder(group)))
            for group in groups
            for source in expand_sources(group)
        ]
    if not requests:
        raise PhotoNotFoundError("The list names no photo at all. Give paths, URLs or pictures.")
    return requests


def _rows(photos: Any) -> list[Mapping[str, Any]] | None:
    """Return the rows of a DataFrame or list of dicts; None for anything else."""
    if hasattr(photos, "to_dict") and hasattr(photos, "columns"):
        return list(photos.to_dict("records"))
    if isinstance(photos, list | tuple) and any(isinstance(row, Mapping) for row in photos):
        return [row if isinstance(row, Mapping) else {"photo": row} for row in photos]
    return None


def _own(common: Request, row: Mapping[str, Any], number: int) -> Request:
    source = row.get("photo")
    if _missing(source):
        columns = ", ".join(map(str, row)) or "nothing"
        raise PayloadError(
            f"Row {number} names no photo (it has {columns}). Put the path, URL or picture into "
            f"the column 'photo'; {', '.join(_OWN_FIELDS)} are optional."
        )
    own: dict[str, Any] = {
        name: optional(f"{name} of row {number}", row[name])
        for name in _OWN_FIELDS
        if not _missing(row.get(name))
    }
    return replace(common, source=source, **own)


def _missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def _folder(photos: Any) -> Path | None:
    if isinstance(photos, str | Path) and "://" not in str(photos):
        # RuntimeError: "~nobody"; OSError: too long a name, or no permission.
        with contextlib.suppress(OSError, RuntimeError):
            folder = Path(photos).expanduser()
            return folder if folder.is_dir() else None
    return None


def _room_of(source: Any, folder: Path | None) -> str | None:
    """Return the room of a photo: the name of its sub-folder."""
    if folder is None or not isinstance(source, str | Path):
        return None
    try:
        inside = Path(source).relative_to(folder)
    except ValueError:
        return None
    return storable(inside.parts[0])[:MAX_LENGTH] if len(inside.parts) > 1 else None


def _refused(request: Request, error: PhotoqueueError) -> Taken:
    """Record a photo that could not be read, with an id made from its source."""
    name = str(request.source) if isinstance(request.source, str | Path) else None
    seed = f"{request.project_id or ''}\x00{name or id(request.source)}"
    made = f"p-unread-{hashlib.sha256(seed.encode('utf-8', 'replace')).hexdigest()[:12]}"
    return Taken(row=request.row(made, name), error=error)


def _file_name(path: str | None) -> str | None:
    """Return a file name for display, without the query of a URL, which may contain a secret."""
    from photoqueue.photos import remote

    if not path:
        return None
    name = remote.file_name(path) if remote.is_url(path) else Path(path).name
    # Neither NUL nor broken Unicode can be stored.
    return storable(name[:200])


logger = logging.getLogger(__name__)


def commit(
    installation: Installation,
    taken: Sequence[Taken],
    *,
    priority: int,
    engine: str | None,
    resubmit: bool,
    batch: NewBatch | None = None,
) -> list[Accepted]:
    """Commit the rows of stored photos, then enqueue the new jobs."""
    with tracing.span("photoqueue.submit", {"photoqueue.jobs": len(taken)}):
        if batch is not None:
            tracing.note("photoqueue.batch", batch.batch_id)
        _ = installation.broker  # a wrong REDIS_URL is found before anything is accepted
        job_ids, max_attempts = new_uuids(len(taken)), installation.settings.max_attempts
        payload_json = _payloads(dict(zip(job_ids, taken, strict=True)), engine)
        jobs = [
            NewJob(
                job_id=job_id,
                job_key=photo.job_key,
                queue=PHOTO_ANALYZE,
                payload_json=payload_json,
                user_id=photo.row.user_id,
                max_attempts=max_attempts,
                priority=priority,
                photo_id=photo.row.photo_id,
                project_id=photo.row.project_id,
                sha256=photo.row.sha256 or "",
                room_type=photo.row.room_type,
                engine=engine,
                error_type=None if photo.error is None else type(photo.error).__name__,
                error_message=None if photo.error is None else storable(str(photo.error)),
            )
            for job_id, photo in zip(job_ids, taken, strict=True)
        ]
        accepted = accept(
            installation.database,
            jobs=jobs,
            photos=[photo.row for photo in taken],
            batch=batch,
            resubmit=resubmit,
        )
        announce(
            installation,
            [
                Message(PHOTO_ANALYZE, job.job_id, priority)
                for job, outcome in zip(jobs, accepted, strict=True)
                if outcome.created and job.error_type is None
            ],
        )
        return accepted


def _payloads(photos: Mapping[UUID, Taken], engine: str | None) -> Callable[[NewJob], str]:
    """Return a function that makes the job data of a new job from its photo."""
    traceparent = tracing.traceparent()

    def payload_json(job: NewJob) -> str:
        row = photos[job.job_id].row
        return PhotoPayload(
            photo_id=row.photo_id,
            user_id=row.user_id,
            asset_id=row.asset_id,
            room_type=row.room_type,
            project_id=row.project_id,
            room=row.room,
            engine=engine,
            sha256=row.sha256 or "",
            file_name=row.file_name,
            traceparent=traceparent,
        ).to_json()

    return payload_json


def announce(installation: Installation, messages: Sequence[Message]) -> None:
    """Enqueue messages; if the broker cannot be reached, recovery enqueues them later."""
    try:
        with tracing.span("photoqueue.enqueue", {"photoqueue.messages": len(messages)}):
            installation.broker.enqueue(messages)
    except BrokerUnavailableError as exc:
        logger.warning(
            "%d job(s) are accepted and run once the broker is back. %s", len(messages), exc
        )
