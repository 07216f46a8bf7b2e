"""Calls of engines: latency, failures and cost, by engine and model."""

from __future__ import annotations

from typing import Final

from photoqueue.faces.notebook.charts.canvas import (
    MARKS,
    Chart,
    Panel,
    Sheet,
    Style,
    Table,
    faint,
    few,
    place,
)
from photoqueue.faces.notebook.charts.reduction import ai_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration, money, number, percent, shorten
from photoqueue.records.figures import Ai, AiModel
from photoqueue.words import JobState

#: Most models that are drawn; rarer ones are only counted.
_MOST: Final = 8
#: Left edge of the cost column, relative to the width of the latency panel.
_COST_AT: Final = 1.75


def _paint(record: Ai, sheet: Sheet) -> None:
    shown = record.models[:_MOST]
    bottom, tall = 0.45 / sheet.height, (sheet.height - 1.25) / sheet.height
    latency = sheet.panel((0.30, bottom, 0.27, tall), "latency: ● p50  ▲ p95  ■ p99")
    failed = sheet.panel((0.62, bottom, 0.10, tall), "failed calls")
    _latency(latency, shown)
    texts = [f"{number(one.failed)} · {percent(one.failed, one.calls)}" for one in shown]
    shares = [one.failed / one.calls for one in shown]
    failed.row_bars(shares, LOOKS[JobState.FAILED], texts)
    failed.axes.set_xlim(0, max(*shares, 0.01) * 3)
    failed.row_axis([], len(latency.axes.get_yticks()))
    latency.head("cost", x=_COST_AT)
    for row, one in enumerate(shown):
        latency.write(_COST_AT, row, "\n".join(_cost(one)), "row", va="center")
    if len(record.models) > len(shown):
        rarer = counted(len(record.models) - len(shown), "rarer model")
        sheet.write(0.02, 0.02, f"and {rarer}", fontsize=8)


def _latency(panel: Panel, shown: tuple[AiModel, ...]) -> None:
    """Draw p50, p95 and p99 of each model on one line, each with its own marker."""
    panel.row_axis(
        [
            f"{one.engine} · {shorten(one.model, 19)}\nn = {number(one.calls)}{few(one.calls)}"
            for one in shown
        ],
        2,
    )
    panel.axes.tick_params(axis="y", length=0, labelcolor=panel.theme.text)
    known = [(row, one.latency) for row, one in enumerate(shown) if one.latency.count]
    if not known:
        panel.axes.set_xticks([])
        panel.write(0.5, 0.5, "none succeeded", fontsize=9, ha="center", va="center")
        return
    style: Style = {
        "color": panel.theme.accent,
        "markeredgecolor": panel.theme.text,
        "markersize": 6,
    }
    for row, found in known:
        ends = [place(found.p50 or 0), place(found.p99 or 0)]
        line: Style = {"color": panel.theme.accent, "linewidth": 2.5, "alpha": faint(found.count)}
        panel.axes.plot(ends, [row, row], **line)
        for name, _, marker, _ in MARKS:
            panel.axes.plot(place(getattr(found, name) or 0), row, marker, **style)
    least = min(found.p50 or 0 for _, found in known)
    panel.log_axis(least / 1.5, max(found.p99 or 0 for _, found in known) * 1.5)
    panel.grid("x")


def _cost(one: AiModel) -> list[str]:
    """Return the total cost, and that of a call."""
    if one.cost_usd is None:
        return ["not known"]
    each = f"{money(one.cost_usd / (one.calls - one.unpriced))} a call"
    return [
        money(one.cost_usd),
        f"{each} ({number(one.unpriced)} unpriced)" if one.unpriced else each,
    ]


def _say(record: Ai) -> str:
    models = "; ".join(
        f"{one.engine} {one.model}: {counted(one.calls, 'call')}, latency p50 "
        f"{duration(one.latency.p50)}, p95 {duration(one.latency.p95)}, {number(one.failed)} "
        f"failed ({percent(one.failed, one.calls)}), cost {', '.join(_cost(one))}"
        for one in record.models[:_MOST]
    )
    return f"{counted(sum(one.calls for one in record.models), 'engine call')}. {models}."


def _find(record: Ai) -> str:
    most = max(record.models, key=lambda one: one.calls)
    of = f"{counted(most.calls, 'call')} of {shorten(f'{most.engine} {most.model}', 32)}"
    if not most.latency.count:
        return f"None of {of} succeeded"
    return f"Half of {of} took at most {duration(most.latency.p50)}"


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


ai: Final = Chart(
    title="Engine calls",
    nothing="no engine was called yet",
    reduce=ai_of,
    has_data=lambda record: record.models,
    height=lambda record: 1.5 + 0.42 * max(len(record.models[:_MOST]), 2),
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
