"""Statements in a transaction of the caller, who commits them or rolls them back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Protocol

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from photoqueue.errors import PayloadError, StateError
from photoqueue.queue.connections import ANSWERS

#: What tells a table from all others: the run of its server, the database, and the table in it.
_PLACE: Final = """
    SELECT pg_postmaster_start_time(), to_regclass('jobs')::oid,
        (SELECT oid FROM pg_database WHERE datname = current_database())
"""


_NAMES: Final = tuple(ANSWERS)
#: Make settings ours that would change answers, and return what they were.
_SET: Final = "SELECT " + ", ".join(
    [
        *(f"current_setting('{name}')" for name in _NAMES),
        *(f"set_config('{name}', {value}, true)" for name, value in ANSWERS.items()),
    ]
)
_SET_BACK: Final = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in _NAMES)

#: The connections that can be joined.
Given = psycopg.Connection[Any] | sa.Connection


class Joinable(Protocol):
    """What is needed of a database here."""

    engine: sa.Engine

    @property
    def address(self) -> str:
        """For messages."""

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Begin to read."""


class Joined:
    """A transaction of the caller's connection, which all statements of a database join.

    Each use is a savepoint: what is refused leaves the transaction as it was. Settings are given
    back, and nothing is committed, rolled back or closed here.
    """

    def __init__(self, database: Joinable, given: Given) -> None:
        if not isinstance(given, psycopg.Connection | sa.Connection):
            raise _unknown(type(given))
        self.database = database
        self._given = given
        #: What is to be done after the transaction, and after those that have ended.
        self._after: list[Callable[[], None]] = []
        self._due: list[Callable[[], None]] = []
        with database.reading() as connection:
            self._place = tuple(connection.exec_driver_sql(_PLACE).one())

    @contextlib.contextmanager
    def lend(self) -> Iterator[sa.Connection]:
        """Lend the connection, within a savepoint."""
        raw = self._given
        if isinstance(raw, sa.Connection):
            found = raw.connection.driver_connection
            if not isinstance(found, psycopg.Connection):
                raise _unknown(type(found))
            raw = found
        borrowed = _Borrowed(raw)
        if raw.info.transaction_status is TransactionStatus.IDLE:
            self._begin(borrowed)
        pool = sa.NullPool(lambda: borrowed)  # type: ignore[arg-type]  # as much of one as is used
        with (
            raw.transaction(),
            _our_settings(borrowed),
            sa.Connection(self.database.engine, pool.connect()) as connection,
        ):
            yield connection

    def _begin(self, borrowed: _Borrowed) -> None:
        """Begin a transaction as its owner would, and see where it is."""
        self._due, self._after = [*self._due, *self._after], []
        if borrowed.autocommit:
            raise StateError(
                "The connection commits each statement by itself. Begin a transaction first: "
                "with connection.transaction()."
            )
        # SQLAlchemy would not commit a transaction that it does not know of.
        own = self._given if isinstance(self._given, sa.Connection) else None
        row = own.exec_driver_sql(_PLACE).one() if own else borrowed.execute(_PLACE).fetchone()
        if tuple(row or ()) != self._place:
            raise StateError(
                f"The connection leads to the database {borrowed.info.dbname!r} at "
                f"{borrowed.info.host}, where the tables of this installation are not. They are in "
                f"{self.database.address}: connect there, with the same search_path."
            )

    def after(self, action: Callable[[], None]) -> None:
        """Do something at the end, if the transaction has ended by then."""
        self._after.append(action)

    def end(self) -> None:
        """Do what is due; the jobs of a transaction that goes on are found by recovery."""
        given = self._given
        if isinstance(given, sa.Connection):
            over = given.closed or not given.in_transaction()
        else:
            over = given.closed or given.info.transaction_status is TransactionStatus.IDLE
        for action in [*self._due, *(self._after if over else ())]:
            action()


_current: ContextVar[Joined | None] = ContextVar("joined", default=None)


def joined(database: Joinable) -> Joined | None:
    """Return the transaction that statements of this thread or task join."""
    found = _current.get()
    return found if found is not None and found.database is database else None


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


@contextlib.contextmanager
def _our_settings(borrowed: _Borrowed) -> Iterator[None]:
    before = borrowed.execute(_SET).fetchone() or ()
    yield
    # After an error, the end of the savepoint does this.
    borrowed.execute(_SET_BACK, before[: len(_NAMES)])


def _unknown(kind: type) -> PayloadError:
    return PayloadError(
        f"join_transaction() cannot join a {kind.__module__}.{kind.__qualname__}. Give a "
        "connection of psycopg 3, or of SQLAlchemy over it (postgresql+psycopg://); none that is "
        "asynchronous, and no session, pool or engine."
    )
