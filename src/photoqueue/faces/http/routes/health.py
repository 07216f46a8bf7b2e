"""``/healthz`` and ``/readyz``: for probes, which have no token."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from photoqueue.faces.http.answers import AliveAnswer, CheckEntry, ReadyAnswer
from photoqueue.faces.http.backend import TheBackend

router = APIRouter(tags=["health"])

_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ReadyAnswer, "description": "It is not ready; the checks say why."}
}


@router.get("/healthz")
async def healthz() -> AliveAnswer:
    """Tell that the server answers."""
    return AliveAnswer()


@router.get("/readyz", responses=_NOT_READY)
async def readyz(
    request: Request,
    response: Response,
    backend: TheBackend,
    workers: Annotated[bool, Query(description="Whether jobs must have a worker.")] = True,
) -> ReadyAnswer:
    """Tell whether the servers can be used, the tables are right and waiting jobs have workers.

    Where workers are scaled down to none, ``workers=false`` leaves them out. What exactly is
    wrong is told only to those who have the token, where there is one.
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
