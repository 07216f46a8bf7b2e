"""Addresses: of servers, shown without their secrets, to listen on, of files, and of code."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from photoqueue.errors import ConfigurationError

#: A parameter of a query that holds a secret; ``sig`` is of Azure, ``key`` of Google.
_SECRET_IN_QUERY: Final = re.compile(
    r"([?&](?:[^=&]*(?:password|passwd|secret|token|api_?key|signature)[^=&]*|sig|key)=)[^&]*", re.I
)


def without_query_secrets(url: str) -> str:
    """Return an address without the values of its query that are secrets."""
    return _SECRET_IN_QUERY.sub(r"\1***", url)


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
    login, at, place = without_query_secrets(rest).rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{user}:***" if colon else user
    return f"{scheme}://{shown}{at}{place}"


def without_secrets(text: str, address: str, secrets: Iterable[object]) -> str:
    r"""Return a driver's message in one line, without the secrets of a masked address.

    What the address shows is no secret: a user name that is the password as well.

    >>> without_secrets("no user ana with hunter2", "redis://ana:***@cache", ["hunter2", "ana"])
    'no user ana with ***'
    >>> without_secrets("refused\n\tIs it running?\n", "redis://cache", [])
    'refused. Is it running'
    """
    for secret in map(str, filter(None, secrets)):
        word = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
        if not word.search(address):
            text = word.sub("***", text)
    sentences = re.sub(r"(?<=[\w)])\s*\n\s*(?=[A-Z])", ". ", text.strip())
    return " ".join(sentences.split()).rstrip(".?")


def listen(host: str, port: int, *, host_option: str, port_option: str) -> socket.socket:
    """Listen on an address and port; port 0 takes a free one, and ``::`` takes IPv4 too.

    Raises
    ------
    ConfigurationError
        They cannot be used; the message names the options that choose others.
    """
    name = host.strip("[]")
    six = ":" in name
    try:
        return socket.create_server(
            (name, port),
            family=socket.AF_INET6 if six else socket.AF_INET,
            backlog=2048,
            dualstack_ipv6=six and socket.has_dualstack_ipv6(),
        )
    except OSError as exc:
        reason = str(exc.strerror).partition(" (while")[0]  # the rest repeats the address
        raise ConfigurationError(
            f"Nothing can listen on {host} port {port}: {reason}. Choose another port with "
            f"{port_option} (0 for any), or another address with {host_option}."
        ) from exc


def origin(host: str, port: int) -> str:
    """Return the URL of a server, with brackets around an IPv6 address."""
    name = host.strip("[]")
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


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
