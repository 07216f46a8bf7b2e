"""Where the servers are, as values that can be printed without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

_SECRET_IN_QUERY = re.compile(r"([?&][^=&]*(?:password|passwd|secret|token)[^=&]*=)[^&]*", re.I)


def masked(url: str) -> str:
    """Return a server address without its secrets.

    >>> masked("redis://worker:hunter2@cache:6379/0")
    'redis://worker:***@cache:6379/0'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        # A libpq "key=value" string or a typing mistake: no safe way to cut it up.
        return "***"
    # The last "@": a password with an unescaped "@" or "/" in it must not show its tail.
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{user}:***" if colon else user
    return _SECRET_IN_QUERY.sub(r"\1***", f"{scheme}://{shown}{at}{place}")


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
