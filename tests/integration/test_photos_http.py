"""Photos over HTTP, from a real server on this machine."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from photoqueue.errors import PhotoNotFoundError, PhotoqueueError, PhotoTooLargeError, StorageError
from photoqueue.photos import remote
from photoqueue.photos.sources import RawPhoto, read_photo
from tests.homes import expanded

MAX_BYTES = 300_000


def jpeg() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(stream, "JPEG")
    return stream.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers by path: a photo, a status, a body without end, silence."""

    server: Server

    def do_HEAD(self) -> None:
        if self.path.startswith("/no-head"):
            self._answer(405)
        elif self.path.startswith("/lies"):
            self._answer(200, jpeg())
        else:
            self._route()

    def do_GET(self) -> None:
        self._route()

    def _route(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/status/"):
            self._answer(int(path.rpartition("/")[2]))
        elif path.startswith(("/endless", "/lies")):
            self._endless()
        elif path.startswith("/silent"):
            self.server.released.wait(120)
            self.close_connection = True
        elif path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(jpeg()[:200])
            self.close_connection = True
        elif path.startswith("/large"):
            self._answer(200, bytes(MAX_BYTES + 1))
        else:
            self._answer(200, jpeg())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.server.sent += len(body)  # before the reader can have it and look
            self.wfile.write(body)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        if self.command == "HEAD":
            return
        try:
            while not self.server.released.is_set():
                self.wfile.write(bytes(65536))
        except OSError:
            pass  # the reader has hung up, as it should

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


class Server(ThreadingHTTPServer):
    """Counts what it sent, and can let its silent connections go."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.released = threading.Event()
        self.sent = 0

    def handle_error(self, *args: Any) -> None:
        """A reader that hangs up is no error of the server."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: Server, path: str, login: str = "") -> str:
    return f"http://{login}127.0.0.1:{server.server_port}{path}"


def read(address: str) -> RawPhoto:
    return read_photo(address, max_bytes=MAX_BYTES, max_pixels=1_000_000)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/salon.jpg", "salon.jpg"),
        ("/mon%20salon.jpg?size=large", "mon salon.jpg"),
        ("/no-head/salon.jpg", "salon.jpg"),
        ("/photo", "photo"),
        ("/", None),
    ],
)
def test_a_photo_is_read(server: Server, path: str, name: str | None) -> None:
    (source,) = expanded(url(server, path))

    photo = read(source)

    assert photo.data == jpeg()
    assert photo.name == name


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_leads_nowhere_is_permanent(server: Server, status: int) -> None:
    with pytest.raises(PhotoNotFoundError, match=f"{status}|does not exist"):
        read(url(server, f"/status/{status}"))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_may_be_tried_again(server: Server, status: int) -> None:
    with pytest.raises(StorageError, match=f"answers {status}"):
        read(url(server, f"/status/{status}"))


def test_no_server_may_be_tried_again(server: Server) -> None:
    address = url(server, "/salon.jpg")
    server.shutdown()
    server.socket.close()

    with pytest.raises(StorageError, match="cannot be reached"):
        read(address)


def test_an_announced_length_above_the_limit_is_not_downloaded(server: Server) -> None:
    with pytest.raises(PhotoTooLargeError, match="PHOTOQUEUE_MAX_PHOTO_MB"):
        read(url(server, "/large.jpg"))
    assert server.sent == 0


def test_an_address_is_asked_for_once_and_read_once(server: Server) -> None:
    read(url(server, "/salon.jpg"))

    assert server.sent == len(jpeg())


@pytest.mark.timeout(30)
@pytest.mark.parametrize("path", ["/endless.jpg", "/lies.jpg"])
def test_a_body_without_end_is_left_at_the_limit(server: Server, path: str) -> None:
    with pytest.raises(PhotoTooLargeError, match="PHOTOQUEUE_MAX_PHOTO_MB"):
        read(url(server, path))


@pytest.mark.timeout(30)
def test_a_silent_server_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "HTTP_SILENCE_S", 0.3)

    with pytest.raises(StorageError, match="did not answer in time"):
        read(url(server, "/silent.jpg"))


def test_a_connection_that_breaks_may_be_tried_again(server: Server) -> None:
    with pytest.raises(StorageError):
        read(url(server, "/cut.jpg"))


@pytest.mark.parametrize("path", ["/status/404", "/status/500", "/large.jpg"])
def test_secrets_never_show(server: Server, path: str) -> None:
    secret = "".join(("hush", "hush"))  # in two parts: a traceback quotes this very line

    with pytest.raises(PhotoqueueError) as caught:
        read(url(server, f"{path}?signature={secret}", login=f"mover:{secret}@"))

    assert secret not in "".join(traceback.format_exception(caught.value))
