"""Wait times against run times of attempts.

Long waits call for more workers, long runs for a look at the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.colors import LogNorm

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Table,
    Theme,
    ThemeName,
    log_axis,
)
from photoqueue.faces.notebook.charts.durations import summary
from photoqueue.faces.notebook.charts.reduction import waits_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, number, percent
from photoqueue.records.figures import CELLS_PER_DECADE, FEW, Waits, edge_ms
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Wait and run"
_HEIGHT: Final = 4.2


def waits(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw how long attempts waited against how long they ran.

    Each square is a range of waits and runs; its shade is the number of attempts in it, so the
    chart works for two attempts as for millions.

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
    return WAITS.draw(waits_of(frame), theme=theme)


def _paint(record: Waits, theme: Theme) -> Figure:
    sheet = Sheet(theme, TITLE, height=_HEIGHT)
    panel = sheet.panel((0.12, 0.13, 0.54, 0.74))
    _squares(sheet, panel, record)
    _failed(panel, record)
    _even(panel)
    panel.label(x="run", y="wait")
    panel.grid("both")
    panel.legend(loc="upper left", bbox_to_anchor=(1.03, 0.5))
    told = f"wait\n{summary(record.wait)}".replace(" · ", "\n")
    panel.write(1.05, 1.0, told, "axes", fontsize=8.5, va="top", linespacing=1.5)
    return sheet.figure


def _say(record: Waits) -> str:
    longer = sum(done + failed for wait, run, done, failed in record.cells if wait > run)
    found = record.wait
    return (
        f"Wait against run of {counted(found.count, 'attempt')}: waited p50 {duration(found.p50)}, "
        f"p95 {duration(found.p95)}, p99 {duration(found.p99)}; "
        f"{percent(longer, found.count)} waited longer than they ran."
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


def _squares(sheet: Sheet, panel: Panel, record: Waits) -> None:
    axes, theme = panel.axes, panel.theme
    cells = np.array(record.cells)
    (low_wait, low_run), (high_wait, high_run) = cells[:, :2].min(axis=0), cells[:, :2].max(axis=0)
    # At least two factors of ten, so that a few squares do not fill the chart.
    room_wait = max(0, 2 * CELLS_PER_DECADE - (high_wait - low_wait)) // 2
    room_run = max(0, 2 * CELLS_PER_DECADE - (high_run - low_run)) // 2
    counts = np.zeros((high_wait - low_wait + 1, high_run - low_run + 1))
    counts[cells[:, 0] - low_wait, cells[:, 1] - low_run] = cells[:, 2] + cells[:, 3]
    shades = axes.pcolormesh(
        np.arange(low_run, high_run + 2) / CELLS_PER_DECADE,
        np.arange(low_wait, high_wait + 2) / CELLS_PER_DECADE,
        np.ma.masked_equal(counts, 0),
        cmap=theme.density,
        # The scale begins below one, so that a single attempt is visible.
        norm=LogNorm(0.15, max(counts.max(), 10)),
        alpha=0.6 if record.wait.count < FEW else None,
    )
    for low, high, room, vertical in (
        (low_run, high_run, room_run, False),
        (low_wait, high_wait, room_wait, True),
    ):
        ends = (edge_ms(at, CELLS_PER_DECADE) for at in (low - room, high + 1 + room))
        log_axis(axes, *ends, vertical=vertical)
    scale = sheet.panel((0.70, 0.13, 0.24, 0.035), "attempts in a square").axes
    bar = sheet.figure.colorbar(shades, cax=scale, orientation="horizontal")
    bar.outline.set_visible(False)
    scale.set_xlim(1, max(counts.max(), 10))
    ticks = [10**power for power in range(int(np.log10(max(counts.max(), 10))) + 1)]
    bar.set_ticks(ticks, labels=[number(tick) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(colors=theme.quiet, labelsize=8)


def _failed(panel: Panel, record: Waits) -> None:
    """Mark squares in which at least half failed."""
    marks = [cell for cell in record.cells if cell[3] >= cell[2]]
    if not marks:
        return
    look = LOOKS[JobState.FAILED]
    panel.axes.scatter(
        [(run + 0.5) / CELLS_PER_DECADE for _, run, _, _ in marks],
        [(wait + 0.5) / CELLS_PER_DECADE for wait, _, _, _ in marks],
        s=14,
        marker="x",
        color=look.colour,
        linewidth=1,
        label="at least half of them failed",
    )


def _even(panel: Panel) -> None:
    axes, theme = panel.axes, panel.theme
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    start, end = max(left, bottom), min(right, top)
    if start < end:
        axes.plot(
            [start, end],
            [start, end],
            color=theme.text,
            linestyle="--",
            linewidth=1,
            label="wait = run; above it,\nmore workers would help",
        )
    else:
        above = bottom >= right
        axes.plot(
            [],
            [],
            " ",
            label="all waited longer than they ran" if above else "all ran longer than they waited",
        )


WAITS: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="no attempt has ended yet",
    has_data=lambda record: record.cells,
    paint=_paint,
    say=_say,
    table=_table,
)
