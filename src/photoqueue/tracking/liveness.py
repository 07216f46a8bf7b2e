"""Which queues are being worked on: live workers, and queues that are paused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.models import JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import queues, workers

#: Seconds that a worker may be starting; one whose processes cannot start takes no jobs.
_START_SECONDS: Final = 60
#: Seconds before a restart of PostgreSQL within which a worker must have been seen to count
#: as live until it had a lease to come back.
_BEFORE_RESTART_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """How a queue is worked on.

    Attributes
    ----------
    live : int
        Workers that take jobs, or will in a moment.
    draining : int
        Workers that finish the jobs they have.
    paused : bool
        Whether workers leave the queue alone.
    """

    live: int
    draining: int
    paused: bool


def queue_status(database: Database, queue: JobType, lease_seconds: float) -> QueueStatus:
    """Tell how a queue is worked on."""
    counts = (
        sa.select(
            sa.func.count().filter(_takes_jobs()),
            sa.func.count().filter(workers.c.state == "draining"),
        )
        .where(sa.literal(str(queue)) == sa.any_(workers.c.queues), has_lease(lease_seconds))
        .select_from(workers)
    )
    paused = sa.select(queues.c.paused).where(queues.c.queue_name == str(queue))
    with database.begin() as connection:
        live, draining = connection.execute(counts).one()
        return QueueStatus(live, draining, bool(connection.scalar(paused)))


def live_workers(lease_seconds: float) -> sa.ColumnElement[bool]:
    """Choose the workers that take jobs, or will in a moment."""
    return sa.and_(_takes_jobs(), has_lease(lease_seconds))


def has_lease(lease_seconds: float) -> sa.ColumnElement[bool]:
    """Choose the workers whose lease is valid.

    While PostgreSQL restarts nobody can renew: those that were there before get one lease
    to come back, as in recovery.
    """
    lease_ago = sa.func.clock_timestamp() - _seconds(lease_seconds)
    restarted = sa.func.pg_postmaster_start_time()
    return sa.or_(
        workers.c.last_seen_at > lease_ago,
        sa.and_(
            restarted > lease_ago,
            workers.c.last_seen_at > restarted - _seconds(_BEFORE_RESTART_SECONDS),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """One worker, as PostgreSQL's clock sees it.

    Attributes
    ----------
    host, host_key, pid : str, str, int
        Where it runs; the key tells machine, boot and process namespace.
    concurrency : int
        Jobs at a time, per queue.
    state : str
        ``starting``, ``running``, ``draining``, or ``lost``: its lease ran out.
    live : bool
        Whether it takes jobs, or will in a moment.
    last_seen_s, started_s : float
        Seconds since it renewed its lease, and since it started.
    """

    worker_id: UUID
    host: str
    host_key: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    engine: str | None
    state: str
    live: bool
    last_seen_s: float
    started_s: float


def list_workers(database: Database, lease_seconds: float, *, limit: int) -> list[WorkerRow]:
    """Read the workers that did not stop by themselves, live ones first."""
    live, leased = live_workers(lease_seconds).label("live"), has_lease(lease_seconds)
    query = (
        sa.select(
            workers.c.worker_id,
            workers.c.host,
            workers.c.host_key,
            workers.c.pid,
            workers.c.queues,
            workers.c.concurrency,
            workers.c.engine,
            sa.case((leased, workers.c.state), else_="lost").label("state"),
            live,
            _age(workers.c.last_seen_at).label("last_seen_s"),
            _age(workers.c.started_at).label("started_s"),
        )
        .where(workers.c.state != "stopped")
        .order_by(live.desc(), workers.c.last_seen_at.desc(), workers.c.worker_id)
        .limit(limit)
    )
    with database.begin() as connection:
        return [
            WorkerRow(**{**row._mapping, "queues": tuple(row.queues)})
            for row in connection.execute(query)
        ]


def worker_runs(database: Database, *, pid: int, host_key: str) -> bool:
    """Whether the newest worker of a process id on a host takes jobs."""
    query = (
        sa.select(workers.c.state)
        .where(workers.c.pid == pid, workers.c.host_key == host_key)
        .order_by(workers.c.started_at.desc())
        .limit(1)
    )
    with database.begin() as connection:
        return connection.scalar(query) == "running"


def set_paused(database: Database, queue: JobType, paused: bool) -> None:
    """Pause or resume a queue."""
    with database.begin() as connection:
        connection.execute(
            sa.update(queues).where(queues.c.queue_name == str(queue)).values(paused=paused)
        )


def _takes_jobs() -> sa.ColumnElement[bool]:
    started_lately = workers.c.started_at > sa.func.clock_timestamp() - _seconds(_START_SECONDS)
    return sa.or_(
        workers.c.state == "running",
        sa.and_(workers.c.state == "starting", started_lately),
    )


def _age(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
    """Return the seconds since a moment, never below 0."""
    passed = sa.extract("epoch", sa.func.clock_timestamp() - moment).cast(sa.Double)
    return sa.func.greatest(passed, 0.0)


def _seconds(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
