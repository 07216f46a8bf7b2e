"""``/api/batches/{id}``: a batch's progress as server-sent events, and what was left out.

Every job that ends is sent at least once. Event ids are marks of the tracking table, not counters
of this server, so a client can continue with any server of the installation, and after a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import TypeAdapter

from photoqueue.client.observe import ask, batch
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.http.answers import LeftOutFile
from photoqueue.faces.http.backend import ApiBackend, TheBackend
from photoqueue.faces.http.connections import client_of
from photoqueue.faces.http.problems import ProblemError
from photoqueue.queue.batch_changes import BatchChanges, EndedJob, batch_changes, is_mark
from photoqueue.words import JobState

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

_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": (
            "`job`: a job has ended. `progress`: how many jobs are in each state; send its "
            "id as Last-Event-ID. `end`: all jobs have ended."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "All jobs had ended, and the client has received all events."},
}


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
        if changes.ended or changes.counts != counts:
            yield _event("progress", _progress(changes), changes.mark)
            counts, spoken = changes.counts, time.monotonic()
        if changes.done:
            yield _event("end", _progress(changes), f"{_ENDED}{changes.mark}")
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


def _progress(changes: BatchChanges) -> bytes:
    finished = sum(number for state, number in changes.counts.items() if state.finished)
    counts = {str(state): changes.counts[state] for state in JobState}
    told = {"total": changes.total, "finished": finished, "counts": counts, "done": changes.done}
    return json.dumps(told).encode()
