"""The tracking table added up for charts, row by row: exact, for up to some ten thousand rows.

What an attempt tells is read from ``job_attempts``, whose rows are a fifth of the size of
those of ``jobs``. All statements of one reading see the same moment. Where there are many
attempts, :mod:`photoqueue.queue.figure_sums` adds up what is added up already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.queue.database import Database
from photoqueue.queue.figure_bins import LOWEST, RADIX, RUN_MS, Grid, Place, Spread
from photoqueue.queue.figure_times import TimesReading
from photoqueue.queue.tables import ai_metrics, job_attempts

#: Shorter durations count as this one: a logarithm has no place for zero.
SHORTEST_MS: Final = 0.1


class FiguresReading(TimesReading):
    """Reads what charts show, all at one moment of the tables.

    Attributes
    ----------
    runs_per_decade, waits_per_decade : int
        Bins in each factor of ten that runs (and latencies) and waits are counted in.
    """

    runs_per_decade: int = 20
    waits_per_decade: int = 10

    @property
    def _runs(self) -> Grid:
        return Grid(self.runs_per_decade, SHORTEST_MS)

    @property
    def _waits(self) -> Grid:
        return Grid(self.waits_per_decade, SHORTEST_MS)

    def spread(self) -> Spread:
        """Count attempts by how they ended, how long they ran and waited, and their number."""
        # One number instead of four columns: grouping takes half as long.
        parts = (
            job_attempts.c.attempt,
            sa.func.coalesce(self._runs.bin(RUN_MS) - LOWEST, 0),
            sa.func.coalesce(self._waits.bin(job_attempts.c.wait_ms) - LOWEST, 0),
        )
        packed: sa.ColumnElement[int] = sa.cast(sa.cast(self._failed, sa.Integer), sa.BigInteger)
        for part in parts:
            packed = packed * RADIX + part
        key = packed.label("key")
        query = sa.select(key, sa.func.count()).where(*self._attempts()).group_by(key)
        found = Spread()
        wider = self.runs_per_decade // self.waits_per_decade
        for number, count in self._rows(query):
            failed, attempt, run, wait = _unpacked(number)
            if not failed:
                found.completed[attempt] = found.completed.get(attempt, 0) + count
            if run is None:
                continue
            found.runs[failed][run] = found.runs[failed].get(run, 0) + count
            if wait is not None:
                found.waits[wait] = found.waits.get(wait, 0) + count
                found.cells.setdefault((wait, run // wider), [0, 0])[failed] += count
        return found

    def runs(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts ran that stand at places.

        The group of a place is whether they failed.
        """
        return self._pick(RUN_MS, self._runs, (self._failed,), self._attempts(), places)

    def waits(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts waited that stand at places; there are no groups."""
        started = job_attempts.c.started_at.is_not(None)
        conditions = [*self._attempts(), started]
        return self._pick(job_attempts.c.wait_ms, self._waits, (), conditions, places)

    def latencies(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, calls took that stand at places.

        Only those that succeeded count. The group of a place is engine and model.
        """
        calls = ai_metrics.c
        conditions = [*self._extent.of_details(ai_metrics, calls.created_at), calls.success]
        groups = (calls.engine, calls.model)
        return self._pick(calls.latency_ms, self._runs, groups, conditions, places)

    def calls(self) -> Sequence[Any]:
        """Add calls up by engine, model, success and bin of the latency.

        Each row has these four, the count, the sum of the known costs in US dollars, how
        many costs are known, tokens in and tokens out.
        """
        calls = ai_metrics.c
        place = self._runs.bin(calls.latency_ms).label("place")
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
    key, wait = divmod(key, RADIX)
    key, run = divmod(key, RADIX)
    failed, attempt = divmod(key, RADIX)
    return bool(failed), attempt, run + LOWEST if run else None, wait + LOWEST if wait else None
