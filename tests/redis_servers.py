"""Redis servers of a test's own: with users and limits, or a primary and its replica."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from photoqueue.services.programs import find_redis
from tests.conftest import eventually


@dataclass(frozen=True)
class RedisServer:
    """A running server: its TCP port on loopback, and its socket."""

    port: int
    socket: Path

    def url(self, login: str = "") -> str:
        return f"redis://{login and login + '@'}127.0.0.1:{self.port}/0"

    def ask(self, *words: str | int, login: str = "") -> Any:
        """Send one command, and return the answer."""
        with redis.Redis.from_url(self.url(login)) as client:
            return client.execute_command(*words)

    def replicate(self, primary: RedisServer) -> None:
        """Become the replica of another server, and wait for its data."""
        self.ask("REPLICAOF", "127.0.0.1", primary.port)
        eventually(lambda: self.ask("ROLE")[3] == b"connected")


@contextmanager
def redis_server(folder: Path, *options: str | int) -> Iterator[RedisServer]:
    """Run a server that keeps nothing."""
    program = find_redis()
    if program is None:
        pytest.skip("no redis-server program on this machine")
    port = free_port()
    server = RedisServer(port, folder / f"{port}.sock")
    fixed = ["--bind", "127.0.0.1", "--port", port, "--unixsocket", server.socket]
    fixed += ["--save", "", "--dir", folder, "--repl-diskless-sync-delay", 0]
    process = subprocess.Popen(
        [program, *(str(word) for word in (*fixed, *options))], stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: process.poll() is not None or _answers(port), timeout=60)
        assert process.poll() is None, f"the server ended with {process.returncode}"
        yield server
    finally:
        process.kill()
        process.wait(60)


def free_port() -> int:
    """Return a port that is free, with that of a cluster's bus, which is 10,000 higher."""
    while True:
        with socket.socket() as free, socket.socket() as bus, suppress(OSError, OverflowError):
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
            bus.bind(("127.0.0.1", port + 10_000))
            return port


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
