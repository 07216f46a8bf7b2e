"""Counts of queues: jobs by state, live workers, and the wait of the oldest job."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.queue.database import Database
from photoqueue.queue.tables import jobs, queues, workers
from photoqueue.queue.workers import live_workers
from photoqueue.records.snapshots import QueueStats
from photoqueue.words import JobState, JobType, job_type, register, registered_types

#: Seconds for which the oldest ready job of a queue has been waiting.
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


@lru_cache(maxsize=8)
def _standing(lease_seconds: float) -> sa.Select[Any]:
    """Select all about each queue except job counts; cached, as building it is slow."""
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


#: The count of jobs completed this many seconds ago or earlier is cached: no transaction that
#: completes a job is open for that long (a worker's statements end after 30 s).
_SETTLED_SECONDS: Final = 60
#: Completed jobs after that moment that are counted at each read, until the moment is moved.
_MOST_RECENT: Final = 10_000
#: Seconds after which everything is counted again, in case a deletion was missed.
_RECOUNT_SECONDS: Final = 600.0
#: A value that changes within seconds when rows are deleted or the table is truncated.
_DELETIONS: Final = sa.text(
    "SELECT pg_relation_filenode('jobs'), pg_stat_get_tuples_deleted('jobs'::regclass)"
)

_COMPLETED: Final = jobs.c.state == str(JobState.COMPLETED)
#: Jobs by queue and state. All queues are named, as the index on queue and state is used only then.
_BY_STATE: Final = (
    sa.select(jobs.c.queue_name, jobs.c.state, sa.func.count())
    .where(jobs.c.queue_name.in_(sa.bindparam("queues", expanding=True)))
    .group_by(jobs.c.queue_name, jobs.c.state)
)
#: The jobs counted at each read: those completed after the moment, and all in other states.
_LOOK: Final = sa.union_all(
    _BY_STATE.where(
        _COMPLETED, jobs.c.finished_at > sa.bindparam("moment", type_=sa.TIMESTAMP(True))
    ),
    _BY_STATE.where(
        jobs.c.state.in_([str(state) for state in JobState if state is not JobState.COMPLETED])
    ),
)


class LiveCounts:
    """Counts the jobs of an installation by queue and state.

    Parameters
    ----------
    few : int
        Up to this many completed jobs are counted again at each read, so that the counts are
        exact even after manual changes to the tables.
    """

    def __init__(self, database: Database, lease_seconds: float, *, few: int = 0) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._few = few
        self._settled: dict[str, int] = {}
        self._moment: datetime | None = None
        self._counted_at = float("-inf")
        self._deletions: tuple[object, ...] = ()
        self._lock = threading.Lock()

    def read(self) -> dict[JobType, QueueStats]:
        """Read the counts of the queues in the tables and of the types known to this process."""
        # No transaction: at READ COMMITTED each statement has its own snapshot anyway.
        with self._lock, self._database.reading() as connection:
            rows = connection.execute(_standing(self._lease_seconds)).mappings()
            found: dict[str, dict[str, Any]] = {row["queue_name"]: dict(row) for row in rows}
            known = [str(queue) for queue in registered_types()]
            names = [*known, *sorted(found.keys() - set(known))]
            for name, state, number in self._count(connection, names):
                # A type is known here before its queue is in the tables, if they cannot be
                # written to.
                found.setdefault(name, {"queue_name": name})[state] = number
        for counts in found.values():
            counts["name"] = counts.pop("queue_name")
        # Registers queues that other processes entered.
        return {
            register(job_type(name)): QueueStats(**found.get(name, {"name": name}))
            for name in names
        }

    def _count(self, connection: sa.Connection, queues: list[str]) -> list[tuple[str, str, int]]:
        if self._moment is None or self._is_stale(connection):
            self._moment = _settled_moment(connection)
            self._deletions = _deletions(connection)
            self._settled = _count(connection, queues, jobs.c.finished_at <= self._moment)
            self._counted_at = time.monotonic()
        counted: list[tuple[str, str, int]] = []
        recent: dict[str, int] = {}
        for name, state, number in connection.execute(
            _LOOK, {"queues": queues, "moment": self._moment}
        ):
            if state == JobState.COMPLETED:
                recent[name] = number
            else:
                counted.append((name, state, number))
        for queue in queues:
            completed = self._settled.get(queue, 0) + recent.get(queue, 0)
            counted.append((queue, str(JobState.COMPLETED), completed))
        if sum(self._settled.values()) < self._few:
            self._moment = None
        elif sum(recent.values()) > _MOST_RECENT:
            self._move_on(connection, queues)
        return counted

    def _is_stale(self, connection: sa.Connection) -> bool:
        if time.monotonic() - self._counted_at > _RECOUNT_SECONDS:
            return True
        return _deletions(connection) != self._deletions

    def _move_on(self, connection: sa.Connection, queues: list[str]) -> None:
        """Move the moment, and cache the count of the jobs completed before it."""
        moment = _settled_moment(connection)
        between = sa.and_(jobs.c.finished_at > self._moment, jobs.c.finished_at <= moment)
        for queue, number in _count(connection, queues, between).items():
            self._settled[queue] = self._settled.get(queue, 0) + number
        self._moment = max(self._moment or moment, moment)


def _count(
    connection: sa.Connection, queues: list[str], which: sa.ColumnElement[bool]
) -> dict[str, int]:
    counted = connection.execute(_BY_STATE.where(_COMPLETED, which), {"queues": queues})
    return {name: number for name, _, number in counted}


def _deletions(connection: sa.Connection) -> tuple[object, ...]:
    return tuple(connection.execute(_DELETIONS).one())


def _settled_moment(connection: sa.Connection) -> datetime:
    """Return the moment before which no further job can be completed."""
    ago = sa.func.make_interval(0, 0, 0, 0, 0, 0, _SETTLED_SECONDS)
    moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp() - ago)).scalar_one()
    return moment
