"""The HTTP API in a thread of the test, on a free port of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx

from photoqueue.faces.http.server import bind, make_server
from photoqueue.settings import Settings

TOKEN = "a-token-that-only-this-test-knows"


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the installation of the test; yields the address, ends the server in any case."""
    listening = bind("127.0.0.1", 0)
    server = make_server(settings)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 90
        while not server.started:
            assert thread.is_alive(), "the server ended at once"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"


@contextlib.contextmanager
def client_of(settings: Settings, **headers: str) -> Iterator[httpx.Client]:
    """Serve the installation of the test, and ask it."""
    # Nothing here is encrypted, and to read the certificates takes longer than most tests.
    with (
        serving(settings) as address,
        httpx.Client(base_url=address, headers=headers, timeout=60, verify=False) as client,
    ):
        yield client
