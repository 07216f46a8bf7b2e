"""Identifiers chosen by callers or made for them."""

from __future__ import annotations

import getpass
import unicodedata
from typing import Final

from photoqueue.errors import PayloadError

#: Longest identifier in characters; it becomes part of a job key, a table and a chart.
MAX_LENGTH: Final = 200
#: Identifiers that stay as they are given: they are compared, not read.
_AS_GIVEN: Final = ("photo_id", "asset_id")
#: Highest priority; the lowest is its negative.
MAX_PRIORITY: Final = 1000


def checked(name: str, value: object) -> str:
    """Check an identifier that a caller chose, and return it.

    Any printable characters are allowed, including slashes, spaces and emoji: identifiers are
    never used as file names. Names of projects, rooms and users are returned in Unicode's normal
    form C, as keyboards and file systems write "ü" in two ways; ids of photos and assets as given.

    Raises
    ------
    PayloadError
        It is empty, too long, not text, or has characters that cannot be printed.
    """
    if not isinstance(value, str):
        kind = type(value).__name__
        raise PayloadError(
            "{name} is {kind} {value:.50}; give a text.", name=name, kind=kind, value=repr(value)
        )
    if not value.strip():
        raise PayloadError(
            "{name} is empty; give a text of 1 to {most} characters.", name=name, most=MAX_LENGTH
        )
    if len(value) > MAX_LENGTH:
        raise PayloadError(
            "{name} has {length:,} characters ({start!r}…); the limit is {most}. Choose a shorter "
            "one.",
            name=name,
            length=len(value),
            start=value[:30],
            most=MAX_LENGTH,
        )
    if any(ord(mark) < 32 or 0x7F <= ord(mark) < 0xA0 or _surrogate(mark) for mark in value):
        raise PayloadError(
            "{name} {value!r:.60} has control characters or broken Unicode in it. Use printable "
            "text.",
            name=name,
            value=value,
        )
    return value if name.startswith(_AS_GIVEN) else unicodedata.normalize("NFC", value)


def optional(name: str, value: object) -> str | None:
    """Check an identifier that may be left out, and return it."""
    return None if value is None else checked(name, value)


def checked_priority(value: object) -> int:
    """Check a priority that a caller chose, and return it.

    Raises
    ------
    PayloadError
        It is not a whole number from -1000 to 1000.
    """
    if isinstance(value, int) and -MAX_PRIORITY <= value <= MAX_PRIORITY:
        return int(value)
    raise PayloadError(
        f"priority is {value!r:.40}; give a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}."
    )


def checked_user(user_id: object) -> str:
    """Check the user id that a caller gave, and return it; None is the login name."""
    if user_id is not None:
        return checked("user_id", user_id)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _surrogate(mark: str) -> bool:
    return 0xD800 <= ord(mark) <= 0xDFFF
