"""Reads of single jobs, batches and projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photoqueue.errors import UnknownBatchError, UnknownJobError
from photoqueue.format import one_line as shown
from photoqueue.queue.database import Database
from photoqueue.queue.frames import read_frame
from photoqueue.queue.tables import (
    ai_metrics,
    batch_jobs,
    batches,
    job_attempts,
    jobs,
    photos,
    workers,
)
from photoqueue.records.hooks import HasCard
from photoqueue.words import JobState, JobType, Outcome, job_type

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a job stands, and what came of it once it has ended.

    Attributes
    ----------
    attempt : int
        Attempts started so far.
    result : Any
        The result as JSON has it; None unless the job completed.
    error_traceback : str or None
        Where the last error came from, in the worker.
    """

    state: JobState
    attempt: int
    error_type: str | None
    error_message: str | None
    result: Any
    error_traceback: str | None

    @property
    def error(self) -> str | None:
        """The last error in one line."""
        return one_line(self.error_type, self.error_message)


# Read again and again by whoever waits for a job.
_OUTCOME: Final = """
    SELECT state, attempts, error_type, error_message, result, error_traceback
    FROM jobs WHERE job_id = %s
"""


def outcome(database: Database, job_id: UUID) -> JobOutcome:
    """Read how a job stands, with its result once it has ended, in one light statement.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    with database.direct() as connection:
        row = connection.execute(_OUTCOME, (job_id,)).fetchone()
    if row is None:
        raise unknown_job(database, job_id)
    state, attempt, error_type, error_message, result, error_traceback = row
    return JobOutcome(
        state=JobState(state),
        attempt=attempt,
        error_type=error_type,
        error_message=error_message,
        result=result,
        error_traceback=error_traceback,
    )


def unknown_job(database: Database, job: object) -> UnknownJobError:
    """Say that a job does not exist, and where it was looked for."""
    shown = str(job) if len(str(job)) <= 80 else f"{str(job)[:77]}…"
    return UnknownJobError(
        f"No job {shown!r} in {database.address}. It may belong to another installation: check "
        "PHOTOQUEUE_HOME and DATABASE_URL, or list the jobs with `photoqueue jobs`."
    )


def one_line(error_type: str | None, error_message: str | None) -> str | None:
    """Say an error in one line; None where there is none."""
    return f"{error_type}: {error_message}" if error_type else None


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


def submitted_as(database: Database, job_id: UUID) -> tuple[Mapping[str, Any], str | None]:
    """Read the job data of a job and the batch that it waits for; empty of an unknown one."""
    query = sa.select(jobs.c.payload, jobs.c.after_batch).where(jobs.c.job_id == job_id)
    with database.begin() as connection:
        row = connection.execute(query).first()
    return ({}, None) if row is None else (row.payload, row.after_batch)


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
        queue=job_type(row.queue_name),
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


_JOB_COLUMNS: Final = (
    jobs.c.job_id,
    jobs.c.queue_name,
    jobs.c.job_key,
    jobs.c.state,
    jobs.c.photo_id,
    jobs.c.project_id,
    photos.c.room,
    photos.c.file_name,
    jobs.c.user_id,
    jobs.c.batch_id,
    jobs.c.priority,
    jobs.c.attempts,
    jobs.c.max_attempts,
    jobs.c.success,
    jobs.c.wait_ms,
    jobs.c.job_duration_ms,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
    jobs.c.error_type,
    jobs.c.error_message,
)
_WITH_PHOTOS: Final = jobs.outerjoin(photos, photos.c.photo_id == jobs.c.photo_id)
#: Ended attempts, in the order in which they ended; of all jobs.
ATTEMPTS: Final = (
    sa.select(
        job_attempts.c.job_id,
        jobs.c.queue_name,
        jobs.c.photo_id,
        job_attempts.c.attempt,
        job_attempts.c.outcome,
        job_attempts.c.wait_ms,
        (
            sa.extract("epoch", job_attempts.c.ended_at - job_attempts.c.started_at)
            .cast(sa.Double)
            .op("*")(1000.0)
        ).label("duration_ms"),
        job_attempts.c.retry_delay_ms,
        job_attempts.c.started_at,
        job_attempts.c.ended_at,
        workers.c.host,
        job_attempts.c.slot,
        job_attempts.c.error_type,
        job_attempts.c.error_message,
    )
    .select_from(
        job_attempts.join(jobs, jobs.c.job_id == job_attempts.c.job_id).outerjoin(
            workers, workers.c.worker_id == job_attempts.c.worker_id
        )
    )
    .order_by(job_attempts.c.ended_at, job_attempts.c.job_id, job_attempts.c.attempt)
)
#: Calls of engines, in the order in which they were recorded; of all jobs.
AI_CALLS: Final = sa.select(*ai_metrics.c).order_by(
    ai_metrics.c.created_at, ai_metrics.c.job_id, ai_metrics.c.attempt, ai_metrics.c.call
)


def history(
    database: Database,
    *,
    queue: JobType | None = None,
    states: Sequence[JobState] = (),
    project_id: str | None = None,
    batch_id: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Read jobs as a DataFrame, newest first; one row a job."""
    query = sa.select(*_JOB_COLUMNS).select_from(_WITH_PHOTOS)
    if queue is not None:
        query = query.where(jobs.c.queue_name == str(queue))
    if states:
        query = query.where(jobs.c.state.in_([str(state) for state in states]))
    if project_id is not None:
        query = query.where(jobs.c.project_id == project_id)
    if batch_id is not None:
        query = query.where(
            jobs.c.job_id.in_(
                sa.select(batch_jobs.c.job_id).where(batch_jobs.c.batch_id == batch_id)
            )
        )
    if since is not None:
        query = query.where(jobs.c.created_at >= since)
    return read_frame(database, query.order_by(jobs.c.job_id.desc()).limit(limit))


