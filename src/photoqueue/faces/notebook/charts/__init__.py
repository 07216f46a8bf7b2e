"""Charts of the tracking table: pure functions on DataFrames that return a figure.

>>> from photoqueue import attempts
>>> from photoqueue.faces.notebook.charts import as_png, alt_text, durations
>>> figure = durations(attempts())  # doctest: +SKIP
>>> alt_text(figure)  # doctest: +SKIP
'Run time of 9,412 completed attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed: …'

Each reduces its frame to a small record (:mod:`photoqueue.records.figures`), which it
then draws; the workbench draws the same records made by SQL.
"""

from photoqueue.faces.notebook.charts.ai import ai, describe_ai, draw_ai
from photoqueue.faces.notebook.charts.canvas import alt_text, as_png
from photoqueue.faces.notebook.charts.durations import (
    describe_durations,
    draw_durations,
    durations,
)
from photoqueue.faces.notebook.charts.failures import describe_failures, draw_failures, failures
from photoqueue.faces.notebook.charts.retries import describe_retries, draw_retries, retries
from photoqueue.faces.notebook.charts.throughput import (
    describe_throughput,
    draw_throughput,
    throughput,
)
from photoqueue.faces.notebook.charts.waits import describe_waits, draw_waits, waits
from photoqueue.faces.notebook.charts.waterfall import waterfall

__all__ = [
    "ai",
    "alt_text",
    "as_png",
    "describe_ai",
    "describe_durations",
    "describe_failures",
    "describe_retries",
    "describe_throughput",
    "describe_waits",
    "draw_ai",
    "draw_durations",
    "draw_failures",
    "draw_retries",
    "draw_throughput",
    "draw_waits",
    "durations",
    "failures",
    "retries",
    "throughput",
    "waits",
    "waterfall",
]
