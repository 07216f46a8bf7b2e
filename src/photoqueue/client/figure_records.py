"""What the charts of an installation show, as small records.

A record is made by SQL from the tables (:mod:`photoqueue.client.figures`) or from a
DataFrame (:mod:`photoqueue.faces.notebook.charts`), and is the same either way: a chart and a
number can then never disagree. Nothing in one is sampled; percentiles are those of all rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: Bins of a histogram of durations in each factor of ten, so that one is 12 % wide.
BINS_PER_DECADE: Final = 20
#: Of wait against run, whose cells are two dimensional.
CELLS_PER_DECADE: Final = 10
#: Shorter durations count as this one, in ms: a logarithm has no place for zero.
SHORTEST_MS: Final = 0.1
#: Below this many values, percentiles are said to be uncertain.
FEW: Final = 20
#: Kinds of error that are named; the rarer ones are added up.
KINDS: Final = 12
#: What the rarer ones are called together.
OTHER_KINDS: Final = "(other kinds)"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Widths that a bin of time can have, in seconds.
_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY * days for days in (1, 2, 7, 14, 28, 91, 364, 1820)),
)
_MOST_TIME_BINS: Final = 60


def edge_ms(position: float, per_decade: int = BINS_PER_DECADE) -> float:
    """Return where a bin of durations begins, in ms."""
    return float(10 ** (position / per_decade))


def bin_seconds(first: datetime, last: datetime) -> int:
    """Choose how many seconds a bin of time is wide, for some 30 to 60 of them."""
    span = (last - first).total_seconds()
    return next((width for width in _WIDTHS if span / width <= _MOST_TIME_BINS), _WIDTHS[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of all values, in ms, interpolated as PostgreSQL's ``percentile_cont`` does."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A logarithmic histogram with percentiles.

    Attributes
    ----------
    bins : tuple of (int, int)
        Position on the grid of :func:`edge_ms`, and how many values; ascending, none empty.
    least, most : float or None
        The extremes, in ms.
    """

    bins: tuple[tuple[int, int], ...] = ()
    percentiles: Percentiles = field(default_factory=Percentiles)
    least: float | None = None
    most: float | None = None

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.percentiles.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long attempts ran, failed ones apart; those that were handed back do not count."""

    completed: Distribution
    failed: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long attempts waited, against how long they ran.

    Attributes
    ----------
    cells : tuple of (int, int, int, int)
        Position of the wait and of the run (``CELLS_PER_DECADE``), and how many attempts
        completed and failed there.
    """

    cells: tuple[tuple[int, int, int, int], ...]
    wait: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How many attempts jobs took: number of attempts, and how many jobs."""

    completed: tuple[tuple[int, int], ...]
    failed: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """Failures of one error type, and when there was the first and the last."""

    error_type: str
    count: int
    first_at: datetime
    last_at: datetime


def most_frequent(kinds: list[ErrorKind]) -> tuple[ErrorKind, ...]:
    """Sort kinds of error by how many there are, and add the rarest up."""
    ordered = sorted(kinds, key=lambda kind: (-kind.count, kind.error_type))
    if len(ordered) <= KINDS:
        return tuple(ordered)
    rare = ordered[KINDS - 1 :]
    together = ErrorKind(
        error_type=OTHER_KINDS,
        count=sum(kind.count for kind in rare),
        first_at=min(kind.first_at for kind in rare),
        last_at=max(kind.last_at for kind in rare),
    )
    return (*ordered[: KINDS - 1], together)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of time in bins; the last one holds ``until`` and is not over.

    Bins begin at whole multiples of ``seconds`` since 1970 (UTC).
    """

    since: datetime
    until: datetime
    seconds: int

    @classmethod
    def between(cls, since: datetime, until: datetime) -> Period:
        """Divide a stretch of time into some 30 to 60 bins."""
        return cls(since=since, until=until, seconds=bin_seconds(since, until))

    @property
    def starts(self) -> list[datetime]:
        """Where the bins begin."""
        first = self.since.timestamp() // self.seconds * self.seconds
        start = datetime.fromtimestamp(first, self.since.tzinfo)
        width = timedelta(seconds=self.seconds)
        return [start + width * number for number in range(int((self.until - start) / width) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What went wrong, and how often over time.

    Attributes
    ----------
    kinds : tuple of ErrorKind
        The most frequent first; the rarest are added up in the last one.
    bins : tuple of (datetime, int, int)
        Start of the bin, how many completed and how many failed; empty bins are left out.
    """

    kinds: tuple[ErrorKind, ...] = ()
    period: Period | None = None
    bins: tuple[tuple[datetime, int, int], ...] = ()

    @property
    def failed(self) -> int:
        """How many failures there are."""
        return sum(kind.count for kind in self.kinds)

    @property
    def ended(self) -> int:
        """How many completed or failed."""
        return sum(completed + failed for _, completed, failed in self.bins)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputBin:
    """What happened to jobs within one bin of time.

    Attributes
    ----------
    longest_wait_ms : float or None
        Of what was started in it; None when nothing was.
    """

    start: datetime
    submitted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    longest_wait_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Jobs submitted and finished over time, and how long they wait.

    Attributes
    ----------
    oldest_waiting_s : float or None
        Seconds that the oldest job that could start has been waiting; None when none is.
    """

    period: Period | None = None
    bins: tuple[ThroughputBin, ...] = ()
    oldest_waiting_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AiModel:
    """Calls of one engine and model.

    Attributes
    ----------
    latency : Percentiles
        Of calls that succeeded.
    cost_usd : float or None
        Sum of the known prices; None where none is known.
    unpriced : int
        Calls without a known price.
    """

    engine: str
    model: str
    calls: int
    failed: int
    latency: Percentiles
    cost_usd: float | None
    unpriced: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ai:
    """Calls of engines; the most called model first."""

    models: tuple[AiModel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the overview charts show."""

    durations: Durations
    waits: Waits
    retries: Retries
    failures: Failures
    throughput: Throughput
    ai: Ai
