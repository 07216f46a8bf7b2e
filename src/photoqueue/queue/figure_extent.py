"""Which jobs, attempts and calls charts are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from photoqueue.queue.tables import batch_jobs, job_attempts, jobs
from photoqueue.words import JobType


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Which jobs are added up; None is no limit.

    Attributes
    ----------
    since : datetime or None
        Attempts that ended, jobs that were submitted, started or ended, and calls that were
        made at or after this moment.
    """

    project_id: str | None = None
    batch_id: str | None = None
    queue: JobType | None = None
    since: datetime | None = None

    @property
    def members(self) -> sa.Select[Any] | None:
        """The ids of the jobs of the project or batch; None where there is no such limit."""
        if self.project_id is None and self.batch_id is None:
            return None
        query = sa.select(jobs.c.job_id)
        if self.project_id is not None:
            query = query.where(jobs.c.project_id == self.project_id)
        if self.batch_id is not None:
            query = query.where(
                jobs.c.job_id.in_(
                    sa.select(batch_jobs.c.job_id).where(batch_jobs.c.batch_id == self.batch_id)
                )
            )
        return query

    def of_jobs(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on rows of ``jobs``, but for the time."""
        found: list[sa.ColumnElement[bool]] = []
        if (members := self.members) is not None:
            found.append(jobs.c.job_id.in_(members))
        if self.queue is not None:
            found.append(jobs.c.queue_name == str(self.queue))
        return found

    def of_details(self, table: sa.Table, moment: sa.Column[Any]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on a table of attempts or calls."""
        found: list[sa.ColumnElement[bool]] = []
        if (members := self.members) is not None:
            found.append(table.c.job_id.in_(members))
        if self.queue == "inventory-sync":
            found.append(_in_queue(table, "inventory-sync"))
        elif self.queue is not None:
            # Nearly all jobs are photos: the others are few to look up.
            found.append(~_in_queue(table, "inventory-sync"))
        if self.since is not None:
            found.append(moment >= self.since)
            if moment is job_attempts.c.started_at:
                # None ended before it started: the index on the end finds them.
                found.append(job_attempts.c.ended_at >= self.since)
        return found


def _in_queue(table: sa.Table, queue: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(jobs.c.job_id == table.c.job_id, jobs.c.queue_name == str(queue))
