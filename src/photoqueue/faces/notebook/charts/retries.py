"""How many attempts jobs take, and how many never succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from photoqueue.faces.notebook.charts.canvas import (
    ThemeName,
    compact,
    described,
    empty,
    grid,
    label_of,
    legend,
    panel,
    sheet,
    theme_of,
)
from photoqueue.faces.notebook.charts.frames import retries_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, number, percent
from photoqueue.records.figures import FEW, Retries
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Attempts until a job ends"
#: Numbers of attempts that have bars of their own; more are added up in the last one.
_MOST: Final = 8


def retries(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw how many attempts jobs took to success, and those that never succeeded.

    Parameters
    ----------
    frame
        What ``photoqueue.history()`` returns.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return draw_retries(retries_of(frame), theme=theme)


def draw_retries(record: Retries, *, theme: ThemeName = "light") -> Figure:
    """Draw the figures that :func:`retries` draws."""
    colours = theme_of(theme)
    completed, failed = grouped(record.completed), grouped(record.failed)
    total = sum(completed.values()) + sum(failed.values())
    if not total:
        return empty(colours, TITLE, "no job has ended yet")
    figure = sheet(colours, TITLE)
    few = " · few samples" if total < FEW else ""
    axes = panel(
        figure, colours, (0.08, 0.17, 0.9, 0.62), f"n = {counted(total, 'ended job')}{few}"
    )
    numbers = sorted({*completed, *failed, 1})
    top = max(*completed.values(), *failed.values(), 0)
    sides = ((JobState.COMPLETED, completed, -0.2), (JobState.FAILED, failed, 0.2))
    for state, counts, offset in sides:
        look = LOOKS[state]
        heights = [counts.get(attempts, 0) for attempts in numbers]
        places = [place + offset for place in range(len(numbers))]
        axes.bar(
            places,
            heights,
            0.38,
            color=look.colour,
            hatch=look.hatch,
            edgecolor=colours.background,
            linewidth=0,
            alpha=0.5 if total < FEW else 1,
            label=f"{look.icon} {state}: {number(sum(heights))}",
        )
        for place, height in zip(places, heights, strict=True):
            if height:
                axes.text(
                    place,
                    height + top * 0.02,
                    f"{number(height)}\n{percent(height, total)}",
                    ha="center",
                    va="bottom",
                    color=colours.text,
                    fontsize=8,
                )
    axes.set_xlim(-0.6, max(len(numbers), 3) - 0.4)
    axes.set_xticks(range(len(numbers)), [_label(attempts) for attempts in numbers])
    axes.set_ylim(0, top * 1.28)
    axes.set_yticks([0, top], ["0", compact(top)])
    grid(axes, colours)
    label_of(axes, colours, x="attempts")
    legend(axes, colours, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return described(figure, describe_retries(record))


def describe_retries(record: Retries) -> str:
    """Say in words what the chart shows."""
    completed, failed = dict(record.completed), dict(record.failed)
    done, lost = sum(completed.values()), sum(failed.values())
    if not done + lost:
        return f"{TITLE}: no job has ended yet"
    first = completed.get(1, 0)
    words = (
        f"Attempts of {counted(done + lost, 'ended job')}: {number(first)} "
        f"({percent(first, done + lost)}) succeeded at the first attempt, {number(done - first)} "
        f"after retries, {number(lost)} ({percent(lost, done + lost)}) never"
    )
    if refused := failed.get(0, 0):
        words += f", {number(refused)} of them refused before any attempt"
    return f"{words}."


def grouped(counts: tuple[tuple[int, int], ...]) -> dict[int, int]:
    """Return how many jobs took each number of attempts, the large numbers added up."""
    found: dict[int, int] = {}
    for attempts, jobs in counts:
        found[min(attempts, _MOST)] = found.get(min(attempts, _MOST), 0) + jobs
    return found


def _label(attempts: int) -> str:
    if attempts == 0:
        return "0 (refused)"
    return f"{attempts} or more" if attempts == _MOST else str(attempts)
