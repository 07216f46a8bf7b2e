"""How long a server asks to be left alone."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; ``None`` where it asks for nothing.

    It is a number of seconds or an HTTP date. ``retry-after-ms``, which some servers send
    beside it, is finer and wins.

    >>> retry_after({"retry-after": "20"})
    20.0
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = (headers.get("retry-after") or "").strip()
    seconds = _number(text)
    return _until(text, headers.get("date")) if seconds is None and text else seconds


def _number(text: str | None) -> float | None:
    """Read a number that can be waited for; negative ones are a moment that has passed."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(value, 0.0) if math.isfinite(value) else None


def _until(date: str, server_date: str | None) -> float | None:
    """Seconds to an HTTP date: from the server's own clock where it shows it, else from ours."""
    moment = _moment(date)
    if moment is None:
        return None
    now = _moment(server_date or "")
    return max(moment - (time.time() if now is None else now), 0.0)


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
