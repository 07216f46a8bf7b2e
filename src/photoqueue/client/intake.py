"""Intake of photos: read, check and store what the caller submits."""

from __future__ import annotations

import hashlib
import logging
import os
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from photoqueue import tracing
from photoqueue.client.identifiers import MAX_LENGTH, optional
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
from photoqueue.queue.connections import storable_json
from photoqueue.queue.database import storable
from photoqueue.queue.ids import new_uuids, photo_id_for
from photoqueue.queue.read import batch_row
from photoqueue.queue.submission import (
    Accepted,
    NewBatch,
    NewJob,
    NewPhoto,
    accept,
    closed_error,
)
from photoqueue.words import Message

if TYPE_CHECKING:
    from photoqueue.photos.finding import LeftOut
    from photoqueue.photos.sources import RawPhoto
    from photoqueue.photos.store import Flush

#: Photos read and stored at a time, to hide the latency of network and disk.
_READERS: Final = 8
#: Columns of a DataFrame, or keys of a dict, that are used besides ``photo``.
_OWN_FIELDS: Final = ("photo_id", "room", "room_type", "asset_id")
#: The same, as misspelt ones are compared: ``Photo ID`` and ``photoId`` mean ``photo_id``.
_SQUEEZED: Final = {name.replace("_", ""): name for name in _OWN_FIELDS}


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
    #: Whether its id was made from content, project and room.
    derived: bool = False
    error: PhotoqueueError | None = None
    #: Where it can be read again, if its content was stored before.
    again: Request | None = None


def take_in(installation: Installation, request: Request) -> Taken:
    """Read, check and store one photo.

    Raises
    ------
    PhotoError
        It is missing, unreadable or too large.
    StorageError
        It could not be fetched or stored.
    """
    from photoqueue.photos.store import flush_folder

    return _store(installation, request, _read(installation, request), flush_folder)


def _read(installation: Installation, request: Request) -> RawPhoto:
    from photoqueue.photos.sources import read_photo

    settings = installation.settings
    return read_photo(
        request.source,
        max_bytes=round(settings.max_photo_mb * 2**20),
        max_pixels=round(settings.max_photo_megapixels * 1e6),
    )


def _store(installation: Installation, request: Request, raw: RawPhoto, flush: Flush) -> Taken:
    there = installation.photo_store.put(
        raw.data, raw.sha256, installation=installation.namespace, flush=flush
    )
    row = request.row(
        photo_id_for(raw.sha256, request.project_id, request.room),
        request.file_name or raw.name,
        sha256=raw.sha256,
        image_format=raw.format,
        byte_size=len(raw.data),
        width=raw.width,
        height=raw.height,
    )
    return Taken(row=row, derived=request.photo_id is None, again=request if there else None)


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
        return _store(installation, request, raw, folders.add)

    from photoqueue.photos.store import flush_folder

    # Opened here once, as several threads would open it several times.
    _ = installation.photo_store, installation.namespace
    # Flushed once each, at the end: jobs that name the photos are committed after that.
    folders: set[Path] = set()
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="photoqueue-intake")
    try:
        taken = [future.result() for future in [pool.submit(take, one) for one in requests]]
        for _ in pool.map(flush_folder, folders):
            pass
    except BaseException:
        # Ctrl-C or a full disk: do not read the remaining photos.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return taken


def requests_from(photos: Any, common: Request) -> tuple[list[Request], list[LeftOut]]:
    """Turn whatever a caller passes into requests, and list the files that are left out.

    Parameters
    ----------
    photos
        A photo, folder or glob; a list, generator or table of these; a dict of rooms.
    common
        What is said of all of them.

    Raises
    ------
    PhotoNotFoundError
        A folder or glob has no photos, or the only path leads nowhere.
    PayloadError
        A row has no photo, something in it is no photo, or an identifier is not valid.
    """
    from photoqueue.photos.finding import LeftOut, find_photos, folder_of
    from photoqueue.photos.sources import require

    require(photos)
    try:
        rows = list(_rows(photos))
    except RecursionError:
        raise PayloadError("The list of photos contains itself.") from None
    owns = [_own(common, row, number) for number, row in enumerate(rows, start=1)]
    sources = [find_photos(own.source) for own in owns]
    # Of several folders, each is a room, as it would be inside of one folder.
    several = (
        sum(found != [(own.source, None)] for own, (found, _) in zip(owns, sources, strict=True))
        > 1
    )
    requests: list[Request] = []
    left_out: list[LeftOut] = []
    for own, (found, others) in zip(owns, sources, strict=True):
        for one, below in found:
            room = below or (folder_of(one) if several and one is not own.source else None)
            named = storable(room)[:MAX_LENGTH] if room else None
            requests.append(replace(own, source=one, room=own.room or named))
        within = f"{Path(own.source).name}/" if others and len(rows) > 1 else ""
        left_out += [LeftOut(storable(within + file), reason) for file, reason in others]
    if not requests:
        raise PhotoNotFoundError("The list names no photo at all. Give paths, URLs or pictures.")
    return requests, left_out


