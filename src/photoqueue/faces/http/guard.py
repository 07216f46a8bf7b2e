"""The outermost layer: headers on every answer, and an answer to every error."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoqueue.faces.http.problems import answer_for

#: On answers that no browser has to show: nothing may be run or loaded.
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
#: On every answer that does not say otherwise.
_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", _NOTHING),
    ("Cache-Control", "no-store"),
)


class Guard:
    """Adds the headers, and turns errors of the layers below into answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as exc:
            answer = answer_for(exc)
            if started:  # too late for another answer: the client sees a broken one
                raise
            await answer(scope, receive, guarded)
