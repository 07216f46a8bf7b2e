"""The story of one job: what it was given, every attempt on one time axis, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from photoqueue.queue.database import Database
from photoqueue.queue.history import AI_CALLS, ATTEMPTS
from photoqueue.queue.outcomes import unknown_job
from photoqueue.queue.reads import SNAPSHOT_COLUMNS, JobSnapshot, as_snapshot
from photoqueue.queue.tables import ai_metrics, job_attempts, jobs, photos, workers
from photoqueue.words import JobState, Outcome


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
