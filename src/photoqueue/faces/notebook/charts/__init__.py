"""Charts of the tracking table, drawn from DataFrames.

>>> from photoqueue import attempts
>>> from photoqueue.faces.notebook.charts import as_png, alt_text, durations
>>> figure = durations(attempts())  # doctest: +SKIP
>>> alt_text(figure)  # doctest: +SKIP
'Run time of 9,412 completed attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed: …'

================================ ========================= =======================================
``durations(frame)``             attempts() or history()   run times of (last) attempts
``waits(frame)``                 attempts() or history()   how long they waited against their run
``throughput(frame, since, now)``  history()               jobs submitted and finished over time
``failures(frame, since, now)``  attempts() or history()   by error type, and over time
``retries(frame)``               history()                 how many attempts jobs took
``ai(frame)``                    ai_calls()                latency, failures and cost of engines
``waterfall(frame)``             attempts(job)             the attempts of one job
================================ ========================= =======================================

All take ``theme="dark"`` as well. The time bin that contains ``now`` is incomplete and drawn
dashed; ages of waiting jobs are those at ``now``.

Each :class:`~photoqueue.faces.notebook.charts.canvas.Chart` reduces its frame to a small record
(:mod:`photoqueue.records.figures`) and draws that. The workbench draws the same records, computed
in SQL.
"""

from typing import Any, Final

from photoqueue.faces.notebook.charts.ai import ai
from photoqueue.faces.notebook.charts.canvas import Chart, alt_text, as_png
from photoqueue.faces.notebook.charts.durations import durations
from photoqueue.faces.notebook.charts.failures import failures
from photoqueue.faces.notebook.charts.retries import retries
from photoqueue.faces.notebook.charts.throughput import throughput
from photoqueue.faces.notebook.charts.waits import waits
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
    "durations": durations,
    "waits": waits,
    "throughput": throughput,
    "failures": failures,
    "retries": retries,
    "ai": ai,
}
