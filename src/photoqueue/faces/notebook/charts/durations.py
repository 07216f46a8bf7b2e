"""Run times of attempts: a logarithmic histogram beside the cumulative share."""

from __future__ import annotations

from typing import Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import (
    MARKS,
    Chart,
    Panel,
    Sheet,
    Style,
    Table,
    faint,
    few,
    percentiles,
    place,
)
from photoqueue.faces.notebook.charts.reduction import durations_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, number
from photoqueue.records.figures import BINS_PER_DECADE, Distribution, Durations, edge_ms
from photoqueue.words import JobState


def _parts(record: Durations) -> list[tuple[JobState, Distribution]]:
    """Return completed attempts, failed attempts, or both, if there are any."""
    parts = ((JobState.COMPLETED, record.completed), (JobState.FAILED, record.failed))
    return [(state, one) for state, one in parts if one.count]


def _paint(record: Durations, sheet: Sheet) -> None:
    parts = _parts(record)
    least = min(one.least or 0.0 for _, one in parts) / 1.3
    most = max(one.most or 0.0 for _, one in parts) * 1.3
    height = 0.68 if len(parts) == 1 else 0.25
    shares = sheet.panel((0.71, 0.14, 0.26, 0.61), "cumulative share")  # below the other heading
    for row, (state, one) in enumerate(parts):
        panel = sheet.panel(
            (0.08, 0.14 + (len(parts) - 1 - row) * 0.42, 0.5, height),
            f"{LOOKS[state].icon} {state}: n = {number(one.count)}{few(one.count)} · "
            f"{percentiles(one, ' · ')}",
        )
        _histogram(panel, state, one)
        panel.log_axis(least, most)
        panel.axes.tick_params(labelbottom=row == len(parts) - 1)
        _share(shares, state, one)
    shares.log_axis(least, most, ticks=4)
    shares.axes.set_ylim(0, 1.03)
    shares.axes.set_yticks([0, 0.5, 0.95], ["0 %", "50 %", "95 %"])
    shares.grid("both")


def _histogram(panel: Panel, state: JobState, found: Distribution) -> None:
    look, theme = LOOKS[state], panel.theme
    positions, counts = np.array(found.bins).T
    # Bins are joined in pairs, so that bars are wide enough.
    edges = np.arange(positions[0] // 2 * 2, positions[-1] + 3, 2)
    heights, _ = np.histogram(positions, edges, weights=counts)
    bars = panel.axes.stairs(heights, edges / BINS_PER_DECADE, fill=True, facecolor=look.colour)
    bars.set(edgecolor=theme.background, hatch=look.hatch or None, alpha=0.9 * faint(found.count))
    panel.axes.stairs(heights, edges / BINS_PER_DECADE, color=look.colour, linewidth=1.2)
    for name, _, _, line in MARKS:
        x = place(getattr(found, name) or 0.0)
        panel.axes.axvline(x, color=theme.text, linestyle=line, linewidth=1.1)
    panel.count_axis(int(heights.max()), 1.08)


def _share(panel: Panel, state: JobState, found: Distribution) -> None:
    """Draw the empirical distribution; it is exact at the edges of the bins."""
    colour = LOOKS[state].colour
    done = np.cumsum([count for _, count in found.bins]) / found.count
    places = [place(edge_ms(end)) for start, _ in found.bins for end in (start, start + 1)]
    # The extremes are known exactly: the curve need not begin or end at a bin edge.
    places[0], places[-1] = place(found.least or 0), place(found.most or 0)
    panel.axes.plot(
        places,
        [0.0, *np.repeat(done, 2)[:-1]],  # horizontal across empty bins
        color=colour,
        linewidth=1.8,
        linestyle="-" if state is JobState.COMPLETED else (0, (4, 1.5)),
        alpha=faint(found.count),
    )
    for name, portion, marker, _ in MARKS:
        x = place(getattr(found, name) or 0.0)
        style: Style = {"color": colour, "markeredgecolor": panel.theme.text, "markersize": 5}
        panel.axes.plot(x, portion, marker, **style)


def _say(record: Durations) -> str:
    completed, failed = record.completed, record.failed
    words = f"Run time of {counted(completed.count, 'completed attempt')}"
    if completed.count:
        words += f": {percentiles(completed)}"
    words += f"; {number(failed.count)} failed"
    return words + (f": {percentiles(failed)}." if failed.count else ".")


def _find(record: Durations) -> str:
    one = record.completed if record.completed.count else record.failed
    took = f"took at most {duration(one.p50)}, 95 % at most {duration(one.p95)}"
    state = "completed" if record.completed.count else "failed"
    return f"Half of the attempts that {state} {took}"


def _table(record: Durations) -> Table:
    """Tabulate percentiles and extremes by outcome."""

    def row(name: str, found: Distribution) -> tuple[str, ...]:
        values = (found.p50, found.p95, found.p99, found.least, found.most)
        return (name, number(found.count), *map(duration, values))

    return Table(
        ("outcome", "attempts", "p50", "p95", "p99", "shortest", "longest"),
        (row("completed", record.completed), row("failed", record.failed)),
    )


durations: Final = Chart(
    title="Run time",
    nothing="no attempt has ended yet",
    reduce=durations_of,
    has_data=_parts,
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
