"""``/metrics``: for Prometheus, which sends the token as ``authorization`` in its settings."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.calls import Calls
from photoqueue.faces.http.metrics import CONTENT_TYPE, InstallationCollector, exposition

router = APIRouter(tags=["health"])

_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The metrics of the whole installation, in Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


class Scrapes:
    """Answers scrapes, one at a time and behind no other request."""

    def __init__(self, backend: TheBackend) -> None:
        self._calls = Calls(backend.gate, threads=1, waiting=8)
        self._collector = InstallationCollector()

    async def __call__(self) -> bytes:
        """Read the metrics."""
        return await self._calls(exposition, self._collector)


@router.get("/metrics", response_class=Response, responses=_ANSWER)
async def metrics(request: Request, backend: TheBackend) -> Response:
    """Measure: counters that never fall, histograms, and how the queues are now."""
    state = request.app.state
    if not hasattr(state, "scrapes"):
        state.scrapes = Scrapes(backend)
    return Response(await state.scrapes(), media_type=CONTENT_TYPE)
