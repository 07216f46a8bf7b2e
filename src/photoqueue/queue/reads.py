"""Reads of single jobs, batches and projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photoqueue.errors import UnknownBatchError
from photoqueue.queue.database import Database
from photoqueue.queue.outcomes import one_line, unknown_job
from photoqueue.queue.tables import batch_jobs, batches, jobs
from photoqueue.records.hooks import HasCard
from photoqueue.text import one_line as shown
from photoqueue.words import JobState, JobType


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobSnapshot(HasCard):
    """What was known of a job at one moment.

    Attributes
    ----------
    attempt : int
        Attempts started so far.
    progress : float
        0 while it waits, 0.5 while it runs, 1 once it has ended.
    wait_ms : float or None
        How long the last attempt waited before it started.
    duration_ms : float or None
        How long the last attempt ran; None before the first one ended.
    error : str or None
        ``type: message`` of the last failed attempt.
    """

    job_id: UUID
    job_key: str
    queue: JobType
    state: JobState
    attempt: int
    max_attempts: int
    photo_id: str | None
    project_id: str | None
    batch_id: str | None
    created_at: datetime
    ready_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    wait_ms: float | None
    duration_ms: float | None
    error_type: str | None
    error_message: str | None

    @property
    def progress(self) -> float:
        """Share of the work that is done, in 0…1."""
        if self.state.finished:
            return 1.0
        return 0.5 if self.state is JobState.ACTIVE else 0.0

    @property
    def error(self) -> str | None:
        """The last error in one line."""
        return one_line(self.error_type, self.error_message)

    def __repr__(self) -> str:
        key = shown(self.job_key, 28)
        return f"<JobSnapshot {key}: {self.state}, attempt {self.attempt} of {self.max_attempts}>"


# Arrays: one statement text, however many there are.
_UUIDS: Final = postgresql.ARRAY(postgresql.UUID(as_uuid=True))
_TEXTS: Final = postgresql.ARRAY(sa.Text)
#: The columns of a snapshot.
SNAPSHOT_COLUMNS: Final = (
    jobs.c.job_id,
    jobs.c.job_key,
    jobs.c.queue_name,
    jobs.c.state,
    jobs.c.attempts,
    jobs.c.max_attempts,
    jobs.c.photo_id,
    jobs.c.project_id,
    jobs.c.batch_id,
    jobs.c.created_at,
    jobs.c.ready_at,
    jobs.c.started_at,
    jobs.c.finished_at,
    jobs.c.wait_ms,
    jobs.c.job_duration_ms,
    jobs.c.error_type,
    jobs.c.error_message,
)


def snapshot(database: Database, job_id: UUID) -> JobSnapshot:
    """Read one job.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    with database.reading() as connection:
        row = connection.execute(
            sa.select(*SNAPSHOT_COLUMNS).where(jobs.c.job_id == job_id)
        ).first()
    if row is None:
        raise unknown_job(database, job_id)
    return as_snapshot(row)


def find_job(database: Database, key: str) -> JobSnapshot:
    """Read the newest job of a job key such as ``photo-salon-1``.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    query = (
        sa.select(*SNAPSHOT_COLUMNS)
        .where(jobs.c.job_key == key)
        .order_by(jobs.c.job_id.desc())
        .limit(1)
    )
    row = None
    if "\x00" not in key:  # PostgreSQL takes no such text, not even to look for it
        with database.begin() as connection:
            row = connection.execute(query).first()
    if row is None:
        raise unknown_job(database, key)
    return as_snapshot(row)


def resolve_jobs(database: Database, names: Sequence[UUID | str]) -> list[UUID]:
    """Find jobs by id or by key (the newest job of the key); two statements for any number.

    Raises
    ------
    UnknownJobError
        This installation lacks one of them.
    """
    ids = [name for name in names if isinstance(name, UUID)]
    keys = [name for name in names if isinstance(name, str) and "\x00" not in name]
    by_id = sa.select(jobs.c.job_id).where(jobs.c.job_id == sa.func.any(sa.literal(ids, _UUIDS)))
    by_key = (
        sa.select(jobs.c.job_key, jobs.c.job_id)
        .where(jobs.c.job_key == sa.func.any(sa.literal(keys, _TEXTS)))
        .order_by(jobs.c.job_id)  # the newest is met last
    )
    with database.begin() as connection:
        found: dict[UUID | str, UUID] = {}
        if ids:
            found.update((job_id, job_id) for job_id in connection.scalars(by_id))
        if keys:
            found.update((key, job_id) for key, job_id in connection.execute(by_key))
    for name in names:
        if name not in found:
            raise unknown_job(database, name)
    return [found[name] for name in names]


def payload_of(database: Database, job_id: UUID) -> Mapping[str, Any]:
    """Read the job data of a job; empty when there is no such job."""
    with database.begin() as connection:
        return connection.scalar(sa.select(jobs.c.payload).where(jobs.c.job_id == job_id)) or {}


def batch_row(database: Database, batch_id: str) -> dict[str, Any]:
    """Read a batch.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    """
    row = None
    if "\x00" not in batch_id:  # PostgreSQL takes no such text, not even to look for it
        with database.begin() as connection:
            row = (
                connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id))
                .mappings()
                .first()
            )
    if row is None:
        raise UnknownBatchError(
            f"No batch {batch_id[:80]!r} in {database.address}. Check the id, PHOTOQUEUE_HOME "
            "and DATABASE_URL."
        )
    return dict(row)


def batch_job_ids(database: Database, batch_id: str) -> list[UUID]:
    """List the jobs of a batch in the order of submission."""
    query = (
        sa.select(batch_jobs.c.job_id)
        .where(batch_jobs.c.batch_id == batch_id)
        .order_by(batch_jobs.c.position)
    )
    with database.begin() as connection:
        return list(connection.scalars(query))


def batch_counts(database: Database, batch_id: str) -> dict[JobState, int]:
    """Count the jobs of a batch by state; a job that is in it twice counts twice."""
    query = (
        sa.select(jobs.c.state, sa.func.count())
        .join_from(batch_jobs, jobs, batch_jobs.c.job_id == jobs.c.job_id)
        .where(batch_jobs.c.batch_id == batch_id)
        .group_by(jobs.c.state)
    )
    with database.reading() as connection:
        return {JobState(state): count for state, count in connection.execute(query)}


def as_snapshot(row: Any) -> JobSnapshot:
    """Return the snapshot that a row of :data:`SNAPSHOT_COLUMNS` tells of."""
    return JobSnapshot(
        job_id=row.job_id,
        job_key=row.job_key,
        queue=JobType(row.queue_name),
        state=JobState(row.state),
        attempt=row.attempts,
        max_attempts=row.max_attempts,
        photo_id=row.photo_id,
        project_id=row.project_id,
        batch_id=row.batch_id,
        created_at=row.created_at,
        ready_at=row.ready_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        wait_ms=row.wait_ms,
        duration_ms=row.job_duration_ms,
        error_type=row.error_type,
        error_message=row.error_message,
    )
