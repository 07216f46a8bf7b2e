"""Figures of many attempts: sums that workers keep, and the rows that are not in them yet.

Counts, sums, extremes and moments are exact, wherever the stretch of time begins; durations
in between are known to within 1 %. As the sums outlive what they sum up, charts of everything
keep what was pruned; only failed and cancelled jobs are counted as they stand in ``jobs``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.errors import DatabaseUnavailableError
from photoqueue.queue.database import Database, load_statements
from photoqueue.queue.figure_bins import LOWEST, RADIX, Place, Spread
from photoqueue.queue.figure_extent import Extent
from photoqueue.queue.figure_times import begin, lowest_id
from photoqueue.queue.figures import SHORTEST_MS, FiguresReading
from photoqueue.queue.metrics import FIGURES_KEPT, SCRAPE_ROWS, reading
from photoqueue.words import JobState

_FIGURES: Final = load_statements("figures.sql")
#: Where fewer attempts than this would be read, they are added up row by row: exact, and as
#: quick.
MANY: Final = 50_000
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_EVER: Final = "-infinity"
_NEVER: Final = "infinity"

#: Group and bin → count, least and most.
_Known = dict[tuple[tuple[Any, ...], int], tuple[int, float, float]]


def count_forward(database: Database) -> None:
    """Count what is new, a little of it: where no worker runs, readings do it.

    What is not counted is read row by row, so that nothing is missing where it cannot be done.
    """
    # A login that may only read sees the charts as well; a server that is away says so next.
    with contextlib.suppress(DatabaseUnavailableError), reading(database) as metrics:
        metrics.advance(most=SCRAPE_ROWS)


def open_reading(connection: sa.Connection, extent: Extent, *, many: int = MANY) -> FiguresReading:
    """Choose how to add up: row by row, or from sums where there are many attempts.

    Projects and batches have no sums, nor has what began more than eight days ago.
    """
    now = begin(connection)
    kept = extent.since is None or extent.since >= now - FIGURES_KEPT
    if kept and extent.members is None:
        found = connection.exec_driver_sql(_FIGURES["attempts"], {"since": extent.since}).scalar()
        if (found or 0) >= many:
            return SumsReading(connection, extent, now)
    return FiguresReading(connection, extent, now)


class SumsReading(FiguresReading):
    """Reads the same as :class:`FiguresReading`, from sums."""

    runs_per_decade = 120
    waits_per_decade = 120

    def __init__(self, connection: sa.Connection, extent: Extent, now: datetime) -> None:
        super().__init__(connection, extent, now)
        rows = connection.exec_driver_sql(_FIGURES["marks"])
        self._marks = {row.source: row.counted_below for row in rows}
        self._known_runs: _Known = {}
        self._known_waits: _Known = {}
        self._known_latencies: _Known = {}
        self._times_of: tuple[int, Sequence[Any]] | None = None
        self._first: datetime | None = None

    def first(self) -> datetime | None:
        """Return when the first job was submitted, also one that was pruned."""
        if self._first is None:
            self._first = self._run("first_submission")[0][0] or super().first()
        return self._first

    def spread(self) -> Spread:
        """Count attempts by how they ended, how long they ran and waited, and their number."""
        found = Spread()
        for name, failed, place, count, least, most in self._run("bins", **self._hours("attempts")):
            if name == "run":
                found.runs[failed][place] = count
                self._known_runs[(failed,), place] = (count, least, most)
            elif name == "wait":
                found.waits[place] = found.waits.get(place, 0) + count
                _widen(self._known_waits, place, count, least, most)
            elif name == "cell":
                wait, run = (part + LOWEST for part in divmod(place, RADIX))
                found.cells.setdefault((wait, run), [0, 0])[failed] += count
            else:
                found.completed[place] = count
        return found

    def runs(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts ran that stand at places, within 1 %."""
        return _values(places, self._known_runs)

    def waits(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, attempts waited that stand at places, within 1 %."""
        return _values(places, self._known_waits)

    def latencies(self, places: Collection[Place]) -> dict[Place, float]:
        """Return how long, in ms, calls took that stand at places, within 1 %."""
        return _values(places, self._known_latencies)

    def calls(self) -> Sequence[Any]:
        """Add calls up by engine, model, success and bin of the latency."""
        rows = []
        for *row, least, most in self._run("calls", **self._hours("ai_calls")):
            engine, model, success, place, count, *_ = row
            if success:
                self._known_latencies[(engine, model), place] = (count, least, most)
            rows.append(row)
        return rows

    def failures(self, seconds: int) -> Sequence[tuple[datetime, str, int, datetime, datetime]]:
        """Count failed attempts by bin of time and error type, with the first and the last."""
        if seconds < 60:
            return super().failures(seconds)
        return [
            *(
                (start, kind, count, first, last)
                for name, kind, start, count, first, last, _ in self._times(seconds)
                if name == "failed"
            ),
            *self.refused(seconds),
        ]

    def ended(
        self,
        seconds: int,
        states: Sequence[JobState] = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED),
    ) -> Sequence[tuple[datetime, str, int]]:
        """Count jobs that ended, by bin of time and state: an attempt that completed is one."""
        if seconds < 60:
            return super().ended(seconds, states)
        found = [
            (start, str(JobState.COMPLETED), count)
            for name, _, start, count, *_ in self._times(seconds)
            if name == "completed" and JobState.COMPLETED in states
        ]
        for state in states:
            if state is not JobState.COMPLETED:
                found.extend(super().ended(seconds, [state]))
        return found

    def submitted(self, starts: Sequence[datetime], seconds: int) -> Sequence[tuple[datetime, int]]:
        """Count submitted jobs in bins of time, by the clock of the server."""
        if seconds < 60:
            return super().submitted(starts, seconds)
        return [
            (start, count)
            for name, _, start, count, *_ in self._times(seconds)
            if name == "submitted"
        ]

    def longest_waits(self, seconds: int) -> Sequence[tuple[datetime, float]]:
        """Return the longest wait, in ms, of what was started in each bin of time.

        The first bin begins with a whole minute.
        """
        if seconds < 60:
            return super().longest_waits(seconds)
        return [
            (start, longest)
            for name, _, start, *_, longest in self._times(seconds)
            if name == "started"
        ]

    def _hours(self, source: str) -> dict[str, Any]:
        """Return which sums are read, and from which row on nothing is counted."""
        since = self._extent.since
        low, high = (_EVER, _EVER) if since is None else (_ceiling(since, _HOUR), _NEVER)
        return {"low": low, "high": high, "mark": self._marks[source]}

    def _times(self, seconds: int) -> Sequence[Any]:
        """Read what happened once; several charts show it."""
        if self._times_of is None or self._times_of[0] != seconds:
            since = self._extent.since
            first = since or self.first() or self.now
            minutes = _ceiling(first, _MINUTE) if since else _floor(first, _MINUTE)
            hours = _ceiling(first, _HOUR) if since else _floor(first, _HOUR)
            rows = self._run(
                "times",
                seconds=seconds,
                minutes=minutes,
                hours=hours if seconds >= _HOUR.total_seconds() else _NEVER,
                mark=self._marks["attempts"],
                lowest_id=lowest_id(first - _HOUR),
                highest_id=lowest_id(minutes + _HOUR),
            )
            self._times_of = seconds, rows
        return self._times_of[1]

    def _run(self, name: str, **parameters: Any) -> Sequence[Any]:
        queue = None if self._extent.queue is None else str(self._extent.queue)
        given = {"queue": queue, "since": self._extent.since, **parameters}
        return self._connection.exec_driver_sql(_FIGURES[name], given).fetchall()


def _widen(known: _Known, place: int, count: int, least: float, most: float) -> None:
    """Add to a bin what another kind of attempts has in it."""
    before = known.get(((), place), (0, least, most))
    known[(), place] = (before[0] + count, min(before[1], least), max(before[2], most))


def _values(places: Iterable[Place], known: _Known) -> dict[Place, float]:
    """Return the extremes of bins as they are, and for the rest the middle of the bin.

    A bin is 1.94 % wide, so that its geometric middle is within 0.97 % of all that is in it.
    """
    found = {}
    for place in places:
        count, least, most = known[place.group, place.bin]
        if place.rank == 1:
            found[place] = least
        elif place.rank == count:
            found[place] = most
        elif least < SHORTEST_MS:
            found[place] = (least + most) / 2
        else:
            found[place] = math.sqrt(least * most)
    return found


def _floor(moment: datetime, width: timedelta) -> datetime:
    seconds = width.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def _ceiling(moment: datetime, width: timedelta) -> datetime:
    floor = _floor(moment, width)
    return floor if floor == moment else floor + width
