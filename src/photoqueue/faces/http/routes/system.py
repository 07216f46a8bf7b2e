"""State of the installation: queues, workers, webhooks, health, metrics; and the board's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from photoqueue.client.control import pause, resume
from photoqueue.client.observe import ask
from photoqueue.client.system import list_workers
from photoqueue.faces.http.access import OPEN_FOLDER
from photoqueue.faces.http.answers import (
    AliveAnswer,
    ChangesAnswer,
    CheckEntry,
    QueueAnswer,
    QueuesAnswer,
    ReadyAnswer,
    ResentAnswer,
    WebhooksAnswer,
    WorkersAnswer,
    content,
)
from photoqueue.faces.http.backend import ApiBackend, TheBackend
from photoqueue.faces.http.metrics import CONTENT_TYPE
from photoqueue.faces.notebook.pages import fact_columns, layer, script, style, table_columns
from photoqueue.queue.webhooks import list_webhooks
from photoqueue.queue.webhooks import resend as send_again
from photoqueue.words import JobType, WebhookState

router = APIRouter()


@router.get("/api/queue/test", tags=["queues"], response_model=QueuesAnswer)
async def queue_counts(request: Request) -> Response:
    """Count the jobs of each queue by state; the counts are at most a second old."""
    # The most frequent request: the backend is looked up here, because a dependency takes longer
    # than the answer.
    backend: ApiBackend = request.app.state.backend
    return Response(await backend.queues.get(), media_type="application/json")


@router.post("/api/queues/{name}/pause", tags=["queues"])
async def pause_queue(name: JobType, backend: TheBackend) -> QueueAnswer:
    """Take no more jobs of a queue; running jobs finish."""
    await backend.calls(pause, name)
    backend.changed()
    return QueueAnswer(name=name, paused=True)


@router.post("/api/queues/{name}/resume", tags=["queues"])
async def resume_queue(name: JobType, backend: TheBackend) -> QueueAnswer:
    """Take jobs of a queue again."""
    await backend.calls(resume, name)
    backend.changed()
    return QueueAnswer(name=name, paused=False)


@router.get("/api/workers", tags=["queues"])
async def workers(backend: TheBackend) -> WorkersAnswer:
    """List the workers whose lease is valid, the longest running first."""
    return WorkersAnswer(workers=await backend.calls(list_workers))


@router.get("/api/changes", tags=["queues"])
async def changes(backend: TheBackend) -> ChangesAnswer:
    """Return a text that changes with every write, to see whether anything has changed."""
    return ChangesAnswer(mark=await backend.mark.get())


@router.get("/api/webhooks", tags=["webhooks"])
async def webhooks(
    backend: TheBackend,
    state: Annotated[WebhookState | None, Query(description="Only in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many.")] = 50,
) -> WebhooksAnswer:
    """List what happened and whether the receiver accepted it, newest first."""
    found = await backend.calls(ask, list_webhooks, state=state, limit=limit)
    return WebhooksAnswer(webhooks=found)


@router.post("/api/webhooks/{webhook_id}/resend", tags=["webhooks"], status_code=202)
async def resend_webhook(webhook_id: UUID, backend: TheBackend) -> ResentAnswer:
    """Send a webhook again under its id, with all attempts anew; a worker does it at once."""
    await backend.calls(ask, send_again, [webhook_id])
    return ResentAnswer(webhook_id=webhook_id)


_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ReadyAnswer, "description": "It is not ready; the checks say why."}
}


@router.get("/healthz", tags=["health"])
async def healthz() -> AliveAnswer:
    """Report that the server answers."""
    return AliveAnswer()


@router.get("/readyz", tags=["health"], responses=_NOT_READY)
async def readyz(
    request: Request,
    response: Response,
    backend: TheBackend,
    workers: Annotated[bool, Query(description="Whether waiting jobs need a live worker.")] = True,
) -> ReadyAnswer:
    """Check that servers are available, tables are migrated and waiting jobs have workers.

    ``workers=false`` ignores workers, for installations that scale them to zero. If a token is
    set, only callers that send it see the details.
    """
    checks = await backend.readiness.get()
    shown = [
        CheckEntry(
            name=check.name,
            ok=check.problem is None,
            problem=check.problem if request.state.trusted else None,
        )
        for check in checks
        if workers or check.name != "workers"
    ]
    ready = all(check.ok for check in shown)
    response.status_code = 200 if ready else 503
    return ReadyAnswer(ready=ready, checks=shown)


_METRICS: Final = content(
    "The metrics of the whole installation, in Prometheus' text format.", "text/plain", binary=False
)


@router.get("/metrics", tags=["health"], response_class=Response, responses=_METRICS)
async def metrics(backend: TheBackend) -> Response:
    """Return the metrics: counters, histograms and the current state of the queues."""
    return Response(await backend.metrics(), media_type=CONTENT_TYPE)


_STATIC: Final = Path(__file__).parents[1] / "static"
#: Only this server's own files and nothing inline, so that HTML in a name cannot run.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _board_script() -> str:
    """Return the script that puts the API in place of a kernel, after what it is written with."""
    columns = {"COLUMNS": table_columns(), "FACTS": fact_columns()}
    declared = [f"const {name} = {json.dumps(value)};" for name, value in columns.items()]
    return "\n".join([*declared, _read("board.js")])


#: The files of the page: their media types, and what gives their texts. No other name is looked up.
_PARTS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "board.css": ("text/css", lambda: style("jobs", "system") + layer(_read("board.css"))),
    "board.js": ("text/javascript", _board_script),
    "jobs.js": ("text/javascript", lambda: script("job_details", "jobs")),
    "system.js": ("text/javascript", lambda: script("system")),
}


@router.get("/", include_in_schema=False)
async def board() -> Response:
    """Return the page."""
    return _answer(_read("board.html"), "text/html")


@router.get(f"{OPEN_FOLDER}{{name}}", include_in_schema=False)
async def part(name: str) -> Response:
    """Return a script or the style."""
    if name not in _PARTS:
        raise HTTPException(404)
    kind, text = _PARTS[name]
    return _answer(text(), kind)


def _answer(text: str, kind: str) -> Response:
    return Response(
        text,
        media_type=kind,
        # Always revalidated: an old page must not meet a newer API.
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )
