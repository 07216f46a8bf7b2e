"""Numbers and durations as charts and their summaries write them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_SECOND: Final = 1000.0
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def duration(ms: float | None) -> str:
    """Write a duration as the tables of the workbench do: ``0.4 ms``, ``3.1 s``, ``2 min 5 s``.

    >>> duration(3100), duration(125_000)
    ('3.1 s', '2 min 5 s')
    """
    if ms is None:
        return "–"
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s"
    if ms < _HOUR:
        return f"{ms // _MINUTE:.0f} min {ms % _MINUTE // _SECOND:.0f} s"
    if ms < 2 * _DAY:
        return f"{ms // _HOUR:.0f} h {ms % _HOUR // _MINUTE:.0f} min"
    return f"{ms // _DAY:.0f} d {ms % _DAY // _HOUR:.0f} h"


def round_duration(ms: float) -> str:
    """Write the round duration of a tick: ``100 ms``, ``1 s``, ``2 min``."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s")):
        if ms >= unit:
            return f"{ms / unit:.3g} {name}"
    return f"{ms:.3g} ms"


def number(count: float) -> str:
    """Write a count with its thousands apart: ``9,412``."""
    return f"{count:,.0f}"


def compact(count: float) -> str:
    """Write a count in little room: ``9.4 k``, ``18 k``, ``1.2 M``."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if count >= unit:
            return (
                f"{count / unit:.2g} {name}" if count < 100 * unit else f"{count / unit:.0f} {name}"
            )
    return f"{count:.0f}"


def share(part: float, whole: float) -> str:
    """Write a part of a whole; a small one is not rounded to nothing.

    >>> share(1, 3), share(1, 5000), share(0, 9)
    ('33 %', '0.02 %', '0 %')
    """
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def plural(count: int, noun: str) -> str:
    """Write ``1 job``, ``2 jobs``."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def moment(when: datetime) -> str:
    """Write a moment in the kernel's time zone: ``2026-11-25 14:03``."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def money(usd: float) -> str:
    """Write US dollars; small sums with the digits that tell them from nothing."""
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.2g}"
