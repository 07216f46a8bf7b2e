"""An HTTP server that takes webhooks, or does something else instead."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from photoqueue.posting import Receiver

#: Of the example in the specification of Standard Webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = ("127.0.0.0/8", "::1/128")


class HttpReceiver:
    """Records what it is sent; ``status`` is what it answers."""

    def __init__(self, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.requests = 0
        self.status = 204
        self.location: str | None = None
        #: Requests wait for it before they are answered.
        self.answers = threading.Event()
        self.answers.set()
        #: Seconds after which the next byte of the head follows; it never ends then.
        self.drip: float | None = None
        self._ended = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests += 1
                receiver.answers.wait(30)
                if receiver.drip is not None:
                    self._drip(receiver.drip)
                    return
                if receiver.status < 300:
                    receiver.messages.append(json.loads(body))
                    receiver.headers.append(
                        {name.lower(): value for name, value in self.headers.items()}
                        | {"body": body.decode(), "path": self.path}
                    )
                self.send_response(receiver.status)
                if receiver.location is not None:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _drip(self, seconds: float) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                try:
                    while not receiver._ended.wait(seconds):
                        self.wfile.write(b"a")
                        self.wfile.flush()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?key=hunter2"

    def receiver(self, url: str | None = None, *, allowed: tuple[str, ...] = LOOPBACK) -> Receiver:
        """Return its address as a setting has it."""
        return Receiver(
            url=SecretStr(url or self.url),
            secret=SecretStr(SECRET),
            networks=allowed,
            variable="PHOTOQUEUE_WEBHOOK_URL",
        )

    def end(self) -> None:
        """Let all requests end."""
        self._ended.set()
        self.answers.set()


@contextmanager
def running(certificate: tuple[Path, Path] | None = None, port: int = 0) -> Iterator[HttpReceiver]:
    """Run a receiver, with TLS if there is a certificate and its key."""
    receiver = HttpReceiver(port)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
        receiver.url = receiver.url.replace("http:", "https:")
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.end()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
