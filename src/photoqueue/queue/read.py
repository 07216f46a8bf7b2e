"""Reads of jobs and batches: snapshots, details of one job, and the tables as DataFrames.

The columns are the fields of :class:`~photoqueue.records.snapshots.JobSnapshot`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photoqueue.errors import UnknownBatchError, UnknownJobError
from photoqueue.format import shorten
from photoqueue.queue.database import Database, storable
from photoqueue.queue.dataframes import read_frame
from photoqueue.queue.tables import (
    ai_metrics,
    batch_jobs,
    batches,
    job_attempts,
    jobs,
    photos,
    workers,
)
from photoqueue.records.snapshots import AiCall, Attempt, JobSnapshot, JobStory, error_line
from photoqueue.words import JobState, JobType, Outcome, job_type

if TYPE_CHECKING:
    import pandas as pd

#: Fields that are not a column of ``jobs`` with the same name.
_NAMED: Final = {
    "queue": jobs.c.queue_name.label("queue"),
    "room": photos.c.room,
    "file_name": photos.c.file_name,
}
#: SQL of each field of a snapshot.
COLUMNS: Final[Mapping[str, sa.ColumnElement[Any]]] = {
    field.name: _NAMED[field.name] if field.name in _NAMED else jobs.c[field.name]
    for field in fields(JobSnapshot)
}
#: Columns of lists: the fields of a job, with only the beginning of its error.
LISTED: Final = [
    sa.func.left(column, 300).label(name) if name.startswith("error_") else column
    for name, column in COLUMNS.items()
]
OF_PHOTO: Final = photos.c.photo_id == jobs.c.photo_id
WITH_PHOTOS: Final = jobs.outerjoin(photos, OF_PHOTO)
_SNAPSHOT: Final = sa.select(*COLUMNS.values()).select_from(WITH_PHOTOS)
# DataFrames use the table's name for the queue, and have no ``ready_at``.
FRAME_COLUMNS: Final = [
    jobs.c.queue_name if name == "queue" else column
    for name, column in COLUMNS.items()
    if name != "ready_at"
]
# Arrays, so that the statement is the same for any number of values.
_UUIDS: Final = postgresql.ARRAY(postgresql.UUID(as_uuid=True))
_TEXTS: Final = postgresql.ARRAY(sa.Text)


def job_fields(row: Any) -> dict[str, Any]:
    """Return the snapshot's fields of a row with :data:`COLUMNS`."""
    found = row._mapping
    values = {name: found[name] for name in COLUMNS}
    values.update(queue=job_type(values["queue"]), state=JobState(values["state"]))
    return values


def as_job_id(text: str) -> UUID | None:
    """Read a text that may be the id of a job."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def snapshot(database: Database, name: UUID | str) -> JobSnapshot:
    """Read one job by its id, or the newest job of a job key such as ``photo-salon-1``.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    job_id = name if isinstance(name, UUID) else as_job_id(str(name))
    query = _SNAPSHOT.where(jobs.c.job_id == job_id)
    if job_id is None:
        by_key = jobs.c.job_key == storable(str(name))
        query = _SNAPSHOT.where(by_key).order_by(jobs.c.job_id.desc()).limit(1)
    with database.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise _unknown_job(database, name)
    return JobSnapshot(**job_fields(row))


def resolve_jobs(database: Database, names: Sequence[str]) -> list[UUID]:
    """Find jobs by id or by key (the newest job of the key); one statement for any number.

    Raises
    ------
    UnknownJobError
        This installation does not have one of them.
    """
    asked = [as_job_id(name) or storable(name) for name in names]
    ids = [one for one in asked if isinstance(one, UUID)]
    keys = [one for one in asked if isinstance(one, str)]
    query = (
        sa.select(jobs.c.job_id, jobs.c.job_key)
        .where(
            sa.or_(
                jobs.c.job_id == sa.func.any(sa.literal(ids, _UUIDS)),
                jobs.c.job_key == sa.func.any(sa.literal(keys, _TEXTS)),
            )
        )
        .order_by(jobs.c.job_id)  # the newest comes last, and so wins
    )
    found: dict[UUID | str, UUID] = {}
    with database.begin() as connection:
        for job_id, key in connection.execute(query):
            found[job_id] = found[key] = job_id
    for name, one in zip(names, asked, strict=True):
        if one not in found:
            raise _unknown_job(database, name)
    return [found[one] for one in asked]


def submitted_as(database: Database, job_id: UUID) -> tuple[Mapping[str, Any], str | None]:
    """Read the job data of a job and the batch that it waits for; empty for an unknown job."""
    query = sa.select(jobs.c.payload, jobs.c.after_batch).where(jobs.c.job_id == job_id)
    with database.begin() as connection:
        row = connection.execute(query).first()
    return ({}, None) if row is None else (row.payload, row.after_batch)


