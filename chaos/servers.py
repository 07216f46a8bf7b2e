"""A PostgreSQL and a Redis that may be stopped, frozen, replaced by a replica, put back in time."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import psycopg
import redis

from chaos.pooler import Pooler
from photoqueue.queue.database import Database, migrate
from photoqueue.services import process
from photoqueue.services.folder import ServiceFolder
from photoqueue.services.lifecycle import EmbeddedServer
from photoqueue.services.process import Account
from photoqueue.services.programs import DATABASE, Postgres, RedisServer, postgres_program

_REDIS_PORT = 6399
_POSTGRES_PORT = 5432
#: Seconds within which a replica has caught up, and a server has ended.
_WAIT_SECONDS: Final = 30.0
#: Gives a C program a clock; Python's own waits end wrongly under it (see ``chaos/clock``).
_FAKETIME: Final = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def no_faketime() -> str:
    """Why servers cannot be given a clock of their own; empty where they can."""
    return "" if _FAKETIME else "there is no libfaketime: apt install libfaketime"


def no_disk() -> str:
    """Why there can be no small disk; empty where there can."""
    able = os.geteuid() == 0 and shutil.which("mount")
    return "" if able else "a disk of its own needs root and mount"


def mount(folder: Path, size: int) -> bool:
    """Make a folder a small disk of its own, where that is allowed."""
    if no_disk():
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take a small disk away, if there is one."""
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=False)


class OpenPostgres(Postgres):
    """PostgreSQL that also listens on an address, for workers of other hosts and for a standby."""

    listen = ""
    #: Words before its command.
    before: tuple[str, ...] = ()

    def prepare(self, account: Account | None) -> None:
        """Let everybody on the network of the test log in."""
        super().prepare(account)
        rule = "host all all samenet trust\n"
        rules = self.data / "pg_hba.conf"
        if rule not in rules.read_text():
            with rules.open("a") as file:
                file.write(rule)

    def command(self, account: Account | None) -> list[str | Path]:
        """Listen on the address as well."""
        listen = ["-c", f"listen_addresses={self.listen}"]
        return [*self.before, *super().command(account), *listen]


class OpenRedis(RedisServer):
    """Redis that also listens on an address, for workers of other hosts and for a replica."""

    listen = ""
    before: tuple[str, ...] = ()

    def command(self, account: Account | None) -> list[str | Path]:
        """Listen on the address as well."""
        listen = ["--bind", self.listen, "--port", str(_REDIS_PORT), "--protected-mode", "no"]
        return [*self.before, *super().command(account), *listen]


_Kind = TypeVar("_Kind", bound=OpenPostgres | OpenRedis)


