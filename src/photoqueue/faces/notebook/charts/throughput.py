"""How many jobs are submitted and finished over time, and how long they wait for a worker.

Waits are known only for started jobs, so there are none while a queue is stalled. That is why the
age of the oldest waiting job is shown beside them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import Chart, Panel, Sheet, Style, Table, edges_of
from photoqueue.faces.notebook.charts.reduction import throughput_of
from photoqueue.faces.notebook.palette import LOOKS, ORANGE
from photoqueue.format import counted, duration, moment, number, round_duration
from photoqueue.records.figures import Throughput
from photoqueue.words import JobState

_ENDS: Final = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


def _paint(record: Throughput, sheet: Sheet) -> None:
    assert record.period is not None
    width = round_duration(record.period.seconds * 1000)
    jobs = sheet.panel((0.09, 0.45, 0.87, 0.38), f"jobs in each {width}")
    waiting = (
        "nothing waits now"
        if record.oldest_waiting_s is None
        else f"◆ oldest waiting now: {duration(1000 * record.oldest_waiting_s)}"
    )
    waits = sheet.panel((0.09, 0.12, 0.87, 0.20), f"longest wait of started jobs · {waiting}")
    _jobs(jobs, record)
    _waits(waits, record)
    for panel in (jobs, waits):
        panel.time_axis(record.period, labelled=panel is waits)
        panel.grid()


def _jobs(panel: Panel, record: Throughput) -> None:
    """Stack finished jobs by outcome, with a line of submitted jobs on top."""
    assert record.period is not None
    axes, edges = panel.axes, edges_of(record.period)
    found = {one.start: one for one in record.bins}
    bins = [found.get(start) for start in record.period.starts]
    submitted, *ended = np.array(
        [[getattr(one, name, 0) for one in bins] for name in ("submitted", *_ENDS)]
    )
    bottom = np.zeros(len(bins))
    for state, counts in zip(_ENDS, ended, strict=True):
        if not counts.any():
            continue
        look = LOOKS[state]
        area = axes.stairs(bottom + counts, edges, baseline=bottom, fill=True, linewidth=0)
        area.set(facecolor=look.colour, edgecolor=panel.theme.background, hatch=look.hatch or None)
        area.set_label(f"{look.icon} {state} {number(counts.sum())}")
        bottom += counts
    # The incomplete bin has a dashed outline.
    dashed: Style = {"facecolor": "none", "edgecolor": panel.theme.text, "linestyle": "--"}
    axes.bar(edges[-2], bottom[-1], edges[-1] - edges[-2], align="edge", linewidth=0.9, **dashed)
    line = axes.stairs(submitted, edges, baseline=None, color=panel.theme.accent, linewidth=1.5)
    line.set_label(f"submitted {number(submitted.sum())}")
    panel.count_axis(max(bottom.max(), submitted.max(), 1), 1.06)
    panel.legend()


def _waits(panel: Panel, record: Throughput) -> None:
    assert record.period is not None
    waits = {one.start: one.longest_wait_ms or 0.0 for one in record.bins}
    panel.time_bars(record.period, waits)
    oldest = 1000 * (record.oldest_waiting_s or 0.0)
    if record.oldest_waiting_s is not None:
        style: Style = {"color": ORANGE, "markersize": 7, "markeredgecolor": panel.theme.text}
        now = record.period.until.timestamp() / 86_400
        panel.axes.plot(now, oldest, "D", clip_on=False, zorder=5, **style)
    panel.linear_axis(max(*waits.values(), oldest), "y")


def _say(record: Throughput) -> str:
    assert record.period is not None
    submitted = sum(one.submitted for one in record.bins)
    ends = ", ".join(
        f"{number(sum(getattr(one, state) for one in record.bins))} {state}" for state in _ENDS
    )
    most = max(one.completed + one.failed + one.cancelled for one in record.bins)
    width = round_duration(record.period.seconds * 1000)
    oldest = (
        "no job is waiting"
        if record.oldest_waiting_s is None
        else f"the oldest waiting job has waited for {duration(1000 * record.oldest_waiting_s)}"
    )
    return (
        f"Throughput: {counted(submitted, 'job')} submitted, {ends}; "
        f"at most {number(most)} finished in {width}; {oldest}."
    )


def _find(record: Throughput) -> str:
    completed = sum(one.completed for one in record.bins)
    submitted = sum(one.submitted for one in record.bins)
    oldest = (
        "nothing waits"
        if record.oldest_waiting_s is None
        else f"the oldest waits for {duration(1000 * record.oldest_waiting_s)}"
    )
    return f"{counted(submitted, 'job')} submitted, {number(completed)} completed; {oldest}"


def _table(record: Throughput) -> Table:
    """Tabulate the time bins, the newest first."""
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


throughput: Final = Chart(
    title="Throughput",
    nothing="no job was submitted",
    reduce=throughput_of,
    has_data=lambda record: record.period is not None and record.bins,
    height=lambda record: 4.2,
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
