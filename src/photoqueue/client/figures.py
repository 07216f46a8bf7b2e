"""What the overview charts show, added up in SQL: records of a million jobs in a second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from photoqueue.client.figure_records import (
    BINS_PER_DECADE,
    CELLS_PER_DECADE,
    SHORTEST_MS,
    Ai,
    AiModel,
    Durations,
    ErrorKind,
    Failures,
    Figures,
    Percentiles,
    Period,
    Retries,
    Throughput,
    ThroughputBin,
    Waits,
    most_frequent,
)
from photoqueue.client.observe import as_queue
from photoqueue.client.order import distribution_of, percentiles_of, places_of, summed
from photoqueue.installation import current
from photoqueue.models import JobState
from photoqueue.tracking import figures as sums
from photoqueue.tracking.figures import Extent, FiguresReading, Grid

_RUNS: Final = Grid(BINS_PER_DECADE, SHORTEST_MS)
_WAITS: Final = Grid(CELLS_PER_DECADE, SHORTEST_MS)


def figures(
    *,
    project_id: str | None = None,
    batch_id: str | None = None,
    queue: str | None = None,
    since: datetime | None = None,
) -> Figures:
    """Return what the overview charts show.

    Parameters
    ----------
    project_id, batch_id, queue
        Only jobs of this project, batch or queue.
    since
        Only what happened at or after this moment (with its time zone).

    Raises
    ------
    StateError
        The queue does not exist.
    DatabaseUnavailableError
        PostgreSQL cannot be reached.
    """
    extent = Extent(
        project_id=project_id,
        batch_id=batch_id,
        queue=None if queue is None else as_queue(queue),
        since=since,
    )
    with current().database.begin() as connection:
        return _read(FiguresReading(connection, extent), since)


def activity() -> int:
    """Return a number that changes when something happens to jobs; cheap to ask for.

    It may lag some seconds behind.
    """
    return sums.activity(current().database)


def _read(reading: FiguresReading, since: datetime | None) -> Figures:
    spread = reading.spread(_RUNS, _WAITS)
    first = since or reading.first()
    period = None if first is None else Period.between(_utc(first), _utc(reading.now))
    ended = [] if period is None else reading.ended(period.seconds)
    completed = summed((attempt, n) for failed, attempt, _, _, n in spread if not failed)
    return Figures(
        durations=_durations(reading, spread),
        waits=_waits(reading, spread),
        retries=Retries(
            completed=tuple(completed.items()),
            failed=tuple((attempts, count) for attempts, count in reading.failed_jobs()),
        ),
        failures=_failures(reading, period, ended),
        throughput=_throughput(reading, period, ended),
        ai=_ai(reading),
    )


def _durations(reading: FiguresReading, spread: Sequence[Any]) -> Durations:
    counts = {
        wanted: summed((run, n) for failed, _, run, _, n in spread if failed is wanted)
        for wanted in (False, True)
    }
    places = [place for failed, bins in counts.items() for place in places_of((failed,), bins)]
    found = reading.runs(_RUNS, places)
    return Durations(
        completed=distribution_of((False,), counts[False], found),
        failed=distribution_of((True,), counts[True], found),
    )


def _waits(reading: FiguresReading, spread: Sequence[Any]) -> Waits:
    cells: dict[tuple[int, int], list[int]] = {}
    wider = BINS_PER_DECADE // CELLS_PER_DECADE
    for failed, _, run, wait, count in spread:
        if run is not None and wait is not None:
            cells.setdefault((wait, run // wider), [0, 0])[failed] += count
    counts = summed((wait, sum(both)) for (wait, _), both in cells.items())
    return Waits(
        cells=tuple((*place, *both) for place, both in sorted(cells.items())),  # type: ignore[misc]  # two and two
        wait=percentiles_of((), counts, reading.waits(_WAITS, places_of((), counts))),
    )


def _failures(
    reading: FiguresReading, period: Period | None, ended: Sequence[tuple[datetime, str, int]]
) -> Failures:
    if period is None:
        return Failures()
    # A completed attempt ends its job, so that completed jobs are completed attempts.
    bins = {_utc(start): [count, 0] for start, state, count in ended if state == JobState.COMPLETED}
    kinds: dict[str, ErrorKind] = {}
    for start, name, count, first, last in reading.failures(period.seconds):
        bins.setdefault(_utc(start), [0, 0])[1] += count
        known = kinds.get(name)
        kinds[name] = ErrorKind(
            error_type=name,
            count=count + (known.count if known else 0),
            first_at=min(_utc(first), known.first_at) if known else _utc(first),
            last_at=max(_utc(last), known.last_at) if known else _utc(last),
        )
    if not bins:
        return Failures()
    return Failures(
        kinds=most_frequent(list(kinds.values())),
        period=period,
        bins=tuple((start, done, failed) for start, (done, failed) in sorted(bins.items())),
    )


def _throughput(
    reading: FiguresReading, period: Period | None, ended: Sequence[tuple[datetime, str, int]]
) -> Throughput:
    if period is None:
        return Throughput()
    found: dict[datetime, dict[str, Any]] = {}
    for start, state, count in ended:
        found.setdefault(_utc(start), {})[state] = count
    for start, count in reading.submitted(period.starts, period.seconds):
        found.setdefault(_utc(start), {})["submitted"] = count
    for start, longest in reading.longest_waits(period.seconds):
        found.setdefault(_utc(start), {})["longest_wait_ms"] = longest
    return Throughput(
        period=period,
        bins=tuple(ThroughputBin(start=start, **found[start]) for start in sorted(found)),
        oldest_waiting_s=reading.oldest_waiting(),
    )


def _ai(reading: FiguresReading) -> Ai:
    groups: dict[tuple[str, str], list[Any]] = {}
    for engine, model, *row in reading.calls(_RUNS):
        groups.setdefault((engine, model), []).append(row)
    counts = {
        group: summed((place, n) for success, place, n, *_ in rows if success)
        for group, rows in groups.items()
    }
    places = [place for group, bins in counts.items() for place in places_of(group, bins)]
    found = reading.latencies(_RUNS, places)
    models = [
        _model(group, rows, percentiles_of(group, counts[group], found))
        for group, rows in groups.items()
    ]
    return Ai(models=tuple(sorted(models, key=lambda one: (-one.calls, one.engine, one.model))))


def _model(group: tuple[str, str], rows: Sequence[Any], latency: Percentiles) -> AiModel:
    calls = sum(row[2] for row in rows)
    priced = sum(row[4] for row in rows)
    return AiModel(
        engine=group[0],
        model=group[1],
        calls=calls,
        failed=sum(row[2] for row in rows if not row[0]),
        latency=latency,
        cost_usd=sum(row[3] for row in rows if row[4]) if priced else None,
        unpriced=calls - priced,
        tokens_in=int(sum(row[5] for row in rows)),
        tokens_out=int(sum(row[6] for row in rows)),
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
