"""Statements in a transaction of the caller, who commits them or rolls them back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from photoqueue.errors import PayloadError, StateError
from photoqueue.queue.connections import ANSWERS

#: What tells a table from all others: the run of its server, the database, and the table in it.
_PLACE: Final = """
    SELECT extract(epoch FROM pg_postmaster_start_time()), to_regclass('jobs')::oid,
        (SELECT oid FROM pg_database WHERE datname = current_database())
"""
#: Make settings ours that would change answers: of each, what it was and what it is now.
_SET: Final = "SELECT " + ", ".join(
    f"current_setting('{name}'), set_config('{name}', {value}, true)"
    for name, value in ANSWERS.items()
)
_SET_BACK: Final = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in ANSWERS)

#: The connections that can be joined.
Given = psycopg.Connection[Any] | sa.Connection


class Joined:
    """A transaction of the caller's connection, which all statements of a database join.

    Each use is a savepoint: what is refused leaves the transaction as it was. Settings are given
    back, and nothing is committed, rolled back or closed here.
    """

    def __init__(self, engine: sa.Engine, given: Given) -> None:
        raw = given.connection.driver_connection if isinstance(given, sa.Connection) else given
        if not isinstance(raw, psycopg.Connection):
            raise PayloadError(
                f"join_transaction() cannot join a {type(raw).__module__}.{type(raw).__qualname__}."
                " Give a connection of psycopg 3, or of SQLAlchemy over it (postgresql+psycopg://);"
                " none that is asynchronous, and no session, pool or engine."
            )
        self.engine = engine
        self._given, self._raw = given, raw
        self._checked = False
        #: What is to be done after the block.
        self.after: list[Callable[[], None]] = []

    @contextlib.contextmanager
    def lend(self) -> Iterator[sa.Connection]:
        """Lend the connection, within a savepoint."""
        borrowed = _Borrowed(self._raw)
        idle = self._raw.info.transaction_status is TransactionStatus.IDLE
        if idle and self._raw.autocommit:
            raise StateError(
                "The connection commits each statement by itself. Begin a transaction first: "
                "with connection.transaction()."
            )
        if idle or not self._checked:
            self._check(borrowed)
        pool = sa.NullPool(lambda: borrowed)  # type: ignore[arg-type]  # as much of one as is used
        with self._raw.transaction(), sa.Connection(self.engine, pool.connect()) as connection:
            before = borrowed.execute(_SET).fetchone() or ()
            yield connection
            # After an error, the end of the savepoint does this.
            borrowed.execute(_SET_BACK, before[::2])

    def _check(self, borrowed: _Borrowed) -> None:
        """See where the connection leads; this begins a transaction as its owner would."""
        # SQLAlchemy would not commit a transaction that it does not know of.
        own = self._given if isinstance(self._given, sa.Connection) else None
        found = own.exec_driver_sql(_PLACE).one() if own else borrowed.execute(_PLACE).fetchone()
        with self.engine.connect() as ours:
            self._checked = ours.exec_driver_sql(_PLACE).one() == tuple(found or ())
            info = ours.connection.driver_connection.info  # type: ignore[union-attr]  # psycopg's
        if not self._checked:
            raise StateError(
                f"The connection leads to the database {borrowed.info.dbname!r} at "
                f"{borrowed.info.host}, where the tables of this installation are not. They are in "
                f"{info.dbname!r} at {info.host}: connect there, with the same search_path."
            )


_current: ContextVar[Joined | None] = ContextVar("joined", default=None)


def joined(engine: sa.Engine) -> Joined | None:
    """Return the transaction that statements of this thread or task join."""
    found = _current.get()
    return found if found is not None and found.engine is engine else None


def refuse(what: str) -> None:
    """Refuse what a transaction of the caller can be no part of.

    Raises
    ------
    StateError
        Statements of this thread or task join one.
    """
    if _current.get() is not None:
        raise StateError(f"{what} cannot be done within join_transaction(). Do it after the block.")


@contextlib.contextmanager
def joining(transaction: Joined | None) -> Iterator[None]:
    """Let all statements of this thread or task join a transaction, or none."""
    token = _current.set(transaction)
    try:
        yield
    finally:
        _current.reset(token)


class _Borrowed:
    """The caller's connection, used as ours are: rows are tuples, and it stays as it is."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def cursor(self, *_: object, **__: object) -> psycopg.Cursor[tuple[Any, ...]]:
        return psycopg.Cursor(self._raw, row_factory=tuple_row)

    def execute(self, query: Any, values: Any = None) -> psycopg.Cursor[tuple[Any, ...]]:
        return self.cursor().execute(query, values)

    def commit(self) -> None:
        """Leave this to the owner."""

    rollback = close = commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
