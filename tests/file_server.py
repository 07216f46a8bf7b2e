"""A real HTTP server for files that misbehaves as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Manners:
    """What the server does; each list is used up from its front, one entry a request."""

    body: bytes = b""
    #: Status codes that are answered instead of the file.
    statuses: list[int] = field(default_factory=list)
    #: Bytes after which the connection is cut.
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"v1"'
    #: Headers that are sent with an error.
    error_headers: dict[str, str] = field(default_factory=dict)
    #: Sends everything but the last byte, then waits for `released`.
    stalls: int = 0
    #: Where every request is sent on to.
    moved_to: str | None = None
    #: Bytes sent at a time, with a pause of a millisecond between them.
    drip: int | None = None
    chunked: bool = False


class FileServer(ThreadingHTTPServer):
    """Serves one file under every path."""

    daemon_threads = True

    def __init__(self, manners: Manners) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manners = manners
        self.released = threading.Event()
        #: Path, and headers that matter, of each request.
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def ranges_asked(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def serving(manners: Manners) -> Iterator[FileServer]:
    with FileServer(manners) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        manners = self.server.manners
        self.server.requests.append((self.path, dict(self.headers)))
        self.close_connection = True
        if manners.moved_to is not None:
            self._head(302, {"Location": manners.moved_to + self.path, "Content-Length": "0"})
            return
        if manners.statuses and (status := manners.statuses.pop(0)) != 200:
            self._head(status, {"Content-Length": "0", **manners.error_headers})
            return
        self._file(manners)

    def _file(self, manners: Manners) -> None:
        body, first = manners.body, 0
        asked = self.headers.get("Range")
        current = self.headers.get("If-Range") in (None, manners.etag)
        if asked and manners.ranges and current:
            first = int(asked.removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                extent = f"bytes */{len(body)}"
                self._head(416, {"Content-Length": "0", "Content-Range": extent})
                return
        rest = body[first:]
        headers = {"Content-Length": str(len(rest))}
        if manners.chunked:
            headers = {"Transfer-Encoding": "chunked"}
            rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest)
        if manners.etag:
            headers["ETag"] = manners.etag
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        self._head(206 if first else 200, headers)
        self._body(manners, rest)

    def _body(self, manners: Manners, rest: bytes) -> None:
        if manners.cuts:
            rest = rest[: manners.cuts.pop(0)]
        try:
            if manners.stalls:
                manners.stalls -= 1
                self.wfile.write(rest[:-1])
                self.server.released.wait(120)
            elif manners.drip:
                for start in range(0, len(rest), manners.drip):
                    self.wfile.write(rest[start : start + manners.drip])
                    time.sleep(0.001)
            else:
                self.wfile.write(rest)
        except OSError:
            pass  # the client has hung up, as it may

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Stay silent."""
