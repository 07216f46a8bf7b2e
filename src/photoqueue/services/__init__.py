"""The embedded servers: PostgreSQL and Redis with their data under ``PHOTOQUEUE_HOME``.

They start on first use, are shared by all processes of that home, keep running after the process
that started them, listen on Unix sockets only, and stop with :func:`down`::

    endpoints = ensure(load_settings())
    endpoints.database_url.get_secret_value()  # postgresql://photoqueue@/photoqueue?host=…

A configured ``DATABASE_URL`` or ``REDIS_URL`` replaces the embedded server.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from photoqueue.addresses import masked
from photoqueue.errors import ConfigurationError
from photoqueue.settings import Settings

if TYPE_CHECKING:
    from photoqueue.services.lifecycle import EmbeddedServer
    from photoqueue.services.programs import Postgres, RedisServer

__all__ = ["Endpoints", "ServerStatus", "down", "ensure", "status"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Endpoints:
    """Addresses of the two servers, embedded or configured."""

    database_url: SecretStr
    #: ``None`` if there is no Redis: PostgreSQL carries the messages.
    redis_url: SecretStr | None
    embedded_database: bool
    embedded_redis: bool

    def __repr__(self) -> str:
        redis = self.redis_url and masked(self.redis_url.get_secret_value())
        return (
            f"Endpoints(database_url={masked(self.database_url.get_secret_value())!r}, "
            f"redis_url={redis!r})"
        )


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """Status of one server, read without starting it."""

    name: str
    #: ``None`` for a configured server, which is not contacted.
    running: bool | None
    #: The server's main process; ``None`` if not embedded, not running or not visible.
    pid: int | None = None
    #: Address with secrets masked, or why there is none.
    where: str
    embedded: bool


def ensure(settings: Settings) -> Endpoints:
    """Return the addresses of both servers; starts those that are not configured by URL.

    A configured URL is returned unchanged and not tested. If the embedded servers are running,
    this takes a few milliseconds and no lock.

    Raises
    ------
    ConfigurationError
        The embedded server is not installed, or its home cannot be used.
    DatabaseUnavailableError, BrokerUnavailableError
        The server does not start; the message holds the end of its log.
    """
    database_url, redis_url = settings.database_url, settings.redis_url
    without_redis = settings.broker == "postgres"
    if without_redis:
        redis_url = None
    if database_url is None or not (without_redis or redis_url):
        postgres, redis = _servers(settings)
        wanted: list[EmbeddedServer] = []
        if database_url is None:
            wanted.append(postgres)
        # A running Redis is used even if this process cannot find its program.
        if not (without_redis or redis_url) and (redis.is_installed() or redis.is_ready()):
            wanted.append(redis)
        _bring_up(wanted)
        database_url = database_url or SecretStr(postgres.url())
        if redis in wanted:
            redis_url = SecretStr(redis.url())
    return Endpoints(
        database_url=database_url,
        redis_url=redis_url,
        embedded_database=settings.database_url is None,
        embedded_redis=redis_url is not None and settings.redis_url is None,
    )


def down(settings: Settings) -> list[str]:
    """Stop the embedded servers of this home; return the names of those that were running."""
    postgres, redis = _servers(settings)
    place = postgres.place
    if not place.exists():
        return []
    with place.exclusive():
        stopped = [server.name for server in (postgres, redis) if server.stop()]
        place.remove_sockets()
    return stopped


def status(settings: Settings) -> list[ServerStatus]:
    """Return the state of PostgreSQL and Redis, in this order; starts nothing, takes no lock."""
    configured = {"PostgreSQL": settings.database_url, "Redis": settings.redis_url}
    return [
        _configured_status(name, url) if url else _embedded_status(_servers(settings)[place])
        for place, (name, url) in enumerate(configured.items())
    ]


def _bring_up(servers: list[EmbeddedServer]) -> None:
    missing = [server for server in servers if not server.is_ready()]
    if missing:
        with missing[0].place.exclusive():
            for server in missing:
                server.bring_up()


def _configured_status(name: str, url: SecretStr) -> ServerStatus:
    where = masked(url.get_secret_value())
    return ServerStatus(name=name, running=None, where=where, embedded=False)


def _embedded_status(server: EmbeddedServer) -> ServerStatus:
    running = server.is_ready()
    processes = server.processes()
    return ServerStatus(
        name=server.name,
        running=running,
        pid=processes[0].pid if processes else None,
        where=server.url() if running else server.why_absent(),
        embedded=True,
    )


def _servers(settings: Settings) -> tuple[Postgres, RedisServer]:
    if sys.platform == "win32":
        raise ConfigurationError(
            "The embedded servers do not run on Windows. Set DATABASE_URL and REDIS_URL, or use "
            "photoqueue within WSL."
        )
    # Imported here because these modules cannot be imported on Windows.
    from photoqueue.services.folder import ServiceFolder
    from photoqueue.services.programs import Postgres, RedisServer

    place = ServiceFolder.of(settings.home)
    return Postgres(place), RedisServer(place)
