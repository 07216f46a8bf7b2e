"""Calls of engines: latency, failures and cost, by engine and model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Table,
    Theme,
    ThemeName,
    log_axis,
    place,
)
from photoqueue.faces.notebook.charts.reduction import ai_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, money, number, percent
from photoqueue.records.figures import FEW, Ai, AiModel
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Engine calls"
#: Most models that are drawn; rarer ones are only counted.
_MOST: Final = 8
#: Left edge of the cost column, relative to the width of the latency panel.
_COST_AT: Final = 1.87


def ai(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the latency, failures and cost of calls for each engine and model.

    Parameters
    ----------
    Result of ``photoqueue.ai_calls()``.
        What ``photoqueue.ai_calls()`` returns.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    PhotoqueueError
        The frame lacks a column.
    """
    return AI.draw(ai_of(frame), theme=theme)


def _paint(record: Ai, theme: Theme) -> Figure:
    shown = record.models[:_MOST]
    height = 1.5 + 0.42 * max(len(shown), 2)
    sheet = Sheet(theme, TITLE, height=height)
    bottom, tall = 0.45 / height, (height - 1.25) / height
    latency = sheet.panel((0.26, bottom, 0.30, tall), "latency: ● p50  ▲ p95  ■ p99")
    failed = sheet.panel((0.61, bottom, 0.10, tall), "failed calls")
    _latency(latency, shown)
    _failed(failed, shown)
    latency.row_axis([_name(one) for one in shown], 2)
    failed.row_axis([""] * len(shown), 2)
    failed.axes.set_yticks([])
    for panel in (latency, failed):
        panel.axes.tick_params(axis="y", length=0, labelcolor=theme.text)
    for row, one in enumerate(shown):
        latency.write(_COST_AT, row, _cost(one), "row", va="center")
    heading = {"color": theme.quiet, "fontsize": 8.5, "va": "bottom"}
    latency.write(_COST_AT, 1.03, "cost", "axes", **heading)
    if len(record.models) > len(shown):
        rarer = counted(len(record.models) - len(shown), "rarer model")
        sheet.write(0.02, 0.02, f"and {rarer}", fontsize=8)
    return sheet.figure


def _say(record: Ai) -> str:
    calls = sum(one.calls for one in record.models)
    models = "; ".join(
        f"{_name(one, ' ')}: {counted(one.calls, 'call')}, latency p50 "
        f"{duration(one.latency.p50)}, p95 {duration(one.latency.p95)}, "
        f"{number(one.failed)} failed ({percent(one.failed, one.calls)}), cost {_cost(one, ', ')}"
        for one in record.models[:_MOST]
    )
    return f"{counted(calls, 'call')} of engines. {models}."


def _table(record: Ai) -> Table:
    """Tabulate engines and models."""
    return Table(
        (
            *("engine and model", "calls", "failed", "p50", "p95", "p99"),
            *("cost", "calls without a price", "tokens in", "tokens out"),
        ),
        tuple(
            (
                f"{one.engine} {one.model}",
                number(one.calls),
                number(one.failed),
                *map(duration, (one.latency.p50, one.latency.p95, one.latency.p99)),
                "not known" if one.cost_usd is None else money(one.cost_usd),
                *map(number, (one.unpriced, one.tokens_in, one.tokens_out)),
            )
            for one in record.models
        ),
    )


def _latency(panel: Panel, shown: tuple[AiModel, ...]) -> None:
    """Draw p50, p95 and p99 of each model on one line, each with its own marker."""
    axes, colour = panel.axes, panel.theme.accent
    known = [(row, one.latency) for row, one in enumerate(shown) if one.latency.count]
    if not known:
        axes.set_xticks([])
        panel.write(0.5, 0.5, "none succeeded", "axes", fontsize=9, ha="center", va="center")
        return
    for row, found in known:
        axes.plot(
            [place(found.p50 or 0), place(found.p99 or 0)],
            [row, row],
            color=colour,
            linewidth=2.5,
            alpha=0.5 if found.count < FEW else 1,
        )
    for name, marker in (("p50", "o"), ("p95", "^"), ("p99", "s")):
        axes.plot(
            [place(getattr(found, name) or 0) for _, found in known],
            [row for row, _ in known],
            marker,
            color=colour,
            markeredgecolor=panel.theme.text,
            markersize=6,
        )
    least = min(found.p50 or 0 for _, found in known)
    log_axis(axes, least / 1.5, max(found.p99 or 0 for _, found in known) * 1.5)
    panel.grid("x")


def _failed(panel: Panel, shown: tuple[AiModel, ...]) -> None:
    shares = [one.failed / one.calls for one in shown]
    panel.bars(range(len(shown)), shares, 0.55, LOOKS[JobState.FAILED], lying=True)
    most = max(*shares, 0.02)
    for row, one in enumerate(shown):
        told = f"{number(one.failed)} · {percent(one.failed, one.calls)}"
        panel.write(shares[row] + most * 0.1, row, told, va="center")
    panel.axes.set_xlim(0, most * 2.2)
    panel.axes.set_xticks([])
    panel.axes.spines["bottom"].set_visible(False)


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


AI: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="no engine was called yet",
    has_data=lambda record: record.models,
    paint=_paint,
    say=_say,
    table=_table,
)
