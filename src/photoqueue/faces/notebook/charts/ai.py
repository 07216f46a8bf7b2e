"""Calls of engines: latency, failures and cost, by engine and model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from photoqueue.faces.notebook.charts.canvas import (
    Theme,
    ThemeName,
    described,
    empty,
    grid,
    log_axis,
    panel,
    place,
    sheet,
    theme_of,
)
from photoqueue.faces.notebook.charts.frames import ai_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, money, number, percent
from photoqueue.records.figures import FEW, Ai, AiModel
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "Engine calls"
#: Models that are drawn; the rarer ones are only counted.
_MOST: Final = 8
#: Where the column of costs begins, in widths of the panel of latencies.
_COST_AT: Final = 1.87


def ai(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the latency, failures and cost of calls for each engine and model.

    Parameters
    ----------
    frame
        What ``photoqueue.ai_calls()`` returns.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return draw_ai(ai_of(frame), theme=theme)


def draw_ai(record: Ai, *, theme: ThemeName = "light") -> Figure:
    """Draw the figures that :func:`ai` draws."""
    colours = theme_of(theme)
    if not record.models:
        return empty(colours, TITLE, "no engine was called yet")
    shown = record.models[:_MOST]
    height = 1.5 + 0.42 * max(len(shown), 2)
    figure = sheet(colours, TITLE, height=height)
    bottom, tall = 0.45 / height, (height - 1.25) / height
    latency = panel(figure, colours, (0.26, bottom, 0.30, tall), "latency: ● p50  ▲ p95  ■ p99")
    failed = panel(figure, colours, (0.61, bottom, 0.10, tall), "failed calls")
    _latency(latency, colours, shown)
    _failed(failed, colours, shown)
    latency.set_yticks(range(len(shown)), [_name(one) for one in shown])
    failed.set_yticks([])
    for axes in (latency, failed):
        axes.set_ylim(max(len(shown), 2) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=colours.text)
    for row, one in enumerate(shown):
        latency.text(
            _COST_AT,
            row,
            _cost(one),
            transform=latency.get_yaxis_transform(),
            va="center",
            color=colours.text,
            fontsize=8,
        )
    latency.text(
        _COST_AT,
        1.03,
        "cost",
        transform=latency.transAxes,
        color=colours.quiet,
        fontsize=8.5,
        va="bottom",
    )
    if len(record.models) > len(shown):
        figure.text(
            0.02,
            0.02,
            f"and {counted(len(record.models) - len(shown), 'rarer model')}",
            color=colours.quiet,
            fontsize=8,
        )
    return described(figure, describe_ai(record))


def describe_ai(record: Ai) -> str:
    """Say in words what the chart shows."""
    if not record.models:
        return f"{TITLE}: no engine was called yet"
    calls = sum(one.calls for one in record.models)
    models = "; ".join(
        f"{_name(one, ' ')}: {counted(one.calls, 'call')}, latency p50 "
        f"{duration(one.latency.p50)}, p95 {duration(one.latency.p95)}, "
        f"{number(one.failed)} failed ({percent(one.failed, one.calls)}), cost {_cost(one, ', ')}"
        for one in record.models[:_MOST]
    )
    return f"{counted(calls, 'call')} of engines. {models}."


def _latency(axes: Axes, theme: Theme, shown: tuple[AiModel, ...]) -> None:
    """Draw p50, p95 and p99 of each model on one line, each with a marker of its own."""
    known = [(row, one.latency) for row, one in enumerate(shown) if one.latency.count]
    if not known:
        axes.set_xticks([])
        axes.text(
            0.5,
            0.5,
            "none succeeded",
            transform=axes.transAxes,
            color=theme.text,
            fontsize=9,
            ha="center",
            va="center",
        )
        return
    colour = theme.accent
    for row, found in known:
        faint = 0.5 if found.count < FEW else 1
        axes.plot(
            [place(found.p50 or 0), place(found.p99 or 0)],
            [row, row],
            color=colour,
            linewidth=2.5,
            alpha=faint,
        )
    for name, marker in (("p50", "o"), ("p95", "^"), ("p99", "s")):
        axes.plot(
            [place(getattr(found, name) or 0) for _, found in known],
            [row for row, _ in known],
            marker,
            color=colour,
            markeredgecolor=theme.text,
            markersize=6,
        )
    log_axis(
        axes,
        min(found.p50 or 0 for _, found in known) / 1.5,
        max(found.p99 or 0 for _, found in known) * 1.5,
    )
    grid(axes, theme, "x")


def _failed(axes: Axes, theme: Theme, shown: tuple[AiModel, ...]) -> None:
    look = LOOKS[JobState.FAILED]
    shares = [one.failed / one.calls for one in shown]
    axes.barh(
        range(len(shown)),
        shares,
        0.55,
        color=look.colour,
        hatch=look.hatch,
        edgecolor=theme.background,
        linewidth=0,
    )
    most = max(*shares, 0.02)
    for row, one in enumerate(shown):
        axes.text(
            shares[row] + most * 0.1,
            row,
            f"{number(one.failed)} · {percent(one.failed, one.calls)}",
            va="center",
            color=theme.text,
            fontsize=8,
        )
    axes.set_xlim(0, most * 2.2)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _name(one: AiModel, between: str = "\n") -> str:
    few = ", few" if one.calls < FEW else ""
    model = one.model if len(one.model) <= 28 else f"{one.model[:27]}…"
    if between != "\n":
        return f"{one.engine} {one.model}"
    return f"{one.engine} · {model}\nn = {number(one.calls)}{few}"


def _cost(one: AiModel, between: str = "\n") -> str:
    if one.cost_usd is None:
        return "not known"
    priced = one.calls - one.unpriced
    words = f"{money(one.cost_usd)}{between}{money(one.cost_usd / priced)} a call"
    return f"{words} ({number(one.unpriced)} unpriced)" if one.unpriced else words
