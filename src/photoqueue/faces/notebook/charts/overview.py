"""The charts of the overview: how each is headed, drawn, said in words, and listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from photoqueue.faces.notebook import charts
from photoqueue.faces.notebook.charts import tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    table: Callable[[Any], tables.Table]


#: Field of :class:`~photoqueue.client.figure_records.Figures` → its chart.
OVERVIEW: Final[dict[str, Chart]] = {
    "durations": Chart(
        "Run time", charts.draw_durations, charts.describe_durations, tables.table_durations
    ),
    "waits": Chart("Wait and run", charts.draw_waits, charts.describe_waits, tables.table_waits),
    "throughput": Chart(
        "Throughput", charts.draw_throughput, charts.describe_throughput, tables.table_throughput
    ),
    "failures": Chart(
        "Failures", charts.draw_failures, charts.describe_failures, tables.table_failures
    ),
    "retries": Chart(
        "Attempts", charts.draw_retries, charts.describe_retries, tables.table_retries
    ),
    "ai": Chart("Engine calls", charts.draw_ai, charts.describe_ai, tables.table_ai),
}
