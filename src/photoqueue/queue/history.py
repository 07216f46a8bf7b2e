"""The tracking table as DataFrames and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from photoqueue.queue.database import Database
from photoqueue.queue.tables import ai_metrics, batch_jobs, job_attempts, jobs, photos, workers
from photoqueue.words import JobState, JobType

if TYPE_CHECKING:
    import pandas as pd

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
    import pandas as pd

    from photoqueue.queue.columns import read_columns  # needs numpy, which takes long to load

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
    with database.begin() as connection:
        columns = read_columns(connection, query, jobs.c.job_id, limit=limit, beside=database.begin)
    return pd.DataFrame(columns, copy=False)


def batch_history(database: Database, batch_id: str) -> pd.DataFrame:
    """Read the jobs of a batch in the order of submission; one row a job."""
    return _frame(database, _of_batch(batch_id))


def batch_results(database: Database, batch_id: str) -> pd.DataFrame:
    """Read a batch like :func:`batch_history`, with the column ``result`` (JSON objects)."""
    return _frame(database, _of_batch(batch_id).add_columns(jobs.c.result))


def job_results(database: Database, job_id: str) -> pd.DataFrame:
    """Read one job like :func:`batch_results` reads those of a batch."""
    query = (
        sa.select(*_JOB_COLUMNS, jobs.c.result)
        .select_from(_WITH_PHOTOS)
        .where(jobs.c.job_id == sa.cast(job_id, UUID))
    )
    return _frame(database, query)


def attempts(
    database: Database, *, job_id: Any = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read ended attempts as a DataFrame, in the order in which they ended."""
    return _frame(database, _only(ATTEMPTS, job_attempts.c.job_id, job_id, batch_id))


def ai_calls(
    database: Database, *, job_id: Any = None, batch_id: str | None = None
) -> pd.DataFrame:
    """Read the calls of engines as a DataFrame; one row a call."""
    return _frame(database, _only(AI_CALLS, ai_metrics.c.job_id, job_id, batch_id))


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


def _frame(database: Database, query: sa.Select[Any]) -> pd.DataFrame:
    import pandas as pd

    with database.begin() as connection:
        result = connection.execute(query)
        frame = pd.DataFrame.from_records(result.fetchall(), columns=list(result.keys()))
    for column in frame.columns:
        if column.endswith("_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True)
        elif column == "job_id":
            frame[column] = frame[column].astype(str)
    return frame
