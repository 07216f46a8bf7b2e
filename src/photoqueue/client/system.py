"""How an installation is: its servers, queues, workers, engine and places.

The doctor of the command line and the workbench both read it here, so that they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from photoqueue.client.survey import Survey
from photoqueue.errors import PhotoqueueError, ServiceError

if TYPE_CHECKING:
    from photoqueue.services import ServerStatus
    from photoqueue.settings import Settings
    from photoqueue.tracking.liveness import WorkerRow
    from photoqueue.tracking.queue_stats import QueueStats

#: Workers that a list shows; live ones come first.
SHOWN_WORKERS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReport:
    """How one server is.

    Attributes
    ----------
    place : str
        Embedded or configured, and its address without secrets.
    reachable : bool
        Whether it answered.
    version : str or None
        What it says it is, where it answered.
    note : str or None
        Why an absent one does no harm.
    error : str or None
        Why it cannot be used.
    """

    name: str
    embedded: bool
    place: str
    reachable: bool
    version: str | None = None
    note: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """Which engine a worker that starts now would take.

    Attributes
    ----------
    engine, model : str or None
        Names; no model where the engine knows its own.
    reason, advice : str or None
        Why this one, and how to get a better one.
    error : str or None
        Why there is none.
    """

    engine: str | None
    model: str | None = None
    reason: str | None = None
    advice: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReport:
    """What an installation stands on."""

    home: Path
    photo_store: str
    servers: tuple[ServerReport, ServerReport]
    engine: EngineReport


def system_report() -> SystemReport:
    """Tell what this installation stands on; servers that are away are told, not raised.

    Raises
    ------
    ConfigurationError
        The settings cannot be read.
    """
    from photoqueue.installation import current
    from photoqueue.settings import load_settings

    try:
        installation = current()
        survey = Survey(installation.settings, opened=installation)
    except ServiceError:
        survey = Survey(load_settings())
    with survey:
        return SystemReport(
            home=survey.settings.home,
            photo_store=_photo_store(survey.settings),
            servers=(database_report(survey), broker_report(survey)),
            engine=engine_report(survey.settings),
        )


def database_report(survey: Survey) -> ServerReport:
    """Ask PostgreSQL how it is."""
    status = survey.servers[0]
    if not survey.database_runs:
        return _absent(status)
    try:
        return _answered(status, survey.database_version())
    except PhotoqueueError as exc:
        return _silent(status, exc)


def broker_report(survey: Survey) -> ServerReport:
    """Ask Redis how it is."""
    status = survey.servers[1]
    if survey.settings.redis_url is None and not status.running:
        from photoqueue.services.redis_server import find_redis

        if survey.settings.broker == "postgres" or find_redis() is None:
            return ServerReport(
                name=status.name,
                embedded=True,
                place="no redis-server here" if find_redis() is None else "not wanted",
                reachable=False,
                note="PostgreSQL carries the messages",
            )
        return _absent(status)
    if survey.settings.redis_url is None:
        return _answered(status, status.version or "")
    try:
        return _answered(status, survey.ping_redis())
    except PhotoqueueError as exc:
        return _silent(status, exc)


def engine_report(settings: Settings) -> EngineReport:
    """Tell which engine the settings mean, without building it."""
    from photoqueue.analysis.choice import choose_engine

    try:
        choice = choose_engine(settings)
    except PhotoqueueError as exc:
        return EngineReport(engine=None, error=str(exc))
    model = choice.settings.llm_model if choice.engine == "llm" else choice.settings.model
    return EngineReport(
        engine=choice.engine, model=model, reason=choice.reason or None, advice=choice.advice
    )


def list_workers() -> list[WorkerRow]:
    """Return the workers that did not stop by themselves, live ones first."""
    from photoqueue.installation import current
    from photoqueue.tracking import liveness

    installation = current()
    lease = installation.settings.lease_seconds
    return liveness.list_workers(installation.database, lease, limit=SHOWN_WORKERS)


def runs_here(worker: WorkerRow) -> bool:
    """Whether a worker runs on this machine, where its process id can be compared."""
    from photoqueue.worker.identity import host_key

    return worker.host_key == host_key()


def unstarted(queue: QueueStats) -> int:
    """Count the jobs of a queue that no worker has taken yet."""
    return queue.waiting + queue.delayed


def unattended(queue: QueueStats) -> int:
    """Count the jobs that wait while no live worker would take them."""
    return 0 if queue.workers else unstarted(queue)


def _photo_store(settings: Settings) -> str:
    from photoqueue.photos.store import PhotoStore

    try:
        return PhotoStore.for_settings(settings).describe()
    except PhotoqueueError as exc:
        return str(exc)


def _answered(status: ServerStatus, version: str) -> ServerReport:
    return ServerReport(
        name=status.name,
        embedded=status.embedded,
        place=_place(status),
        reachable=True,
        version=version,
    )


def _absent(status: ServerStatus) -> ServerReport:
    place = f"embedded, {status.where}"
    return ServerReport(
        name=status.name,
        embedded=True,
        place=place,
        reachable=False,
        note="it starts on first use" if status.where == "not running" else None,
        error=None if status.where == "not running" else place,
    )


def _silent(status: ServerStatus, error: PhotoqueueError) -> ServerReport:
    return ServerReport(
        name=status.name,
        embedded=status.embedded,
        place=_place(status),
        reachable=False,
        error=str(error),
    )


def _place(status: ServerStatus) -> str:
    kind = f"embedded, pid {status.pid}" if status.embedded else "configured"
    return f"{kind}, {status.where}"
