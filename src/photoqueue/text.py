"""Text of unknown origin made safe to show: control characters, length, number."""

from __future__ import annotations

import re
from typing import Final

#: Longest text in one cell or line, in characters.
LONGEST: Final = 76
# Escape sequences could repaint a terminal, reversed text mislead, and XML knows none of these.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """Show control characters as escapes, so that no terminal or page obeys them."""
    return _CONTROL.sub(lambda mark: ascii(mark[0])[1:-1], text)


def shorten(text: str, length: int = 40) -> str:
    """Shorten a text in its middle, so that both ends stay readable."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def one_line(value: object, length: int = LONGEST) -> str:
    """Return a text on one line, without control characters, shortened in its middle."""
    return shorten(visible(" ".join(str(value).split())), length)


def counted(number: int, what: str) -> str:
    """Write a number of things: ``1 photo``, ``10,000 photos``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
