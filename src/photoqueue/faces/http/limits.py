"""How much and how often: sizes of bodies, requests a second."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoqueue.faces.http.problems import ProblemError

#: Largest body, in bytes, of a request without a photo in it.
MAX_JSON: Final = 64 * 1024
#: What fields and boundaries may add to a photo, in bytes.
_AROUND_A_PHOTO: Final = 64 * 1024
#: Most clients that are remembered at a time; of more, the one not seen longest is forgotten.
_MOST_CLIENTS: Final = 10_000
#: Seconds of its rate that a client may use up at once.
_BURST_SECONDS: Final = 2.0


class BodyLimit:
    """Refuses bodies that are too large: by their announced length before a byte is read.

    One that announces nothing is counted while it comes in.

    Parameters
    ----------
    max_photo
        Largest photo in bytes.
    """

    def __init__(self, app: ASGIApp, *, max_photo: int, uploads: frozenset[str]) -> None:
        self._app = app
        self._max_photo = max_photo
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with_photo = scope["path"] in self._uploads and headers.get(
            "content-type", ""
        ).lower().startswith("multipart/form-data")
        limit = self._max_photo + _AROUND_A_PHOTO if with_photo else MAX_JSON
        length = headers.get("content-length", "")
        if length.isdigit() and (len(length) > 18 or int(length) > limit):
            raise self._too_large(with_photo)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise self._too_large(with_photo)
            return message

        async def unless_refused(message: Message) -> None:
            # What reads the body may take the refusal for a fault in the body, and answer so.
            if taken <= limit:
                await send(message)

        await self._app(scope, counted, unless_refused)
        if taken > limit:
            raise self._too_large(with_photo)

    def _too_large(self, with_photo: bool) -> ProblemError:
        if with_photo:
            advice = (
                f"The limit for a photo is {self._max_photo / 2**20:g} MiB. Export it smaller, or "
                "raise the server's PHOTOQUEUE_MAX_PHOTO_MB."
            )
        else:
            advice = (
                f"The limit for such a body is {MAX_JSON // 1024} KiB. Photos are sent to "
                "/api/photos as multipart/form-data."
            )
        # The rest of the body is not read, so this connection cannot be used any further.
        return ProblemError(413, "too-large", advice, headers={"Connection": "close"})


class RateLimit:
    """Lets each client send so many requests a second, with some more in a burst.

    ``/healthz`` is not limited: a flood from a machine must not make its own probe fail.

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
        #: Client → what is left of its burst, and when that was so; those seen last at the end.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._rate and scope["path"] != "/healthz":
            client = scope.get("client")
            wait = self._take(_network(client[0]) if client else "")
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
        """Count a request; return after how many seconds to come again, 0 when it may pass."""
        now = self._clock()
        left, then = self._left.pop(client, (self._burst, now))
        left = min(left + (now - then) * self._rate, self._burst)
        passes = left >= 1
        self._left[client] = (left - 1 if passes else left, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0 if passes else math.ceil((1 - left) / self._rate)


def _network(address: str) -> str:
    """Return what counts as one client: an IPv6 household has a /64 of addresses."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
