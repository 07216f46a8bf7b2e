"""Where to connect and how, and when a pooled connection is asked whether it still answers."""

from __future__ import annotations

import select
import time
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from photoqueue.errors import ConfigurationError

#: How libpq connects. A peer that went away without a word (a host that lost its power, a
#: firewall that forgot the connection) is noticed within about 20 s instead of two hours.
CONNECT_OPTIONS: Final[dict[str, int]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
#: Seconds since its last use for which a connection is not asked whether it still answers,
#: unless it has something to say. Firewalls forget a quiet connection after minutes.
_TRUSTED_SECONDS: Final = 5.0
_USED_AT: Final = "photoqueue_used_at"


def pooled_engine(url: URL) -> sa.Engine:
    """Return an engine whose connections are usable when they are lent.

    SQLAlchemy's own way is a round trip before each use (``pool_pre_ping``). A connection
    that its server closed can be told without one: there is something to read, where nothing
    was asked. Only one like that, or one that lay idle for long, is asked.
    """
    engine = sa.create_engine(
        url,
        pool_size=2,
        max_overflow=8,
        connect_args={**CONNECT_OPTIONS, "application_name": "photoqueue"},
    )

    def check(connection: Any, record: Any, _fairy: Any) -> None:
        used_at = record.info.get(_USED_AT)
        if used_at is None:  # new
            return
        try:
            trusted = time.monotonic() - used_at < _TRUSTED_SECONDS
            if trusted and not _has_something_to_say(connection):
                return
            engine.dialect.do_ping(connection)
        except psycopg.Error as exc:
            # All of the pool are connected anew: what befell one befell the others.
            raise InvalidatePoolError from exc

    def note_use(_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    sa.event.listen(engine, "checkout", check)
    sa.event.listen(engine, "checkin", note_use)
    return engine


def _has_something_to_say(connection: psycopg.Connection[Any]) -> bool:
    """Whether there is something to read on an idle connection: its end, most likely."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def parsed(url: str) -> URL:
    """Read ``DATABASE_URL``.

    Raises
    ------
    ConfigurationError
        It is not the address of a PostgreSQL database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigurationError(
            "DATABASE_URL is not a database address. It looks like "
            "postgresql://user:password@host:5432/database."
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL names {parsed.get_backend_name()!r}, but the tracking table needs "
            "PostgreSQL: postgresql://user:password@host:5432/database."
        )
    return parsed.set(drivername="postgresql+psycopg")
