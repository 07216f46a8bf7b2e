"""The workers there are, with what each one is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from photoqueue.models import JobState, JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.liveness import has_lease
from photoqueue.tracking.tables import jobs, workers

#: Most workers of a list.
_MOST: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker whose lease is valid.

    Attributes
    ----------
    state : str
        ``starting``, ``running`` or ``draining``.
    active : int
        Jobs that it runs now.
    seen_s : float
        Seconds since it last showed that it is alive.
    """

    worker_id: UUID
    host: str
    pid: int
    queues: tuple[JobType, ...]
    concurrency: int
    engine: str | None
    state: str
    active: int
    started_at: datetime
    seen_s: float


def live_worker_list(database: Database, lease_seconds: float) -> list[WorkerRow]:
    """Read the workers whose lease is valid and that have not stopped; oldest first."""
    active = (
        sa.select(sa.func.count())
        .where(jobs.c.worker_id == workers.c.worker_id, jobs.c.state == str(JobState.ACTIVE))
        .scalar_subquery()
    )
    seen = sa.extract("epoch", sa.func.clock_timestamp() - workers.c.last_seen_at).cast(sa.Double)
    query = (
        sa.select(
            workers.c.worker_id,
            workers.c.host,
            workers.c.pid,
            workers.c.queues,
            workers.c.concurrency,
            workers.c.engine,
            workers.c.state,
            workers.c.started_at,
            active.label("active"),
            seen.label("seen_s"),
        )
        .where(workers.c.state != "stopped", has_lease(lease_seconds))
        .order_by(workers.c.started_at, workers.c.worker_id)
        .limit(_MOST)
    )
    with database.begin() as connection:
        return [
            WorkerRow(**{**row._mapping, "queues": tuple(map(JobType, row.queues))})
            for row in connection.execute(query)
        ]
