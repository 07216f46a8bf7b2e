"""Who may ask: the token, and on loopback addresses only pages of this very server.

Without a token the server listens on loopback, where other programs of the machine may ask,
but no page of another site that a browser on it shows:

* A page whose name was made to lead here (DNS rebinding) sends its own name as ``Host``; only
  names of the loopback are answered.
* A page of another site that sends a form or a request without reading the answer sends its
  ``Origin``, or ``Sec-Fetch-Site``; whatever could change something must come from this server
  or from no browser at all. No answer names other sites in a CORS header, so none can read one.

With a token neither is possible: a browser does not add the token by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Final

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from photoqueue.faces.http.problems import ProblemError

#: Addresses that show nothing of an installation: probes, and the page that asks for the token.
_OPEN: Final = frozenset({"/", "/healthz", "/readyz"})
OPEN_FOLDER: Final = "/board/"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Shortest token: one that cannot be found by trying.
MIN_TOKEN: Final = 16


class Access:
    """Lets those requests through that may ask.

    ``scope["state"]["trusted"]`` tells whether whoever asks may see details of the installation.
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
        # Digests have one length, so the time tells nothing, not even how long the token is.
        same = hmac.compare_digest(shown, self._digest or b"")
        return same and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether an address or name is one of this machine's loopback, which no other reaches."""
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
