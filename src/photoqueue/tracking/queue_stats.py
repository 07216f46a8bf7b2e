"""How the queues are: their jobs by state, who works on them, how long the oldest waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.models import JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.liveness import live_workers
from photoqueue.tracking.tables import jobs, queues, workers

#: Seconds that the oldest job of a queue that could start has been waiting.
_OLDEST: Final = (
    sa.select(
        sa.extract("epoch", sa.func.clock_timestamp() - sa.func.min(jobs.c.ready_at)).cast(
            sa.Double
        )
    )
    .where(
        jobs.c.queue_name == queues.c.queue_name,
        jobs.c.state == "waiting",
        jobs.c.ready_at.is_not(None),
    )
    .correlate(queues)
    .scalar_subquery()
    .label("oldest_waiting_s")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """Counts of one queue.

    Attributes
    ----------
    oldest_waiting_s : float or None
        Seconds that the oldest job that could start has been waiting; None when none is.
    workers : int
        Workers whose lease is valid.
    refused_messages : int
        Broker messages that photoqueue did not write, since the installation began.
    """

    name: str
    waiting: int = 0
    active: int = 0
    delayed: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: bool = False
    oldest_waiting_s: float | None = None
    workers: int = 0
    refused_messages: int = 0

    @property
    def total(self) -> int:
        """All jobs of the queue, in any state."""
        return (
            self.waiting
            + self.active
            + self.delayed
            + self.completed
            + self.failed
            + self.cancelled
        )


def stats(database: Database, lease_seconds: float) -> dict[JobType, QueueStats]:
    """Count the jobs of each queue by state."""
    counts = sa.select(jobs.c.queue_name, jobs.c.state, sa.func.count()).group_by(
        jobs.c.queue_name, jobs.c.state
    )
    return queue_stats(
        database,
        lease_seconds,
        lambda connection: [
            (name, state, number) for name, state, number in connection.execute(counts)
        ],
    )


def queue_stats(
    database: Database,
    lease_seconds: float,
    count: Callable[[sa.Connection], Iterable[tuple[str, str, int]]],
) -> dict[JobType, QueueStats]:
    """Tell how each queue is; ``count`` tells queue, state and number of its jobs."""
    # One statement does not see the same moment as the next, in a transaction either.
    with database.reading() as connection:
        rows = connection.execute(_standing(lease_seconds)).mappings()
        found: dict[str, dict[str, Any]] = {row["queue_name"]: dict(row) for row in rows}
        for name, state, number in count(connection):
            found[name][state] = number
    for counts in found.values():
        counts["name"] = counts.pop("queue_name")
    return {queue: QueueStats(**found.get(queue, {"name": queue})) for queue in JobType}


@lru_cache(maxsize=8)
def _standing(lease_seconds: float) -> sa.Select[Any]:
    """Select how each queue is but for its jobs; made once, which takes longer than asking."""
    alive = (
        sa.select(sa.func.unnest(workers.c.queues)).where(live_workers(lease_seconds)).subquery()
    )
    at_work = sa.select(sa.func.count()).select_from(alive).where(alive.c[0] == queues.c.queue_name)
    return sa.select(
        queues.c.queue_name,
        queues.c.paused,
        queues.c.refused_messages,
        _OLDEST,
        at_work.correlate(queues).scalar_subquery().label("workers"),
    )
