"""The middleware around all routes: headers and errors, access, limits on size and rate.

Without a token the server listens on loopback only. Other programs on the machine may use it; web
pages of other sites in a local browser may not:

* DNS rebinding: a page whose name resolves to this address sends that name as ``Host``; only
loopback names are answered.
* Cross-site requests: a page of another site that sends a form, or a request whose answer it cannot
read, sends ``Origin`` or ``Sec-Fetch-Site``. Requests that could change something must come from
this server's own page or from no browser. There are no CORS headers, so no other site can read an
answer.

With a token neither attack works: a browser does not add the token by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from pydantic import SecretStr
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


#: Paths that need no token: probes, and the page that asks for the token.
_OPEN: Final = frozenset({"/", "/healthz", "/readyz"})
OPEN_FOLDER: Final = "/board/"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Shortest token: long enough not to be guessed.
MIN_TOKEN: Final = 16


class AccessCheck:
    """Checks the token of each request or, without a token, that it comes from this machine.

    ``scope["state"]["trusted"]`` is True if the caller may see details of the installation.
    """

    def __init__(self, app: ASGIApp, *, token: SecretStr | None) -> None:
        self._app = app
        self._digest = None if token is None else _digest(token.get_secret_value().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if self._digest is None:
                _check_host(headers)
                _check_origin(scope["method"], headers)
                trusted = True
            else:
                trusted = self._has_token(headers)
                if not trusted and not _open(scope["path"]):
                    raise _unauthorized()
            scope.setdefault("state", {})["trusted"] = trusted
        await self._app(scope, receive, send)

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        shown = _digest(token.strip().encode("utf-8", "replace"))
        # Digests have equal length, so the comparison time reveals nothing, not even the token's
        # length.
        same = hmac.compare_digest(shown, self._digest or b"")
        return same and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether an address or name is a loopback one, which other machines cannot reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _open(path: str) -> bool:
    return path in _OPEN or path.startswith(OPEN_FOLDER)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _unauthorized() -> ProblemError:
    return ProblemError(
        401,
        "unauthorized",
        "The token is missing or wrong. Send the header 'Authorization: Bearer TOKEN' with the "
        "server's PHOTOQUEUE_API_TOKEN.",
        headers={"WWW-Authenticate": 'Bearer realm="photoqueue"'},
    )


def _check_host(headers: Headers) -> None:
    host = headers.get("host", "")
    if not is_loopback(_without_port(host)):
        raise ProblemError(
            403,
            "host",
            f"This server answers to localhost and 127.0.0.1 only, not to {host[:80]!r}. To reach "
            "it by another name, set PHOTOQUEUE_API_TOKEN.",
        )


def _check_origin(method: str, headers: Headers) -> None:
    if method in _SAFE_METHODS:
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if foreign or site not in {"same-origin", "none"}:
        raise ProblemError(
            403,
            "cross-site",
            "A page of another site may not change anything here. Ask from a program, or set "
            "PHOTOQUEUE_API_TOKEN and send it along.",
        )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


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
            # The route may treat the refusal as an error in the body and respond to that.
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
        # The rest of the body is not read, so this connection cannot be reused.
        return ProblemError(413, "too-large", advice, headers={"Connection": "close"})


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
