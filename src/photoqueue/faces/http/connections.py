"""Limits for each client: the time that it may take, and its share of the server.

uvicorn waits for a request, and for a client that does not read its answer, without a limit, and
takes heads of any size and any number of requests at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from photoqueue.faces.http.problems import busy

#: Seconds for which the server waits for the head of a request, for its body, and for the client to
#: read the answer.
_PATIENCE: Final = 15.0
#: Bytes per second of a body or an answer that extend the time: slow, but not too slow.
_SLOWEST: Final = 4096
#: Most bytes of a request besides its body.
_MAX_HEAD: Final = 64 * 1024
#: Most connections; with the files of uploads still below the usual limit of 1024 descriptors.
_MOST_CONNECTIONS: Final = 900


def client_of(scope: Mapping[str, Any]) -> str:
    """Return the client of a request: an IPv4 address, or an IPv6 network of 64 bits."""
    host: str = (scope.get("client") or ("",))[0]
    if ":" in host:
        with suppress(ValueError):  # a trusted proxy may have named anything
            found = IPv6Address(host)
            return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))
    return host[:80]


class Places:
    """A number of places, of which each client gets a share: at most as many as it leaves free.

    One client alone gets half of the places, the next one half of the rest, and so on.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._held: Counter[str] = Counter()

    @asynccontextmanager
    async def take(self, client: str, what: str) -> AsyncIterator[None]:
        """Hold a place during the block.

        Raises
        ------
        ProblemError
            The client has its share already.
        """
        if self._held[client] >= self._free:
            raise busy(f"The server has its maximum of {what}. Try again in a moment.")
        self._free -= 1
        self._held[client] += 1
        try:
            yield
        finally:
            self._free += 1
            self._held[client] -= 1
            self._held += Counter()  # without those that hold none


class Connection(HttpToolsProtocol):
    """A connection of a client, which has limited time to send a request and read the answer."""

    holder = ""
    #: When the server began to wait for the client, in monotonic seconds.
    _since = 0.0
    #: Bytes that move while it waits, of a body or of the answer.
    _moving = 0
    #: Bytes of the request besides its body, as far as they are more than chunks need.
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait, or refuse the connection of a client that has its share."""
        super().connection_made(transport)
        self._wait()
        host, port = self.client or ("", 0)
        # An IPv4 client of a socket that listens for both.
        self.client = (host.removeprefix("::ffff:"), port)
        self.holder = client_of({"client": self.client})
        held = sum(getattr(one, "holder", None) == self.holder for one in self.connections) - 1
        if self.client[0] in getattr(self.app, "trusted_hosts", ()):
            held = 0  # many clients
        if held > _MOST_CONNECTIONS - len(self.connections):  # as for places
            self._refuse(b"503 Service Unavailable")

    def end_if_overdue(self) -> None:
        """End the connection if the server has waited too long for the client."""
        body = self._answers and self.cycle.more_body
        waits = body or not self._answers or self.flow.write_paused
        if not waits or time.monotonic() - self._since < _PATIENCE + self._moving / _SLOWEST:
            return
        if body and not self.cycle.response_started and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        self._head += len(data)
        super().data_received(data)
        if self._head > _MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._head = 0

    def on_headers_complete(self) -> None:
        """Begin to answer: one request at a time, as others would fill the memory."""
        if self._answers:
            raise ValueError("a request before the answer to the last one")  # becomes a 400
        super().on_headers_complete()
        self._wait()

    def on_body(self, body: bytes) -> None:
        """Count the body, which has limits of its own; a chunk of one byte takes five more."""
        self._head = max(self._head - 6 * len(body), 0)
        if self._answers:  # nobody waits for the rest of a body that was answered already
            self._moving += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Wait for the client to read the answer and to send its next request."""
        super().on_response_complete()
        self._wait()

    def pause_writing(self) -> None:
        """Wait for the client to read what is in the buffer."""
        super().pause_writing()
        self._wait()

    def _refuse(self, status: bytes) -> None:
        told = b"HTTP/1.1 %b\r\nConnection: close\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
        self.transport.write(told % status)
        self.transport.close()

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._since = time.monotonic()
        self._moving = self.transport.get_write_buffer_size()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: whoever asks for another protocol is answered in this one."""
