"""Run times of attempts: a logarithmic histogram beside the cumulative share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Table,
    Theme,
    ThemeName,
    linear_duration_axis,
    log_axis,
    place,
)
from photoqueue.faces.notebook.charts.reduction import durations_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, number
from photoqueue.records.figures import (
    BINS_PER_DECADE,
    FEW,
    Distribution,
    Durations,
    Percentiles,
    edge_ms,
)
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Run time"
#: Line style and marker of p50, p95 and p99.
_MARKS: Final = ((0.50, "-", "o"), (0.95, "--", "^"), (0.99, ":", "s"))


def durations(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw how long attempts ran: histogram, cumulative share, p50, p95 and p99.

    Parameters
    ----------
    frame
        Result of ``photoqueue.attempts()``, or ``history()`` for the last attempt of each job.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return DURATIONS.draw(durations_of(frame), theme=theme)


def _parts(record: Durations) -> list[tuple[JobState, Distribution]]:
    """Return completed attempts, failed attempts, or both, if there are any."""
    parts = ((JobState.COMPLETED, record.completed), (JobState.FAILED, record.failed))
    return [(state, one) for state, one in parts if one.count]


def _paint(record: Durations, theme: Theme) -> Figure:
    present = _parts(record)
    sheet = Sheet(theme, TITLE)
    least = min(one.least for _, one in present if one.least is not None)
    most = max(one.most for _, one in present if one.most is not None)
    height = 0.68 if len(present) == 1 else 0.25
    for row, (state, one) in enumerate(present):
        panel = sheet.panel(
            (0.08, 0.14 + (len(present) - 1 - row) * 0.42, 0.5, height),
            f"{LOOKS[state].icon} {state}: {summary(one.percentiles)}",
        )
        _histogram(panel, state, one, single=least == most)
        _axis(panel, least, most)
        if row < len(present) - 1:
            panel.axes.tick_params(labelbottom=False)
    panel = sheet.panel((0.71, 0.14, 0.26, 0.68), "share that took no longer")
    for state, one in present:
        _share(panel, state, one, single=least == most)
    _axis(panel, least, most, ticks=4)
    panel.axes.set_ylim(0, 1.03)
    panel.axes.set_yticks([0, 0.5, 0.95], ["0 %", "50 %", "95 %"])
    panel.grid("both")
    return sheet.figure


def _say(record: Durations) -> str:
    completed, failed = record.completed.percentiles, record.failed.percentiles
    words = f"Run time of {counted(completed.count, 'completed attempt')}"
    if completed.count:
        words += f": {_named(completed)}"
    words += f"; {number(failed.count)} failed"
    return words + (f": {_named(failed)}." if failed.count else ".")


def _table(record: Durations) -> Table:
    """Tabulate percentiles and extremes by outcome."""

    def row(name: str, found: Distribution) -> tuple[str, ...]:
        of = found.percentiles
        values = (of.p50, of.p95, of.p99, found.least, found.most)
        return (name, number(found.count), *map(duration, values))

    return Table(
        ("outcome", "attempts", "p50", "p95", "p99", "shortest", "longest"),
        (row("completed", record.completed), row("failed", record.failed)),
    )


def summary(found: Percentiles) -> str:
    """Return count and percentiles, with a note if there are too few."""
    few = ", few" if found.count < FEW else ""
    return f"n = {number(found.count)}{few} · {_named(found, ' · ')}"


def _named(found: Percentiles, between: str = ", ") -> str:
    values = (("p50", found.p50), ("p95", found.p95), ("p99", found.p99))
    return between.join(f"{name} {duration(value)}" for name, value in values)


def _axis(panel: Panel, least: float, most: float, ticks: int = 8) -> None:
    if least == most:
        linear_duration_axis(panel.axes, least)
    else:
        log_axis(panel.axes, least / 1.3, most * 1.3, ticks=ticks)


def _histogram(panel: Panel, state: JobState, found: Distribution, *, single: bool) -> None:
    axes, theme = panel.axes, panel.theme
    look = LOOKS[state]
    faint = 0.45 if found.count < FEW else 0.9
    if single and found.least is not None:
        edges = np.array([0.95, 1.05]) * max(found.least, 0.1)
        counts = np.array([found.count])
    else:
        edges, counts = _bars(found)
    axes.stairs(
        counts,
        edges,
        fill=True,
        facecolor=look.colour,
        edgecolor=theme.background,
        hatch=look.hatch or None,
        alpha=faint,
    )
    axes.stairs(counts, edges, color=look.colour, linewidth=1.2)
    for (_, line, _), value in zip(_MARKS, _values(found.percentiles), strict=True):
        axes.axvline(
            value if single else place(value), color=theme.text, linestyle=line, linewidth=1.1
        )
    panel.count_axis(int(counts.max()), 1.08)


def _bars(found: Distribution) -> tuple[Any, Any]:
    """Join bins in pairs, so that bars are wide enough."""
    first, last = found.bins[0][0] // 2, found.bins[-1][0] // 2
    counts = np.zeros(last - first + 1, dtype=int)
    for position, count in found.bins:
        counts[position // 2 - first] += count
    edges = np.arange(first, last + 2) * 2 / BINS_PER_DECADE
    return edges, counts


def _share(panel: Panel, state: JobState, found: Distribution, *, single: bool) -> None:
    """Draw the empirical distribution; it is exact at the edges of the bins."""
    axes, theme = panel.axes, panel.theme
    look = LOOKS[state]
    done = np.cumsum([count for _, count in found.bins]) / found.count
    if single and found.least is not None:
        places, shares = [found.least, found.least], [0.0, 1.0]
    else:
        places = [place(edge_ms(end)) for start, _ in found.bins for end in (start, start + 1)]
        # The extremes are known exactly: the curve need not begin or end at a bin edge.
        places[0] = max(places[0], place(found.least or 0))
        places[-1] = min(places[-1], place(found.most or 0))
        # Horizontal across empty bins.
        shares = [0.0, *np.repeat(done, 2)[:-1]]
    axes.plot(
        places,
        shares,
        color=look.colour,
        linewidth=1.8,
        linestyle="-" if state is JobState.COMPLETED else (0, (4, 1.5)),
        alpha=0.5 if found.count < FEW else 1,
    )
    for (portion, _, marker), value in zip(_MARKS, _values(found.percentiles), strict=True):
        axes.plot(
            value if single else place(value),
            portion,
            marker,
            color=look.colour,
            markeredgecolor=theme.text,
            markersize=5,
        )


def _values(found: Percentiles) -> tuple[float, float, float]:
    return found.p50 or 0.0, found.p95 or 0.0, found.p99 or 0.0


DURATIONS: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="no attempt has ended yet",
    has_data=_parts,
    paint=_paint,
    say=_say,
    table=_table,
)
