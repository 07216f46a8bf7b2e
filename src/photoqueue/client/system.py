"""The state of an installation: servers, queues, workers, engine and directories.

Used by both ``photoqueue doctor`` and the workbench.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pydantic import SecretStr

from photoqueue import services
from photoqueue.errors import (
    BrokerUnavailableError,
    DatabaseUnavailableError,
    PhotoqueueError,
    SchemaMismatchError,
    ServiceError,
)
from photoqueue.format import counted, duration
from photoqueue.installation import Installation, current, error_of
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import webhooks, workers
from photoqueue.services import Endpoints, ServerStatus
from photoqueue.settings import Settings, load_settings
from photoqueue.words import JobType

if TYPE_CHECKING:
    from photoqueue.records.snapshots import Worker


@dataclass(frozen=True, slots=True)
class Check:
    """One check; ``problem`` says what is wrong and what to do."""

    name: str
    problem: str | None = None


def list_workers(*, lost: bool = False) -> list[Worker]:
    """Return the workers that have not stopped, longest running first.

    Parameters
    ----------
    lost
        Whether to add, after the others, those whose lease has expired.
    """
    installation = current()
    return workers.list_workers(
        installation.database, installation.settings.lease_seconds, lost=lost
    )


def engines_at_work(installation: Installation | None = None) -> str | None:
    """Name the engines of the live workers that analyse photos; None if there is none.

    With numbers of workers if they differ: ``detector rooms (2 workers), builtin (1 worker)``.
    """
    here = installation or current()
    found = workers.list_workers(here.database, here.settings.lease_seconds)
    names = Counter(
        worker.engine or "unknown"
        for worker in found
        if worker.live and PHOTO_ANALYZE in worker.queues
    )
    if len(names) < 2:
        return next(iter(names), None)
    return ", ".join(f"{name} ({counted(n, 'worker')})" for name, n in names.most_common())


def queues_without_worker() -> tuple[JobType, ...]:
    """Return the queues with jobs that could run, but without a live worker."""
    return tuple(
        queue
        for queue, counts in current().counts.read().items()
        if (counts.delayed or counts.oldest_waiting_s is not None) and not counts.workers
    )


def recovery_problem(installation: Installation) -> str | None:
    """Say what is wrong if no worker has led recovery for a while; None if one has."""
    seconds = workers.unled_seconds(installation.database, installation.settings.lease_seconds)
    if seconds is None:
        return None
    return (
        f"No worker has led recovery for {duration(1000 * seconds)}: retries, and jobs whose "
        "message was lost, wait. The logs of the workers say why."
    )


def webhook_problem(installation: Installation) -> str | None:
    """Say what is wrong if webhooks of the last ten days are not accepted; None if all is well."""
    settings = installation.settings
    if settings.webhook_url is not None and settings.webhook_secret is None:
        return (
            "PHOTOQUEUE_WEBHOOK_URL is set without PHOTOQUEUE_WEBHOOK_SECRET, so no webhook is "
            "sent. Make a secret: echo whsec_$(openssl rand -base64 32)"
        )
    given_up, failing, reason = webhooks.refused(installation.database)
    told = [
        f"{counted(number, 'webhook')} {what}"
        for number, what in ((given_up, "given up"), (failing, "not accepted yet"))
        if number
    ]
    if not told:
        return None
    # Not what was given up long ago, maybe before anybody was to be told.
    again = "; then `photoqueue webhooks resend --given-up --days 10`" if given_up else ""
    return (
        f"{' and '.join(told)}, the newest because {(reason or '').rstrip('.')}. Look at the "
        f"receiver, and at `photoqueue webhooks list`{again}."
    )


def is_worked_on(queue: JobType) -> bool:
    """Whether a live worker takes jobs of a queue, and the queue is not paused."""
    counts = current().counts.read()[queue]
    return bool(counts.workers) and not counts.paused


#: Which check an error belongs to, whatever was being checked.
_CHECK_OF: Final[dict[type[PhotoqueueError], str]] = {
    DatabaseUnavailableError: "database",
    BrokerUnavailableError: "broker",
    SchemaMismatchError: "schema",
}


def readiness() -> list[Check]:
    """Check the servers, the tables and, if jobs wait, the workers. Raises nothing."""
    errors = {"installation": error_of(current)}
    if errors["installation"] is None:
        errors = {**current().probe(), "workers": error_of(_require_workers)}
    return [
        Check(name) if error is None else Check(_CHECK_OF.get(type(error), name), str(error))
        for name, error in errors.items()
    ]


def _require_workers() -> None:
    problems = [
        f"Jobs wait in {queue}, and no worker for it is running. Start one with "
        f"`photoqueue worker --queue {queue}`."
        for queue in queues_without_worker()
    ]
    if problems:
        raise PhotoqueueError(" ".join(problems))


class Survey:
    """Queries about an installation whose servers may not be running.

    Parameters
    ----------
    settings
        Settings of the installation.
    opened
        The installation, if this process has it open: its connections are used and not closed.
    """

    def __init__(self, settings: Settings, *, opened: Installation | None = None) -> None:
        self.settings = settings
        self._opened = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is None and "installation" in self.__dict__:
            self.installation.close()

    @cached_property
    def servers(self) -> tuple[ServerStatus, ServerStatus]:
        """The status of PostgreSQL and Redis, in this order."""
        postgres, redis = services.status(self.settings)
        return postgres, redis

    @property
    def database_runs(self) -> bool:
        """Whether PostgreSQL can be queried: it is configured, or already running."""
        return self.servers[0].running is not False

    @cached_property
    def installation(self) -> Installation:
        """The installation, without its servers being started."""
        if self._opened is not None:
            return self._opened
        postgres, redis = self.servers
        redis_url = self.settings.redis_url or (SecretStr(redis.where) if redis.running else None)
        endpoints = Endpoints(
            database_url=self.settings.database_url
            or SecretStr(postgres.where if postgres.running else "postgresql:///?host=/dev/null"),
            redis_url=None if self.settings.broker == "postgres" else redis_url,
            embedded_database=postgres.embedded,
            embedded_redis=redis.embedded,
        )
        found = Installation(self.settings, endpoints)
        error_of(lambda: found.namespace)
        # Redis is examined without PostgreSQL, too.
        found.__dict__.setdefault("namespace", "doctor")
        return found

    def database_report(self) -> ServerReport:
        """Report the status of PostgreSQL."""
        status = self.servers[0]
        if not self.database_runs:
            return _absent(status)
        error = self.installation.probe()["schema"]
        return _asked(
            status,
            self.installation.database.server_version,
            None if isinstance(error, SchemaMismatchError) else error,
        )

    def broker_report(self) -> ServerReport:
        """Report the status of Redis, or of what carries the messages instead."""
        from photoqueue.services.programs import find_redis

        status, wanted = self.servers[1], self.settings.broker != "postgres"
        if wanted and status.running is not False:
            here = self.installation
            return _asked(status, lambda: here.broker.version(), here.probe()["broker"])
        if wanted and find_redis() is not None:
            return _absent(status)
        error = self.installation.probe()["broker"] if self.database_runs else None
        return ServerReport(
            name=status.name,
            place="not wanted" if find_redis() else "no redis-server here",
            note="PostgreSQL carries the messages",
            error=str(error) if error else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReport:
    """Status of one server."""

    name: str
    #: Embedded or configured, and its address without secrets.
    place: str
    #: Whether it answered.
    reachable: bool = False
    #: Its version, if it answered.
    version: str | None = None
    #: Why its absence is no problem.
    note: str | None = None
    #: Why it cannot be used.
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReport:
    """The servers, directories and engine of an installation."""

    home: Path
    photo_store: str
    servers: tuple[ServerReport, ServerReport]
    #: ``engine`` and ``model`` that a worker started now would use, the ``reason`` for this engine
    #: and the ``advice`` how to get a better one; or the ``error`` why there is none.
    engine: dict[str, str | None]


def system_report() -> SystemReport:
    """Report the servers, directories and engine, even if servers cannot be reached.

    Raises
    ------
    ConfigurationError
        The settings cannot be read.
    """
    try:
        installation = current()
        survey = Survey(installation.settings, opened=installation)
    except ServiceError:
        survey = Survey(load_settings())
    with survey:
        return SystemReport(
            home=survey.settings.home,
            photo_store=_photo_store(survey.settings),
            servers=(survey.database_report(), survey.broker_report()),
            engine=_engine(survey.settings),
        )


def _engine(settings: Settings) -> dict[str, str | None]:
    from photoqueue.engines.registry import choose_engine

    try:
        choice = choose_engine(settings)
    except PhotoqueueError as exc:
        return {"error": str(exc)}
    found = {"engine": choice.engine, "model": choice.model}
    return {**found, "reason": choice.reason or None, "advice": choice.advice}


def runs_here(worker: Worker) -> bool:
    """Whether a worker runs on this machine and in this process namespace."""
    from photoqueue.worker.identity import host_key

    return worker.host_key == host_key()


def _photo_store(settings: Settings) -> str:
    from photoqueue.photos.store import PhotoStore

    try:
        return PhotoStore.for_settings(settings).describe()
    except PhotoqueueError as exc:
        return str(exc)


def _asked(
    status: ServerStatus, version: Callable[[], str | None], error: PhotoqueueError | None
) -> ServerReport:
    kind = f"embedded, pid {status.pid}" if status.embedded else "configured"
    found = None
    try:
        found = None if error else version()
    except PhotoqueueError as exc:
        error = exc
    return ServerReport(
        name=status.name,
        place=f"{kind}, {status.where}",
        reachable=error is None,
        version=found,
        error=str(error) if error else None,
    )


def _absent(status: ServerStatus) -> ServerReport:
    place = f"embedded, {status.where}"
    if status.where == "not running":
        return ServerReport(name=status.name, place=place, note="it starts on first use")
    return ServerReport(name=status.name, place=place, error=place)
