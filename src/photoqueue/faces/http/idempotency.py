"""``Idempotency-Key``: a request that is sent again is answered as the first time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from functools import partial
from typing import Any, Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoqueue.client.observe import ask
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.http.backend import ApiBackend
from photoqueue.faces.http.problems import ProblemError
from photoqueue.queue import answers
from photoqueue.queue.answers import KeyState

logger = logging.getLogger(__name__)

#: Visible ASCII, as headers have it.
KEY: Final = "[!-~]{1,255}"
#: Boundaries of the largest form that is taken: 50 photos with their fields, and some more.
_MOST_BOUNDARIES: Final = 1000


class Idempotency:
    """Carries out a POST with an ``Idempotency-Key`` once for each token and key.

    The answer is stored before it is sent. ``scope["state"]["ref"]`` names the request in all
    attempts at it, for routes that can find what they stored before their server died. A POST that
    only reads is answered anew.
    """

    def __init__(self, app: ASGIApp, *, backend: ApiBackend) -> None:
        self._app = app
        self._calls = backend.calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        post = scope["type"] == "http" and scope["method"] == "POST"
        key = Headers(scope=scope).get("idempotency-key") if post else None
        if key is None or scope["state"].get("reads", True):  # or at an open address, or none
            await self._app(scope, receive, send)
            return
        if not re.fullmatch(KEY, key):
            raise ProblemError(
                400,
                "idempotency-key",
                "The Idempotency-Key is not one. Send 1 to 255 visible ASCII characters without "
                "blanks, such as a UUID.",
            )
        body = _Body(scope, receive)
        if not body.streams:
            await body.read()
        caller, known = scope["state"].get("token") or "", body.digest
        found = await self._calls(ask, answers.claim, caller, key, known)
        if found.claim is None:
            await _repeat(found, body, send)
        else:
            await self._carry_out(found, body, scope, send)

    async def _carry_out(self, key: KeyState, body: _Body, scope: Scope, send: Send) -> None:
        scope["state"]["ref"] = str(key.ref)
        messages: list[Message] = []

        async def collected(message: Message) -> None:
            messages.append(message)

        renewal = asyncio.create_task(self._renew(key))
        try:
            await self._app(scope, body.receive, collected)
            status = messages[0]["status"]
            if status < 300:  # who is refused need not send the rest
                await body.read()
        except Exception:
            await self._record(key, "release")
            raise
        finally:
            renewal.cancel()
        if status < 300 and body.digest is not None:
            answer = b"".join(message.get("body", b"") for message in messages).decode() or None
            await self._record(key, "keep", digest=body.digest, status=status, answer=answer)
        else:
            # A request that was refused has changed nothing.
            await self._record(key, "give_up" if status < 500 else "release")
        for message in messages:
            await send(message)

    async def _record(self, key: KeyState, what: Any, **answer: Any) -> None:
        try:
            await self._calls(ask, partial(answers.record, claim=key.claim, what=what, **answer))
        except (PhotoqueueError, ProblemError) as exc:
            # The request is carried out, or refused, all the same; the claim ends by itself.
            logger.warning("what becomes of an Idempotency-Key is not on record: %s", exc)

    async def _renew(self, key: KeyState) -> None:
        while True:
            await asyncio.sleep(answers.LEASE.total_seconds() / 3)
            await self._record(key, "renew")


async def _repeat(held: KeyState, body: _Body, send: Send) -> None:
    if held.status is not None:
        await body.read()
    if None not in (held.digest, body.digest) and held.digest != body.digest:
        raise ProblemError(
            422,
            "idempotency-key",
            "This Idempotency-Key was sent with another request: its address, content type or body "
            "differs. Give each request its own key.",
        )
    if held.status is None:
        raise ProblemError(
            409,
            "under-way",
            "The first request with this Idempotency-Key is still under way, or its server died "
            f"within the last {answers.LEASE.total_seconds():g} s. Send it again in a moment.",
            headers={"Retry-After": "2"},
        )
    headers = [(b"idempotent-replayed", b"true")]
    if held.answer is not None:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": held.status, "headers": headers})
    await send({"type": "http.response.body", "body": (held.answer or "").encode()})


class _Body:
    """The body of a request, and the digest of all that makes it this request.

    Clients draw another boundary each time that they send a form, so boundaries do not count. A
    form may hold a photo and is not kept in memory; any other body is.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        kind, options = parse_options_header(Headers(scope=scope).get("content-type"))
        self.streams = kind == b"multipart/form-data"
        self._boundary = options.get(b"boundary", b"") if self.streams else b""
        self._receive = receive
        self._read: list[Message] = []
        self._more = True
        #: Boundaries that may come yet. Beyond them they count: in a form of that many parts, each
        #: byte of a photo could be one.
        self._left = _MOST_BOUNDARIES
        #: What may be the beginning of a boundary.
        self._rest = b""
        request: list[Any] = [scope["path"], scope["query_string"].decode("latin-1")]
        self._sha = hashlib.sha256(json.dumps([*request, kind.decode("latin-1")]).encode())

    @property
    def digest(self) -> bytes | None:
        """None until all of the body was received."""
        return None if self._more else self._sha.digest()

    async def read(self) -> None:
        """Receive what is left.

        Raises
        ------
        ClientDisconnect
            The client broke off.
        """
        while self._more:
            message = await self._next()
            if not self.streams:
                self._read.append(message)

    async def receive(self) -> Message:
        """Return the next part to the application."""
        if self._read:
            return self._read.pop(0)
        return await (self._next() if self._more else self._receive())

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        data = self._rest + message.get("body", b"")
        self._more = message.get("more_body", False)
        if self._boundary and self._left:
            *parts, data = data.split(self._boundary, self._left)
            self._left -= len(parts)
            for part in parts:
                self._sha.update(part + b"\0")
        begun = len(self._boundary) - 1 if self._boundary and self._left and self._more else 0
        whole = max(len(data) - begun, 0)
        self._sha.update(data[:whole])
        self._rest = data[whole:]
        return message
