"""How many jobs are submitted and finished over time, and how long they wait for a worker.

Waits are known only for started jobs, so there are none while a queue is stalled. That is why the
age of the oldest waiting job is shown beside them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Table,
    Theme,
    ThemeName,
    linear_ms_ticks,
    time_axis,
)
from photoqueue.faces.notebook.charts.reduction import throughput_of
from photoqueue.faces.notebook.palette import LOOKS, ORANGE
from photoqueue.format import counted, duration, moment, number, round_duration
from photoqueue.records.figures import Throughput
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Throughput"
_HEIGHT: Final = 4.2
_ENDS: Final = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


def throughput(
    frame: pd.DataFrame,
    *,
    theme: ThemeName = "light",
    since: datetime | None = None,
    now: datetime | None = None,
) -> Figure:
    """Draw jobs finished over time by how they ended, jobs submitted, and how long they wait.

    Parameters
    ----------
    frame
        Result of ``photoqueue.history()``.
    theme
        ``light`` or ``dark``.
    since, now
        The period; default: that of the frame. The bin that contains ``now`` is incomplete and
        drawn dashed; ages of waiting jobs are those at ``now``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return THROUGHPUT.draw(throughput_of(frame, since=since, now=now), theme=theme)


def _paint(record: Throughput, theme: Theme) -> Figure:
    assert record.period is not None
    sheet = Sheet(theme, TITLE, height=_HEIGHT)
    width = round_duration(record.period.seconds * 1000)
    jobs = sheet.panel((0.09, 0.45, 0.87, 0.38), f"jobs in each {width}")
    waits = sheet.panel((0.09, 0.11, 0.87, 0.21), _waiting(record))
    _jobs(jobs, record)
    _waits(waits, record)
    for panel in (jobs, waits):
        time_axis(panel.axes, record.period)
        panel.grid()
    jobs.axes.tick_params(labelbottom=False)
    return sheet.figure


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
        else f"the oldest waiting job waits since {duration(1000 * record.oldest_waiting_s)}"
    )
    return (
        f"Throughput: {counted(submitted, 'job')} submitted, {ends}; "
        f"at most {number(most)} finished in {width}; {oldest}."
    )


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


def _jobs(panel: Panel, record: Throughput) -> None:
    """Stack finished jobs by outcome, with a line of submitted jobs on top."""
    assert record.period is not None
    axes, theme = panel.axes, panel.theme
    starts, width = record.period.starts, record.period.seconds
    by_start = {one.start: one for one in record.bins}
    edges = np.array([*(start.timestamp() for start in starts), starts[-1].timestamp() + width])
    bottom = np.zeros(len(starts))
    for state in _ENDS:
        counts = np.array([getattr(by_start.get(start), state, 0) for start in starts], dtype=float)
        if not counts.any():
            continue
        look = LOOKS[state]
        axes.stairs(
            bottom + counts,
            edges,
            baseline=bottom,
            fill=True,
            facecolor=look.colour,
            hatch=look.hatch or None,
            edgecolor=theme.background,
            linewidth=0,
            label=f"{look.icon} {state} {number(counts.sum())}",
        )
        bottom += counts
    # The incomplete bin has a dashed outline.
    axes.bar(
        edges[-2],
        bottom[-1],
        width,
        align="edge",
        facecolor="none",
        edgecolor=theme.text,
        linestyle="--",
        linewidth=0.9,
    )
    submitted = np.array([getattr(by_start.get(start), "submitted", 0) for start in starts])
    axes.stairs(
        submitted,
        edges,
        baseline=None,
        color=theme.accent,
        linewidth=1.5,
        label=f"submitted {number(submitted.sum())}",
    )
    top = max(float(bottom.max()), float(submitted.max()), 1)
    panel.count_axis(top, 1.06)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=4)


def _waits(panel: Panel, record: Throughput) -> None:
    assert record.period is not None
    started = [one for one in record.bins if one.longest_wait_ms is not None]
    panel.time_bars(record.period, {one.start: one.longest_wait_ms or 0 for one in started})
    longest = max([one.longest_wait_ms or 0 for one in started], default=0)
    oldest = None if record.oldest_waiting_s is None else 1000 * record.oldest_waiting_s
    if oldest is not None:
        panel.axes.plot(
            record.period.until.timestamp(),
            oldest,
            "D",
            color=ORANGE,
            markersize=7,
            markeredgecolor=panel.theme.text,
            clip_on=False,
            zorder=5,
        )
    linear_ms_ticks(panel.axes, max(longest, oldest or 0))


def _waiting(record: Throughput) -> str:
    longest = "longest wait of what was started"
    if record.oldest_waiting_s is None:
        return f"{longest} · nothing waits now"
    return f"{longest} · ◆ oldest waiting now: {duration(1000 * record.oldest_waiting_s)}"


THROUGHPUT: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="no job was submitted",
    has_data=lambda record: record.period is not None and record.bins,
    paint=_paint,
    say=_say,
    table=_table,
)
