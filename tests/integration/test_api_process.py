"""``photoqueue serve`` as an operator starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from photoqueue.settings import Settings
from tests import warm
from tests.conftest import REPOSITORY, eventually
from tests.warm import WarmProcess


class Serve:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes] | WarmProcess, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def address(self) -> str:
        found = re.search(r"serving on (http://\S+)", self.log)
        return found[1] if found else ""


@pytest.fixture
def serve(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Start servers of the test's installation; whatever is left of them is ended."""
    started: list[Serve] = []

    def start(*arguments: str, cold: bool = False) -> Serve:
        log = tmp_path / f"serve-{len(started)}.log"
        own = {**os.environ, **settings.to_environment()}
        process: subprocess.Popen[bytes] | WarmProcess
        with log.open("wb") as output:
            if cold:
                process = subprocess.Popen(
                    [sys.executable, "-m", "photoqueue", "serve", *arguments],
                    cwd=REPOSITORY,
                    env=own,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            else:
                command = ["serve", *arguments]
                process = warm.interpreter().start(command, environment=own, output=output)
        started.append(Serve(process, log))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_answers_and_ends_in_order(serve: Callable[..., Serve], number: int) -> None:
    server = serve("--port", "0", cold=number == signal.SIGTERM)
    eventually(lambda: server.address or server.process.poll() is not None, timeout=90)
    assert server.address.startswith("http://127.0.0.1:"), server.log
    assert httpx.get(f"{server.address}/readyz").json()["ready"] is True
    server.process.send_signal(number)
    assert server.process.wait(120) == 0, server.log
    assert "Traceback" not in server.log


def test_port_in_use_is_said_and_ends_with_a_status(serve: Callable[..., Serve]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = serve("--port", str(port))
        assert server.process.wait(90) == 78
    assert (
        f"127.0.0.1 port {port}: Address already in use. Choose another port with --port"
        in server.log
    )
    assert "Traceback" not in server.log


def test_other_addresses_are_refused_without_a_token(serve: Callable[..., Serve]) -> None:
    server = serve("--host", "0.0.0.0", "--port", "0")
    assert server.process.wait(90) == 78
    assert "PHOTOQUEUE_API_TOKEN must be set" in server.log
