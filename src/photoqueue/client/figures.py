"""What the overview charts show, added up in SQL: records of a million jobs in a second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from photoqueue.client.figure_records import (
    BINS_PER_DECADE,
    CELLS_PER_DECADE,
    SHORTEST_MS,
    Ai,
    AiModel,
    Distribution,
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
from photoqueue.installation import current
from photoqueue.models import JobState
from photoqueue.tracking import figures as sums
from photoqueue.tracking.figures import Extent, FiguresReading


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
    spread = reading.spread(
        run_bins=BINS_PER_DECADE, wait_bins=CELLS_PER_DECADE, shortest_ms=SHORTEST_MS
    )
    first = since or reading.first()
    period = None if first is None else Period.between(_utc(first), _utc(reading.now))
    ended = [] if period is None else reading.ended(period.seconds)
    return Figures(
        durations=_durations(spread, reading.runs()),
        waits=_waits(spread, reading.waits()),
        retries=Retries(
            completed=_summed((attempt, n) for failed, attempt, _, _, n in spread if not failed),
            failed=tuple((attempts, count) for attempts, count in reading.failed_jobs()),
        ),
        failures=_failures(reading, period, ended),
        throughput=_throughput(reading, period, ended),
        ai=_ai(reading.calls()),
    )


def _durations(spread: Sequence[Any], runs: Sequence[Any]) -> Durations:
    found = {failed: values for failed, *values in runs}

    def distribution(failed: bool) -> Distribution:
        if failed not in found:
            return Distribution()
        count, values, least, most = found[failed]
        return Distribution(
            bins=_summed(
                (run, n)
                for failing, _, run, _, n in spread
                if failing is failed and run is not None
            ),
            percentiles=_percentiles(count, values),
            least=least,
            most=most,
        )

    return Durations(completed=distribution(False), failed=distribution(True))


def _waits(spread: Sequence[Any], waits: tuple[int, list[float] | None]) -> Waits:
    cells: dict[tuple[int, int], list[int]] = {}
    wider = BINS_PER_DECADE // CELLS_PER_DECADE
    for failed, _, run, wait, count in spread:
        if run is not None and wait is not None:
            cells.setdefault((wait, run // wider), [0, 0])[failed] += count
    return Waits(
        cells=tuple((*place, *counts) for place, counts in sorted(cells.items())),  # type: ignore[misc]  # two and two
        wait=_percentiles(*waits),
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


def _ai(calls: Sequence[Any]) -> Ai:
    models = [
        AiModel(
            engine=engine,
            model=model,
            calls=count,
            failed=failed,
            latency=_percentiles(count - failed, values),
            cost_usd=cost,
            unpriced=unpriced,
            tokens_in=int(tokens_in),
            tokens_out=int(tokens_out),
        )
        for engine, model, count, failed, values, cost, unpriced, tokens_in, tokens_out in calls
    ]
    return Ai(models=tuple(sorted(models, key=lambda one: (-one.calls, one.engine, one.model))))


def _percentiles(count: int, values: list[float] | None) -> Percentiles:
    if not count or values is None:
        return Percentiles()
    p50, p95, p99 = values
    return Percentiles(count=count, p50=p50, p95=p95, p99=p99)


def _summed(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: dict[int, int] = {}
    for place, count in pairs:
        found[place] = found.get(place, 0) + count
    return tuple(sorted(found.items()))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
