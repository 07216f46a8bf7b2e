"""Who may do what: tokens and their scopes, and requests without a token.

Without ``PHOTOQUEUE_API_TOKEN`` the server listens on loopback only. Other programs on the machine
may use it; web pages of other sites in a local browser may not:

* DNS rebinding: a page whose name resolves to this address sends that name as ``Host``; only
loopback names are answered.
* Cross-site requests: a page of another site that sends a form, or a request whose answer it cannot
read, sends ``Origin`` or ``Sec-Fetch-Site``. Requests that could change something must come from
this server's own page or from no browser. There are no CORS headers, so no other site can read an
answer.

With a token neither attack works: a browser does not add the token by itself.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoqueue.client.observe import ask
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.http.backend import ApiBackend
from photoqueue.faces.http.problems import ProblemError
from photoqueue.queue.edit_log import made_with
from photoqueue.queue.tokens import (
    OF_THE_ENVIRONMENT,
    PREFIX,
    Token,
    begin_operation,
    digest_of,
    end_operation,
)
from photoqueue.words import TokenScope

logger = logging.getLogger(__name__)

Route = TypeVar("Route", bound=Callable[..., Any])

#: Paths that need no token: probes, and the page that asks for the token.
OPEN: Final = frozenset({"/", "/healthz", "/readyz"})
OPEN_FOLDER: Final = "/board/"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Shortest token: long enough not to be guessed.
MIN_TOKEN: Final = 16


def needs(scope: TokenScope, *, photos: int = 0) -> Callable[[Route], Route]:
    """Declare the scope that a route needs; without it: ``read``, or ``operate`` if it writes.

    ``photos`` is how many of the largest size its form may have; :class:`BodyLimit` sees to it.
    """

    def mark(route: Route) -> Route:
        route.needs, route.photos = scope, photos  # type: ignore[attr-defined]  # read below
        return route

    return mark


def needed_by(route: APIRoute) -> TokenScope:
    """Return the scope that a route needs."""
    default = TokenScope.READ if (route.methods or set()) <= _SAFE_METHODS else TokenScope.OPERATE
    return getattr(route.endpoint, "needs", default)


class AccessCheck:
    """Checks the token of each request and its scope or, without one, that it comes from here.

    In ``scope["state"]``, ``trusted`` is True if the caller may see details of the installation,
    ``token`` is the name of its token, ``reads`` whether it changes nothing, ``photos`` how many of
    the largest size it may send, and ``operation`` what :class:`OperationLog` records.
    """

    def __init__(self, app: ASGIApp, *, backend: ApiBackend, routes: Sequence[APIRoute]) -> None:
        self._app = app
        self._backend = backend
        self._routes = routes
        token = backend.settings.api_token
        self._digest = None if token is None else digest_of(token.get_secret_value())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._check(scope)
        await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        if self._digest is None:
            _check_here(scope["method"], headers)
        shown = _bearer(headers)
        # Digests have equal length, so the comparison time reveals nothing, not even the token's
        # length.
        opens = hmac.compare_digest(digest_of(shown or ""), self._digest or b"")
        state = scope.setdefault("state", {})
        state["trusted"] = opens or self._digest is None
        if path in OPEN or path.startswith(OPEN_FOLDER):
            return
        token = Token(name=OF_THE_ENVIRONMENT, scope=TokenScope.OPERATE) if opens else None
        if shown is not None and token is None:
            token = await self._named(shown)
        if token is None and (shown is not None or self._digest is not None):
            raise ProblemError(
                401,
                "unauthorized",
                "The token is missing or wrong. Send the header 'Authorization: Bearer TOKEN' with "
                "the server's PHOTOQUEUE_API_TOKEN, or with one that `photoqueue tokens make` "
                "printed.",
                headers={"WWW-Authenticate": 'Bearer realm="photoqueue"'},
            )
        state["token"] = token and token.name
        made_with.set(state["token"])
        for route in self._routes:  # of none of them that is told
            match, found = route.matches(scope)
            if match is Match.FULL:
                needed = needed_by(route)
                if token is not None and not token.scope.includes(needed):
                    challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
                    raise ProblemError(
                        403,
                        "scope",
                        f"The token {token.name!r} has the scope {token.scope}, and this needs "
                        f"{needed}. Use a token that has it, or make one: photoqueue tokens make "
                        f"NAME --scope {needed}.",
                        headers={"WWW-Authenticate": challenge},
                    )
                state["reads"] = needed is TokenScope.READ
                state["photos"] = getattr(route.endpoint, "photos", 0)
                if needed is TokenScope.OPERATE:
                    target = " ".join(map(str, found["path_params"].values()))
                    state["operation"] = route.name, target
                return

    async def _named(self, shown: str) -> Token | None:
        if not shown.startswith(PREFIX):  # nothing is asked for what is none
            return None
        tokens, digest = self._backend.tokens, digest_of(shown)
        found = (await tokens.get()).get(digest)
        if found is None:  # made since they were read?
            tokens.forget()
            found = (await tokens.get()).get(digest)
        return found


class OperationLog:
    """Puts each operation on record, with the name of the token, before it is carried out."""

    def __init__(self, app: ASGIApp, *, backend: ApiBackend) -> None:
        self._app = app
        self._calls = backend.calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        state = scope.get("state", {})
        if "operation" not in state:
            await self._app(scope, receive, send)
            return
        number = await self._calls(ask, begin_operation, state["token"], *state["operation"])

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                try:
                    await self._calls(ask, end_operation, number, message["status"])
                except (PhotoqueueError, ProblemError) as exc:  # it was carried out all the same
                    logger.warning("operation %d: its end is not on record: %s", number, exc)
            await send(message)

        await self._app(scope, receive, recorded)


def is_loopback(host: str) -> bool:
    """Whether an address or name is a loopback one, which other machines cannot reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bearer(headers: Headers) -> str | None:
    """Return the token that was sent; None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _check_here(method: str, headers: Headers) -> None:
    """Refuse what a page of another site may have sent."""
    host = headers.get("host", "")
    name, colon, port = host.rpartition(":")
    if not is_loopback(name if colon and port.isdigit() else host):
        raise ProblemError(
            403,
            "host",
            f"This server answers to localhost and 127.0.0.1 only, not to {host[:80]!r}. To reach "
            "it by another name, set PHOTOQUEUE_API_TOKEN.",
        )
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    foreign = origin is not None and origin.partition("://")[2] != host
    if method not in _SAFE_METHODS and (foreign or site not in {"same-origin", "none"}):
        raise ProblemError(
            403,
            "cross-site",
            "A page of another site may not change anything here. Ask from a program, or set "
            "PHOTOQUEUE_API_TOKEN and send it along.",
        )
