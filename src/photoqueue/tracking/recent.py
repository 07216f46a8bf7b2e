"""What was worked on lately: the newest batches and projects, and what waits for nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from photoqueue.models import JobState, JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.liveness import has_lease
from photoqueue.tracking.tables import batch_jobs, batches, jobs, workers


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch in a list.

    Attributes
    ----------
    photos : int
        How many jobs were submitted together.
    """

    batch_id: str
    project_id: str | None
    photos: int
    created_at: datetime


def recent_batches(database: Database, limit: int) -> list[BatchSummary]:
    """Read the newest batches, newest first."""
    newest = sa.select(batches).order_by(batches.c.created_at.desc()).limit(limit).subquery()
    size = (
        sa.select(sa.func.count())
        .where(batch_jobs.c.batch_id == newest.c.batch_id)
        .scalar_subquery()
    )
    query = sa.select(newest.c.batch_id, newest.c.project_id, newest.c.created_at, size).order_by(
        newest.c.created_at.desc()
    )
    with database.begin() as connection:
        return [
            BatchSummary(batch_id=batch_id, project_id=project, photos=photos, created_at=created)
            for batch_id, project, created, photos in connection.execute(query)
        ]


def waits_for_a_worker(database: Database, queue: JobType, lease_seconds: float) -> bool:
    """Whether a job of a queue could run, and no live worker is there to take it."""
    # One question a state, each answered by that state's own small index.
    could_run = sa.or_(
        *(
            sa.exists().where(
                jobs.c.queue_name == str(queue),
                jobs.c.state == sa.literal_column(f"'{state}'"),
                jobs.c.ready_at.is_not(None),
            )
            for state in (JobState.WAITING, JobState.DELAYED)
        )
    )
    served = sa.exists().where(
        sa.literal(str(queue)) == sa.any_(workers.c.queues),
        workers.c.state.in_(["starting", "running"]),
        has_lease(lease_seconds),
    )
    with database.begin() as connection:
        return bool(connection.scalar(sa.select(sa.and_(could_run, sa.not_(served)))))
