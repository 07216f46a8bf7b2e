"""Numbers, moments and foreign text as a person reads them in a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from photoqueue.text import visible

#: Stands where there is nothing to tell.
NOTHING: Final = "-"

_SECOND: Final = 1000.0
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def missing(value: Any) -> bool:
    """Whether there is no value: None, or the NaN or NaT of a DataFrame."""
    return value is None or bool(value != value)


def duration(milliseconds: float | None) -> str:
    """Write a time span with two units at most.

    >>> duration(4200), duration(200_000)
    ('4.2 s', '3 min 20 s')
    """
    if milliseconds is None or missing(milliseconds):
        return NOTHING
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < _SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 10 * _SECOND:
        return f"{milliseconds / _SECOND:.1f} s"
    if milliseconds < 2 * _MINUTE:
        return f"{milliseconds / _SECOND:.0f} s"
    if milliseconds < 2 * _HOUR:
        return f"{milliseconds // _MINUTE:.0f} min {milliseconds % _MINUTE // _SECOND:.0f} s"
    if milliseconds < 2 * _DAY:
        return f"{milliseconds // _HOUR:.0f} h {milliseconds % _HOUR // _MINUTE:.0f} min"
    return f"{milliseconds // _DAY:.0f} d {milliseconds % _DAY // _HOUR:.0f} h"


def moment(when: datetime | None, now: datetime | None = None) -> str:
    """Write a moment in local time: the clock for today, else the day too."""
    if when is None or missing(when):
        return NOTHING
    # By way of the clock: a pandas Timestamp has no notion of the local time zone.
    local = datetime.fromtimestamp(when.timestamp()).astimezone()
    today = (now or datetime.now().astimezone()).astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    if local.year == today.year:
        return f"{local:%d %b %H:%M}"
    return f"{local:%Y-%m-%d}"


def counted(number: int, what: str) -> str:
    """Write a number of things: ``1 job``, ``10,000 jobs``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def volume(cubic_metres: float | None) -> str:
    """Write a volume."""
    return NOTHING if cubic_metres is None or missing(cubic_metres) else f"{cubic_metres:.2f} m³"


def share(value: float | None) -> str:
    """Write a share in 0…1 with two digits."""
    return NOTHING if value is None or missing(value) else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Write how far something is off, with its sign: ``+12 %``."""
    return NOTHING if value is None or missing(value) else f"{100 * value:+.0f} %"


def text(value: Any) -> str:
    """Make foreign text safe to print: control characters are shown, not obeyed."""
    if missing(value):
        return NOTHING
    return visible(str(value))


def line(value: Any) -> str:
    """Make foreign text safe to print, on one line."""
    return NOTHING if missing(value) else text(" ".join(str(value).split()))
