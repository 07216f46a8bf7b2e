"""The tracking table added up for charts: a few thousand small rows, however many jobs.

What an attempt tells is read from ``job_attempts``, whose rows are a fifth of the size of
those of ``jobs``; ``jobs`` itself is only read through its indexes, unless a project, batch
or queue is asked for. All statements of one reading see the same moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.models import JobState, JobType, Outcome
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import ai_metrics, batch_jobs, job_attempts, jobs

_NEITHER: Final = (str(Outcome.RELEASED), str(Outcome.CANCELLED))
_ENDED: Final = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
#: Base of the numbers that several small ones are packed into, and what lies below all bins.
_RADIX: Final = 10_000
_LOWEST: Final = -1000
# Enough for the sorts and hash tables of a million attempts; compiling the statements to
# machine code takes longer than it saves.
_SESSION: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
)
#: date_part, since extract() computes in decimals, four times as slow.
_RUN_MS: Final[sa.ColumnElement[float]] = sa.func.date_part(
    "epoch", job_attempts.c.ended_at - job_attempts.c.started_at
).op("*", return_type=sa.Double())(1000.0)


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
        if self.queue is JobType.INVENTORY_SYNC:
            found.append(_in_queue(table, JobType.INVENTORY_SYNC))
        elif self.queue is not None:
            # Nearly all jobs are photos: the others are few to look up.
            found.append(~_in_queue(table, JobType.INVENTORY_SYNC))
        if self.since is not None:
            found.append(moment >= self.since)
        return found


@dataclass(frozen=True, slots=True)
class Grid:
    """A logarithmic grid of durations.

    Attributes
    ----------
    per_decade : int
        Bins in each factor of ten.
    shortest_ms : float
        Shorter durations count as this one.
    """

    per_decade: int
    shortest_ms: float

    def bin(self, value: Any) -> sa.ColumnElement[int]:
        """Return the bin of a value; the charts of DataFrames compute the very same."""
        logarithm = sa.func.log(sa.func.greatest(value, sa.cast(self.shortest_ms, sa.Double)))
        place = sa.func.floor(logarithm * sa.cast(self.per_decade, sa.Double) + 1e-9)
        # A missing value is not the shortest one, which greatest() would make of it. Of a run
        # the start is asked for, so that the run is computed once.
        known = job_attempts.c.started_at if value is _RUN_MS else value
        return sa.case((known.is_not(None), sa.cast(place, sa.Integer)))

    def within(self, value: Any, bins: Sequence[int]) -> sa.ColumnElement[bool]:
        """Return a condition that all values of some bins meet, and few others."""
        if value is _RUN_MS:  # comparing would compute it for each bin
            return self.bin(value).in_(bins)
        return sa.or_(*(self._around(value, place) for place in bins))

    def _around(self, value: Any, place: int) -> sa.ColumnElement[bool]:
        low, high = (10 ** (edge / self.per_decade) for edge in (place, place + 1))
        below: sa.ColumnElement[bool] = value <= high * (1 + 1e-6)
        return (
            below if low <= self.shortest_ms * (1 + 1e-6) else below & (value >= low * (1 - 1e-6))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The value of a rank (from 1) in a bin of a group."""

    group: tuple[Any, ...]
    bin: int
    rank: int


