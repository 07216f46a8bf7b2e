"""The figures of the charts, computed from rows of a tally.

The rows come from the tracking tables (:mod:`photoqueue.queue.tally`) or from a DataFrame
(:mod:`photoqueue.faces.notebook.charts.reduction`). Both are reduced here, so that they agree.
Durations are counted in narrow bins: percentiles are accurate to 1 %; counts, sums, extremes and
times are exact.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

#: Bins of durations per factor of ten; each is 1.9 % wide.
PER_DECADE: Final = 120
#: Bins of drawn histograms per factor of ten; each is 12 % wide.
BINS_PER_DECADE: Final = 20
#: Cells of wait against run per factor of ten, in each dimension.
CELLS_PER_DECADE: Final = 10
#: Shorter durations count as this one, in ms: zero has no logarithm.
SHORTEST_MS: Final = 0.1
#: With fewer values than this, charts call percentiles uncertain.
FEW: Final = 20
#: Error types that are listed; the rarer ones are added up.
KINDS: Final = 12
#: Name of the sum of the rarer error types.
OTHER_KINDS: Final = "(other kinds)"

# A cell is one number that encodes the positions of wait and run, counted from the lowest one.
_RADIX: Final = 10_000
_LOWEST: Final = -1000
_CELL: Final = PER_DECADE // CELLS_PER_DECADE


def bins_of(milliseconds: ArrayLike) -> NDArray[np.int64]:
    """Return the bins of durations, tolerant of rounding errors at the edges."""
    import numpy as np  # late: not all who read figures have durations at hand

    values = np.maximum(np.asarray(milliseconds, dtype=float), SHORTEST_MS)
    bins: NDArray[np.int64] = np.floor(np.log10(values) * PER_DECADE + 1e-9).astype(np.int64)
    return bins


def bin_sql(milliseconds: str) -> str:
    """Return SQL for the bin of a duration; equivalent to :func:`bins_of`."""
    return f"floor(log(greatest({milliseconds}, {SHORTEST_MS})) * {PER_DECADE} + 1e-9)::int"


def cell_of(wait: Any, run: Any) -> Any:
    """Return the cell of a wait bin and a run bin."""
    return (wait // _CELL - _LOWEST) * _RADIX + run // _CELL - _LOWEST


def cell_sql(wait: str, run: str) -> str:
    """Return SQL for the cell of two bins; equivalent to :func:`cell_of`."""
    # Made positive first, as SQL divides integers towards zero.
    wait, run = (f"({bin} + {-_LOWEST * _CELL}) / {_CELL}" for bin in (wait, run))
    return f"{wait} * {_RADIX} + {run}"


def edge_ms(position: float, per_decade: int = BINS_PER_DECADE) -> float:
    """Return the lower edge of a bin of durations, in ms."""
    return float(10 ** (position / per_decade))


@dataclass(frozen=True, slots=True)
class Row:
    """One sum of a tally. Rows with the same keys can be added up, whatever their source."""

    #: Durations of attempts that completed or failed: ``run`` and ``wait`` by bin, ``cell`` (wait
    #: and run); ``attempt`` (``bin`` is the number of one that completed). Events: ``submitted``
    #: (jobs), ``started``, ``ended`` and ``failure`` (attempts). ``job`` (jobs that ended; ``bin``
    #: is how many attempts they took). Calls of engines: ``call`` by bin of the latency, ``cost``,
    #: ``tokens_in`` and ``tokens_out``.
    measure: str
    #: Start of the time bin; not used for durations.
    start: datetime | None
    #: ``completed`` or ``failed`` (calls: ``error``), the outcome of an attempt that ended, or the
    #: state of a job; else empty.
    outcome: str
    #: Error type of a failure; engine and model of a call.
    labels: Sequence[str]
    bin: int
    count: int
    #: Sum of costs (US dollars) or tokens; None otherwise.
    sum: float | None
    #: Extremes: of durations, and of waits for ``started``, in ms; of other events the first and
    #: last time in seconds since 1970.
    least: float | None
    most: float | None


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Possible widths of a time bin, in seconds.
_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY * days for days in (1, 2, 7, 14, 28, 91, 364, 1820)),
)
_MOST_TIME_BINS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period divided into time bins; the last one contains ``until``.

    Bins begin at whole multiples of ``seconds`` since 1970 (UTC).
    """

    since: datetime
    until: datetime
    seconds: int

    @classmethod
    def between(cls, since: datetime, until: datetime) -> Period:
        """Divide a period into about 30 to 60 bins."""
        span = (until - since).total_seconds()
        widths = (width for width in _WIDTHS if span / width <= _MOST_TIME_BINS)
        return cls(since=since, until=until, seconds=next(widths, _WIDTHS[-1]))

    @property
    def starts(self) -> list[datetime]:
        """The start of each bin."""
        first = self.since.timestamp() // self.seconds * self.seconds
        start = datetime.fromtimestamp(first, self.since.tzinfo)
        width = timedelta(seconds=self.seconds)
        return [start + width * number for number in range(int((self.until - start) / width) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Durations in ms: a logarithmic histogram, percentiles and extremes."""

    #: Number of values.
    count: int = 0
    #: Position (see :func:`edge_ms`) and number of values; ascending, without empty bins.
    bins: tuple[tuple[int, int], ...] = ()
    #: Percentiles, interpolated like PostgreSQL's ``percentile_cont``.
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    least: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Distribution:
        """Add up the bins of durations, and combine them to the wider bins that are drawn."""
        found: dict[int, tuple[int, float, float]] = {}
        for row in rows:
            least, most = row.least or 0.0, row.most or 0.0
            count, low, high = found.get(row.bin, (0, least, most))
            found[row.bin] = (count + row.count, min(low, least), max(high, most))
        if not found:
            return cls()
        narrow = sorted(found.items())
        count = sum(number for _, (number, _, _) in narrow)

        def value_of(rank: int) -> float:
            """Return the value of a rank (from 0): an extreme of its bin, else the bin's middle.

            The geometric middle of a bin is within 0.97 % of each value in it.
            """
            for _, (number, least, most) in narrow:
                if rank < number:
                    if rank in (0, number - 1):
                        return most if rank else least
                    return math.sqrt(least * most) if least >= SHORTEST_MS else (least + most) / 2
                rank -= number
            raise IndexError("no value has this rank")

        def percentile(portion: float) -> float:
            place = portion * (count - 1)
            low, high = value_of(math.floor(place)), value_of(math.ceil(place))
            return low + (high - low) * (place % 1)

        return cls(
            count=count,
            bins=_summed(
                (position * BINS_PER_DECADE // PER_DECADE, number)
                for position, (number, _, _) in narrow
            ),
            p50=percentile(0.5),
            p95=percentile(0.95),
            p99=percentile(0.99),
            least=min(least for _, (_, least, _) in narrow),
            most=max(most for _, (_, _, most) in narrow),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long completed and failed attempts ran; those handed back do not count."""

    completed: Distribution
    failed: Distribution

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Durations:
        """Reduce rows of ``run``."""
        completed, failed = (
            Distribution.of(row for row in rows if (row.measure, row.outcome) == ("run", outcome))
            for outcome in ("completed", "failed")
        )
        return cls(completed=completed, failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long attempts waited, against how long they ran."""

    #: Positions of wait and run (``CELLS_PER_DECADE``), and number of completed and failed
    #: attempts.
    cells: tuple[tuple[int, int, int, int], ...]
    wait: Distribution

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Waits:
        """Reduce rows of ``cell`` and ``wait``."""
        cells: dict[tuple[int, ...], list[int]] = {}
        for row in rows:
            if row.measure == "cell":
                place = tuple(part + _LOWEST for part in divmod(row.bin, _RADIX))
                cells.setdefault(place, [0, 0])[row.outcome == "failed"] += row.count
        return cls(
            cells=tuple(
                (wait, run, completed, failed)
                for (wait, run), (completed, failed) in sorted(cells.items())
            ),
            wait=Distribution.of(row for row in rows if row.measure == "wait"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How many attempts jobs took: number of attempts, and number of jobs."""

    completed: tuple[tuple[int, int], ...]
    failed: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Retries:
        """Reduce rows of ``attempt`` and ``job``."""
        completed, failed = (
            [(row.bin, row.count) for row in rows if (row.measure, row.outcome) == kind]
            for kind in (("attempt", "completed"), ("job", "failed"))
        )
        return cls(completed=_summed(completed), failed=_summed(failed))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """Failures of one error type, and the times of the first and the last."""

    error_type: str
    count: int
    first_at: datetime
    last_at: datetime


def most_frequent(kinds: Iterable[ErrorKind]) -> tuple[ErrorKind, ...]:
    """Sort error types by frequency, and add up the rarest."""
    ordered = sorted(kinds, key=lambda kind: (-kind.count, kind.error_type))
    if len(ordered) <= KINDS:
        return tuple(ordered)
    return (*ordered[: KINDS - 1], _together(OTHER_KINDS, ordered[KINDS - 1 :]))


def _together(name: str, kinds: Sequence[ErrorKind]) -> ErrorKind:
    return ErrorKind(
        error_type=name,
        count=sum(kind.count for kind in kinds),
        first_at=min(kind.first_at for kind in kinds),
        last_at=max(kind.last_at for kind in kinds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Failures by error type and over time."""

    #: Most frequent first; the last one is the sum of the rarest.
    kinds: tuple[ErrorKind, ...] = ()
    period: Period | None = None
    #: Start of the bin, number of completed and of failed ones; without empty bins.
    bins: tuple[tuple[datetime, int, int], ...] = ()

    @property
    def failed(self) -> int:
        """Number of failures."""
        return sum(kind.count for kind in self.kinds)

    @property
    def ended(self) -> int:
        """Number of completed and failed ones."""
        return sum(completed + failed for _, completed, failed in self.bins)

    @classmethod
    def of(cls, rows: Iterable[Row], period: Period | None) -> Failures:
        """Reduce rows of ``ended`` and ``failure``."""
        bins: dict[datetime, list[int]] = {}
        kinds: dict[str, list[ErrorKind]] = {}
        for row in rows:
            failed = row.measure == "failure"
            if failed or (row.measure == "ended" and row.outcome == "completed"):
                bins.setdefault(_start(row), [0, 0])[failed] += row.count
            if failed:
                first, last = (datetime.fromtimestamp(at or 0, UTC) for at in (row.least, row.most))
                one = ErrorKind(
                    error_type=row.labels[0], count=row.count, first_at=first, last_at=last
                )
                kinds.setdefault(row.labels[0], []).append(one)
        if not bins:
            return cls()
        return cls(
            kinds=most_frequent(_together(name, found) for name, found in kinds.items()),
            period=period,
            bins=tuple((start, done, failed) for start, (done, failed) in sorted(bins.items())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputBin:
    """Numbers of jobs in one time bin."""

    start: datetime
    submitted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    #: Longest wait of attempts started in it; None without any.
    longest_wait_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Jobs submitted and finished over time, and how long they wait."""

    period: Period | None = None
    bins: tuple[ThroughputBin, ...] = ()
    #: Seconds for which the oldest ready job has been waiting; None without one.
    oldest_waiting_s: float | None = None

    @classmethod
    def of(
        cls, rows: Iterable[Row], period: Period | None, oldest_waiting_s: float | None
    ) -> Throughput:
        """Reduce rows of ``submitted``, ``ended``, ``job`` and ``started``."""
        bins: dict[datetime, dict[str, Any]] = {}
        for row in rows:
            if row.measure == "started":
                found = bins.setdefault(_start(row), {})
                found["longest_wait_ms"] = max(row.most or 0.0, found.get("longest_wait_ms", 0.0))
            # A completed attempt ends its job.
            elif row.measure == "submitted" or (row.outcome, row.measure) in _ENDS:
                found = bins.setdefault(_start(row), {})
                name = row.outcome or row.measure
                found[name] = found.get(name, 0) + row.count
        if period is None:
            return cls()
        return cls(
            period=period,
            bins=tuple(ThroughputBin(start=start, **bins[start]) for start in sorted(bins)),
            oldest_waiting_s=oldest_waiting_s,
        )


_ENDS: Final = {("completed", "ended"), ("failed", "job"), ("cancelled", "job")}


@dataclass(frozen=True, slots=True, kw_only=True)
class AiModel:
    """Calls of one engine and model."""

    engine: str
    model: str
    calls: int
    failed: int
    #: Latency of successful calls.
    latency: Distribution
    #: Sum of the known prices; None if none is known.
    cost_usd: float | None
    #: Calls without a known price.
    unpriced: int
    tokens_in: int
    tokens_out: int

    @classmethod
    def of(cls, engine: str, model: str, rows: Sequence[Row]) -> AiModel:
        """Reduce the rows of one engine and model."""
        calls, costs, ins, outs = (
            [row for row in rows if row.measure == measure]
            for measure in ("call", "cost", "tokens_in", "tokens_out")
        )
        count, priced = (sum(row.count for row in found) for found in (calls, costs))
        cost, tokens_in, tokens_out = (
            sum(row.sum or 0 for row in found) for found in (costs, ins, outs)
        )
        return cls(
            engine=engine,
            model=model,
            calls=count,
            failed=sum(row.count for row in calls if row.outcome == "error"),
            latency=Distribution.of(row for row in calls if row.outcome == "completed"),
            cost_usd=cost if priced else None,
            unpriced=count - priced,
            tokens_in=round(tokens_in),
            tokens_out=round(tokens_out),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ai:
    """Engine calls by model; the most used model first."""

    models: tuple[AiModel, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Ai:
        """Reduce rows of calls, by engine and model."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            if row.measure in {"call", "cost", "tokens_in", "tokens_out"}:
                groups.setdefault(tuple(row.labels), []).append(row)
        models = (AiModel.of(engine, model, found) for (engine, model), found in groups.items())
        return cls(
            models=tuple(sorted(models, key=lambda one: (-one.calls, one.engine, one.model)))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of the overview charts, in their order on the page."""

    durations: Durations
    waits: Waits
    throughput: Throughput
    failures: Failures
    retries: Retries
    ai: Ai

    @classmethod
    def of(
        cls, rows: Sequence[Row], period: Period | None, oldest_waiting_s: float | None
    ) -> Figures:
        """Reduce all rows of a tally."""
        return cls(
            durations=Durations.of(rows),
            waits=Waits.of(rows),
            retries=Retries.of(rows),
            failures=Failures.of(rows, period),
            throughput=Throughput.of(rows, period, oldest_waiting_s),
            ai=Ai.of(rows),
        )


def _summed(counts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Add up counts by position; positions ascend."""
    found: Counter[int] = Counter()
    for position, count in counts:
        found[position] += count
    return tuple(sorted(found.items()))


def _start(row: Row) -> datetime:
    assert row.start is not None
    return row.start.astimezone(UTC)
