"""Ask a server on a Unix socket whether it is ready, in about a millisecond.

A pid file or a socket file may be left over from a crash; only an answer proves a server.
The first words of both protocols are spoken here directly: that needs no client library,
heeds no ``PG…`` variable of the environment, and tells "starting" from "not there".
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

#: Seconds a server gets for each part of its answer.
ANSWER_SECONDS: Final = 2.0

_NOBODY_LISTENS = (FileNotFoundError, NotADirectoryError, PermissionError, ConnectionRefusedError)
_PROTOCOL_3_0 = 196608
_TOO_MANY_CONNECTIONS = b"C53300"


class Readiness(Enum):
    """What a server said about itself."""

    #: It takes commands.
    READY = "ready"
    #: It is there: starting, recovering, stopping, or slow.
    BUSY = "busy"
    #: Nobody listens.
    ABSENT = "absent"


@dataclass(frozen=True)
class Answer:
    """The readiness of a server and, when it said so, its version."""

    readiness: Readiness
    version: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the server takes commands."""
        return self.readiness is Readiness.READY


def ask_postgres(path: Path, *, user: str, database: str) -> Answer:
    """Log in to the PostgreSQL at ``path`` and leave again."""
    words = f"user\0{user}\0database\0{database}\0\0".encode()
    hello = struct.pack("!ii", len(words) + 8, _PROTOCOL_3_0) + words
    return _ask(path, hello, _read_postgres)


def ask_redis(path: Path) -> Answer:
    """Send ``PING`` to the Redis at ``path``, and ask for its version."""
    return _ask(path, b"PING\r\nINFO server\r\n", _read_redis)


def _ask(path: Path, hello: bytes, read: Callable[[BinaryIO], Answer]) -> Answer:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(hello)
            with connection.makefile("rb") as stream:
                return read(stream)
        except _NOBODY_LISTENS:
            return Answer(Readiness.ABSENT)
        except OSError:
            # Too slow, its queue of callers is full, or it hung up: somebody is there.
            return Answer(Readiness.BUSY)


def _read_postgres(stream: BinaryIO) -> Answer:
    version = None
    while len(header := stream.read(5)) == 5:
        kind, length = struct.unpack("!ci", header)
        fields = stream.read(length - 4).split(b"\0")
        if kind == b"S" and fields[0] == b"server_version":
            version = fields[1].decode()
        elif kind == b"Z":
            return Answer(Readiness.READY, version)
        elif kind == b"E":
            # A server whose connections are all in use works; any other refusal means that
            # it cannot serve now ("the database system is starting up").
            full = _TOO_MANY_CONNECTIONS in fields
            return Answer(Readiness.READY if full else Readiness.BUSY, version)
    return Answer(Readiness.BUSY)


def _read_redis(stream: BinaryIO) -> Answer:
    if stream.readline() != b"+PONG\r\n":
        return Answer(Readiness.BUSY)  # "-LOADING …"
    size = re.fullmatch(rb"\$(\d+)\r\n", stream.readline())
    info = stream.read(int(size[1])) if size else b""
    version = re.search(rb"^redis_version:(\S+)", info, re.MULTILINE)
    return Answer(Readiness.READY, version[1].decode() if version else None)
