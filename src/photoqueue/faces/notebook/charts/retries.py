"""How many attempts jobs take, and how many never succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from photoqueue.faces.notebook.charts.canvas import Chart, Sheet, Table, Theme, ThemeName
from photoqueue.faces.notebook.charts.reduction import retries_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, number, percent
from photoqueue.records.figures import FEW, Retries
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Attempts until a job ends"
#: Largest number of attempts with its own bar; more are added to the last one.
_MOST: Final = 8


def retries(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw how many attempts jobs took to succeed, and how many never did.

    Parameters
    ----------
    frame
        Result of ``photoqueue.history()``.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return RETRIES.draw(retries_of(frame), theme=theme)


def _paint(record: Retries, theme: Theme) -> Figure:
    completed, failed = grouped(record.completed), grouped(record.failed)
    total = sum(completed.values()) + sum(failed.values())
    sheet = Sheet(theme, TITLE)
    few = " · few samples" if total < FEW else ""
    panel = sheet.panel((0.08, 0.17, 0.9, 0.62), f"n = {counted(total, 'ended job')}{few}")
    numbers = sorted({*completed, *failed, 1})
    top = max(*completed.values(), *failed.values(), 0)
    sides = ((JobState.COMPLETED, completed, -0.2), (JobState.FAILED, failed, 0.2))
    for state, counts, offset in sides:
        look = LOOKS[state]
        heights = [counts.get(attempts, 0) for attempts in numbers]
        places = [place + offset for place in range(len(numbers))]
        label = f"{look.icon} {state}: {number(sum(heights))}"
        panel.bars(places, heights, 0.38, look, faint=total < FEW, label=label)
        for place, height in zip(places, heights, strict=True):
            if height:
                told = f"{number(height)}\n{percent(height, total)}"
                panel.write(place, height + top * 0.02, told, ha="center", va="bottom")
    panel.axes.set_xlim(-0.6, max(len(numbers), 3) - 0.4)
    panel.axes.set_xticks(range(len(numbers)), [_label(attempts) for attempts in numbers])
    panel.count_axis(top, 1.28)
    panel.grid()
    panel.label(x="attempts")
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return sheet.figure


def _say(record: Retries) -> str:
    completed, failed = dict(record.completed), dict(record.failed)
    done, lost = sum(completed.values()), sum(failed.values())
    first = completed.get(1, 0)
    words = (
        f"Attempts of {counted(done + lost, 'ended job')}: {number(first)} "
        f"({percent(first, done + lost)}) succeeded at the first attempt, {number(done - first)} "
        f"after retries, {number(lost)} ({percent(lost, done + lost)}) never"
    )
    if refused := failed.get(0, 0):
        words += f", {number(refused)} of them refused before any attempt"
    return f"{words}."


def _table(record: Retries) -> Table:
    """Tabulate jobs by number of attempts."""
    completed, failed = dict(record.completed), dict(record.failed)
    return Table(
        ("attempts", "completed jobs", "failed jobs"),
        tuple(
            tuple(map(number, (attempts, completed.get(attempts, 0), failed.get(attempts, 0))))
            for attempts in sorted({*completed, *failed})
        ),
    )


def grouped(counts: tuple[tuple[int, int], ...]) -> dict[int, int]:
    """Return how many jobs took each number of attempts, large numbers combined."""
    found: dict[int, int] = {}
    for attempts, jobs in counts:
        found[min(attempts, _MOST)] = found.get(min(attempts, _MOST), 0) + jobs
    return found


def _label(attempts: int) -> str:
    if attempts == 0:
        return "0 (refused)"
    return f"{attempts} or more" if attempts == _MOST else str(attempts)


RETRIES: Final = Chart(
    title=TITLE,
    heading="Attempts",
    nothing="no job has ended yet",
    has_data=lambda record: record.completed or record.failed,
    paint=_paint,
    say=_say,
    table=_table,
)
