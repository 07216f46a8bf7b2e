"""A PostgreSQL and a Redis that may be stopped, killed, emptied and started again."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis

from photoqueue.queue.database import Database, migrate
from photoqueue.services.folder import ServiceFolder
from photoqueue.services.lifecycle import EmbeddedServer
from photoqueue.services.process import Account
from photoqueue.services.programs import DATABASE, Postgres, RedisServer

_REDIS_PORT = 6399
_POSTGRES_PORT = 5432


class OpenPostgres(Postgres):
    """PostgreSQL that also listens on an address, for workers of other hosts."""

    listen = ""

    def prepare(self, account: Account | None) -> None:
        """Let everybody on the network of the test log in."""
        super().prepare(account)
        rule = "host all all samenet trust\n"
        rules = self.data / "pg_hba.conf"
        if self.listen and rule not in rules.read_text():
            with rules.open("a") as file:
                file.write(rule)

    def command(self) -> list[str | Path]:
        """Listen on the address as well."""
        command = super().command()
        return [*command, "-c", f"listen_addresses={self.listen}"] if self.listen else command


class OpenRedis(RedisServer):
    """Redis that also listens on an address."""

    listen = ""

    def command(self) -> list[str | Path]:
        """Listen on the address as well."""
        command = super().command()
        if not self.listen:
            return command
        open_to_all = ["--bind", self.listen, "--protected-mode", "no"]
        return [*command, *open_to_all, "--port", str(_REDIS_PORT)]


class Servers:
    """Both servers, in a folder of their own.

    Parameters
    ----------
    listen : str
        Address on which they listen too, beside their Unix sockets; empty for none.
    """

    def __init__(self, listen: str = "") -> None:
        # Short: the path of a Unix socket has a limit.
        self.home = Path(tempfile.mkdtemp(prefix="pq-"))
        place = ServiceFolder.of(self.home)
        self.postgres = OpenPostgres(place)
        self.redis = OpenRedis(place)
        self.postgres.listen = self.redis.listen = listen
        self.listen = listen
        try:
            self.start()
            database = Database(self.database_url)
            migrate(database)
            database.close()
        except BaseException:
            self.close()
            raise

    @property
    def database_url(self) -> str:
        """The database, on its Unix socket."""
        return self.postgres.url()

    @property
    def redis_url(self) -> str:
        """Redis, on its Unix socket."""
        return self.redis.url()

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
        """Path of the socket, for something that stands before it."""
        found = self.postgres.socket()
        assert found is not None
        return found

    def url_through(self, folder: Path) -> str:
        """Return the database as reached through a socket of the same name in another folder."""
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(folder))}&port=5432"

    def start(self) -> None:
        """Start what does not run."""
        for server in (self.postgres, self.redis):
            with server.place.exclusive():
                server.bring_up()

    def stop(self, server: EmbeddedServer, number: int) -> None:
        """Stop a server by a signal to its main process; return when all of it is gone."""
        processes = server.processes()
        if processes:
            os.kill(processes[0].pid, number)
        deadline = time.monotonic() + 30
        while server.is_alive():
            if time.monotonic() > deadline:
                psutil.wait_procs(processes, timeout=0)
                raise RuntimeError(f"{server.name} is still alive 30 s after signal {number}")
            time.sleep(0.02)

    def restart(self, server: EmbeddedServer, number: int, away: float = 0.0) -> None:
        """Stop a server, leave it away for some seconds, start it again."""
        self.stop(server, number)
        time.sleep(away)
        self.start()

    def client(self) -> redis.Redis:
        """Connect to Redis."""
        return redis.Redis.from_url(self.redis_url)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect to the database; each statement is committed."""
        return psycopg.connect(self.database_url, autocommit=True, application_name="chaos")

    def close(self) -> None:
        """Stop both and remove what they held."""
        for server in (self.postgres, self.redis):
            with server.place.exclusive():
                server.stop()
        self.postgres.place.remove_sockets()
        shutil.rmtree(self.home, ignore_errors=True)


#: How a server is told to end: cleanly, or as if its machine had failed.
CLEAN = {"PostgreSQL": signal.SIGINT, "Redis": signal.SIGTERM}
