"""The charts of the overview: how each is headed, drawn, said in words, and listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from photoqueue.faces.notebook import charts
from photoqueue.format import duration, moment, money, number, percent
from photoqueue.records.figures import (
    CELLS_PER_DECADE,
    Ai,
    Distribution,
    Durations,
    Failures,
    Retries,
    Throughput,
    Waits,
    edge_ms,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Table:
    """Headings of columns, and rows of as many texts; the first one names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table_durations(record: Durations) -> Table:
    """List percentiles and extremes by outcome."""

    def row(name: str, found: Distribution) -> tuple[str, ...]:
        of = found.percentiles
        values = (of.p50, of.p95, of.p99, found.least, found.most)
        return (name, number(found.count), *map(duration, values))

    return Table(
        ("outcome", "attempts", "p50", "p95", "p99", "shortest", "longest"),
        (row("completed", record.completed), row("failed", record.failed)),
    )


def table_waits(record: Waits) -> Table:
    """List how many attempts waited and ran how long, by factors of ten."""
    found: dict[int, list[int]] = {}
    for wait, run, completed, failed in record.cells:
        counts = found.setdefault(wait // CELLS_PER_DECADE, [0, 0, 0])
        counts[0] += completed + failed
        counts[1] += failed
        counts[2] += completed + failed if wait > run else 0
    return Table(
        ("wait", "attempts", "failed", "wait > run"),
        tuple(
            (
                f"{duration(edge_ms(decade, 1))} to {duration(edge_ms(decade + 1, 1))}",
                *map(number, counts),
            )
            for decade, counts in sorted(found.items())
        ),
    )


def table_retries(record: Retries) -> Table:
    """List how many jobs ended after how many attempts."""
    completed, failed = dict(record.completed), dict(record.failed)
    return Table(
        ("attempts", "completed jobs", "failed jobs"),
        tuple(
            (number(attempts), number(completed.get(attempts, 0)), number(failed.get(attempts, 0)))
            for attempts in sorted({*completed, *failed})
        ),
    )


def table_failures(record: Failures) -> Table:
    """List kinds of error."""
    return Table(
        ("error", "failures", "share", "first", "last"),
        tuple(
            (
                kind.error_type,
                number(kind.count),
                percent(kind.count, record.failed),
                moment(kind.first_at),
                moment(kind.last_at),
            )
            for kind in record.kinds
        ),
    )


def table_throughput(record: Throughput) -> Table:
    """List what happened in each bin of time, the newest first."""
    return Table(
        ("from", "submitted", "completed", "failed", "cancelled", "longest wait"),
        tuple(
            (
                moment(one.start),
                *map(number, (one.submitted, one.completed, one.failed, one.cancelled)),
                duration(one.longest_wait_ms),
            )
            for one in reversed(record.bins)
        ),
    )


def table_ai(record: Ai) -> Table:
    """List engines and models."""
    return Table(
        (
            *("engine and model", "calls", "failed", "p50", "p95", "p99"),
            *("cost", "calls without a price", "tokens in", "tokens out"),
        ),
        tuple(
            (
                f"{one.engine} {one.model}",
                number(one.calls),
                number(one.failed),
                *map(duration, (one.latency.p50, one.latency.p95, one.latency.p99)),
                "not known" if one.cost_usd is None else money(one.cost_usd),
                *map(number, (one.unpriced, one.tokens_in, one.tokens_out)),
            )
            for one in record.models
        ),
    )


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the overview; its functions take the record of its name.

    Attributes
    ----------
    draw
        Returns the figure; takes the ``theme`` too.
    describe
        Says the same in words.
    table
        Lists the numbers behind it.
    """

    heading: str
    draw: Callable[..., Figure]
    describe: Callable[[Any], str]
    table: Callable[[Any], Table]


#: Field of :class:`~photoqueue.records.figures.Figures` → its chart.
OVERVIEW: Final[dict[str, Chart]] = {
    "durations": Chart(
        "Run time", charts.draw_durations, charts.describe_durations, table_durations
    ),
    "waits": Chart("Wait and run", charts.draw_waits, charts.describe_waits, table_waits),
    "throughput": Chart(
        "Throughput", charts.draw_throughput, charts.describe_throughput, table_throughput
    ),
    "failures": Chart("Failures", charts.draw_failures, charts.describe_failures, table_failures),
    "retries": Chart("Attempts", charts.draw_retries, charts.describe_retries, table_retries),
    "ai": Chart("Engine calls", charts.draw_ai, charts.describe_ai, table_ai),
}
