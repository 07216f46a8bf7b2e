"""Which jobs of a batch have ended since a moment: exact, however many end at once.

A moment is a snapshot of PostgreSQL, not a clock: a job that ended before it by the clock but
was committed after it is not in it, so it is found the next time and none is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import PayloadError
from photoqueue.queue.database import Database
from photoqueue.queue.read import batch_row
from photoqueue.words import UNFINISHED, JobState

_MARK: Final = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)")
#: Longest mark in characters: it names every transaction that ran at its moment.
_MAX_MARK: Final = 20_000
#: Characters of an error that a change tells.
_ERROR_LENGTH: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A job of a batch that has ended; ``error_message`` has at most 300 characters."""

    job_id: UUID
    job_key: str
    photo_id: str | None
    position: int
    state: JobState
    attempts: int
    job_duration_ms: float | None
    finished_at: datetime | None
    error_type: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChanges:
    """What happened in a batch since a moment, and how it stands now.

    Attributes
    ----------
    mark : str
        This moment, for the next call.
    counts : dict of JobState to int
        Jobs by state; every state is in it.
    ended : tuple of EndedJob
        In the order of submission. A job that was started anew and ended again is in it again.
    """

    mark: str
    counts: dict[JobState, int]
    ended: tuple[EndedJob, ...]

    @property
    def total(self) -> int:
        """All jobs of the batch."""
        return sum(self.counts.values())

    @property
    def done(self) -> bool:
        """Whether all of them have ended."""
        return not any(self.counts[state] for state in UNFINISHED)


# xmin has the lower 32 bits of the transaction that wrote the row; those above are the ones of
# the present, or one less for a transaction before the last turn of the counter. A row so old
# that this is wrong is told once more, never left out. Jobs are written by plain transactions,
# without savepoints: those would have numbers of their own, which snapshots do not list.
_ENDED: Final = sa.text(
    f"""
    WITH present AS (
        SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next
    )
    SELECT jobs.job_id, jobs.job_key, jobs.photo_id, batch_jobs.position, jobs.state,
        jobs.attempts, jobs.job_duration_ms, jobs.finished_at,
        left(jobs.error_type, {_ERROR_LENGTH}) AS error_type,
        left(jobs.error_message, {_ERROR_LENGTH}) AS error_message
    FROM present, batch_jobs JOIN jobs USING (job_id)
    WHERE batch_jobs.batch_id = :batch_id
        AND jobs.state IN ('completed', 'failed', 'cancelled')
        AND (
            CAST(:since AS pg_snapshot) IS NULL
            OR NOT pg_visible_in_snapshot(
                (
                    jobs.xmin::text::bigint + ((present.next >> 32) << 32)
                    - CASE
                        WHEN jobs.xmin::text::bigint > present.next & 4294967295
                            AND present.next >> 32 > 0
                        THEN 4294967296 ELSE 0
                    END
                )::text::xid8,
                CAST(:since AS pg_snapshot)
            )
        )
    ORDER BY batch_jobs.position
    """
)
_COUNTS: Final = sa.text(
    """
    SELECT jobs.state, count(*) FROM batch_jobs JOIN jobs USING (job_id)
    WHERE batch_jobs.batch_id = :batch_id GROUP BY jobs.state
    """
)


def batch_changes(database: Database, batch_id: str, since: str | None) -> BatchChanges:
    """Read what happened in a batch since a mark; everything that ended when it is None.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    PayloadError
        ``since`` is no mark.
    """
    if since is not None:
        check_mark(since)
    batch_row(database, batch_id)
    names: dict[str, Any] = {"batch_id": batch_id, "since": since}
    with database.begin() as connection:
        # One moment for mark, counts and jobs.
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        mark = connection.scalar(sa.text("SELECT pg_current_snapshot()::text"))
        found = {state: number for state, number in connection.execute(_COUNTS, names)}
        ended = connection.execute(_ENDED, names).all()
    return BatchChanges(
        mark=str(mark),
        counts={state: found.get(state, 0) for state in JobState},
        ended=tuple(EndedJob(**{**row._mapping, "state": JobState(row.state)}) for row in ended),
    )


def check_mark(mark: str) -> None:
    """Make sure that a text from outside is a mark, before PostgreSQL reads it.

    Raises
    ------
    PayloadError
        It is none.
    """
    parts = _MARK.fullmatch(mark) if len(mark) <= _MAX_MARK else None
    if parts is not None:
        low, high = int(parts[1]), int(parts[2])
        running = [int(number) for number in parts[3].split(",") if number]
        within = all(low <= number < high for number in running)
        rising = running == sorted(set(running))
        if 0 < low <= high < 2**63 and within and rising:
            return
    raise PayloadError(
        f"{mark[:40]!r} is no mark of a batch. Leave it out to begin with the first job."
    )
