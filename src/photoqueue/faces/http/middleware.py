"""The middleware around all routes: headers and errors, limits on size and rate."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoqueue.faces.http.connections import client_of
from photoqueue.faces.http.problems import ProblemError, answer_for

logger = logging.getLogger(__name__)

#: Policy of responses that browsers do not display: nothing may run or load.
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
#: Headers of every response that does not set its own.
_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", _NOTHING),
    ("Cache-Control", "no-store"),
)


class Guard:
    """Adds headers to every response, and turns exceptions into responses."""

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
        except ClientDisconnect:
            logger.info("%s broke off %s %.80r", client_of(scope), scope["method"], scope["path"])
        except Exception as exc:
            answer = answer_for(exc)
            if started:  # too late for another response: the client sees a truncated one
                raise
            await answer(scope, receive, guarded)


#: Largest body, in bytes, of a request without a photo in it.
MAX_JSON: Final = 64 * 1024
#: Extra bytes for form fields and boundaries beside a photo.
_AROUND_A_PHOTO: Final = 64 * 1024
#: Most clients remembered; beyond that the least recently seen one is dropped.
_MOST_CLIENTS: Final = 10_000
#: Burst: seconds' worth of its rate that a client may use at once.
_BURST_SECONDS: Final = 2.0


class BodyLimit:
    """Refuses request bodies that are too large, by Content-Length before a byte is read.

    Without that header, the bytes are counted as they arrive.

    Parameters
    ----------
    max_photo
        Largest photo in bytes; ``scope["state"]["photos"]`` is how many of these a form may have.
    """

    def __init__(self, app: ASGIApp, *, max_photo: int) -> None:
        self._app = app
        self._max_photo = max_photo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        photos = scope["state"].get("photos", 0) if form else 0
        limit = photos * self._max_photo + _AROUND_A_PHOTO if photos else MAX_JSON
        length = headers.get("content-length", "")
        if length.isdigit() and (len(length) > 18 or int(length) > limit):
            raise self._too_large(photos)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise self._too_large(photos)
            return message

        async def unless_refused(message: Message) -> None:
            # The route may treat the refusal as an error in the body and respond to that.
            if taken <= limit:
                await send(message)

        await self._app(scope, counted, unless_refused)
        if taken > limit:
            raise self._too_large(photos)

    def _too_large(self, photos: int) -> ProblemError:
        size = max(photos, 1) * self._max_photo / 2**20
        advice = (
            f"{MAX_JSON // 1024} KiB for such a body. Photos are sent to /api/photos or into a "
            "batch, as multipart/form-data.",
            f"{size:g} MiB for a photo. Export it smaller, or raise the server's "
            "PHOTOQUEUE_MAX_PHOTO_MB.",
            f"{size:g} MiB for photos together. Send fewer at a time.",
        )
        # The rest of the body is not read, so this connection cannot be reused.
        close = {"Connection": "close"}
        return ProblemError(
            413, "too-large", f"The limit is {advice[min(photos, 2)]}", headers=close
        )


class RateLimit:
    """Limits the requests per second of each client, with a short burst.

    ``/healthz`` is exempt: a flood of requests from a machine must not make its own probe fail.

    Parameters
    ----------
    per_second
        Requests; 0 sets no limit.
    clock
        Seconds.
    """

    def __init__(
        self, app: ASGIApp, *, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rate = per_second
        self._burst = max(per_second * _BURST_SECONDS, 1.0)
        self._clock = clock
        #: Client → rest of its burst, and when that was; least recently seen first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._rate and scope["path"] != "/healthz":
            wait = self._take(client_of(scope))
            if wait:
                raise ProblemError(
                    429,
                    "too-many-requests",
                    f"More than {self._rate:g} requests a second came from this client. Wait "
                    f"{wait} s, or raise the server's PHOTOQUEUE_API_REQUESTS_PER_SECOND.",
                    headers={"Retry-After": str(wait)},
                )
        await self._app(scope, receive, send)

    def _take(self, client: str) -> int:
        """Count a request; return the seconds to wait, 0 if it may pass."""
        now = self._clock()
        left, then = self._left.pop(client, (self._burst, now))
        left = min(left + (now - then) * self._rate, self._burst)
        passes = left >= 1
        self._left[client] = (left - 1 if passes else left, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0 if passes else math.ceil((1 - left) / self._rate)
