"""The HTTP API in a thread of the test, on a free port of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx

from photoqueue.addresses import listen
from photoqueue.faces.http.server import ApiServer, make_server
from photoqueue.settings import Settings

TOKEN = "a-token-that-only-this-test-knows"


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the installation of the test; yields the address, ends the server in any case."""
    with running(make_server(settings)) as address:
        yield address


@contextlib.contextmanager
def running(server: ApiServer, host: str = "127.0.0.1") -> Iterator[str]:
    """Run a server for the block; yields its address."""
    listening = listen(host, 0, host_option="--host", port_option="--port")
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
        thread.join(60)
        assert not thread.is_alive(), "the server did not end"


def reads_nothing(server: ApiServer) -> bool:
    """Whether all reads have ended that requests began, some of them for the next request."""
    backend = server.config.app.state.backend
    shared = (backend.queues, backend.mark, backend.readiness)
    return all(read._task is None for read in shared)


@contextlib.contextmanager
def client_of(settings: Settings, **headers: str) -> Iterator[httpx.Client]:
    """Serve the installation of the test, and ask it."""
    with serving(settings) as address, asking(address, **headers) as client:
        yield client


def asking(address: str, **headers: str) -> httpx.Client:
    # Nothing here is encrypted, and to read the certificates takes longer than most tests.
    return httpx.Client(base_url=address, headers=headers, timeout=60, verify=False)