def completed_photos(
    database: Database, job_ids: Sequence[str]
) -> list[tuple[Mapping[str, Any], Any]]:
    """Read data and result of jobs that completed, in the given order."""
    if not job_ids:
        return []
    query = sa.select(jobs.c.job_id, jobs.c.payload, jobs.c.result).where(
        jobs.c.job_id.in_(list(map(UUID, job_ids))), jobs.c.state == str(JobState.COMPLETED)
    )
    with database.begin() as connection:
        found = {str(row.job_id): (row.payload, row.result) for row in connection.execute(query)}
    return [found[job_id] for job_id in job_ids if job_id in found]


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The state of a job, and its result or error once it has ended."""

    state: JobState
    #: Attempts started so far.
    attempts: int
    error_type: str | None
    error_message: str | None
    #: The result as parsed JSON; None unless the job completed.
    result: Any
    #: The worker's traceback of the last error.
    error_traceback: str | None

    @property
    def error(self) -> str | None:
        """The last error in one line."""
        return error_line(self.error_type, self.error_message)


# Polled by every process that waits for a job, so it uses the driver without SQLAlchemy.
_OUTCOME: Final = """
    SELECT state, attempts, error_type, error_message, result, error_traceback
    FROM jobs WHERE job_id = %s
"""


def outcome(database: Database, job_id: UUID) -> JobOutcome:
    """Read the state of a job, and its result once it has ended, in one cheap statement.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    with database.direct() as connection:
        row = connection.execute(_OUTCOME, (job_id,)).fetchone()
    if row is None:
        raise _unknown_job(database, job_id)
    state, *rest = row
    return JobOutcome(JobState(state), *rest)


def _unknown_job(database: Database, job: object) -> UnknownJobError:
    return UnknownJobError(
        f"No job {shorten(str(job), 80)!r} in {database.address}. Give an id or a job key like "
        "photo-salon-1; `photoqueue jobs` lists them. A job of another installation is found with "
        "its PHOTOQUEUE_HOME and DATABASE_URL."
    )


def batch_row(database: Database, batch_id: str) -> dict[str, Any]:
    """Read a batch, and whether it is ``open``.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    """
    is_open = (batches.c.closed_at > sa.func.now()).label("open")
    query = sa.select(batches, is_open).where(batches.c.batch_id == storable(batch_id))
    with database.begin() as connection:
        row = connection.execute(query).mappings().first()
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


#: Jobs of a batch by state.
BATCH_COUNTS: Final = (
    sa.select(jobs.c.state, sa.func.count())
    .join_from(batch_jobs, jobs, batch_jobs.c.job_id == jobs.c.job_id)
    .where(batch_jobs.c.batch_id == sa.bindparam("batch_id"))
    .group_by(jobs.c.state)
)


def batch_counts(database: Database, batch_id: str) -> dict[JobState, int]:
    """Count the jobs of a batch by state; a job that is in the batch twice counts twice."""
    with database.reading() as connection:
        return {
            JobState(state): count
            for state, count in connection.execute(BATCH_COUNTS, {"batch_id": batch_id})
        }


def batch_ended(database: Database, batch_id: str) -> dict[int, tuple[UUID, str, JobType]]:
    """Find the jobs of a batch that have ended, in that order: by position id, key and queue."""
    query = (
        sa.select(batch_jobs.c.position, jobs.c.job_id, jobs.c.job_key, jobs.c.queue_name)
        .join_from(batch_jobs, jobs, batch_jobs.c.job_id == jobs.c.job_id)
        .where(
            batch_jobs.c.batch_id == batch_id,
            jobs.c.state.in_([state for state in JobState if state.finished]),
        )
        .order_by(jobs.c.finished_at, batch_jobs.c.position)
    )
    with database.reading() as connection:
        return {
            at: (job, key, job_type(queue)) for at, job, key, queue in connection.execute(query)
        }


def batch_known(database: Database, batch_id: str) -> int:
    """Count the jobs of a batch that an earlier submission made."""
    query = (
        sa.select(sa.func.count())
        .select_from(batch_jobs.join(jobs, batch_jobs.c.job_id == jobs.c.job_id))
        .where(
            batch_jobs.c.batch_id == batch_id,
            jobs.c.batch_id.is_distinct_from(batch_jobs.c.batch_id),
        )
    )
    with database.reading() as connection:
        return connection.scalar(query) or 0


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
    query = sa.select(*FRAME_COLUMNS).select_from(WITH_PHOTOS)
    if queue is not None:
        query = query.where(jobs.c.queue_name == str(queue))
    if states:
        query = query.where(jobs.c.state.in_([str(state) for state in states]))
    if project_id is not None:
        query = query.where(jobs.c.project_id == project_id)
    if batch_id is not None:
        query = query.where(jobs.c.job_id.in_(_members(batch_id)))
    if since is not None:
        query = query.where(jobs.c.created_at >= since)
    query = query.order_by(jobs.c.job_id.desc()).limit(limit)
    return read_frame(database, query, at_most=limit)


