"""The wiring of one installation: settings, servers, tables, broker, photo store."""

from __future__ import annotations

import os
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from photoqueue import services, tracing
from photoqueue.jobs import job_types, load_job_types
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.queue_counts import LiveCounts
from photoqueue.queue.tables import installation as installation_table
from photoqueue.queue.workers import enter_queues
from photoqueue.settings import Settings, load_settings
from photoqueue.words import JobType, job_type, register

if TYPE_CHECKING:
    from photoqueue.photos.store import PhotoStore
    from photoqueue.services import Endpoints

#: Seconds for which an embedded server that has answered is assumed to be running.
_RECHECK_SECONDS: Final = 2.0
#: Completed jobs up to which they are counted anew at each look: a few milliseconds.
_FEW_JOBS: Final = 20_000


class Installation:
    """Servers, tables, broker and photo store of one set of settings; opened once per process.

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
            self.__dict__["namespace"] = namespace  # known already: not looked up
        self.database = Database(
            endpoints.database_url.get_secret_value(), embedded=endpoints.embedded_database
        )
        self._checked = time.monotonic()
        #: Job types whose queues are in the tables.
        self._entered: set[JobType] = set()

    @classmethod
    def open(cls, settings: Settings) -> Installation:
        """Start the servers that are not configured, and check the tables.

        Embedded tables are migrated; those of a configured server are only checked.

        Raises
        ------
        ServiceError
            A server cannot be reached or started, or the tables do not match.
        """
        installation = cls(settings, services.ensure(settings))
        try:
            if installation.endpoints.embedded_database:
                migrate(installation.database)
            installation.database.check_schema()
            installation.know(*job_types())
        except BaseException:
            installation.close()
            raise
        return installation

    def __repr__(self) -> str:
        return f"Installation({self.database.address!r})"

    @cached_property
    def namespace(self) -> str:
        """Name of this installation among those that share a broker."""
        with self.database.begin() as connection:
            identity = connection.scalar(sa.select(installation_table.c.installation_id))
        return str(identity)[:8]

    @cached_property
    def broker(self) -> Broker:
        """The broker; its keys carry the name of this installation."""
        redis_url = self.endpoints.redis_url
        return Broker(
            redis_url.get_secret_value() if redis_url else None,
            database_url=self.database.libpq_url,
            namespace=self.namespace,
            embedded=self.endpoints.embedded_redis,
        )

    @cached_property
    def counts(self) -> LiveCounts:
        """Counts of jobs; with millions of them only the first count takes long."""
        return LiveCounts(self.database, self.settings.lease_seconds, few=_FEW_JOBS)

    @cached_property
    def photo_store(self) -> PhotoStore:
        """The store of photos."""
        from photoqueue.photos.store import PhotoStore

        return PhotoStore.for_settings(self.settings)

    def know(self, *types: JobType) -> None:
        """Let the tables know the queues of job types, and this process those of the tables.

        Of a type that another process declared, this one knows the name only: it shows and
        counts its jobs, and cannot do them.

        Raises
        ------
        ConfigurationError
            Another type of the same queue is known here already.
        """
        for declared in types:
            register(declared)
        if self._entered.issuperset(types):
            return
        for queue in enter_queues(self.database, [str(declared) for declared in types]):
            register(job_type(queue))
        self._entered.update(types)

    def revive(self) -> None:
        """Restart embedded servers that were stopped; quick when they are running."""
        now = time.monotonic()
        if now - self._checked > _RECHECK_SECONDS:
            services.ensure(self.settings)
            self._checked = now

    def forget_connections(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self.database.engine.dispose(close=False)
        for name in ("broker", "counts"):
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close all connections; the servers keep running."""
        if "broker" in self.__dict__:
            self.broker.close()
        self.database.close()
        tracing.flush()


_lock = threading.RLock()
_current: Installation | None = None


def current() -> Installation:
    """Return the installation of this process; the first call opens it from the environment."""
    global _current
    with _lock:
        if _current is None:
            _current = Installation.open(load_settings())
        else:
            _current.revive()
        return _current


def settings_in_use() -> Settings:
    """Return the settings that the verbs of this process use; opens and starts nothing.

    Raises
    ------
    ConfigurationError
        The environment is read for them, and a value in it is malformed.
    """
    with _lock:
        return load_settings() if _current is None else _current.settings


def use(settings: Settings | None) -> None:
    """Make every further call use these settings; None goes back to the environment."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
        _current = None if settings is None else Installation.open(settings)


def _after_fork() -> None:
    """Give a forked process connections of its own: shared ones answer the wrong one."""
    global _lock
    _lock = threading.RLock()
    if _current is not None:
        _current.forget_connections()


os.register_at_fork(after_in_child=_after_fork)
