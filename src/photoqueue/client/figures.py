"""What the overview charts show, added up in SQL: records of a million jobs in a second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from photoqueue.client.figure_records import (
    BINS_PER_DECADE,
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
from photoqueue.client.order import distribution_of, percentiles_of, places_of
from photoqueue.installation import current
from photoqueue.queue import figures as tables
from photoqueue.queue.figure_bins import Spread, summed
from photoqueue.queue.figure_extent import Extent
from photoqueue.queue.figure_sums import count_forward, open_reading
from photoqueue.queue.figures import FiguresReading
from photoqueue.words import JobState


def figures(
    *,
    project_id: str | None = None,
    batch_id: str | None = None,
    queue: str | None = None,
    since: datetime | None = None,
) -> Figures:
    """Return what the overview charts show.

    From 50,000 attempts on, of all projects and of no more than the last eight days or of
    everything, it is made of sums that are kept: percentiles are then known to within 1 %,
    the longest waits begin with a whole minute, and what was pruned is still in the charts.
    All else is exact, as is everything in any other case.

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
    database = current().database
    count_forward(database)
    with database.begin() as connection:
        return _read(open_reading(connection, extent), since)


def activity() -> int:
    """Return a number that changes when something happens to jobs; cheap to ask for.

    It may lag some seconds behind.
    """
    return tables.activity(current().database)


def _read(reading: FiguresReading, since: datetime | None) -> Figures:
    spread = reading.spread()
    first = since or reading.first()
    period = None if first is None else Period.between(_utc(first), _utc(reading.now))
    ended = [] if period is None else reading.ended(period.seconds)
    return Figures(
        durations=_durations(reading, spread),
        waits=_waits(reading, spread),
        retries=Retries(
            completed=tuple(sorted(spread.completed.items())),
            failed=tuple((attempts, count) for attempts, count in reading.failed_jobs()),
        ),
        failures=_failures(reading, period, ended),
        throughput=_throughput(reading, period, ended),
        ai=_ai(reading),
    )


def _durations(reading: FiguresReading, spread: Spread) -> Durations:
    counts = spread.runs
    places = [place for failed, bins in counts.items() for place in places_of((failed,), bins)]
    found = reading.runs(places)
    wider = reading.runs_per_decade // BINS_PER_DECADE
    return Durations(
        completed=distribution_of((False,), counts[False], found, wider=wider),
        failed=distribution_of((True,), counts[True], found, wider=wider),
    )


def _waits(reading: FiguresReading, spread: Spread) -> Waits:
    return Waits(
        cells=tuple(
            (wait, run, completed, failed)
            for (wait, run), (completed, failed) in sorted(spread.cells.items())
        ),
        wait=percentiles_of((), spread.waits, reading.waits(places_of((), spread.waits))),
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
    for engine, model, *row in reading.calls():
        groups.setdefault((engine, model), []).append(row)
    counts = {
        group: summed((place, n) for success, place, n, *_ in rows if success)
        for group, rows in groups.items()
    }
    places = [place for group, bins in counts.items() for place in places_of(group, bins)]
    found = reading.latencies(places)
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
