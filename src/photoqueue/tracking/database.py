"""Connections to PostgreSQL, and the one place where its errors are translated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from photoqueue.addresses import masked
from photoqueue.errors import (
    DatabaseUnavailableError,
    PayloadError,
    PhotoqueueError,
    SchemaMismatchError,
    TooSlowError,
)
from photoqueue.tracking.pool import CONNECT_OPTIONS, parsed, pooled_engine
from photoqueue.tracking.tables import SCHEMA_REVISION

#: The same from the server's side, for what a connection of a worker may hold there, and
#: an end to a statement that waits for ever. Compiling statements to machine code takes longer
#: than any of a worker's takes to run.
_WORKER_SESSION: Final = """
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;
    SET statement_timeout = '30s'; SET jit = off
"""
#: Errors that pass: the server is away, or for the moment is not the one to write to.
_UNAVAILABLE: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
)


class Database:
    """One PostgreSQL database: pooled access for reads, own connections for workers."""

    def __init__(self, url: str, *, embedded: bool = False) -> None:
        self.url = parsed(url)
        self.embedded = embedded
        self._closed = False
        self.engine = pooled_engine(self.url)

    def __repr__(self) -> str:
        return f"Database({self.address!r})"

    @property
    def address(self) -> str:
        """Where the database is, without the password."""
        return masked(self.libpq_url)

    @property
    def libpq_url(self) -> str:
        """The address as PostgreSQL's own tools take it; holds the password."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect(self, *, name: str = "photoqueue") -> psycopg.Connection[tuple[object, ...]]:
        """Open a connection of one's own, in autocommit: each statement is a transition.

        Raises
        ------
        DatabaseUnavailableError
            The server cannot be reached or refuses the login.
        """
        with self.errors():
            connection = psycopg.connect(
                self.libpq_url,
                autocommit=True,
                application_name=name,
                **CONNECT_OPTIONS,  # type: ignore[arg-type]  # libpq's own, beside psycopg's
            )
            connection.execute(_WORKER_SESSION)
            return connection

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Run a transaction on a pooled connection, with errors translated."""
        with self._pooled(), self.errors(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def begin_within(self, seconds: float, advice: str) -> Iterator[sa.Connection]:
        """Run a transaction whose statements are stopped when one takes too long.

        Parameters
        ----------
        seconds
            Longest that a statement may run.
        advice
            Text of the error: what is too slow, and what to do instead.

        Raises
        ------
        TooSlowError
            A statement ran longer.
        """
        limit = sa.text("SELECT set_config('statement_timeout', :milliseconds, true)")
        with self.begin() as connection:
            connection.execute(limit, {"milliseconds": str(max(1, round(seconds * 1000)))})
            try:
                yield connection
            except DBAPIError as exc:
                if isinstance(exc.orig, psycopg.errors.QueryCanceled):
                    raise TooSlowError(advice) from exc
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Run single statements, each by itself: saves the two round trips of a transaction."""
        with self._pooled(), self.errors(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def direct(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend the driver's own connection for single statements: the least that one can cost."""
        with self._pooled(), self.errors():
            pooled = self.engine.raw_connection()
            connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]  # psycopg's
            try:
                connection.autocommit = True
                yield connection
            finally:
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    connection.autocommit = False
                else:  # gone, or interrupted within a statement
                    pooled.invalidate()
                pooled.close()

    @contextlib.contextmanager
    def _pooled(self) -> Iterator[None]:
        """Lend a connection; not kept when it comes back after another thread's close()."""
        pool = self.engine.pool
        try:
            yield
        finally:
            if self._closed:  # meanwhile, by another thread: what comes back is not kept
                pool.dispose()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Translate the driver's errors into photoqueue's."""
        try:
            yield
        except DBAPIError as exc:
            raise self._translate(exc.orig or exc) from exc
        except PoolTimeout as exc:
            raise DatabaseUnavailableError(
                f"All connections of this process to {self.address} are in use. Use fewer "
                "threads, or try again."
            ) from exc
        except psycopg.Error as exc:
            raise self._translate(exc) from exc

    def _translate(self, exc: BaseException) -> PhotoqueueError:
        detail = " ".join(str(exc).split()).rstrip(".?")
        if self.url.password:
            detail = detail.replace(str(self.url.password), "***")
        if isinstance(exc, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return SchemaMismatchError(
                f"The tracking tables in {self.address} are missing or old ({detail}). "
                "Run `photoqueue migrate`."
            )
        if isinstance(exc, psycopg.errors.DiskFull):
            return DatabaseUnavailableError(
                f"PostgreSQL at {self.address} has no disk space left: {detail}. "
                "Free some space there; nothing of this call was accepted."
            )
        if isinstance(exc, psycopg.DataError):
            return PayloadError(
                f"PostgreSQL cannot store a value: {detail}. Text must not hold NUL or broken "
                "Unicode, and numbers must fit their column."
            )
        if isinstance(exc, _UNAVAILABLE):
            hint = (
                "Run `photoqueue doctor` to see why the embedded server is not answering."
                if self.embedded
                else "Check DATABASE_URL and that the server is running, "
                "or run `photoqueue doctor`."
            )
            return DatabaseUnavailableError(
                f"PostgreSQL at {self.address} cannot be used: {detail}. {hint}"
            )
        return PhotoqueueError(f"PostgreSQL at {self.address} refused a statement: {detail}")

    def server_version(self) -> str:
        """Ask PostgreSQL for its version, such as ``18.4``."""
        with self.begin() as connection:
            return str(connection.scalar(sa.text("SHOW server_version"))).partition(" ")[0]

    def revision(self) -> str | None:
        """Read the revision of the tracking tables; None where there are none."""
        with self.begin() as connection:
            return current_revision(connection)

    def check_schema(self) -> None:
        """Make sure that the tables are those of this version.

        Raises
        ------
        SchemaMismatchError
            They are missing, behind or ahead; the message says what to run.
        """
        found = self.revision()
        if found is None:
            raise SchemaMismatchError(
                f"{self.address} has no tracking tables yet. Run `photoqueue migrate`."
            )
        if found == SCHEMA_REVISION:
            return
        if found < SCHEMA_REVISION:
            raise SchemaMismatchError(
                f"The tracking tables in {self.address} are at revision {found}, this version "
                f"needs {SCHEMA_REVISION}. Run `photoqueue migrate`."
            )
        raise self.newer_schema(found)

    def newer_schema(self, found: str) -> SchemaMismatchError:
        """Say that the tables are ahead of this version, and what to do."""
        return SchemaMismatchError(
            f"The tracking tables in {self.address} are at revision {found}, which is newer than "
            f"this version knows ({SCHEMA_REVISION}). Upgrade photoqueue on this machine."
        )

    def close(self) -> None:
        """Close the pooled connections; one that is in use by a thread is closed by that."""
        self._closed = True
        self.engine.dispose()


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision of the tables, or None where there are none."""
    if connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)
