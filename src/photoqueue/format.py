"""How values are written for people: numbers, durations, volumes, moments, and foreign text.

Cards, charts, the shell and messages all write with these functions; the pages in a browser have
the same ones (``faces/static/format.js``), and ``tests/format_cases.json`` is a table of cases that
both are tested with. The module belongs to the lowest layer, as records and alerts write texts too.

Numbers are rounded half up to the last digit that is shown, and what is rounded up to the next
unit is written in that unit: 119,700 ms are ``2 min 0 s``, not ``1 min 60 s``. What is missing
(None, NaN or NaT) is a dash.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Final

#: Stands for a value that is missing.
NOTHING: Final = "–"
#: Longest text in one cell or line, in characters.
LONGEST: Final = 76
# Escape sequences could repaint a terminal, reversed text mislead, and XML knows none of these.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
#: Units of time in ms, and their names, the largest first.
_UNITS: Final = ((86_400e3, "d"), (3600e3, "h"), (60e3, "min"), (1e3, "s"), (1.0, "ms"))
#: Units of data: each is 1024 times the one before.
_BYTES: Final = ("B", "KiB", "MiB", "GiB")
#: Digits behind the point at most: smaller sums and shares are written as zero.
_MOST_DECIMALS: Final = 8


def missing(value: Any) -> bool:
    """Whether there is no value: None, or the NaN or NaT of a DataFrame."""
    return value is None or bool(value != value)


def number(value: float | None, decimals: int = 0) -> str:
    """Write a number with its thousands apart.

    >>> number(9412), number(1234.565, 2)
    ('9,412', '1,234.57')
    """
    if value is None or missing(value):
        return NOTHING
    return f"{rounded(value, decimals) or 0.0:,.{decimals}f}"


def french(number: str) -> str:
    """Write a number as French does: thousands by a narrow space that does not break, a comma.

    >>> french("1,234.5")
    '1\u202f234,5'
    """
    return number.replace(",", "\u202f").replace(".", ",")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Write a number of things.

    >>> counted(1, "photo"), counted(10_000, "photo"), counted(2, "copy", "copies")
    ('1 photo', '10,000 photos', '2 copies')
    """
    return f"{number(count)} {noun if count == 1 else plural or f'{noun}s'}"


def duration(milliseconds: float | None) -> str:
    """Write a duration: in ms up to a second, in s up to a minute, then in two units.

    >>> duration(3.14), duration(59_900), duration(119_700), duration(7_500_000)
    ('3.1 ms', '59.9 s', '2 min 0 s', '2 h 5 min')
    """
    if milliseconds is None or missing(milliseconds):
        return NOTHING
    if milliseconds < 0:
        return f"-{duration(-milliseconds)}"
    if rounded(milliseconds, 0) < 1000:
        return f"{number(milliseconds, int(rounded(milliseconds, 1) < 10))} ms"
    if rounded(milliseconds / 1000, 1) < 60:
        return f"{number(milliseconds / 1000, 1)} s"
    seconds = int(rounded(milliseconds / 1000, 0))
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    minutes = int(rounded(milliseconds / 60_000, 0))
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = int(rounded(milliseconds / 3_600_000, 0))
    return f"{hours // 24:,} d {hours % 24} h"


def round_duration(milliseconds: float) -> str:
    """Write the round duration of a tick or a bin in one unit.

    >>> round_duration(100), round_duration(1000), round_duration(5_400_000)
    ('100 ms', '1 s', '1.5 h')
    """
    unit, name = next(found for found in _UNITS if milliseconds >= found[0] or found[0] == 1)
    return f"{_trimmed(number(milliseconds / unit, 2))} {name}"


def volume(cubic_metres: float | None) -> str:
    """Write a volume.

    >>> volume(17.125)
    '17.13 m³'
    """
    return NOTHING if missing(cubic_metres) else f"{number(cubic_metres, 2)} m³"


def volume_range(low: float, high: float) -> str:
    """Write the range of a volume.

    >>> volume_range(0.8, 1.6)
    '0.80–1.60 m³'
    """
    ends = number(low, 2), number(high, 2)
    return f"{'–'.join(dict.fromkeys(ends))} m³"


