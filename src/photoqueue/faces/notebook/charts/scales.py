"""Axes of durations and of time, with ticks that a person reads at a glance.

Durations are put on an axis as the logarithm of their milliseconds, by ourselves: the
ticks are then those of a clock (1 s, 30 s, 2 min) and not powers of ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from photoqueue.client.figure_records import SHORTEST_MS, Period
from photoqueue.faces.notebook.charts.canvas import Theme
from photoqueue.faces.notebook.charts.words import round_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_S, _MIN, _H, _D = 1000.0, 60_000.0, 3_600_000.0, 86_400_000.0
_COARSE: Final = (
    *(0.1, 1.0, 10.0, 100.0),
    *(1 * _S, 5 * _S, 30 * _S, 2 * _MIN, 10 * _MIN, 1 * _H, 6 * _H, 1 * _D, 7 * _D, 30 * _D),
)
_FINE: Final = (
    *(factor * unit for unit in (0.1, 1.0, 10.0, 100.0) for factor in (1, 2, 5)),
    *(seconds * _S for seconds in (1, 2, 5, 10, 20, 30)),
    *(minutes * _MIN for minutes in (1, 2, 5, 10, 20, 30)),
    *(hours * _H for hours in (1, 2, 6, 12)),
    *(days * _D for days in (1, 2, 7, 14, 30, 90, 365)),
)


def place(ms: float) -> float:
    """Return where a duration stands on a logarithmic axis; zeros stand at the left end."""
    return math.log10(max(ms, SHORTEST_MS))


def duration_ticks(least: float, most: float, ticks: int) -> list[float]:
    """Choose round durations between two, in ms."""
    for candidates in (_COARSE, _FINE):
        found = [ms for ms in candidates if least <= ms <= most]
        if len(found) >= 3:
            break
    while len(found) > ticks:
        found = found[::2]
    return found


def log_axis(
    axes: Axes, least: float, most: float, *, vertical: bool = False, ticks: int = 8
) -> None:
    """Make an axis logarithmic in durations, with some room at both ends."""
    least, most = max(least, SHORTEST_MS), max(most, SHORTEST_MS)
    if most / least < 2:  # too narrow for round ticks
        least, most = least / 3, most * 3
    values = duration_ticks(least, most, ticks)
    labels = ["≤ 0.1 ms" if ms <= SHORTEST_MS else round_duration(ms) for ms in values]
    places = [place(ms) for ms in values]
    if vertical:
        axes.set_ylim(place(least), place(most))
        axes.set_yticks(places, labels)
    else:
        axes.set_xlim(place(least), place(most))
        axes.set_xticks(places, labels)


def linear_duration_axis(axes: Axes, value: float) -> None:
    """Make an axis for a single duration, which has no logarithmic extent."""
    most = max(2 * value, 2 * SHORTEST_MS)
    axes.set_xlim(0, most)
    axes.set_xticks([0, value, most], ["0", round_duration(value), round_duration(most)])


def linear_ms_ticks(axes: Axes, most: float, *, vertical: bool = True) -> None:
    """Make an axis from zero to a duration, in round steps."""
    most = max(most, 1.0)
    step = next((ms for ms in _FINE if most / ms <= 4), most / 3)
    ticks = [step * count for count in range(int(most / step) + 1)]
    labels = ["0", *(round_duration(ms) for ms in ticks[1:])]
    if vertical:
        axes.set_ylim(0, most * 1.1)
        axes.set_yticks(ticks, labels)
    else:
        axes.set_xlim(0, most * 1.02)
        axes.set_xticks(ticks, labels)


def time_axis(axes: Axes, period: Period, most: int = 6) -> None:
    """Make an axis of time in seconds since 1970, labelled in the kernel's time zone."""
    starts = period.starts
    first = starts[0].timestamp()
    last = starts[-1].timestamp() + period.seconds
    axes.set_xlim(first, last)
    ticks = _time_ticks(starts[0], timedelta(seconds=last - first), most)
    axes.set_xticks([tick.timestamp() for tick in ticks], _time_labels(ticks))


def bars(axes: Axes, theme: Theme, period: Period, heights: Mapping[datetime, float]) -> None:
    """Draw quiet bars over time; the one that is not over yet is dashed."""
    starts = period.starts
    edges = [*(start.timestamp() for start in starts), starts[-1].timestamp() + period.seconds]
    values = [heights.get(start, 0) for start in starts]
    if len(values) > 1:
        axes.stairs(
            values[:-1],
            edges[:-1],
            fill=True,
            facecolor=theme.line,
            edgecolor=theme.quiet,
            linewidth=0.8,
        )
    axes.stairs(values[-1:], edges[-2:], color=theme.quiet, linestyle="--", linewidth=0.9)


def _time_ticks(first: datetime, span: timedelta, most: int) -> list[datetime]:
    local = first.astimezone()
    step = next(
        (seconds for seconds in _STEPS if span.total_seconds() / seconds <= most), _STEPS[-1]
    )
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    number = math.ceil((local - midnight).total_seconds() / step)
    ticks = []
    while (tick := midnight + timedelta(seconds=step * number)) <= local + span:
        ticks.append(tick)
        number += 1
    return ticks


_STEPS: Final = (
    *(1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400 * days for days in (1, 2, 7, 14, 30, 91, 182, 365, 1825)),
)


def _time_labels(ticks: Sequence[datetime]) -> list[str]:
    """Write the clock, the day below where it changes, or the day alone."""
    if len(ticks) > 1 and ticks[1] - ticks[0] >= timedelta(days=1):
        return [
            f"{tick.day} {tick:%b}\n{tick:%Y}"
            if _new_year(tick, before)
            else f"{tick.day} {tick:%b}"
            for tick, before in _pairs(ticks)
        ]
    clock = "%H:%M:%S" if len(ticks) > 1 and (ticks[1] - ticks[0]).seconds % 60 else "%H:%M"
    return [
        f"{tick:{clock}}\n{tick.day} {tick:%b}"
        if before is None or before.date() != tick.date()
        else f"{tick:{clock}}"
        for tick, before in _pairs(ticks)
    ]


def _pairs(ticks: Sequence[datetime]) -> Iterable[tuple[datetime, datetime | None]]:
    return zip(ticks, [None, *ticks], strict=False)


def _new_year(tick: datetime, before: datetime | None) -> bool:
    return before is None or before.year != tick.year