def _rows(photos: Any) -> Iterator[Mapping[str, Any]]:
    """Give each photo, folder or glob as a row: ``photo``, and what is said of it."""
    from photoqueue.photos.sources import is_single, require

    if isinstance(photos, Mapping):
        if "photo" in photos:
            yield photos
            return
        for room, sources in photos.items():
            require(sources)
            for row in _rows(sources):
                yield {"room": room, **row}
    elif is_single(photos):
        yield {"photo": photos}
    else:
        for one in _listed(photos):
            yield from [one] if isinstance(one, Mapping) else _rows(one)


def _listed(photos: Any) -> Iterable[Any]:
    """Return the rows of a table, or the members of a list, set, column or generator."""
    name = type(photos).__name__
    streams = hasattr(photos, "__arrow_c_stream__") and not hasattr(photos, "__array__")
    if streams or hasattr(photos, "__dataframe__") or hasattr(photos, "columns"):
        return _table_rows(photos, name)
    if hasattr(photos, "__array__"):
        import numpy as np

        return list(np.atleast_1d(np.asarray(photos)).tolist())  # of one text not its letters
    if isinstance(photos, Collection | Iterator):
        return photos
    raise PayloadError(
        f"A photo cannot be read from {photos!r:.40} ({name}). Give a path, an address, bytes, an "
        "open file, a picture, an array, a list or table of these, or a dict of rooms."
    )


def _table_rows(table: Any, name: str) -> list[Any]:
    """Return the rows of a table of any library, as dicts."""
    import pandas as pd

    try:
        if isinstance(table, pd.DataFrame):
            return list(table.to_dict("records"))
        if hasattr(table, "__arrow_c_stream__") and find_spec("pyarrow"):
            import pyarrow as pa

            return list(pa.table(table).to_pylist())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas will drop it; until then it works
            return list(pd.api.interchange.from_dataframe(table).to_dict("records"))
    except Exception as exc:  # each library fails in its own way
        raise PayloadError(
            f"The {name} cannot be read as a table ({type(exc).__name__}: {exc}). Pass it as a "
            "pandas DataFrame or a list of dicts, or install photoqueue[arrow]."
        ) from exc


