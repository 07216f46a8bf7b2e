"""Charts of the tracking table: pure functions on DataFrames that return a figure.

>>> from photoqueue import attempts
>>> from photoqueue.faces.notebook.charts import as_png, alt_text, durations
>>> figure = durations(attempts())  # doctest: +SKIP
>>> alt_text(figure)  # doctest: +SKIP
'Run time of 9,412 completed attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed: …'

Each function reduces its frame to a small record (:mod:`photoqueue.records.figures`), which its
:class:`~photoqueue.faces.notebook.charts.canvas.Chart` draws. The workbench draws the same records,
computed in SQL.
"""

from typing import Any, Final

from photoqueue.faces.notebook.charts.ai import AI, ai
from photoqueue.faces.notebook.charts.canvas import Chart, alt_text, as_png
from photoqueue.faces.notebook.charts.durations import DURATIONS, durations
from photoqueue.faces.notebook.charts.failures import FAILURES, failures
from photoqueue.faces.notebook.charts.retries import RETRIES, retries
from photoqueue.faces.notebook.charts.throughput import THROUGHPUT, throughput
from photoqueue.faces.notebook.charts.waits import WAITS, waits
from photoqueue.faces.notebook.charts.waterfall import waterfall

__all__ = [
    "OVERVIEW",
    "ai",
    "alt_text",
    "as_png",
    "durations",
    "failures",
    "retries",
    "throughput",
    "waits",
    "waterfall",
]

#: Field of :class:`~photoqueue.records.figures.Figures` → its chart, in the order of the page.
OVERVIEW: Final[dict[str, Chart[Any]]] = {
    "durations": DURATIONS,
    "waits": WAITS,
    "throughput": THROUGHPUT,
    "failures": FAILURES,
    "retries": RETRIES,
    "ai": AI,
}
