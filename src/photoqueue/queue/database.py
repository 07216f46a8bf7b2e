"""Connections to PostgreSQL, migrations, and the translation of its errors."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from photoqueue.addresses import masked, without_secrets
from photoqueue.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    PayloadError,
    PhotoqueueError,
    SchemaMismatchError,
    TooSlowError,
)
from photoqueue.phrases import InBoth
from photoqueue.queue import joining
from photoqueue.queue.connections import (
    KEPT,
    LENT,
    LONGEST,
    PostgresConnection,
    Settings,
    first_error,
    pooled_engine,
)
from photoqueue.queue.tables import SCHEMA_REVISION

#: Several servers in the place of one: what is before them, they, and what follows.
_HOSTS: Final = re.compile(r"([\w+]+://(?:[^/?#]*@)?)([^/?#@]+,[^/?#@]*)(.*)")
#: Options of libpq, and what to write for those of other clients.
_OPTIONS: Final = {one.keyword.decode() for one in psycopg.pq.Conninfo.get_defaults()}
_OTHER_OPTIONS: Final = {
    "pgbouncer": "Leave it out: a pooler is recognised by itself.",
    "schema": "Write options=-csearch_path%3DNAME for it.",
    "ssl": "Write sslmode=verify-full for it, or sslmode=disable.",
}


def parsed(url: str) -> URL:
    """Read ``DATABASE_URL``.

    Raises
    ------
    ConfigurationError
        It is not the address of a PostgreSQL database.
    """
    several = _HOSTS.fullmatch(url)
    try:
        parsed = make_url(several[1] + several[3] if several else url)
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        raise ConfigurationError(
            "DATABASE_URL is not a database address. It looks like "
            "postgresql://user:password@host:5432/database."
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL names {parsed.get_backend_name()!r}, but the tracking table needs "
            "PostgreSQL: postgresql://user:password@host:5432/database."
        )
    cut = parsed.password is not None and url.count("@") > 1
    if cut or "@" in f"{parsed.host}{parsed.database}":
        # Servers and errors would be given a part of the password.
        raise ConfigurationError(
            "DATABASE_URL has more than the one @ before its host. Write each @ of the password, "
            "and of what follows the host, as %40."
        )
    for name, value in parsed.query.items():
        if name not in _OPTIONS and (name, value) != ("ssl", "true"):
            advice = _OTHER_OPTIONS.get(name, "Leave it out, or write the one of libpq.")
            raise ConfigurationError(
                f"DATABASE_URL has the option {name!r}, which PostgreSQL's client does not know. "
                f"{advice}"
            )
    if several:
        places = [place.rpartition(":") for place in several[2].split(",")]
        # No port given: all is in the last part, or it is the end of an address in brackets.
        hosts = [host if port.isdigit() else f"{host}{colon}{port}" for host, colon, port in places]
        ports = [port if host and port.isdigit() else "5432" for host, _, port in places]
        parsed = parsed.update_query_dict(
            {"host": ",".join(hosts).translate({91: None, 93: None}), "port": ",".join(ports)}
        )
    return parsed.set(drivername="postgresql+psycopg")


#: Temporary errors: the server cannot be reached, or does not accept writes at the moment.
_UNAVAILABLE: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
)


class Database:
    """One PostgreSQL database: pooled connections for reads, dedicated ones for workers."""

    def __init__(self, url: str, *, embedded: bool = False) -> None:
        self.url = parsed(url)
        self.embedded = embedded
        self._closed = False
        #: Whether a pooler such as PgBouncer was met: no state outlives a transaction there.
        self.shared = False
        self.engine = pooled_engine(lambda: self._open(LENT, autocommit=False))
        self._thread = threading.local()

    def __repr__(self) -> str:
        return f"Database({self.address!r})"

    @property
    def address(self) -> str:
        """Where the database is, without the password."""
        return masked(self.libpq_url)

    @property
    def libpq_url(self) -> str:
        """The address in libpq's form; contains the password."""
        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        # SQLAlchemy writes a space as "+" in the options, but unchanged in the login.
        login, mark, options = url.partition("?")
        return f"{login}{mark}{options.replace('+', '%20')}".replace(" ", "%20")

    def connect(self, settings: Settings = KEPT, *, name: str = "photoqueue") -> PostgresConnection:
        """Open a dedicated connection in autocommit.

        Raises
        ------
        DatabaseUnavailableError
            The server cannot be reached or refuses the login.
        """
        with self.errors():
            return self._open(settings, name=name)

    def _open(
        self, settings: Settings, *, name: str = "photoqueue", autocommit: bool = True
    ) -> PostgresConnection:
        connection = PostgresConnection.open(self.libpq_url, settings, name=name)
        self.shared = self.shared or connection.shared
        connection.autocommit = autocommit
        return connection

    @contextlib.contextmanager
    def begin(
        self,
        within: float | None = None,
        *,
        snapshot: bool = False,
        settings: Settings | None = None,
    ) -> Iterator[sa.Connection]:
        """Run a transaction on a pooled connection, with errors translated.

        Parameters
        ----------
        within
            Seconds for each statement; default is ``SHORT``.
        snapshot
            Whether it only reads, and all statements see the same moment.
        settings
            Settings of PostgreSQL up to its end.
        """
        joined: sa.Connection | None = getattr(self._thread, "joined", None)
        if joined is not None:
            yield joined
            return
        if (callers := joining.joined(self.engine)) is not None:
            with self.errors(), callers.lend() as connection:
                yield connection
            return
        with self._pooled(), self.errors(), self.engine.connect() as connection:
            if snapshot:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                driver(connection).begin(within, settings)
                yield connection

    @contextlib.contextmanager
    def begin_joined(self) -> Iterator[sa.Connection]:
        """Run a transaction that includes all others which this thread begins in the meantime.

        A thread that waits for a lock and then for a second connection would starve, if others that
        wait for the lock hold all connections of the pool.
        """
        if self.joined:
            with self.begin() as connection:
                yield connection
            return
        with self.begin() as connection:
            self._thread.joined = connection
            try:
                yield connection
            finally:
                self._thread.joined = None

    @property
    def joined(self) -> bool:
        """Whether this thread is in a transaction of :meth:`begin_joined`."""
        return getattr(self._thread, "joined", None) is not None

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something now, or after the block in which statements join a transaction."""
        callers = joining.joined(self.engine)
        if callers is None:
            action()
        else:
            callers.after.append(action)

    @contextlib.contextmanager
    def begin_within(self, seconds: float, advice: str) -> Iterator[sa.Connection]:
        """Run a transaction whose statements may take ``seconds`` each; ``advice`` says what else.

        Raises
        ------
        TooSlowError
            A statement ran longer; its text is the advice.
        """
        with self.begin(seconds) as connection:
            try:
                yield connection
            except DBAPIError as exc:
                if isinstance(exc.orig, psycopg.errors.QueryCanceled):
                    raise TooSlowError(advice) from exc
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Lend a connection in autocommit, which saves the two round trips of a transaction."""
        if joining.joined(self.engine):
            with self.begin() as connection:
                yield connection
            return
        with self._pooled(), self.errors(), self.engine.connect() as connection:
            if driver(connection).shared:
                with connection.begin():
                    driver(connection).begin()
                    yield connection
            else:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def direct(self) -> Iterator[PostgresConnection]:
        """Lend a pooled connection of the driver itself, for single statements at least cost."""
        if joining.joined(self.engine):
            with self.begin() as joined:
                yield driver(joined)
            return
        with self._pooled(), self.errors():
            pooled = self.engine.raw_connection()
            connection: PostgresConnection = pooled.driver_connection  # type: ignore[assignment]  # ours
            try:
                connection.autocommit = True
                with connection.one_transaction():
                    yield connection
            finally:
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    connection.autocommit = False
                else:  # gone, or interrupted within a statement
                    pooled.invalidate()
                pooled.close()

    @contextlib.contextmanager
    def _pooled(self) -> Iterator[None]:
        """Guard a use of the pool; connections returned after ``close()`` are closed, too."""
        pool = self.engine.pool
        try:
            yield
        finally:
            if self._closed:  # by another thread in the meantime: keep no returned connection
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
                "All connections of this process to {address} are in use. Use fewer threads, or "
                "try again.",
                address=self.address,
            ) from exc
        except psycopg.Error as exc:
            raise self._translate(exc) from exc

    def without_secrets(self, text: str) -> str:
        """Return a driver's message in one line, without passwords."""
        given = self.url.query
        secrets = (self.url.password, given.get("password"), given.get("sslpassword"))
        return without_secrets(text, self.address, secrets)

    def _translate(self, exc: BaseException) -> PhotoqueueError:
        exc = first_error(exc)
        detail = self.without_secrets(str(exc))
        if isinstance(exc, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return SchemaMismatchError(
                "The tracking tables in {address} are missing or old ({detail}). Run `photoqueue "
                "migrate`.",
                address=self.address,
                detail=detail,
            )
        if isinstance(exc, psycopg.errors.DiskFull):
            return DatabaseUnavailableError(
                "PostgreSQL at {address} has no disk space left: {detail}. Free some space there; "
                "nothing of this call was accepted.",
                address=self.address,
                detail=detail,
            )
        if isinstance(exc, psycopg.DataError):
            return PayloadError(
                "PostgreSQL cannot store a value: {detail}. Text must not contain NUL or broken "
                "Unicode, and numbers must fit their column.",
                detail=detail,
            )
        if isinstance(exc, _UNAVAILABLE):
            hint = InBoth(
                "Run `photoqueue doctor` to see why the embedded server is not answering."
                if self.embedded
                else "Check DATABASE_URL and that the server is running, "
                "or run `photoqueue doctor`."
            )
            if isinstance(exc, psycopg.errors.ReadOnlySqlTransaction):
                hint = InBoth(
                    "It takes no writes, as a standby: let DATABASE_URL name the primary, or all "
                    "servers and ?target_session_attrs=read-write."
                )
            return DatabaseUnavailableError(
                "PostgreSQL at {address} cannot be used: {detail}. {hint}",
                address=self.address,
                detail=detail,
                hint=hint,
            )
        text = "PostgreSQL at {address} refused a statement: {detail}"
        return PhotoqueueError(text, address=self.address, detail=detail)

    def server_version(self) -> str:
        """Ask PostgreSQL for its version, such as ``18.4``."""
        with self.begin() as connection:
            return str(connection.scalar(sa.text("SHOW server_version"))).partition(" ")[0]

    def revision(self) -> str | None:
        """Read the revision of the tracking tables; None if there are none."""
        with self.begin() as connection:
            return current_revision(connection)

    def check_schema(self) -> None:
        """Make sure that the tables match this version.

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
        """Return the error for tables that are newer than this version."""
        return SchemaMismatchError(
            f"The tracking tables in {self.address} are at revision {found}, which is newer than "
            f"this version knows ({SCHEMA_REVISION}). Upgrade photoqueue on this machine."
        )

    def close(self) -> None:
        """Close the pooled connections; one in use is closed when it is returned."""
        self._closed = True
        self.engine.dispose()


def driver(connection: sa.Connection) -> PostgresConnection:
    """Return the driver's connection below one of the pool."""
    found: PostgresConnection = connection.connection.driver_connection  # type: ignore[assignment]  # ours
    return found


#: Alembic's table of our revision. Its default one may be another application's; up to revision
#: 0008 it was ours, and its row stays for workers of the version before.
VERSION_TABLE: Final = "photoqueue_version"


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision of the tables; None if there are none."""
    ours, before = connection.execute(_VERSION_TABLES).one()
    if not ours and not before:
        return None
    table = VERSION_TABLE if ours else "alembic_version"
    found = connection.scalar(sa.text(f"SELECT version_num FROM {table}"))
    return None if found is None else str(found)


#: Whether there is our version table, and whether ``alembic_version`` is that of our tables.
_VERSION_TABLES: Final = sa.text(f"""
    SELECT to_regclass('{VERSION_TABLE}') IS NOT NULL,
        num_nulls(to_regclass('alembic_version'), to_regclass('job_attempts'),
            to_regclass('installation')) = 0
""")
_OWN_VERSION_TABLE: Final = sa.text(f"""
    CREATE TABLE {VERSION_TABLE} (version_num varchar(32) PRIMARY KEY);
    INSERT INTO {VERSION_TABLE} SELECT version_num FROM alembic_version
""")


#: Longest text kept of an error, in characters.
MAX_TEXT_LENGTH: Final = 20_000


def storable(text: str) -> str:
    """Make a text storable in PostgreSQL: no NUL or broken Unicode; a long one loses its middle."""
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= MAX_TEXT_LENGTH:
        return text
    half = MAX_TEXT_LENGTH // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


_CONFLICTS: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
#: Attempts at a transaction that other ones get in the way of.
_MAX_CONFLICTS: Final = 10
_P = ParamSpec("_P")
_T = TypeVar("_T")


def again(*races: type[Exception]) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Let a function that is one transaction begin anew if another transaction got in its way.

    PostgreSQL ends one of two transactions that wait for each other. ``races`` are further errors
    of the driver by which a function sees that another one was quicker.
    """
    conflicts: tuple[type[BaseException], ...] = (*_CONFLICTS, *races)

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def run(*args: _P.args, **options: _P.kwargs) -> _T:
            tries = 1
            while True:
                try:
                    return function(*args, **options)
                except PhotoqueueError as exc:
                    cause = exc.__cause__
                    cause = cause.orig if isinstance(cause, DBAPIError) else cause
                    if not isinstance(cause, conflicts) or tries == _MAX_CONFLICTS:
                        raise
                    tries += 1

        return run

    return decorate


_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Statements(dict[str, str]):
    """The statements of a file by name, which ``-- name: …`` lines in it give."""

    def __call__(
        self, connection: sa.Connection, name: str, /, **values: Any
    ) -> sa.CursorResult[Any]:
        """Execute a statement of this name."""
        return connection.exec_driver_sql(self[name], values)


def load_statements(file_name: str) -> Statements:
    """Read the statements of a file of this package, and put the parts of ``turns.sql`` in."""
    statements = _read_statements(file_name)
    for part, sql in reversed(_read_statements("turns.sql").items()):
        for name, statement in statements.items():
            statements[name] = statement.replace(f"${part}", sql)
    return statements


def _read_statements(file_name: str) -> Statements:
    text = files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    return Statements(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


#: Advisory lock that keeps two processes from migrating at once.
_MIGRATION_LOCK = 0x7068_6F74_6F71


def migrate(database: Database) -> bool:
    """Apply missing migrations; return whether this process applied any.

    Raises
    ------
    DatabaseUnavailableError
        The server cannot be reached.
    SchemaMismatchError
        The tables are those of a newer version; they are not changed.
    """
    if database.revision() == SCHEMA_REVISION:
        return False
    # Imported here because it is rarely needed.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # Kept for all of them: alembic.command.upgrade reads every migration anew for each.
    script = ScriptDirectory.from_config(config)
    next_one = EnvironmentContext(config, script, fn=lambda at, _: script._upgrade_revs("+1", at))
    changed = False
    while True:
        # Each in a transaction of its own, so that none holds the locks of the one before.
        with database.begin(LONGEST) as connection:
            lock = sa.text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _MIGRATION_LOCK})
            before = current_revision(connection)
            if before == SCHEMA_REVISION:
                return changed
            if before is not None and before > SCHEMA_REVISION:
                raise database.newer_schema(before)
            ours, _ = connection.execute(_VERSION_TABLES).one()
            if before is not None and not ours:
                connection.execute(_OWN_VERSION_TABLE)
            config.attributes["connection"] = connection
            with next_one:
                script.run_env()
            changed = True
