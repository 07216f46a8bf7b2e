"""``/api/batches``: open a batch, add photos, close it, follow it, and read its results.

A batch is followed by server-sent events. Every job that ends is sent at least once. Event ids are
marks of the tracking table, not counters of this server, so a client can continue with any server
of the installation, and after a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import Field, TypeAdapter
from starlette.datastructures import UploadFile

from photoqueue.client.identifiers import MAX_PRIORITY
from photoqueue.client.intake import add_to_batch, batch_request
from photoqueue.client.observe import ask, batch
from photoqueue.client.submit import open_batch
from photoqueue.engines.registry import registered_engines
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import BatchAnswer, BatchPhotosAnswer, LeftOutFile, content
from photoqueue.faces.http.backend import ApiBackend, TheBackend
from photoqueue.faces.http.connections import client_of
from photoqueue.faces.http.problems import ProblemError
from photoqueue.faces.http.routes import bodies
from photoqueue.faces.http.routes.bodies import FORM, Name, NameOrBlank, RequestBody, Whole
from photoqueue.installation import current
from photoqueue.queue.batch_changes import (
    BatchChanges,
    EndedJob,
    batch_changes,
    batch_photos,
    is_mark,
)
from photoqueue.queue.read import batch_counts, batch_row
from photoqueue.words import JobState, TokenScope

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api/batches", tags=["batches"])

#: Seconds between two checks of a batch.
_LOOK_SECONDS: Final = 0.5
#: Checking a large batch takes a while; it may use at most this share of the time.
_SHARE_OF_LOOKING: Final = 0.1
#: Seconds of silence after which a comment keeps the connection alive.
HEARTBEAT_SECONDS: Final = 15.0
#: Prefix of the last event's id: a client that returns with it has seen everything.
_ENDED: Final = "ended-"
#: Most events sent at once.
_CHUNK: Final = 200
_ENDED_JOB: Final = TypeAdapter(EndedJob)

_STREAM: Final = {
    **content(
        "`job`: a job has ended. `progress`: how many jobs are in each state; send its id as "
        "Last-Event-ID. `end`: it is closed, and all jobs have ended.",
        "text/event-stream",
        binary=False,
    ),
    204: {"description": "All jobs had ended, and the client has received all events."},
}


#: Most photos in one body.
_MOST_PHOTOS: Final = 50


class BatchRequest(RequestBody):
    """A batch to open; all of it holds for every photo that is added."""

    user_id: Name = Field(examples=["u1"])
    project_id: Name | None = Field(default=None, examples=["move-42"])
    #: Default: the one that the worker is configured for.
    engine: Literal[registered_engines()] | None = None  # type: ignore[valid-type]  # known at run time
    #: Jobs of higher priority are taken first.
    priority: Whole = Field(default=0, ge=-MAX_PRIORITY, le=MAX_PRIORITY)


class PhotoFields(RequestBody):
    """Fields beside the photos: each once for every photo, in their order, or left out."""

    #: Or once for all.
    room: list[NameOrBlank] = Field(default_factory=list)
    #: Or once for all.
    room_type: list[NameOrBlank] = Field(default_factory=list)
    photo_id: list[NameOrBlank] = Field(default_factory=list)
    asset_id: list[NameOrBlank] = Field(default_factory=list)

    def of_each(self, photos: int) -> list[dict[str, str | None]]:
        """Return what is said of each photo."""
        columns: dict[str, Sequence[str]] = {}
        for name, field in type(self).model_fields.items():
            given = getattr(self, name) or [""] * photos
            if len(given) == 1 and name in ("room", "room_type"):
                given = given * photos
            if len(given) != photos:
                told = f"is given {len(given)} times for {photos} photos; give it for each, or a "
                raise bodies.fault(str(field.alias), told + "room and its type once for all")
            columns[name] = given
        return [
            {name: given[at] if given[at].strip() else None for name, given in columns.items()}
            for at in range(photos)
        ]


_PICTURES: Final = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "minItems": 1,
    "maxItems": _MOST_PHOTOS,
    "description": "The pictures: JPEG, PNG, WebP, HEIC or AVIF.",
}
_ADDITION: Final = {"required": True, "content": bodies.form_of(PhotoFields, _PICTURES)}


@router.post("", name="open", status_code=201)
@needs(TokenScope.SUBMIT)
async def make_batch(body: BatchRequest, backend: TheBackend) -> BatchAnswer:
    """Open a batch; it closes by itself once nothing was added for a while."""
    return await backend.calls(lambda: _told(open_batch(**body.model_dump()).id))


@router.get("/{batch_id}")
async def read_batch(batch_id: str, backend: TheBackend) -> BatchAnswer:
    """Read a batch and how far it is."""
    return await backend.calls(_told, batch_id)


@router.post(
    "/{batch_id}/photos",
    status_code=202,
    response_model_exclude_none=True,
    openapi_extra={"requestBody": _ADDITION},
)
@needs(TokenScope.SUBMIT, photos=2)  # or thirty of a telephone
async def add(batch_id: str, request: Request, backend: TheBackend) -> BatchPhotosAnswer:
    """Add photos to an open batch, all of them or none; one that cannot be read has failed."""
    # Whether it is there and open, before the photos are received.
    await backend.calls(lambda: batch_request(current(), batch_id))
    bodies.kind_of(request, FORM)
    async with bodies.received(request, backend, most=_MOST_PHOTOS) as (photos, texts):
        fields = bodies.checked(PhotoFields, texts).of_each(len(photos))
        answer = await backend.calls(_add, batch_id, photos, fields)
    backend.changed()
    return answer


def _add(
    batch_id: str, photos: Sequence[UploadFile], fields: Sequence[dict[str, str | None]]
) -> BatchPhotosAnswer:
    here = current()
    common = batch_request(here, batch_id)
    added = add_to_batch(
        here,
        batch_id,
        [
            replace(common, source=photo.file.read(), file_name=photo.filename or None, **own)  # type: ignore[arg-type]  # each field of `own` is a text or None
            for photo, own in zip(photos, fields, strict=True)
        ],
    )
    ids = [one.job_id for one in added]
    rows = {row.job_id: row for row in ask(batch_photos, batch_id, job_ids=ids)}
    told = [replace(rows[one.job_id], moved_from=one.moved_from) for one in added]
    return BatchPhotosAnswer(photos=tuple(told))


@router.post("/{batch_id}/close")
@needs(TokenScope.SUBMIT)
async def close(batch_id: str, backend: TheBackend) -> BatchAnswer:
    """Let no more photos be added; a batch that is closed already stays as it is."""
    answer = await backend.calls(_close, batch_id)
    backend.changed()
    return answer


def _close(batch_id: str) -> BatchAnswer:
    batch(batch_id).close()
    return _told(batch_id)


def _told(batch_id: str) -> BatchAnswer:
    row, counts = ask(batch_row, batch_id), ask(batch_counts, batch_id)
    whose = {name: row[name] for name in BatchAnswer.model_fields if name in row}
    return BatchAnswer(**whose | _progress(counts, row["open"]))


def _progress(counts: Mapping[JobState, int], is_open: bool) -> dict[str, Any]:
    """Return how far a batch is."""
    finished = sum(number for state, number in counts.items() if state.finished)
    total = sum(counts.values())
    by_state = {state: counts.get(state, 0) for state in JobState}
    told = {"total": total, "finished": finished, "counts": by_state, "open": is_open}
    return {**told, "done": not is_open and finished == total}


@router.get("/{batch_id}/results", response_model_exclude_none=True)
async def results(
    batch_id: str,
    backend: TheBackend,
    limit: Annotated[int, Query(ge=1, le=500, description="Photos per page.")] = 50,
    after: Annotated[
        int, Query(ge=-1, le=2**31 - 1, description="``next`` of the page before.")
    ] = -1,
) -> BatchPhotosAnswer:
    """List what the engine found in the photos of a batch: items with boxes, in pages."""
    found = await backend.calls(ask, batch_photos, batch_id, after=after, limit=limit + 1)
    page = found[:limit]
    more = page[-1].position if len(found) > limit else None
    return BatchPhotosAnswer(photos=tuple(page), next=more)


async def _place(request: Request, backend: TheBackend) -> AsyncIterator[None]:
    """Hold a place until the stream has ended."""
    async with backend.streams.take(client_of(request.scope), "event streams"):
        yield


@router.get(
    "/{batch_id}/events",
    response_class=StreamingResponse,
    responses=_STREAM,
    dependencies=[Depends(_place)],
)
async def events(
    batch_id: str,
    backend: TheBackend,
    last_event_id: Annotated[
        str | None, Header(description="Continue after this event; default: from the beginning.")
    ] = None,
) -> Response:
    """Follow a batch: each job that ends, the counts, and the end."""
    seen = (last_event_id or "").removeprefix(_ENDED)
    mark = seen if is_mark(seen) else None
    first = await backend.calls(ask, batch_changes, batch_id, mark)  # 404 before anything is sent
    told = (last_event_id or "").startswith(_ENDED) and mark is not None
    if told and first.done and not first.ended:
        return Response(status_code=204)  # stops an EventSource from reconnecting
    # The header tells proxies not to buffer the stream.
    return StreamingResponse(
        _follow(backend, batch_id, first),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.get("/{batch_id}/left-out")
async def left_out(batch_id: str, backend: TheBackend) -> list[LeftOutFile]:
    """List the files that were handed in with a batch and not taken, with the reasons."""
    files = (await backend.calls(lambda: batch(batch_id).left_out)).itertuples(index=False)
    return [LeftOutFile(file=file, reason=reason) for file, reason in files]


async def _follow(backend: ApiBackend, batch_id: str, first: BatchChanges) -> AsyncIterator[bytes]:
    changes, counts, spoken = first, None, time.monotonic()
    yield b"retry: 2000\n\n"
    while True:
        for begin in range(0, len(changes.ended), _CHUNK):
            # Without an id: a client that is cut off here resumes before all of these.
            some = changes.ended[begin : begin + _CHUNK]
            yield b"".join(_event("job", _ENDED_JOB.dump_json(e, by_alias=True)) for e in some)
        told = json.dumps(_progress(changes.counts, changes.open)).encode()
        if changes.ended or changes.counts != counts:
            yield _event("progress", told, changes.mark)
            counts, spoken = changes.counts, time.monotonic()
        if changes.done:
            yield _event("end", told, f"{_ENDED}{changes.mark}")
            return
        if time.monotonic() - spoken > HEARTBEAT_SECONDS:
            yield b": still here\n\n"
            spoken = time.monotonic()
        began = time.monotonic()
        try:
            changes = await backend.calls(ask, batch_changes, batch_id, changes.mark)
        except (PhotoqueueError, ProblemError) as exc:
            # Nothing else can be answered any more; whoever comes back is told the reason.
            logger.warning("the events of batch %.80r end early: %s", batch_id, exc)
            return
        took = time.monotonic() - began
        if await _stopping(backend, max(_LOOK_SECONDS, took / _SHARE_OF_LOOKING)):
            return


async def _stopping(backend: ApiBackend, seconds: float) -> bool:
    """Wait; return whether the server is shutting down."""
    try:
        await asyncio.wait_for(backend.stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _event(name: str, data: bytes, mark: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=data.decode(), id=mark)