class Servers:
    """Both servers, and an address that leads to those in charge.

    Parameters
    ----------
    listen : str
        Address on which they listen too, beside their Unix sockets; empty for one of this
        machine only, for each its own.
    disk : int
        Bytes of the small disk that they are on; 0 for that of the machine.
    clock : bool
        Whether they have a clock that can be moved.
    pooler : bool
        Whether the address of the database is that of PgBouncer.
    """

    def __init__(
        self, listen: str = "", *, disk: int = 0, clock: bool = False, pooler: bool = False
    ) -> None:
        # Short: the path of a Unix socket has a limit.
        self.home = Path(tempfile.mkdtemp(prefix="pq-"))
        if not (disk and mount(self.home, disk)):
            self.home.chmod(0o711)  # root's servers, which run as another user, read their clock
        self.listen = listen
        self.clock = self.home / "clock"
        self.clock.write_text("+0")
        self._clock = clock
        #: Links to the sockets of those in charge, under the names that clients know.
        self.address = self.home / "a"
        self.address.mkdir()
        self.postgres = self._made(OpenPostgres)
        self.redis = self._made(OpenRedis)
        #: Servers that were in charge, and may still have clients.
        self._retired: list[EmbeddedServer] = []
        self._backups: dict[str, Path] = {}
        self.pooler = Pooler() if pooler else None
        try:
            self.start()
            database = Database(self.postgres.url())
            migrate(database)
            database.close()
        except BaseException:
            self.close()
            raise

    def _made(self, kind: type[_Kind]) -> _Kind:
        server = kind(ServiceFolder.of(Path(tempfile.mkdtemp(prefix="", dir=self.home))))
        server.listen = self.listen or "127." + ".".join(
            str(n) for n in random.sample(range(1, 255), 3)
        )
        if self._clock:
            server.before = (
                *("/usr/bin/env", f"LD_PRELOAD={_FAKETIME}", "FAKETIME_NO_CACHE=1"),
                *(f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_DONT_FAKE_MONOTONIC=1"),
            )
        return server

    @property
    def database_url(self) -> str:
        """The database, on the Unix socket of its address."""
        return self.url_through(self.address)

    @property
    def redis_url(self) -> str:
        """Redis, on the Unix socket of its address."""
        return self.redis_url_through(self.address)

    @property
    def remote_database_url(self) -> str:
        """The database as other hosts reach it."""
        return f"postgresql://{DATABASE}@{self.listen}:{_POSTGRES_PORT}/{DATABASE}"

    @property
    def remote_redis_url(self) -> str:
        """Redis as other hosts reach it."""
        return f"redis://{self.listen}:{_REDIS_PORT}/0"

    @property
    def postgres_socket(self) -> Path:
        """Path of the socket of the one in charge."""
        return _socket(self.postgres)

    def url_through(self, folder: Path) -> str:
        """Return the database as reached through a socket of the same name in another folder."""
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(folder))}&port=5432"

    def redis_url_through(self, folder: Path) -> str:
        """Return Redis as reached through a socket of the same name in another folder."""
        return f"unix://{quote(str(folder / self.redis.socket_name))}?db=0"

    def start(self) -> None:
        """Start what does not run, and lead the addresses to it."""
        for server in (self.postgres, self.redis):
            _bring_up(server)
        if self.pooler is not None:
            self.pooler.start(self.postgres.listen)
        self.lead()

    def lead(self) -> None:
        """Lead new connections to those in charge; open ones stay where they are."""
        of_pooler = self.pooler and self.pooler.folder / self.postgres.socket_name
        for target in (of_pooler or self.postgres_socket, _socket(self.redis)):
            fresh = self.address / "new"
            fresh.symlink_to(target)
            fresh.replace(self.address / target.name)

    def of(self, name: str) -> OpenPostgres | OpenRedis:
        """Return the server of a name that is in charge."""
        return self.redis if name == self.redis.name else self.postgres

    def stop(self, name: str, number: int) -> None:
        """Stop a server by a signal to its main process; return when all of it is gone."""
        server = self.of(name)
        process.send_signal(server.processes()[:1], number)
        _until(lambda: not server.is_alive(), f"{name} is still alive after signal {number}")

    def replace(self, name: str, *, keep: bool) -> None:
        """Put a replica in charge; the one before becomes its replica, or is killed.

        PostgreSQL loses nothing that was committed: one that is killed had waited for its standby
        at each commit. The address leads where it did until :meth:`lead`.
        """
        old = self.of(name)
        new = self._made(type(old))
        if isinstance(new, OpenRedis):
            _bring_up(new)
            self._replace_redis(new, keep)
            self.redis = new
        else:
            self._copy(new, "-R")
            _bring_up(new)
            self._replace_postgres(new, keep)
            self.postgres = new
        # Whoever is connected to it stays; the one of its kind before it is not needed any more.
        for server in [one for one in self._retired if one.name == name]:
            self._remove(server)
        self._retired.append(old)

    def _replace_postgres(self, new: OpenPostgres, keep: bool) -> None:
        with self.connect() as connection:
            if not keep:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
            query = (
                "SELECT 1 FROM pg_stat_replication WHERE sync_state = %s AND state = 'streaming'"
            )
            wanted = "async" if keep else "sync"
            _until(lambda: connection.execute(query, (wanted,)).fetchone())
        self.stop(new.name, CLEAN[new.name] if keep else signal.SIGKILL)
        with psycopg.connect(new.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        if keep:
            leader = f"host={new.listen} port={_POSTGRES_PORT} user={DATABASE}"
            with (self.postgres.data / "postgresql.auto.conf").open("a") as file:
                file.write(f"primary_conninfo = '{leader}'\n")
            (self.postgres.data / "standby.signal").touch()
            _bring_up(self.postgres)

    def _replace_redis(self, new: OpenRedis, keep: bool) -> None:
        with redis.Redis.from_url(new.url()) as client:
            client.replicaof(self.redis.listen, _REDIS_PORT)
            _until(lambda: client.info("replication").get("master_link_status") == "up")
            if not keep:
                self.stop(new.name, signal.SIGKILL)
            client.replicaof("NO", "ONE")
        if keep:
            with self.client() as client:
                client.replicaof(new.listen, _REDIS_PORT)

    def _remove(self, server: EmbeddedServer) -> None:
        with server.place.exclusive():
            server.stop()
        server.place.remove_sockets()
        shutil.rmtree(server.place.home, ignore_errors=True)
        with contextlib.suppress(ValueError):
            self._retired.remove(server)

    def _copy(self, target: OpenPostgres, *options: str) -> None:
        """Make the data of another server a copy of those of the one in charge."""
        with target.place.exclusive():
            account = target.place.prepare()
            target.place.make_private(target.folder, account)
        program = postgres_program(account, "pg_basebackup")
        command: list[str | Path] = [program, "-D", target.data, "-c", "fast", *options]
        command += ["-h", self.postgres.listen, "-p", str(_POSTGRES_PORT), "-U", DATABASE]
        done = process.run(command, folder=target.folder, account=account)
        if done.returncode:
            raise RuntimeError(f"pg_basebackup failed: {done.stdout[-500:]}")

    def back_up(self, name: str) -> None:
        """Copy what a server has now, while it goes on."""
        server = self.of(name)
        copy = self._made(type(server))
        if isinstance(copy, OpenPostgres):
            self._copy(copy)
        else:
            shutil.copytree(server.data, copy.data)
        self._backups[name] = copy.data

    def restore(self, name: str) -> None:
        """Start a server with what it had at its backup."""
        server = self.of(name)
        self.stop(name, CLEAN[name])
        owner = server.data.stat()
        shutil.rmtree(server.data)
        self._backups.pop(name).rename(server.data)
        for path in (server.data, *server.data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        self.start()

    def client(self) -> redis.Redis:
        """Connect to the Redis in charge."""
        return redis.Redis.from_url(self.redis.url())

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect to the database in charge; each statement is committed."""
        return psycopg.connect(self.postgres.url(), autocommit=True, application_name="chaos")

    def close(self) -> None:
        """Stop all and remove what they held."""
        if self.pooler is not None:
            self.pooler.close()
        for server in (*self._retired, self.postgres, self.redis):
            self._remove(server)
        unmount(self.home)
        shutil.rmtree(self.home, ignore_errors=True)


#: How a server is told to end: cleanly, or as if its machine had failed.
CLEAN = {"PostgreSQL": signal.SIGINT, "Redis": signal.SIGTERM}


def _socket(server: EmbeddedServer) -> Path:
    found = server.socket()
    assert found is not None
    return found


def _bring_up(server: EmbeddedServer) -> None:
    with server.place.exclusive():
        server.bring_up()


def _until(condition: Callable[[], Any], otherwise: str = "A replica has not caught up") -> None:
    if not process.until(lambda: bool(condition()), time.monotonic() + _WAIT_SECONDS):
        raise RuntimeError(f"{otherwise}, for {_WAIT_SECONDS:.0f} s")
