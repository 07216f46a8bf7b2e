"""Connections to a server that hangs."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import psycopg
import pytest

from photoqueue.queue import connections


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_attempts_at_a_server_that_hangs_leave_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has a limit
    monkeypatch.setitem(connections.CONNECT_OPTIONS, "connect_timeout", 2)  # psycopg's least
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(".s.PGSQL.5432")
        silent.listen()
        address = f"postgresql://a@/a?host={tmp_path}&port=5432"
        gc.disable()
        try:
            before = len(descriptors())
            with pytest.raises(psycopg.errors.ConnectionTimeout):
                connections.PostgresConnection.open(address, {}, name="test")
            assert len(descriptors()) == before
        finally:
            gc.enable()
