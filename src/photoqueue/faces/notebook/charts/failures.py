"""What goes wrong: kinds of error, and the share of failures over time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import (
    Theme,
    ThemeName,
    bars,
    compact,
    described,
    empty,
    grid,
    panel,
    sheet,
    theme_of,
    time_axis,
)
from photoqueue.faces.notebook.charts.frames import failures_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, moment, number, percent
from photoqueue.records.figures import FEW, Failures
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "Failures"
#: Characters of an error type that are shown.
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
        What ``photoqueue.attempts()`` returns, or ``history()`` for how jobs ended.
    theme
        ``light`` or ``dark``.
    since, now
        The stretch of time; that of the frame when left out. The bin that holds ``now`` is
        not over, and dashed.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return draw_failures(failures_of(frame, since=since, now=now), theme=theme)


def draw_failures(record: Failures, *, theme: ThemeName = "light") -> Figure:
    """Draw the figures that :func:`failures` draws."""
    colours = theme_of(theme)
    if not record.ended or record.period is None:
        return empty(colours, TITLE, "nothing has completed or failed yet")
    height = 3.2 if len(record.kinds) <= 7 else 4.2
    figure = sheet(colours, TITLE, height=height)
    few = " · few samples" if record.ended < FEW else ""
    heading = (
        f"{number(record.failed)} of {number(record.ended)} failed "
        f"({percent(record.failed, record.ended)}){few}"
    )
    axes = panel(figure, colours, (0.26, 0.12, 0.22, 0.70))
    axes.text(-1.1, 1.03, heading, transform=axes.transAxes, color=colours.quiet, fontsize=8.5)
    _kinds(axes, colours, record)
    rate = panel(figure, colours, (0.56, 0.46, 0.40, 0.36), "share that failed, over time")
    counts = panel(figure, colours, (0.56, 0.15, 0.40, 0.19), "ended")
    _rate(rate, colours, record)
    _counts(counts, colours, record)
    for one in (rate, counts):
        time_axis(one, record.period, most=5)
    rate.tick_params(labelbottom=False)
    return described(figure, describe_failures(record))


def describe_failures(record: Failures) -> str:
    """Say in words what the chart shows."""
    if not record.ended:
        return f"{TITLE}: nothing has completed or failed yet"
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


def _kinds(axes: Axes, theme: Theme, record: Failures) -> None:
    look = LOOKS[JobState.FAILED]
    if not record.kinds:
        axes.set_axis_off()
        axes.text(0, 0.5, "none failed", color=theme.text, fontsize=10, ha="center")
        return
    rows = range(len(record.kinds))
    axes.barh(
        rows,
        [kind.count for kind in record.kinds],
        0.7,
        color=look.colour,
        hatch=look.hatch,
        edgecolor=theme.background,
        linewidth=0,
        alpha=0.5 if record.failed < FEW else 1,
    )
    most = record.kinds[0].count if len(record.kinds) == 1 else max(k.count for k in record.kinds)
    for row, kind in zip(rows, record.kinds, strict=True):
        axes.text(
            kind.count + most * 0.03,
            row,
            f"{number(kind.count)} · {percent(kind.count, record.failed)}",
            va="center",
            color=theme.text,
            fontsize=8,
        )
    axes.set_yticks(rows, [_short(kind.error_type) for kind in record.kinds])
    axes.tick_params(axis="y", labelcolor=theme.text, length=0)
    axes.set_ylim(max(len(record.kinds), 4) - 0.4, -0.6)
    axes.set_xlim(0, most * 1.45)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _rate(axes: Axes, theme: Theme, record: Failures) -> None:
    """Draw the share of each bin: faint where few ended, dashed where it is not over."""
    assert record.period is not None
    look = LOOKS[JobState.FAILED]
    width = record.period.seconds
    current = record.period.starts[-1]
    places = [start.timestamp() + width / 2 for start, _, _ in record.bins]
    shares = [failed / (done + failed) for _, done, failed in record.bins]
    known = {start: place for place, (start, _, _) in enumerate(record.bins)}
    # Marks at the edges are drawn whole, so that nothing keeps others from being drawn outside.
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
    grid(axes, theme)


def _counts(axes: Axes, theme: Theme, record: Failures) -> None:
    assert record.period is not None
    bars(axes, theme, record.period, {start: done + failed for start, done, failed in record.bins})
    top = max(done + failed for _, done, failed in record.bins)
    axes.set_ylim(0, top * 1.05)
    axes.set_yticks([0, top], ["0", compact(top)])


def _short(error_type: str) -> str:
    return error_type if len(error_type) <= _LONGEST else f"{error_type[: _LONGEST - 1]}…"
