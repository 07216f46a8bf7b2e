"""Failures: by error type, and as a share over time."""

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
    time_axis,
)
from photoqueue.faces.notebook.charts.reduction import failures_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, moment, number, percent
from photoqueue.records.figures import FEW, Failures
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Failures"
#: Most characters of an error type that are shown.
_LONGEST: Final = 30


def failures(
    frame: pd.DataFrame,
    *,
    theme: ThemeName = "light",
    since: datetime | None = None,
    now: datetime | None = None,
) -> Figure:
    """Draw failures by error type, and their share over time with the counts beside it.

    Parameters
    ----------
    frame
        Result of ``photoqueue.attempts()``, or ``history()`` for how jobs ended.
    theme
        ``light`` or ``dark``.
    since, now
        The period; default: that of the frame. The bin that contains ``now`` is incomplete and
        drawn dashed.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return FAILURES.draw(failures_of(frame, since=since, now=now), theme=theme)


def _paint(record: Failures, theme: Theme) -> Figure:
    assert record.period is not None
    sheet = Sheet(theme, TITLE, height=3.2 if len(record.kinds) <= 7 else 4.2)
    few = " · few samples" if record.ended < FEW else ""
    heading = (
        f"{number(record.failed)} of {number(record.ended)} failed "
        f"({percent(record.failed, record.ended)}){few}"
    )
    kinds = sheet.panel((0.26, 0.12, 0.22, 0.70))
    kinds.write(-1.1, 1.03, heading, "axes", color=theme.quiet, fontsize=8.5)
    _kinds(kinds, record)
    rate = sheet.panel((0.56, 0.46, 0.40, 0.36), "share that failed, over time")
    counts = sheet.panel((0.56, 0.15, 0.40, 0.19), "ended")
    _rate(rate, record)
    ended = {start: done + failed for start, done, failed in record.bins}
    counts.time_bars(record.period, ended)
    counts.count_axis(max(ended.values()))
    for panel in (rate, counts):
        time_axis(panel.axes, record.period, most=5)
    rate.axes.tick_params(labelbottom=False)
    return sheet.figure


def _say(record: Failures) -> str:
    words = (
        f"{counted(record.failed, 'failure')} among {number(record.ended)} that ended "
        f"({percent(record.failed, record.ended)})"
    )
    if not record.kinds:
        return f"{words}."
    kinds = ", ".join(
        f"{kind.error_type} {number(kind.count)} ({percent(kind.count, record.failed)})"
        for kind in record.kinds[:5]
    )
    last = max(kind.last_at for kind in record.kinds)
    return f"{words}: {kinds}; the last one at {moment(last)}."


def _table(record: Failures) -> Table:
    """Tabulate error types."""
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


def _kinds(panel: Panel, record: Failures) -> None:
    axes, kinds = panel.axes, record.kinds
    if not kinds:
        axes.set_axis_off()
        panel.write(0, 0.5, "none failed", fontsize=10, ha="center")
        return
    counts = [kind.count for kind in kinds]
    few = record.failed < FEW
    panel.bars(range(len(kinds)), counts, 0.7, LOOKS[JobState.FAILED], faint=few, lying=True)
    most = max(counts)
    for row, count in enumerate(counts):
        told = f"{number(count)} · {percent(count, record.failed)}"
        panel.write(count + most * 0.03, row, told, va="center")
    panel.row_axis([_short(kind.error_type) for kind in kinds], 4)
    axes.tick_params(axis="y", labelcolor=panel.theme.text, length=0)
    axes.set_xlim(0, most * 1.45)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _rate(panel: Panel, record: Failures) -> None:
    """Draw the share per bin: faint if few ended, dashed if the bin is incomplete."""
    assert record.period is not None
    axes, look = panel.axes, LOOKS[JobState.FAILED]
    width = record.period.seconds
    current = record.period.starts[-1]
    places = [start.timestamp() + width / 2 for start, _, _ in record.bins]
    shares = [failed / (done + failed) for _, done, failed in record.bins]
    known = {start: place for place, (start, _, _) in enumerate(record.bins)}
    # Markers at the edges are not clipped, so those outside the period must be left out.
    inside = {known[start] for start in record.period.starts if start in known}
    whole = [
        (places[at], shares[at]) if (at := known.get(start)) is not None else (np.nan, np.nan)
        for start in record.period.starts[:-1]
    ]
    if whole:
        axes.plot(*zip(*whole, strict=True), color=look.colour, linewidth=1.4)
    if current in known:
        here = known[current]
        axes.plot(
            places[max(here - 1, 0) : here + 1],
            shares[max(here - 1, 0) : here + 1],
            color=look.colour,
            linewidth=1.4,
            linestyle=(0, (2, 2)),
        )
    for enough in (True, False):
        marked = [
            place
            for place, (_, done, failed) in enumerate(record.bins)
            if place in inside and (done + failed >= FEW) is enough
        ]
        axes.scatter(
            [places[place] for place in marked],
            [shares[place] for place in marked],
            s=16,
            marker="x",
            color=look.colour,
            alpha=1.0 if enough else 0.4,
            clip_on=False,
        )
    top = max(*shares, 0.01)
    limit = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if top <= step)
    axes.set_ylim(0, limit * 1.06)
    axes.set_yticks([0, limit / 2, limit], ["0 %", *(f"{100 * s:g} %" for s in (limit / 2, limit))])
    panel.grid()


def _short(error_type: str) -> str:
    return error_type if len(error_type) <= _LONGEST else f"{error_type[: _LONGEST - 1]}…"


FAILURES: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="nothing has completed or failed yet",
    has_data=lambda record: record.ended,
    paint=_paint,
    say=_say,
    table=_table,
)