def size(count: float) -> str:
    """Write a number of bytes: one digit behind the point below ten of a unit.

    >>> size(900), size(1536), size(25_000_000)
    ('900 B', '1.5 KiB', '24 MiB')
    """
    power = 0
    while power < len(_BYTES) - 1 and rounded(count, 0) >= 1024:
        count, power = count / 1024, power + 1
    return f"{number(count, int(power > 0 and rounded(count, 1) < 10))} {_BYTES[power]}"


def money(usd: float | None) -> str:
    """Write US dollars; a small sum with two digits that are not zero.

    >>> money(1234.5), money(0.5), money(0.00123)
    ('$1,234.50', '$0.50', '$0.0012')
    """
    if usd is None or missing(usd):
        return NOTHING
    return f"${number(usd, 2 if usd == 0 else max(2, _two_digits(usd)))}"


def percent(part: float | None, whole: float = 1.0, *, signed: bool = False) -> str:
    """Write a part of a whole; a small one is not rounded to nothing.

    >>> percent(0.33), percent(1, 5000), percent(0, 9), percent(0.12, signed=True)
    ('33 %', '0.02 %', '0 %', '+12 %')
    """
    if part is None or missing(part):
        return NOTHING
    value = 100 * part / whole if whole else 0.0
    plus = "+" if signed and value > 0 else ""
    return f"{plus}{_trimmed(number(value, _two_digits(value)))} %"


def score(value: float | None) -> str:
    """Write a score or another share in 0…1, with two digits.

    >>> score(0.925)
    '0.93'
    """
    return number(value, 2)


def moment(when: datetime | None, *, utc: bool = False) -> str:
    """Write a moment in local time, or in UTC where the text must be the same on every machine.

    >>> moment(datetime(2026, 11, 25, 14, 3, tzinfo=UTC), utc=True)
    '2026-11-25 14:03 UTC'
    """
    if when is None or missing(when):
        return NOTHING
    if utc:
        return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{_local(when):%Y-%m-%d %H:%M}"


def clock(when: datetime | None, now: datetime | None = None) -> str:
    """Write a moment in local time: with the day unless it is today, else to the second."""
    if when is None or missing(when):
        return NOTHING
    local = _local(when)
    today = _local(now or datetime.now(UTC)).date()
    return f"{local:%H:%M:%S}" if local.date() == today else moment(when)


def visible(text: str) -> str:
    """Show control characters as escapes, so that no terminal or page obeys them."""
    return _CONTROL.sub(lambda mark: ascii(mark[0])[1:-1], text)


def shorten(text: str, length: int = 40) -> str:
    """Shorten a text in its middle, so that both ends stay readable."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def foreign(value: object) -> str:
    """Return a text from outside, lines as they are, without control characters."""
    return NOTHING if missing(value) else visible(str(value))


def line(value: object) -> str:
    """Return a text from outside on one line, without control characters."""
    return NOTHING if missing(value) else visible(" ".join(str(value).split()))


def one_line(value: object, length: int = LONGEST) -> str:
    """Return a text on one line, without control characters, shortened in its middle."""
    return shorten(visible(" ".join(str(value).split())), length)


def rounded(value: float, decimals: int) -> float:
    """Round half up; 0.285 is 0.29, although the binary fraction is a little less than that."""
    step = 10.0**decimals
    return math.copysign(math.floor(abs(value) * step + 0.500_001) / step, value)


def _two_digits(value: float) -> int:
    """Return the decimals with which a number has two digits that say something."""
    decimals = 0
    while decimals < _MOST_DECIMALS and rounded(abs(value), decimals + 1) < 10.0 ** (1 - decimals):
        decimals += 1
    return decimals if value else 0


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _local(when: datetime) -> datetime:
    # By way of the clock: a pandas Timestamp has no notion of the local time zone.
    return datetime.fromtimestamp(when.timestamp()).astimezone()


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sort key by which ``2.jpg`` comes before ``10.jpg``, whatever the case of letters."""
    parts = re.split(r"(\d+)", text.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], text
