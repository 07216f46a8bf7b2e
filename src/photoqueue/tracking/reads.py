"""Reads of single jobs, batches and projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import UnknownBatchError, UnknownJobError, UnknownProjectError
from photoqueue.models import JobState, JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import (
    LIVE_WORKER_STATES,
    batch_jobs,
    batches,
    job_attempts,
    jobs,
    photos,
    queues,
    workers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
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
        return f"{self.error_type}: {self.error_message}" if self.error_type else None


@dataclass(frozen=True, slots=True)
class ProjectPhoto:
    """A photo of a project with its newest result, if it has one."""

    photo_id: str
    sha256: str | None
    room: str | None
    room_type: str | None
    result: Mapping[str, Any] | None
    state: JobState


_SNAPSHOT: Final = (
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
    with database.begin() as connection:
        row = connection.execute(sa.select(*_SNAPSHOT).where(jobs.c.job_id == job_id)).first()
    if row is None:
        raise unknown_job(database, job_id)
    return _snapshot(row)


def find_job(database: Database, key: str) -> JobSnapshot:
    """Read the newest job of a job key such as ``photo-salon-1``.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    query = (
        sa.select(*_SNAPSHOT).where(jobs.c.job_key == key).order_by(jobs.c.job_id.desc()).limit(1)
    )
    row = None
    if "\x00" not in key:  # PostgreSQL takes no such text, not even to look for it
        with database.begin() as connection:
            row = connection.execute(query).first()
    if row is None:
        raise unknown_job(database, key)
    return _snapshot(row)


def unknown_job(database: Database, job: object) -> UnknownJobError:
    """Say that a job does not exist, and where it was looked for."""
    shown = str(job) if len(str(job)) <= 80 else f"{str(job)[:77]}…"
    return UnknownJobError(
        f"No job {shown!r} in {database.address}. It may belong to another installation: check "
        "PHOTOQUEUE_HOME and DATABASE_URL, or list the jobs with `photoqueue jobs`."
    )


def outcome(database: Database, job_id: UUID) -> tuple[JobSnapshot, Any, str | None]:
    """Read a job with its result and the traceback of its last error."""
    query = sa.select(*_SNAPSHOT, jobs.c.result, jobs.c.error_traceback).where(
        jobs.c.job_id == job_id
    )
    with database.begin() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise unknown_job(database, job_id)
    return _snapshot(row), row.result, row.error_traceback


def attempts_of(database: Database, job_id: UUID) -> list[dict[str, Any]]:
    """Read the ended attempts of a job, first to last."""
    query = (
        sa.select(job_attempts)
        .where(job_attempts.c.job_id == job_id)
        .order_by(job_attempts.c.attempt)
    )
    with database.begin() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


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
    with database.begin() as connection:
        return {JobState(state): count for state, count in connection.execute(query)}


def live_workers(database: Database, queue: JobType, lease_seconds: float) -> int:
    """Count the workers of a queue whose lease is valid."""
    query = (
        sa.select(sa.func.count())
        .select_from(workers)
        .where(
            workers.c.state.in_(LIVE_WORKER_STATES),
            sa.literal(str(queue)) == sa.any_(workers.c.queues),
            workers.c.last_seen_at
            > sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_seconds),
        )
    )
    with database.begin() as connection:
        return connection.scalar(query) or 0


def worker_runs(database: Database, pid: int) -> bool:
    """Whether the newest worker of a process id on any host takes jobs."""
    query = (
        sa.select(workers.c.state)
        .where(workers.c.pid == pid)
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


def project_exists(database: Database, project_id: str) -> bool:
    """Whether a photo was ever submitted for a project."""
    with database.begin() as connection:
        return bool(connection.scalar(sa.select(_has_photos(project_id))))


def project_photos(database: Database, project_id: str) -> list[ProjectPhoto]:
    """Read the photos of a project, each with its newest result.

    Raises
    ------
    UnknownProjectError
        No photo was ever submitted for it.
    """
    # A photo analysed again keeps its older result until the newer job has one.
    newest = (
        sa.select(jobs.c.state, jobs.c.result)
        .where(
            jobs.c.photo_id == photos.c.photo_id,
            jobs.c.job_key == sa.literal("photo-") + photos.c.photo_id,
            # a result of what was once another picture under this id does not count
            sa.or_(
                jobs.c.state != str(JobState.COMPLETED),
                jobs.c.payload["sha256"].astext == photos.c.sha256,
            ),
        )
        .order_by(
            sa.case((jobs.c.state == str(JobState.COMPLETED), 0), else_=1),
            jobs.c.job_id.desc(),
        )
        .limit(1)
        .lateral("newest")
    )
    query = (
        sa.select(
            photos.c.photo_id,
            photos.c.sha256,
            photos.c.room,
            photos.c.room_type,
            newest.c.result,
            newest.c.state,
        )
        .join_from(photos, newest, sa.true())
        .where(photos.c.project_id == project_id)
        .order_by(photos.c.created_at, photos.c.photo_id)
    )
    with database.begin() as connection:
        found = [
            ProjectPhoto(
                photo_id=row.photo_id,
                sha256=row.sha256,
                room=row.room,
                room_type=row.room_type,
                result=row.result,
                state=JobState(row.state),
            )
            for row in connection.execute(query)
        ]
    if not found:
        raise unknown_project(project_id)
    return found


def unknown_project(project_id: str) -> UnknownProjectError:
    """Say that a project has no photos, and what to do."""
    return UnknownProjectError(
        f"No photo was submitted for project {project_id[:80]!r}. Submit its photos first: "
        "submit_photos(folder, project_id=…)."
    )


def _has_photos(project_id: str) -> sa.Exists:
    return sa.exists().where(photos.c.project_id == project_id)


def _snapshot(row: Any) -> JobSnapshot:
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