def batch_history(database: Database, batch_id: str) -> pd.DataFrame:
    """Read the jobs of a batch in the order of submission; one row a job."""
    return read_frame(database, _of_batch(batch_id))


def batch_results(database: Database, batch_id: str) -> pd.DataFrame:
    """Read a batch like :func:`batch_history`, with the column ``result`` (JSON objects)."""
    return read_frame(database, _of_batch(batch_id).add_columns(jobs.c.result))


def job_results(database: Database, job_id: str) -> pd.DataFrame:
    """Read one job like :func:`batch_results` reads those of a batch."""
    query = (
        sa.select(*_JOB_COLUMNS, jobs.c.result)
        .select_from(_WITH_PHOTOS)
        .where(jobs.c.job_id == sa.cast(job_id, postgresql.UUID))
    )
    return read_frame(database, query)


def attempts(
    database: Database, *, job_id: Any = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read ended attempts as a DataFrame, in the order in which they ended."""
    return read_frame(database, _only(ATTEMPTS, job_attempts.c.job_id, job_id, batch_id))


def ai_calls(
    database: Database, *, job_id: Any = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read the calls of engines as a DataFrame; one row a call."""
    return read_frame(database, _only(AI_CALLS, ai_metrics.c.job_id, job_id, batch_id))


def _of_batch(batch_id: str) -> sa.Select[Any]:
    """Select the jobs of a batch in the order of submission."""
    return (
        sa.select(*_JOB_COLUMNS)
        .select_from(
            batch_jobs.join(jobs, jobs.c.job_id == batch_jobs.c.job_id).outerjoin(
                photos, photos.c.photo_id == jobs.c.photo_id
            )
        )
        .where(batch_jobs.c.batch_id == batch_id)
        .order_by(batch_jobs.c.position)
    )


def _only(
    query: sa.Select[Any], column: sa.ColumnElement[Any], job_id: Any, batch_id: str | None
) -> sa.Select[Any]:
    """Limit a query to a job and to the jobs of a batch; None is no limit."""
    if job_id is not None:
        query = query.where(column == job_id)
    if batch_id is not None:
        of_batch = sa.select(batch_jobs.c.job_id).where(batch_jobs.c.batch_id == batch_id)
        query = query.where(column.in_(of_batch))
    return query


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryAttempt:
    """One attempt of a job, placed in milliseconds from the submission of the job.

    Attributes
    ----------
    outcome : Outcome or None
        None while it waits or runs.
    ready_ms : float or None
        When it could have started.
    started_ms, ended_ms : float or None
        None before it started or ended.
    retry_delay_ms : float or None
        Back-off before the next attempt; None when there is none.
    host : str or None
        Machine of the worker.
    """

    attempt: int
    outcome: Outcome | None
    ready_ms: float | None
    started_ms: float | None
    ended_ms: float | None
    wait_ms: float | None
    duration_ms: float | None
    retry_delay_ms: float | None
    host: str | None
    slot: int | None
    error_type: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryCall:
    """One call of an engine; ``cost_usd`` is None where the price is not known."""

    attempt: int
    call: int
    engine: str
    model: str
    latency_ms: float
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    success: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStory:
    """Everything about one job.

    Attributes
    ----------
    payload : dict
        The job data, with the names of the contract.
    result : dict or None
        The JSON object of the contract.
    error_traceback : str or None
        The worker's own, of the last error.
    attempts : tuple of StoryAttempt
        The ended ones, then the one that runs or is waited for.
    now_ms : float
        When this was read, in milliseconds from the submission.
    """

    snapshot: JobSnapshot
    user_id: str
    priority: int
    file_name: str | None
    room: str | None
    after_batch: str | None
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error_traceback: str | None
    attempts: tuple[StoryAttempt, ...]
    ai_calls: tuple[StoryCall, ...]
    now_ms: float


_STORY = sa.select(
    *SNAPSHOT_COLUMNS,
    jobs.c.user_id,
    jobs.c.priority,
    jobs.c.after_batch,
    jobs.c.payload,
    jobs.c.result,
    jobs.c.error_traceback,
    jobs.c.slot,
    photos.c.file_name,
    photos.c.room,
    workers.c.host,
    sa.func.clock_timestamp().label("now"),
).select_from(
    jobs.outerjoin(photos, photos.c.photo_id == jobs.c.photo_id).outerjoin(
        workers, workers.c.worker_id == jobs.c.worker_id
    )
)


def job_story(database: Database, job_id: UUID) -> JobStory:
    """Read everything about one job.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    with database.begin() as connection:
        # One moment for all three: an attempt that ends in between would show twice or not.
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        row = connection.execute(_STORY.where(jobs.c.job_id == job_id)).first()
        if row is None:
            raise unknown_job(database, job_id)
        ended = connection.execute(ATTEMPTS.where(job_attempts.c.job_id == job_id)).all()
        calls = connection.execute(AI_CALLS.where(ai_metrics.c.job_id == job_id)).all()
    attempts = [_ended(attempt, row.created_at) for attempt in ended]
    if not JobState(row.state).finished:
        attempts.append(_unfinished(row))
    return JobStory(
        snapshot=as_snapshot(row),
        user_id=row.user_id,
        priority=row.priority,
        file_name=row.file_name,
        room=row.room,
        after_batch=row.after_batch,
        payload=row.payload,
        result=row.result,
        error_traceback=row.error_traceback,
        attempts=tuple(attempts),
        ai_calls=tuple(map(_call, calls)),
        now_ms=_after(row.created_at, row.now) or 0.0,
    )


def _ended(row: Any, submitted: datetime) -> StoryAttempt:
    started = _after(submitted, row.started_at)
    return StoryAttempt(
        attempt=row.attempt,
        outcome=Outcome(row.outcome),
        ready_ms=None if started is None or row.wait_ms is None else started - row.wait_ms,
        started_ms=started,
        ended_ms=_after(submitted, row.ended_at),
        wait_ms=row.wait_ms,
        duration_ms=row.duration_ms,
        retry_delay_ms=row.retry_delay_ms,
        host=row.host,
        slot=row.slot,
        error_type=row.error_type,
        error_message=row.error_message,
    )


def _unfinished(row: Any) -> StoryAttempt:
    """Tell of the attempt that runs, or of the next one, for which the job waits."""
    runs = row.state == JobState.ACTIVE
    return StoryAttempt(
        attempt=row.attempts if runs else row.attempts + 1,
        outcome=None,
        ready_ms=_after(row.created_at, row.ready_at),
        started_ms=_after(row.created_at, row.started_at) if runs else None,
        ended_ms=None,
        wait_ms=row.wait_ms if runs else None,
        duration_ms=None,
        retry_delay_ms=None,
        host=row.host if runs else None,
        slot=row.slot if runs else None,
        error_type=None,
        error_message=None,
    )


def _call(row: Any) -> StoryCall:
    return StoryCall(**{name: getattr(row, name) for name in StoryCall.__dataclass_fields__})


def _after(submitted: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else (moment - submitted) / timedelta(milliseconds=1)
