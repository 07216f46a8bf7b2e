"""The HTTP API in a thread of the test, on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from photoqueue.addresses import listen
from photoqueue.faces.http.idempotency import KEY
from photoqueue.faces.http.server import ApiServer, create_app, make_server
from photoqueue.settings import Settings

_REQUESTS: Final = "tests/integration/described_requests.py"

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


@cache
def description() -> Any:
    """Return what OpenAPI says of the API."""
    return create_app(Settings()).openapi()


def assert_answers_are_as_described(address: str, *, limits: bool = False, token: str = "") -> None:
    """Send requests made from the description: random ones, or also those at its limits."""
    described = [
        method
        for path, methods in description()["paths"].items()
        if path.startswith(("/api", "/healthz"))
        for method in methods
    ]
    repository = Path(__file__).parents[1]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", repository, "-q"),
            *("-p", "no:cacheprovider", "-p", "schemathesis.pytest.plugin", "--noconftest"),
            *("-W", "error", _REQUESTS),
        ],
        cwd=repository,
        env={
            **os.environ,
            "PQ_TEST_API": address,
            "PQ_TEST_TOKEN": token,
            "PQ_TEST_KEY": KEY,
            "PQ_TEST_LIMITS": "1" if limits else "",
            # Without the plugins that only other tests need.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=550 if limits else 170,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(rf"\b{len(described)} passed", done.stdout), done.stdout
