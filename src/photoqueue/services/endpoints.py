"""Where the servers are, as values that can be printed without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from photoqueue.addresses import masked


@dataclass(frozen=True, kw_only=True, repr=False)
class Endpoints:
    """Addresses of the two servers, embedded or configured."""

    database_url: SecretStr
    #: ``None``: there is no Redis; PostgreSQL carries the messages.
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
    """What is known of one server without starting or disturbing it."""

    name: str
    #: ``None`` for a configured server, which is not asked here.
    running: bool | None
    #: Process that was started first; ``None`` when not embedded, not running or not visible.
    pid: int | None = None
    #: As told by the running server.
    version: str | None = None
    #: Address with its secrets masked, or why there is none.
    where: str
    data_directory: Path | None = None
    embedded: bool