def _own(common: Request, row: Mapping[str, Any], number: int) -> Request:
    from photoqueue.photos.sources import is_single

    source = row.get("photo")
    if _missing(source):
        columns = ", ".join(map(str, row)) or "nothing"
        raise PayloadError(
            f"Row {number} names no photo (it has {columns}). Put the path, URL or picture into "
            f"the column 'photo'; {', '.join(_OWN_FIELDS)} are optional."
        )
    for column in row:
        name = _SQUEEZED.get(str(column).casefold().replace("_", "").replace(" ", ""))
        if name and column != name and name not in row:
            raise PayloadError(
                f"Rename the column {column!r:.40} to {name!r} (row {number}); by that name it is "
                "used."
            )
    if not is_single(source):
        raise PayloadError(
            f"The photo of row {number} is {type(source).__name__} {source!r:.40}. Give a path, an "
            "address, bytes, an open file, a picture or an array."
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


def _refused(request: Request, error: PhotoqueueError) -> Taken:
    """Record a photo that could not be read, with an id made from its source."""
    source = request.source
    name = str(source) if isinstance(source, str | os.PathLike) else None
    what = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else id(source)
    seed = f"{request.project_id or ''}\x00{name or what}"
    made = f"p-unread-{hashlib.sha256(seed.encode('utf-8', 'replace')).hexdigest()[:12]}"
    return Taken(row=request.row(made, request.file_name or name), error=error)


def _file_name(path: str | None) -> str | None:
    """Return a file name for display, without the query of a URL, which may contain a secret."""
    from photoqueue.photos import remote

    if not path:
        return None
    name = remote.file_name(path) if remote.is_url(path) else Path(remote.local_path(path)).name
    # Neither NUL nor broken Unicode can be stored.
    return storable(unicodedata.normalize("NFC", name)[:200])


logger = logging.getLogger(__name__)


def commit(
    installation: Installation,
    taken: Sequence[Taken],
    *,
    priority: int,
    engine: str | None,
    resubmit: bool,
    group: str | None = None,
    batch: NewBatch | None = None,
    idle_seconds: float | None = None,
) -> list[Accepted]:
    """Commit the rows of stored photos, then enqueue the new jobs; see :func:`accept`."""
    with tracing.span("photoqueue.submit", {"photoqueue.jobs": len(taken)}):
        if batch is not None:
            tracing.note("photoqueue.batch", batch.batch_id)
        _ = installation.broker  # a wrong REDIS_URL is found before anything is accepted
        job_ids, max_attempts = new_uuids(len(taken)), installation.settings.max_attempts
        payload_json = _payloads(dict(zip(job_ids, taken, strict=True)), engine)
        jobs = [
            NewJob(
                job_id=job_id,
                job_key=f"photo-{photo.row.photo_id}",
                queue=PHOTO_ANALYZE,
                payload_json=payload_json,
                user_id=photo.row.user_id,
                max_attempts=max_attempts,
                priority=priority,
                group_name=group,
                photo_id=photo.row.photo_id,
                project_id=photo.row.project_id,
                sha256=photo.row.sha256 or "",
                room_type=photo.row.room_type,
                engine=engine,
                derived=photo.derived,
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
            idle_seconds=idle_seconds,
            resubmit=resubmit,
        )
        shared = [photo for photo in taken if photo.again]
        installation.database.after_commit(lambda: _store_again(installation, shared))
        for outcome, photo in zip(accepted, taken, strict=True):
            if outcome.moved_from:
                said = (photo.row.photo_id, outcome.moved_from, photo.row.room)
                logger.warning("photo %r was in room %r and is in room %r now", *said)
        announce(
            installation,
            [
                Message(PHOTO_ANALYZE, job.job_id, priority, outcome.turn)
                for job, outcome in zip(jobs, accepted, strict=True)
                if outcome.created and job.error_type is None
            ],
        )
        return accepted


def _store_again(installation: Installation, shared: Sequence[Taken]) -> None:
    """Store pictures of another project again if it was erased before these rows were committed."""

    def check(photo: Taken) -> None:
        if photo.again is None or str(photo.row.sha256) in installation.photo_store:
            return
        try:
            raw = _read(installation, photo.again)
            installation.photo_store.put(raw.data, raw.sha256)
        except (PhotoError, StorageError) as exc:
            logger.warning("photo %r was erased with another project: %s", photo.row.photo_id, exc)

    if shared:
        with ThreadPoolExecutor(_READERS, thread_name_prefix="photoqueue-intake") as pool:
            list(pool.map(check, shared))


def _payloads(photos: Mapping[UUID, Taken], engine: str | None) -> Callable[[NewJob], str]:
    """Return a function that makes the job data of a new job from its photo."""
    traceparent = tracing.traceparent()

    def payload_json(job: NewJob) -> str:
        row = photos[job.job_id].row
        return PhotoPayload(
            photo_id=str(job.photo_id),
            standing=[str(job_id) for job_id in job.standing] or None,
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


def batch_request(installation: Installation, batch_id: str) -> Request:
    """Return what is said of all photos of an open batch.

    Raises
    ------
    StateError
        It is closed.
    """
    row = batch_row(installation.database, batch_id)
    if not row["open"]:
        raise closed_error(batch_id)
    return Request(source=None, project_id=row["project_id"], user_id=row["user_id"])


def add_to_batch(
    installation: Installation,
    batch_id: str,
    requests: Sequence[Request],
    left_out: Sequence[tuple[str, str]] = (),
) -> list[Accepted]:
    """Submit photos into an open batch, all of them or none; see :meth:`Batch.add`.

    Raises
    ------
    StateError
        The batch is closed; nothing was accepted.
    """
    row = batch_row(installation.database, batch_id)
    return commit(
        installation,
        take_in_all(installation, requests),
        priority=row["priority"],
        group=row["group_name"],
        engine=row["engine"],
        resubmit=False,
        batch=NewBatch(
            batch_id=batch_id,
            user_id=row["user_id"],
            project_id=row["project_id"],
            left_out=storable_json(left_out) if left_out else None,
        ),
        idle_seconds=installation.settings.batch_idle_seconds,
    )


def announce(installation: Installation, messages: Sequence[Message]) -> None:
    """Enqueue messages of committed jobs; without the broker, recovery enqueues them later."""
    installation.database.after_commit(lambda: _announce(installation, messages))


def _announce(installation: Installation, messages: Sequence[Message]) -> None:
    try:
        with tracing.span("photoqueue.enqueue", {"photoqueue.messages": len(messages)}):
            installation.broker.enqueue(messages)
    except BrokerUnavailableError as exc:
        logger.warning(
            "%d job(s) are accepted and run once the broker is back. %s", len(messages), exc
        )
