"""Connections to PostgreSQL that answer in time and as we expect, or are closed."""

from __future__ import annotations

import contextlib
import json
import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import IsolationLevel, errors
from psycopg.types.json import set_json_dumps
from sqlalchemy.exc import InvalidatePoolError

#: Seconds that PostgreSQL gets for one statement: claims, records, submissions and reads; what
#: goes through whole tables (charts, long tables, deletion); and a migration.
SHORT: Final = 30.0
LONG: Final = 600.0
LONGEST: Final = 6 * 3600.0
#: Seconds after which a server that should have ended a statement itself counts as hung.
_GRACE: Final = 5.0

#: Options for libpq. A peer that disappears without closing the connection (power loss, a
#: firewall) is detected within about 20 s instead of two hours.
CONNECT_OPTIONS: Final[dict[str, Any]] = {
    "client_encoding": "utf-8",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

#: Seconds after its last use for which a pooled connection is not tested, unless it has unread
#: data. (Firewalls drop idle connections after minutes.)
_TRUSTED_SECONDS: Final = 5.0
_USED_AT: Final = "photoqueue_used_at"

#: Settings by name, each with an SQL expression.
Settings = Mapping[str, str]
#: Settings of a server, database or role that would change answers.
ANSWERS: Final[Settings] = {
    "array_nulls": "'on'",
    "datestyle": "'ISO, MDY'",
    "default_transaction_isolation": "'read committed'",
    "extra_float_digits": "'1'",
    "intervalstyle": "'postgres'",
    "standard_conforming_strings": "'on'",
    "timezone": "'UTC'",
    "transform_null_equals": "'off'",
}
#: Of a connection that is lent: a limit that an operator set holds.
LENT: Final[Settings] = {
    "statement_timeout": f"coalesce(nullif(current_setting('statement_timeout'), '0'), '{SHORT}s')",
}
#: Of a connection that a process keeps. The keepalives are those of ``CONNECT_OPTIONS`` on the
#: server's side, so that locks of a lost worker are released. JIT compilation takes longer than any
#: statement of a worker.
KEPT: Final[Settings] = {
    "statement_timeout": f"'{SHORT}s'",
    "jit": "'off'",
    "tcp_keepalives_idle": "'10'",
    "tcp_keepalives_interval": "'3'",
    "tcp_keepalives_count": "'3'",
}
#: Errors of a connection that will not get better: it leads to a server that takes no writes, its
#: prepared statements are gone or another's, or their results have changed with the tables.
_LASTING: Final = (
    errors.ReadOnlySqlTransaction,
    errors.InvalidSqlStatementName,
    errors.DuplicatePreparedStatement,
    errors.FeatureNotSupported,
)


class PostgresConnection(psycopg.Connection[Any]):
    """A connection that is closed if it answers wrongly, or not in time; open another one then."""

    #: Seconds to wait for an answer.
    limit: float = SHORT + _GRACE
    #: Whether a pooler such as PgBouncer lends a session of the server for each transaction.
    shared: bool = False
    _settings: Settings

    @classmethod
    def open(cls, address: str, settings: Settings, *, name: str) -> PostgresConnection:
        """Connect in autocommit, with settings that hold until the connection is closed.

        A pooler gives another number as that of the server's process. Nothing is set then that
        other clients of the pool would get: settings are repeated in each transaction, and no
        statement is prepared.
        """
        try:
            connection = cls.connect(
                address, autocommit=True, application_name=name, **CONNECT_OPTIONS
            )
        except errors.ConnectionTimeout as exc:
            # In its traceback psycopg keeps both the error and the connection, which the server
            # would have until garbage is collected.
            raise exc.with_traceback(None) from None
        set_json_dumps(storable_json, connection)
        try:
            shared = f"pg_backend_pid() <> {connection.info.backend_pid}"
            connection._settings = {**ANSWERS, **settings}
            row = connection.execute(f"{_set(connection._settings, shared)}, {shared}").fetchone()
            if row and row[-1]:
                connection.shared = True
                connection.prepare_threshold = None
                connection.isolation_level = IsolationLevel.READ_COMMITTED
        except BaseException:
            connection.close()
            raise
        return connection

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, as all methods do."""
        try:
            return super().wait(gen, interval, self.limit if timeout is None else timeout)
        except _LASTING:
            self.close()
            raise
        except errors._WaitTimeout:
            if timeout is not None:  # of the caller, who expects it
                raise
        self.close()
        raise psycopg.OperationalError(
            f"no answer within {self.limit:g} s; what was sent may still be done"
        )

    @contextlib.contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Send statements in autocommit; through a pooler as one transaction with the settings."""
        if not self.shared:
            yield
            return
        # Without BEGIN: up to the end of the pipeline it is one transaction, also if one fails.
        with self.pipeline():
            self.execute(_set(self._settings, "true"))
            yield

    def begin(self, within: float | None = None, settings: Settings | None = None) -> None:
        """Begin a transaction with settings of its own, in one round trip.

        Parameters
        ----------
        within
            Seconds for each statement.
        """
        wanted = {**(self._settings if self.shared else {}), **(settings or {})}
        if within is not None:
            self.limit = within + _GRACE
            wanted["statement_timeout"] = f"'{max(1, round(within * 1000))}'"
        if wanted:
            with self.pipeline():
                self.execute(_set(wanted, "true"))


def storable_json(value: object, *, allow_nan: bool = True) -> str:
    """Write JSON without escapes, which a database without an encoding does not take."""
    text = json.dumps(value, allow_nan=allow_nan, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # PostgreSQL refuses its escape, and says why
        return json.dumps(value, allow_nan=allow_nan)
    return text


def first_error(error: BaseException) -> BaseException:
    """Return what an error of the driver began with: why a connection is closed, not that it is."""
    while isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return error


def pooled_engine(connect: Callable[[], PostgresConnection]) -> sa.Engine:
    """Return an engine that tests connections before use where that may be needed.

    SQLAlchemy's ``pool_pre_ping`` costs a round trip before each use. A connection that the
    server closed can be detected without one: it has unread data although nothing was sent.
    Only such a connection, or one that was idle for long, is tested.
    """
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=2,
        max_overflow=8,
        use_native_hstore=False,  # saves the search for a type that no table has
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
            # Reconnect the whole pool: the others were probably closed, too.
            raise InvalidatePoolError from exc

    def note_use(connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()
        if connection is not None:
            connection.limit = PostgresConnection.limit

    sa.event.listen(engine, "checkout", check)
    sa.event.listen(engine, "checkin", note_use)
    return engine


def _has_something_to_say(connection: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection has unread data, which mostly means that it was closed."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _set(settings: Settings, local: str) -> Any:
    """Write the statement for settings; ``local`` says whether they end with the transaction."""
    calls = (f"set_config('{name}', {value}, {local})" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"
