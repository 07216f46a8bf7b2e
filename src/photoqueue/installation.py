"""An installation: its settings, servers, tables, broker and photo store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import sqlalchemy as sa

from photoqueue import services, tracing
from photoqueue.errors import ConfigurationError, PhotoqueueError
from photoqueue.files import close_home
from photoqueue.jobs import job_types, load_job_types
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.ledger import probe_tables
from photoqueue.queue.queue_counts import LiveCounts
from photoqueue.queue.tables import installation as installation_table
from photoqueue.queue.workers import enter_queues
from photoqueue.settings import Settings, load_settings
from photoqueue.words import JobType, job_type, register

if TYPE_CHECKING:
    from photoqueue.photos.store import PhotoStore
    from photoqueue.services import Endpoints

#: Seconds after an answer for which an embedded server is assumed to be running.
_RECHECK_SECONDS: Final = 2.0
#: Least seconds between two probes of servers that work, and of others.
_PROBE_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 1.0
#: Up to this many completed jobs are counted at each read, which takes a few milliseconds.
_FEW_JOBS: Final = 20_000


_lock = threading.RLock()
_current: Installation | None = None
#: All of this process, also those that jobs and batches brought with them.
_installations: Final[WeakSet[Installation]] = WeakSet()


class Installation:
    """Servers, tables, broker and photo store of one set of settings; open it once per process.

    Examples
    --------
    >>> installation = Installation.open(Settings(home="/srv/photoqueue"))  # doctest: +SKIP
    """

    def __init__(
        self, settings: Settings, endpoints: Endpoints, *, namespace: str | None = None
    ) -> None:
        tracing.set_up(settings.tracing)
        load_job_types(settings.job_types)
        self.settings = settings
        self.endpoints = endpoints
        if namespace is not None:
            self.__dict__["namespace"] = namespace  # known already; saves the query
        self.database = Database(
            endpoints.database_url.get_secret_value(), embedded=endpoints.embedded_database
        )
        self._checked = time.monotonic()
        self._probing = threading.Lock()
        self._probed: dict[str, PhotoqueueError | None] = {}
        self._probe_at = 0.0
        _installations.add(self)
        #: Job types whose queues this process has entered in the tables.
        self._entered: set[JobType] = set()

    @classmethod
    def open(cls, settings: Settings) -> Installation:
        """Start the embedded servers that are needed, and check the tables.

        Tables in an embedded server are migrated; those in a configured server only checked.

        Raises
        ------
        ServiceError
            A server cannot be reached or started, or the tables do not match.
        """
        close_home(settings.home)
        installation = cls(settings, services.ensure(settings))
        try:
            if installation.endpoints.embedded_database:
                migrate(installation.database)
            installation.database.check_schema()
            installation._check_listening()
            installation.know(*job_types())
        except BaseException:
            installation.close()
            raise
        return installation

    def __repr__(self) -> str:
        return f"Installation({self.database.address!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the settings, secrets included: connections stay in their process."""
        return _arrived, (self.settings, self.endpoints, self.__dict__.get("namespace"))

    @cached_property
    def namespace(self) -> str:
        """Name that distinguishes this installation in a shared broker."""
        with self.database.begin() as connection:
            identity = connection.scalar(sa.select(installation_table.c.installation_id))
        return str(identity)[:8]

    @cached_property
    def broker(self) -> Broker:
        """The broker; its keys contain :attr:`namespace`."""
        redis_url = self.endpoints.redis_url
        return Broker(
            redis_url.get_secret_value() if redis_url else None,
            database_url=self.database.libpq_url,
            namespace=self.namespace,
            embedded=self.endpoints.embedded_redis,
        )

    @cached_property
    def counts(self) -> LiveCounts:
        """Counts of jobs; with millions of jobs only the first count is slow."""
        return LiveCounts(self.database, self.settings.lease_seconds, few=_FEW_JOBS)

    @cached_property
    def photo_store(self) -> PhotoStore:
        """The photo store."""
        from photoqueue.photos.store import PhotoStore

        return PhotoStore.for_settings(self.settings)

    def know(self, *types: JobType) -> None:
        """Enter the queues of job types in the tables, and register those found there.

        Of a type that another process declared only the name is known here: this process can
        list and count its jobs, but not run them.

        Raises
        ------
        ConfigurationError
            Another type with the same queue is registered in this process.
        """
        for declared in types:
            register(declared)
        if self._entered.issuperset(types):
            return
        for queue in enter_queues(self.database, [str(declared) for declared in types]):
            register(job_type(queue))
        self._entered.update(types)

    def probe(self) -> dict[str, PhotoqueueError | None]:
        """Do in both servers what jobs need, which leaves nothing; if they work, every ten seconds.

        Returns
        -------
        dict
            What is wrong with the ``schema`` (the tables of this version, and writing to them) and
            the ``broker``; None if jobs can move.
        """
        with self._probing:
            if time.monotonic() >= self._probe_at:
                self._probed = {
                    "schema": error_of(lambda: probe_tables(self.database)),
                    "broker": error_of(self._try_broker),
                }
                failed = any(self._probed.values())
                self._probe_at = time.monotonic() + (_RETRY_SECONDS if failed else _PROBE_SECONDS)
            return self._probed

    def _try_broker(self) -> None:
        self._check_listening()
        self.broker.probe()

    def _check_listening(self) -> None:
        """Refuse messages in a PostgreSQL that is behind a pooler."""
        if self.endpoints.redis_url is None and self.database.shared:
            raise ConfigurationError(
                f"PostgreSQL at {self.database.address} is behind a pooler such as PgBouncer and "
                "cannot carry the messages: workers would listen for them, which a shared session "
                "cannot. Set REDIS_URL, or let DATABASE_URL lead to the server itself."
            )

    def revive(self) -> None:
        """Restart embedded servers that were stopped; fast if they are running."""
        now = time.monotonic()
        if now - self._checked > _RECHECK_SECONDS:
            services.ensure(self.settings)
            self._checked = now

    def forget_connections(self) -> None:
        """Drop the connections inherited by a fork without closing the parent's."""
        self.database.engine.dispose(close=False)
        self._probing = threading.Lock()  # another thread may have held it
        for name in ("broker", "counts"):
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close all connections; the servers keep running."""
        if "broker" in self.__dict__:
            self.broker.close()
        self.database.close()
        tracing.flush()


def error_of(check: Callable[[], object]) -> PhotoqueueError | None:
    """Return the error that a check raises; None if it raises none."""
    try:
        check()
    except PhotoqueueError as exc:
        return exc.with_traceback(None)
    return None


def _arrived(settings: Settings, endpoints: Endpoints, namespace: str | None) -> Installation:
    """Return the installation of these settings in this process; contacts no server."""
    with _lock:
        for known in (_current, *_installations):
            if known is not None and known.settings == settings:
                return known
        return Installation(settings, endpoints, namespace=namespace)


def current() -> Installation:
    """Return the installation of this process; the first call opens it."""
    global _current
    with _lock:
        if _current is None:
            _current = Installation.open(load_settings())
        else:
            _current.revive()
        return _current


def settings_in_use() -> Settings:
    """Return the settings that this process uses; opens and starts nothing.

    Raises
    ------
    ConfigurationError
        A value in the environment is malformed.
    """
    with _lock:
        return load_settings() if _current is None else _current.settings


def use(settings: Settings | None) -> None:
    """Make all further calls use these settings; None goes back to the environment."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
        _current = None if settings is None else Installation.open(settings)


def _after_fork() -> None:
    """Give a forked process its own connections: on shared ones replies get mixed up."""
    global _lock
    _lock = threading.RLock()
    for installation in _installations:
        installation.forget_connections()


os.register_at_fork(after_in_child=_after_fork)
