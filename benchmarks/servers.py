"""The Redis and PostgreSQL that everything is measured against, in a temporary folder."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import redis

from photoqueue import Settings, services
from photoqueue.installation import Installation

#: Redis database of the peers; photoqueue has 0.
PEERS_REDIS = 1
#: PostgreSQL database of the peers.
PEERS_DATABASE = "peers"


@dataclass(frozen=True)
class Servers:
    """Where they are, and how to look into them."""

    settings: Settings
    installation: Installation
    redis: redis.Redis
    redis_socket: str
    postgres_folder: str
    postgres_user: str

    @property
    def peers_dsn(self) -> str:
        """The peers' database, as libpq takes it."""
        return f"host={self.postgres_folder} user={self.postgres_user} dbname={PEERS_DATABASE}"

    def environment(self) -> dict[str, str]:
        """Tell the processes of the peers where the servers are."""
        return {
            "BENCH_REDIS_SOCKET": self.redis_socket,
            "BENCH_REDIS_DB": str(PEERS_REDIS),
            "BENCH_PG_HOST": self.postgres_folder,
            "BENCH_PG_USER": self.postgres_user,
            "BENCH_PG_DATABASE": PEERS_DATABASE,
            "BENCH_PG_DSN": self.peers_dsn,
            **self.settings.to_environment(),
        }

    def durability(self) -> dict[str, str]:
        """Read what the servers promise to keep when the power fails."""
        with psycopg.connect(self.peers_dsn) as connection:
            shown = {
                name: str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]
                for name in ("server_version", "fsync", "synchronous_commit")
            }
        shown["redis"] = self.redis.info("server")["redis_version"]
        for name in ("appendonly", "appendfsync"):
            shown[name] = self.redis.config_get(name)[name]
        return shown


@contextlib.contextmanager
def running(home: Path | None = None) -> Iterator[Servers]:
    """Start the servers, and leave nothing behind; ``home`` keeps what they hold."""
    folder = home or Path(tempfile.mkdtemp(prefix="pq-"))
    settings = Settings(home=folder)
    installation = None
    try:
        installation = Installation.open(settings)
        yield attach(settings, installation)
    finally:
        if installation is not None:
            installation.close()
        services.down(settings)
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


def attach(settings: Settings, installation: Installation) -> Servers:
    """Describe the servers of an installation; make the peers' database where it is missing."""
    address = installation.endpoints.redis_url
    if address is None:
        raise SystemExit("There is no redis-server: install Redis, or photoqueue[embedded].")
    socket = urlsplit(address.get_secret_value()).path
    parts = urlsplit(installation.database.libpq_url)
    host = parse_qs(parts.query)["host"][0]
    with psycopg.connect(installation.database.libpq_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT FROM pg_database WHERE datname = %s", (PEERS_DATABASE,)
        ).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {PEERS_DATABASE}")
    return Servers(
        settings=settings,
        installation=installation,
        redis=redis.Redis(unix_socket_path=socket, db=PEERS_REDIS, decode_responses=True),
        redis_socket=socket,
        postgres_folder=host,
        postgres_user=parts.username or "photoqueue",
    )
