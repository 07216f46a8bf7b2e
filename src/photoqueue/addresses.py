"""Addresses: of servers, shown without their secrets, of files, and of code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SECRET_IN_QUERY: Final = re.compile(
    r"([?&][^=&]*(?:password|passwd|secret|token|api_?key|signature)[^=&]*=)[^&]*", re.I
)


def masked(url: str) -> str:
    """Return a server address without its secrets.

    >>> masked("redis://worker:hunter2@cache:6379/0")
    'redis://worker:***@cache:6379/0'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        # A libpq "key=value" string or a typing mistake: no safe way to cut it up.
        return "***"
    # The last "@": a password with an unescaped "@" or "/" in it must not show its tail.
    login, at, place = _SECRET_IN_QUERY.sub(r"\1***", rest).rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{user}:***" if colon else user
    return f"{scheme}://{shown}{at}{place}"


def without_secrets(text: str, address: str, secrets: Iterable[object]) -> str:
    """Return a driver's message in one line, without the secrets of a masked address.

    What the address shows is no secret: a user name that is the password as well.

    >>> without_secrets("no user ana with hunter2", "redis://ana:***@cache", ["hunter2", "ana"])
    'no user ana with ***'
    """
    for secret in map(str, filter(None, secrets)):
        word = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
        if not word.search(address):
            text = word.sub("***", text)
    return " ".join(text.split()).rstrip(".?")


def expanded(path: str | Path) -> Path:
    """Return a path with its ``~`` replaced; a home that nobody knows stays, and is not found."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_reference(text: str) -> bool:
    """Whether a text is of the form ``package.module:attribute``."""
    module, _, attribute = text.partition(":")
    return attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))
