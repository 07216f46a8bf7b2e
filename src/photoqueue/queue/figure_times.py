"""What happened to jobs over time, counted row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.queue.figure_bins import start_of
from photoqueue.queue.figure_extent import Extent
from photoqueue.queue.tables import job_attempts, jobs
from photoqueue.words import JobState, Outcome, registered_types

#: What was handed back or cancelled neither completed nor failed.
NEITHER: Final = (str(Outcome.RELEASED), str(Outcome.CANCELLED))
_ENDED: Final = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
# Enough for the sorts and hash tables of a million attempts; compiling the statements to
# machine code takes longer than it saves. Plans depend on what is asked for.
_SESSION: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
    "SET LOCAL plan_cache_mode = force_custom_plan",
)
#: Written out, so that an index on failed jobs alone is known to hold them.
_FAILED: Final[sa.ColumnElement[bool]] = jobs.c.state == sa.literal_column("'failed'")
#: How far the clock of whoever submits may be ahead of the server's.
_CLOCKS_APART: Final = timedelta(hours=1)


class TimesReading:
    """Reads what happened over time, all at one moment of the tables.

    ``jobs`` is only read through its indexes, unless a project, batch or queue is asked for.
    """

    def __init__(self, connection: sa.Connection, extent: Extent, now: datetime) -> None:
        self._connection = connection
        self._extent = extent
        self.now = now

    def first(self) -> datetime | None:
        """Return when the first job was submitted; None when there is none."""
        query = sa.select(jobs.c.created_at).where(*self._extent.of_jobs())
        return self._connection.scalar(query.order_by(jobs.c.job_id).limit(1))

    def failed_jobs(self) -> Sequence[tuple[int, int]]:
        """Count failed jobs by their attempts; none were made of what was refused."""
        query = sa.select(jobs.c.attempts, sa.func.count()).where(*self._failed_jobs())
        return self._rows(query.group_by(jobs.c.attempts).order_by(jobs.c.attempts))

    def failures(self, seconds: int) -> Sequence[tuple[datetime, str, int, datetime, datetime]]:
        """Count failed attempts by bin of time and error type, with the first and the last.

        Jobs that were refused before any attempt are among them.
        """
        attempts = sa.select(
            job_attempts.c.ended_at.label("at"), job_attempts.c.error_type.label("error_type")
        ).where(*self._attempts(), self._failed)
        return self._kinds(attempts.union_all(self._refused()), seconds)

    def refused(self, seconds: int) -> Sequence[tuple[datetime, str, int, datetime, datetime]]:
        """Count jobs that were refused before any attempt, as failures are counted."""
        return self._kinds(self._refused(), seconds)

    def ended(
        self, seconds: int, states: Sequence[JobState] = _ENDED
    ) -> Sequence[tuple[datetime, str, int]]:
        """Count jobs that ended, by bin of time and state."""
        start = start_of(jobs.c.finished_at, seconds).label("start")
        query = sa.select(start, jobs.c.state, sa.func.count()).where(
            *self._extent.of_jobs(), *self._jobs_in(*states), jobs.c.finished_at.is_not(None)
        )
        if self._extent.since is not None:
            query = query.where(jobs.c.finished_at >= self._extent.since)
        return self._rows(query.group_by(start, jobs.c.state))

    def submitted(self, starts: Sequence[datetime], seconds: int) -> Sequence[tuple[datetime, int]]:
        """Count submitted jobs in bins of time.

        Of the whole installation by the time in their ids, which the submitting process
        took from its own clock: that needs an index only, and no row of ``jobs``.
        """
        conditions = self._extent.of_jobs()
        if conditions:
            if self._extent.since is not None:
                conditions.append(jobs.c.created_at >= self._extent.since)
                conditions.append(jobs.c.job_id >= lowest_id(self._extent.since - _CLOCKS_APART))
            start = start_of(jobs.c.created_at, seconds).label("start")
            query = sa.select(start, sa.func.count()).where(*conditions)
            return self._rows(query.group_by(start))
        width = timedelta(seconds=seconds)
        bins = sa.values(
            sa.column("start", sa.TIMESTAMP(timezone=True)),
            sa.column("low", jobs.c.job_id.type),
            sa.column("high", jobs.c.job_id.type),
            name="bins",
        ).data(
            [
                (
                    start,
                    lowest_id(max(start, self._extent.since or start)),
                    lowest_id(start + width),
                )
                for start in starts
            ]
        )
        inside = (jobs.c.job_id >= bins.c.low) & (jobs.c.job_id < bins.c.high)
        count = sa.select(sa.func.count()).select_from(jobs).where(inside).scalar_subquery()
        return [row for row in self._rows(sa.select(bins.c.start, count)) if row[1]]

    def longest_waits(self, seconds: int) -> Sequence[tuple[datetime, float]]:
        """Return the longest wait, in ms, of what was started in each bin of time."""
        start = start_of(job_attempts.c.started_at, seconds).label("start")
        query = sa.select(start, sa.func.max(job_attempts.c.wait_ms)).where(
            *self._extent.of_details(job_attempts, job_attempts.c.started_at),
            job_attempts.c.started_at.is_not(None),
            job_attempts.c.wait_ms.is_not(None),
        )
        return self._rows(query.group_by(start))

    def oldest_waiting(self) -> float | None:
        """Return for how many seconds the oldest job that could start has been waiting."""
        age = sa.func.date_part("epoch", sa.func.now() - sa.func.min(jobs.c.ready_at))
        query = sa.select(age).where(
            *self._extent.of_jobs(), jobs.c.state == "waiting", jobs.c.ready_at.is_not(None)
        )
        return self._connection.scalar(query)

    @property
    def _failed(self) -> sa.ColumnElement[bool]:
        return job_attempts.c.outcome != str(Outcome.COMPLETED)

    def _attempts(self) -> list[sa.ColumnElement[bool]]:
        """Those that completed or failed."""
        return [
            *self._extent.of_details(job_attempts, job_attempts.c.ended_at),
            job_attempts.c.outcome.not_in(NEITHER),
        ]

    def _refused(self) -> sa.Select[Any]:
        return sa.select(
            jobs.c.finished_at.label("at"), jobs.c.error_type.label("error_type")
        ).where(*self._failed_jobs(), jobs.c.attempts == 0)

    def _kinds(self, failures: Any, seconds: int) -> Sequence[Any]:
        found = failures.subquery()
        start = start_of(found.c.at, seconds).label("start")
        kind = sa.func.coalesce(found.c.error_type, "unknown").label("kind")
        return self._rows(
            sa.select(
                start, kind, sa.func.count(), sa.func.min(found.c.at), sa.func.max(found.c.at)
            ).group_by(start, kind)
        )

    def _failed_jobs(self) -> list[sa.ColumnElement[bool]]:
        found = [*self._extent.of_jobs(), *self._in_any_queue(), _FAILED]
        if self._extent.since is not None:
            found.append(jobs.c.finished_at >= self._extent.since)
        return found

    def _jobs_in(self, *states: JobState) -> list[sa.ColumnElement[bool]]:
        if list(states) == [JobState.FAILED]:
            return [*self._in_any_queue(), _FAILED]
        return [*self._in_any_queue(), jobs.c.state.in_([str(state) for state in states])]

    def _in_any_queue(self) -> list[sa.ColumnElement[bool]]:
        """Name the queues: they are the first column of the indexes on states."""
        return [jobs.c.queue_name.in_([str(queue) for queue in registered_types()])]

    def _rows(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        return self._connection.execute(query).fetchall()


def begin(connection: sa.Connection) -> datetime:
    """Let a transaction see one moment of the tables; return which."""
    for statement in _SESSION:
        connection.exec_driver_sql(statement)
    now: datetime = connection.execute(sa.select(sa.func.now())).scalar_one()
    return now


def lowest_id(moment: datetime) -> str:
    """Return the lowest UUIDv7 that was made at a moment or later."""
    return f"{int(moment.timestamp() * 1000):012x}".ljust(32, "0")
