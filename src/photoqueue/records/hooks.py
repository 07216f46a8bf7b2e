"""Functions that records call in higher layers: cards, names of items, spreadsheets.

As all modules import records, records cannot import these functions. ``photoqueue/__init__.py``,
which runs in every process before a record can be imported or unpickled, installs them; their
modules are loaded at first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Namer(Protocol):
    """Names of items and kinds of room in one language."""

    #: ``en`` or ``fr``.
    language: str

    def item(self, key: str | None, name: str) -> str:
        """Return the name of a catalogue item; other items keep their name."""

    def room_type(self, text: str) -> str:
        """Return the name of a kind of room."""


class Hooks(NamedTuple):
    """The functions that records call."""

    #: Renders a value as HTML.
    card: Callable[[object], str]
    #: Returns the names in a language.
    names: Callable[[str], Namer]
    #: Writes an inventory to a new file; returns its path.
    export: Callable[[Any, Path, str | None], Path]


_hooks: Hooks | None = None


def install(hooks: Hooks) -> None:
    """Set the functions that records call."""
    global _hooks
    _hooks = hooks


def hooks() -> Hooks:
    """Return the functions that records call."""
    assert _hooks is not None, "photoqueue/__init__.py installs them"
    return _hooks


class HasCard:
    """Mixin for values that notebooks show as a card."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return hooks().card(self)
