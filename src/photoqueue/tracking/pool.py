"""The pool of connections, and when one of them is asked whether it still answers."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError

#: Seconds since its last use for which a connection is not asked whether it still answers,
#: unless it has something to say. Firewalls forget a quiet connection after minutes.
_TRUSTED_SECONDS: Final = 5.0
_USED_AT: Final = "photoqueue_used_at"


def pooled_engine(url: URL, options: Mapping[str, Any]) -> sa.Engine:
    """Return an engine whose connections are usable when they are lent.

    SQLAlchemy's own way is a round trip before each use (``pool_pre_ping``). A connection
    that its server closed can be told without one: there is something to read, where nothing
    was asked. Only one like that, or one that lay idle for long, is asked.
    """
    engine = sa.create_engine(url, pool_size=2, max_overflow=8, connect_args=dict(options))

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
