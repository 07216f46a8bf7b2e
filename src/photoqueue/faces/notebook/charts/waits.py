"""Wait times against run times of attempts.

Long waits call for more workers, long runs for a look at the engine. Each square is a range of
waits and runs; its shade is the number of attempts in it, so the chart works for two attempts as
for millions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.colors import LogNorm

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Style,
    Table,
    few,
    percentiles,
)
from photoqueue.faces.notebook.charts.reduction import waits_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, number, percent
from photoqueue.records.figures import CELLS_PER_DECADE, FEW, Waits, edge_ms
from photoqueue.words import JobState


def _paint(record: Waits, sheet: Sheet) -> None:
    panel = sheet.panel((0.15, 0.13, 0.48, 0.74))
    _squares(record, panel, sheet)
    _even(panel)
    panel.label(x="run", y="wait")
    panel.grid("both")
    panel.legend(loc="upper left", bbox_to_anchor=(1.03, 0.5), ncols=1)
    count = record.wait.count
    told = f"wait\nn = {number(count)}{few(count)}\n{percentiles(record.wait, chr(10))}"
    panel.write(1.05, 1.0, told, fontsize=8.5, va="top", linespacing=1.5)


def _squares(record: Waits, panel: Panel, sheet: Sheet) -> None:
    wait, run, completed, failed = np.array(record.cells).T
    counts = completed + failed
    top = max(counts.max(), 10)
    *_, shades = panel.axes.hist2d(
        (run + 0.5) / CELLS_PER_DECADE,
        (wait + 0.5) / CELLS_PER_DECADE,
        [np.arange(at.min(), at.max() + 2) / CELLS_PER_DECADE for at in (run, wait)],
        weights=counts,
        cmin=1,
        cmap=panel.theme.density,
        norm=LogNorm(0.15, top),
        alpha=0.6 if record.wait.count < FEW else None,
    )
    for axis, at in (("x", run), ("y", wait)):
        # At least two factors of ten, so that a few squares do not fill the chart.
        room = max(0, 2 * CELLS_PER_DECADE - (at.max() - at.min())) // 2
        least, most = at.min() - room, at.max() + 1 + room
        panel.log_axis(edge_ms(least, CELLS_PER_DECADE), edge_ms(most, CELLS_PER_DECADE), axis)
    if (worst := failed >= completed).any():
        panel.axes.scatter(
            (run[worst] + 0.5) / CELLS_PER_DECADE,
            (wait[worst] + 0.5) / CELLS_PER_DECADE,
            s=14,
            marker="x",
            color=LOOKS[JobState.FAILED].colour,
            linewidth=1,
            label="at least half of them failed",
        )
    scale = sheet.panel((0.70, 0.13, 0.24, 0.035), "attempts in a square").axes
    bar = sheet.figure.colorbar(shades, cax=scale, orientation="horizontal")
    bar.outline.set_visible(False)
    scale.set_xlim(1, top)
    ticks = [10**power for power in range(int(np.log10(top)) + 1)]
    bar.set_ticks(ticks, labels=[number(tick) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(colors=panel.theme.quiet, labelsize=8)


def _even(panel: Panel) -> None:
    """Draw the line on which attempts waited as long as they ran, or say on which side all are."""
    left, right = panel.axes.get_xlim()
    bottom, top = panel.axes.get_ylim()
    line, label = "--", "wait = run; above it,\nmore workers would help"
    if bottom >= right:
        line, label = "none", "all waited longer than they ran"
    elif left >= top:
        line, label = "none", "all ran longer than they waited"
    style: Style = {"color": panel.theme.text, "linestyle": line, "linewidth": 1, "label": label}
    panel.axes.axline((0, 0), slope=1, **style)


def _longer(record: Waits) -> int:
    return sum(done + failed for wait, run, done, failed in record.cells if wait > run)


def _find(record: Waits) -> str:
    longer, count = _longer(record), record.wait.count
    if not longer:
        return "No attempt waited longer than it ran"
    so = ": more workers would help" if longer * 2 >= count else ""
    return f"{percent(longer, count)} of attempts waited longer than they ran{so}"


def _say(record: Waits) -> str:
    longer = _longer(record)
    count = record.wait.count
    return (
        f"Wait against run of {counted(count, 'attempt')}: waited {percentiles(record.wait)}; "
        f"{percent(longer, count)} waited longer than they ran."
    )


def _table(record: Waits) -> Table:
    """Tabulate attempts by wait and run time, in factors of ten."""
    found: dict[int, list[int]] = {}
    for wait, run, completed, failed in record.cells:
        counts = found.setdefault(wait // CELLS_PER_DECADE, [0, 0, 0])
        counts[0] += completed + failed
        counts[1] += failed
        counts[2] += completed + failed if wait > run else 0
    return Table(
        ("wait", "attempts", "failed", "wait > run"),
        tuple(
            (
                f"{duration(edge_ms(decade, 1))} to {duration(edge_ms(decade + 1, 1))}",
                *map(number, counts),
            )
            for decade, counts in sorted(found.items())
        ),
    )


waits: Final = Chart(
    title="Wait and run",
    nothing="no attempt has ended yet",
    reduce=waits_of,
    has_data=lambda record: record.cells,
    height=lambda record: 4.2,
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