class FiguresReading:
    """Reads what charts show, all at one moment of the tables."""

    def __init__(self, connection: sa.Connection, extent: Extent) -> None:
        self._connection = connection
        self._extent = extent
        for statement in _SESSION:
            connection.exec_driver_sql(statement)
        (self.now,) = connection.execute(sa.select(sa.func.now())).one()

    def first(self) -> datetime | None:
        """Return when the first job was submitted; None when there is none."""
        query = sa.select(jobs.c.created_at).where(*self._extent.of_jobs())
        return self._connection.scalar(query.order_by(jobs.c.job_id).limit(1))

    def spread(
        self, runs: Grid, waits: Grid
    ) -> Sequence[tuple[bool, int, int | None, int | None, int]]:
        """Count attempts: failed, number of the attempt, bin of the run and of the wait."""
        # One number instead of four columns: grouping takes half as long.
        parts = (
            job_attempts.c.attempt,
            sa.func.coalesce(runs.bin(_RUN_MS) - _LOWEST, 0),
            sa.func.coalesce(waits.bin(job_attempts.c.wait_ms) - _LOWEST, 0),
        )
        packed: sa.ColumnElement[int] = sa.cast(sa.cast(self._failed, sa.Integer), sa.BigInteger)
        for part in parts:
            packed = packed * _RADIX + part
        key = packed.label("key")
        query = sa.select(key, sa.func.count()).where(*self._attempts()).group_by(key)
        return [(*_unpacked(packed), count) for packed, count in self._rows(query)]

    def runs(self, grid: Grid, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts ran that stand at places.

        The group of a place is whether they failed.
        """
        return self._pick(_RUN_MS, grid, (self._failed,), self._attempts(), places)

    def waits(self, grid: Grid, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts waited that stand at places; there are no groups."""
        started = job_attempts.c.started_at.is_not(None)
        conditions = [*self._attempts(), started]
        return self._pick(job_attempts.c.wait_ms, grid, (), conditions, places)

    def latencies(self, grid: Grid, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, calls took that stand at places.

        Only those that succeeded count. The group of a place is engine and model.
        """
        calls = ai_metrics.c
        conditions = [*self._extent.of_details(ai_metrics, calls.created_at), calls.success]
        return self._pick(calls.latency_ms, grid, (calls.engine, calls.model), conditions, places)

    def failed_jobs(self) -> Sequence[tuple[int, int]]:
        """Count failed jobs by their attempts; none were made of what was refused."""
        query = sa.select(jobs.c.attempts, sa.func.count()).where(
            *self._extent.of_jobs(), *self._jobs_in(JobState.FAILED)
        )
        if self._extent.since is not None:
            query = query.where(jobs.c.finished_at >= self._extent.since)
        return self._rows(query.group_by(jobs.c.attempts).order_by(jobs.c.attempts))

    def failures(self, seconds: int) -> Sequence[tuple[datetime, str, int, datetime, datetime]]:
        """Count failed attempts by bin of time and error type, with the first and the last.

        Jobs that were refused before any attempt are among them.
        """
        attempts = sa.select(
            job_attempts.c.ended_at.label("at"), job_attempts.c.error_type.label("error_type")
        ).where(*self._attempts(), self._failed)
        refused = sa.select(jobs.c.finished_at, jobs.c.error_type).where(
            *self._extent.of_jobs(), *self._jobs_in(JobState.FAILED), jobs.c.attempts == 0
        )
        if self._extent.since is not None:
            refused = refused.where(jobs.c.finished_at >= self._extent.since)
        found = attempts.union_all(refused).subquery()
        start = _start(found.c.at, seconds).label("start")
        kind = sa.func.coalesce(found.c.error_type, "unknown").label("kind")
        return self._rows(
            sa.select(
                start, kind, sa.func.count(), sa.func.min(found.c.at), sa.func.max(found.c.at)
            ).group_by(start, kind)
        )

    def ended(self, seconds: int) -> Sequence[tuple[datetime, str, int]]:
        """Count jobs that ended, by bin of time and state."""
        start = _start(jobs.c.finished_at, seconds).label("start")
        query = sa.select(start, jobs.c.state, sa.func.count()).where(
            *self._extent.of_jobs(), *self._jobs_in(*_ENDED), jobs.c.finished_at.is_not(None)
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
            start = _start(jobs.c.created_at, seconds).label("start")
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
                    _lowest_id(max(start, self._extent.since or start)),
                    _lowest_id(start + width),
                )
                for start in starts
            ]
        )
        inside = (jobs.c.job_id >= bins.c.low) & (jobs.c.job_id < bins.c.high)
        count = sa.select(sa.func.count()).select_from(jobs).where(inside).scalar_subquery()
        return [row for row in self._rows(sa.select(bins.c.start, count)) if row[1]]

    def longest_waits(self, seconds: int) -> Sequence[tuple[datetime, float]]:
        """Return the longest wait, in ms, of what was started in each bin of time."""
        start = _start(job_attempts.c.started_at, seconds).label("start")
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

    def calls(self, grid: Grid) -> Sequence[Any]:
        """Add calls up by engine, model, success and bin of the latency.

        Each row has these four, the count, the sum of the known costs in US dollars, how
        many costs are known, tokens in and tokens out.
        """
        calls = ai_metrics.c
        place = grid.bin(calls.latency_ms).label("place")
        columns = (calls.engine, calls.model, calls.success, place)
        query = sa.select(
            *columns,
            sa.func.count(),
            sa.func.sum(calls.cost_usd),
            sa.func.count(calls.cost_usd),
            sa.func.coalesce(sa.func.sum(calls.tokens_in), 0),
            sa.func.coalesce(sa.func.sum(calls.tokens_out), 0),
        ).where(*self._extent.of_details(ai_metrics, calls.created_at))
        return self._rows(query.group_by(*columns))

    def _pick(
        self,
        value: Any,
        grid: Grid,
        groups: Sequence[sa.ColumnElement[Any]],
        conditions: Sequence[sa.ColumnElement[bool]],
        places: Collection[Place],
    ) -> dict[Place, float]:
        """Return the values that stand at places: sorts the few bins that hold them.

        To sort all values, as percentile_cont() does, takes several times as long, and on
        one core only.
        """
        if not places:
            return {}
        bins = sorted({place.bin for place in places})
        near = grid.within(value, bins)
        names = [f"group{number}" for number in range(len(groups))]
        labelled = [column.label(name) for column, name in zip(groups, names, strict=True)]
        inside = grid.bin(value)
        rank = sa.func.row_number().over(partition_by=[*groups, inside], order_by=value)
        few = (
            sa.select(*labelled, inside.label("bin"), rank.label("rank"), value.label("value"))
            .where(*conditions, near)
            .subquery()
        )
        key = [*(few.c[name] for name in names), few.c.bin, few.c.rank]
        wanted = [(*place.group, place.bin, place.rank) for place in places]
        query = sa.select(*key, few.c.value).where(sa.tuple_(*key).in_(wanted))
        return {
            Place(group=tuple(group), bin=place, rank=rank): found
            for *group, place, rank, found in self._rows(query)
        }

    @property
    def _failed(self) -> sa.ColumnElement[bool]:
        return job_attempts.c.outcome != str(Outcome.COMPLETED)

    def _attempts(self) -> list[sa.ColumnElement[bool]]:
        """Those that completed or failed; what was handed back or cancelled is neither."""
        return [
            *self._extent.of_details(job_attempts, job_attempts.c.ended_at),
            job_attempts.c.outcome.not_in(_NEITHER),
        ]

    def _jobs_in(self, *states: JobState) -> list[sa.ColumnElement[bool]]:
        """Name the queues too: they are the first column of the index on states."""
        return [
            jobs.c.queue_name.in_([str(queue) for queue in JobType]),
            jobs.c.state.in_([str(state) for state in states]),
        ]

    def _rows(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        return self._connection.execute(query).fetchall()


def activity(database: Database) -> int:
    """Return a number that grows when jobs, attempts or calls are written.

    It costs nothing however many there are, and may lag some seconds behind.
    """
    query = sa.text(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint "
        "FROM pg_stat_user_tables WHERE relname IN ('jobs', 'job_attempts', 'ai_metrics')"
    )
    with database.begin() as connection:
        return int(connection.scalar(query) or 0)


def _unpacked(key: int) -> tuple[bool, int, int | None, int | None]:
    key, wait = divmod(key, _RADIX)
    key, run = divmod(key, _RADIX)
    failed, attempt = divmod(key, _RADIX)
    return bool(failed), attempt, run + _LOWEST if run else None, wait + _LOWEST if wait else None


def _start(moment: Any, seconds: int) -> sa.ColumnElement[datetime]:
    """Return the start of the bin of a moment; bins are whole multiples since 1970."""
    return sa.func.date_bin(
        timedelta(seconds=seconds),
        moment,
        sa.text("'epoch'::timestamptz"),
        type_=sa.TIMESTAMP(timezone=True),
    )


def _in_queue(table: sa.Table, queue: JobType) -> sa.ColumnElement[bool]:
    return sa.exists().where(jobs.c.job_id == table.c.job_id, jobs.c.queue_name == str(queue))


def _lowest_id(moment: datetime) -> str:
    """Return the lowest UUIDv7 that was made at a moment or later."""
    return f"{int(moment.timestamp() * 1000):012x}".ljust(32, "0")
