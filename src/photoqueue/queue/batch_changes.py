"""The jobs of a batch: those that ended since a mark, of which none is missed, and their results.

A mark is a snapshot of PostgreSQL, not a time: a job that ended before it but was committed
after it is not in the snapshot, and so is found by the next call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import PayloadError
from photoqueue.queue.database import Database
from photoqueue.queue.read import BATCH_COUNTS, LISTED, OF_PHOTO, batch_row, job_fields
from photoqueue.queue.tables import batch_jobs, jobs, photos
from photoqueue.records.results import PhotoResult
from photoqueue.records.snapshots import JobSnapshot
from photoqueue.words import UNFINISHED, JobState

_MARK: Final = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)")
#: Longest mark in characters: it lists every transaction that ran at its moment.
_MAX_MARK: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EndedJob(JobSnapshot):
    """A job of a batch that has ended; ``position`` is its place in the batch, from 0."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BatchPhoto(JobSnapshot):
    """A photo of a batch, with what its engine found once it has ended."""

    position: int
    result: PhotoResult | None
    #: The room from which this submission moved the photo to another.
    moved_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChanges:
    """What changed in a batch since a mark, and its present counts."""

    #: The mark to pass to the next call.
    mark: str
    #: Jobs by state; every state is a key.
    counts: dict[JobState, int]
    #: In the order of submission. A job that was retried and ended again is listed again.
    ended: tuple[EndedJob, ...]
    #: Whether jobs can be added.
    open: bool = False

    @property
    def done(self) -> bool:
        """Whether all jobs have ended, and none can be added."""
        return not self.open and not any(self.counts[state] for state in UNFINISHED)


#: The snapshot, and the number of the next transaction.
_MOMENT: Final = sa.text(
    "SELECT pg_current_snapshot()::text, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)
# xmin holds the lower 32 bits of the transaction that wrote the row. The upper bits are those of
# the next transaction, or one less if the counter wrapped around in between. For a row older than
# that the result is wrong, and the job is reported once more; none is left out. Jobs must be
# written without savepoints, whose transaction numbers are not in snapshots.
_ENDED_SINCE: Final = sa.text("""
    (CAST(:since AS pg_snapshot) IS NULL OR NOT pg_visible_in_snapshot(
        (
            jobs.xmin::text::bigint + ((CAST(:next AS bigint) >> 32) << 32)
            - CASE
                WHEN jobs.xmin::text::bigint > CAST(:next AS bigint) & 4294967295
                    AND CAST(:next AS bigint) >> 32 > 0
                THEN 4294967296 ELSE 0
            END
        )::text::xid8,
        CAST(:since AS pg_snapshot)
    ))
""")
_MEMBERS: Final = (
    sa.select(*LISTED, batch_jobs.c.position)
    .select_from(
        batch_jobs.join(jobs, jobs.c.job_id == batch_jobs.c.job_id).outerjoin(photos, OF_PHOTO)
    )
    .where(batch_jobs.c.batch_id == sa.bindparam("batch_id"))
    .order_by(batch_jobs.c.position)
)
_ENDED: Final = _MEMBERS.where(
    jobs.c.state.not_in([str(state) for state in UNFINISHED]), _ENDED_SINCE
)


def batch_changes(database: Database, batch_id: str, since: str | None = None) -> BatchChanges:
    """Read which jobs of a batch ended since a mark, and how many are in each state.

    A caller that passes each mark to the next call sees every end at least once.

    Parameters
    ----------
    since
        ``mark`` of an earlier answer; None for everything that has ended.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    PayloadError
        ``since`` is not a mark.
    """
    if since is not None and not is_mark(since):
        raise PayloadError(
            f"{since[:40]!r} is not a mark of a batch. Leave it out to start with the first job."
        )
    # Before the jobs: to a batch that is closed now, none is added after they were read.
    is_open = batch_row(database, batch_id)["open"]
    values: dict[str, Any] = {"batch_id": batch_id, "since": since}
    with database.begin(snapshot=True) as connection:
        mark, following = connection.execute(_MOMENT).one()
        found = {state: number for state, number in connection.execute(BATCH_COUNTS, values)}
        ended = connection.execute(_ENDED, {**values, "next": following}).all()
    return BatchChanges(
        mark=mark,
        open=is_open,
        counts={state: found.get(state, 0) for state in JobState},
        ended=tuple(EndedJob(**job_fields(row), position=row.position) for row in ended),
    )


def batch_photos(
    database: Database,
    batch_id: str,
    *,
    after: int = -1,
    limit: int | None = None,
    job_ids: Sequence[UUID] | None = None,
) -> list[BatchPhoto]:
    """Read photos of a batch with their results, in the order of submission.

    Parameters
    ----------
    after
        Only those behind this position.
    limit
        At most so many.
    job_ids
        Only these jobs.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    """
    batch_row(database, batch_id)
    query = _MEMBERS.add_columns(jobs.c.result).where(batch_jobs.c.position > after).limit(limit)
    if job_ids is not None:
        query = query.where(jobs.c.job_id.in_(job_ids))
    with database.begin() as connection:
        rows = connection.execute(query, {"batch_id": batch_id}).all()
    return [
        BatchPhoto(
            **job_fields(row),
            position=row.position,
            result=None if row.result is None else PhotoResult.model_validate(row.result),
        )
        for row in rows
    ]


def is_mark(text: str) -> bool:
    """Whether a caller's text is a well-formed mark that PostgreSQL accepts."""
    parts = _MARK.fullmatch(text) if len(text) <= _MAX_MARK else None
    if parts is None:
        return False
    low, high = int(parts[1]), int(parts[2])
    running = [int(number) for number in parts[3].split(",") if number]
    within = all(low <= number < high for number in running)
    return 0 < low <= high < 2**63 and within and running == sorted(set(running))
