"""``photoqueue serve`` as an operator starts it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from tests.conftest import Serve, eventually


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