def batch_history(
    database: Database, batch_id: str, *, size: int | None = None, results: bool = False
) -> pd.DataFrame:
    """Read the jobs of a batch in the order of submission; one row a job.

    Parameters
    ----------
    size
        The number of jobs in the batch, where it is known: a small batch is read faster then.
    results
        Whether to add the column ``result``, with JSON objects.
    """
    query = (
        sa.select(*FRAME_COLUMNS, *([jobs.c.result] if results else []))
        .select_from(
            batch_jobs.join(jobs, jobs.c.job_id == batch_jobs.c.job_id).outerjoin(photos, OF_PHOTO)
        )
        .where(batch_jobs.c.batch_id == batch_id)
        .order_by(batch_jobs.c.position)
    )
    return read_frame(database, query, at_most=size)


def job_history(database: Database, job_id: UUID) -> pd.DataFrame:
    """Read one job and its result, in the form of :func:`batch_history`."""
    query = sa.select(*FRAME_COLUMNS, jobs.c.result).select_from(WITH_PHOTOS)
    return read_frame(database, query.where(jobs.c.job_id == job_id), at_most=1)


#: Ended attempts of all jobs, in the order in which they ended.
_ATTEMPTS: Final = (
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
#: Engine calls of all jobs, in the order in which they were recorded.
_AI_CALLS: Final = sa.select(*ai_metrics.c).order_by(
    ai_metrics.c.created_at, ai_metrics.c.job_id, ai_metrics.c.attempt, ai_metrics.c.call
)


def attempts(
    database: Database, *, job_id: UUID | None = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read ended attempts as a DataFrame, in the order in which they ended."""
    return read_frame(database, _only(_ATTEMPTS, job_attempts.c.job_id, job_id, batch_id))


def ai_calls(
    database: Database, *, job_id: UUID | None = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read engine calls as a DataFrame; one row per call."""
    return read_frame(database, _only(_AI_CALLS, ai_metrics.c.job_id, job_id, batch_id))


def _only(
    query: sa.Select[Any],
    column: sa.ColumnElement[Any],
    job_id: UUID | None,
    batch_id: str | None,
) -> sa.Select[Any]:
    """Limit a query to a job or to the jobs of a batch; None is no limit."""
    if job_id is not None:
        query = query.where(column == job_id)
    if batch_id is not None:
        query = query.where(column.in_(_members(batch_id)))
    return query


def _members(batch_id: str) -> sa.Select[Any]:
    return sa.select(batch_jobs.c.job_id).where(batch_jobs.c.batch_id == batch_id)


_STORY: Final = sa.select(
    *COLUMNS.values(),
    jobs.c.after_batch,
    jobs.c.payload,
    jobs.c.result,
    jobs.c.error_traceback,
    jobs.c.slot,
    workers.c.host,
    sa.func.clock_timestamp().label("now"),
).select_from(WITH_PHOTOS.outerjoin(workers, workers.c.worker_id == jobs.c.worker_id))
#: Fields of an attempt that are columns with the same name.
_RECORDED: Final = {one.name for one in fields(Attempt)} & set(_ATTEMPTS.selected_columns.keys())
_CALL: Final = [one.name for one in fields(AiCall)]


def job_story(database: Database, job_id: UUID) -> JobStory:
    """Read everything about one job.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    # An attempt that ends between two of the reads would be shown twice or not at all.
    with database.begin(snapshot=True) as connection:
        row = connection.execute(_STORY.where(jobs.c.job_id == job_id)).first()
        if row is None:
            raise _unknown_job(database, job_id)
        ended = connection.execute(_ATTEMPTS.where(job_attempts.c.job_id == job_id)).all()
        calls = connection.execute(_AI_CALLS.where(ai_metrics.c.job_id == job_id)).mappings().all()
    found = [_ended(attempt, row.created_at) for attempt in ended]
    if not JobState(row.state).finished:
        found.append(_unfinished(row))
    return JobStory(
        **job_fields(row),
        after_batch=row.after_batch,
        payload=row.payload,
        result=row.result,
        error_traceback=row.error_traceback,
        attempt_list=tuple(found),
        ai_calls=tuple(AiCall(**{name: call[name] for name in _CALL}) for call in calls),
        now_ms=_after(row.created_at, row.now) or 0.0,
    )


def _ended(row: Any, submitted: datetime) -> Attempt:
    recorded = {name: row._mapping[name] for name in _RECORDED}
    started = _after(submitted, row.started_at)
    return Attempt(
        **{**recorded, "outcome": Outcome(row.outcome)},
        ready_ms=None if started is None or row.wait_ms is None else started - row.wait_ms,
        started_ms=started,
        ended_ms=_after(submitted, row.ended_at),
    )


def _unfinished(row: Any) -> Attempt:
    """Return the running attempt, or the next one that the job waits for."""
    ready = _after(row.created_at, row.ready_at)
    if row.state != JobState.ACTIVE:
        return Attempt(attempt=row.attempts + 1, ready_ms=ready)
    return Attempt(
        attempt=row.attempts,
        ready_ms=ready,
        started_ms=_after(row.created_at, row.started_at),
        wait_ms=row.wait_ms,
        host=row.host,
        slot=row.slot,
    )


def _after(submitted: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else (moment - submitted) / timedelta(milliseconds=1)
