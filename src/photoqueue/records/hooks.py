"""What records can do that needs the modules above them: cards, names of things, spreadsheets.

Everything imports records, so they import none of those. ``photoqueue/__init__.py``, which runs in
every process before a record can be imported or unpickled there, says where they are; they are
loaded when first used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Namer(Protocol):
    """Names of things and kinds of room in one language."""

    def item(self, key: str | None, name: str) -> str:
        """Name a thing of the catalogue; any other keeps its name."""

    def room_type(self, text: str) -> str:
        """Name a kind of room."""


class Hooks(NamedTuple):
    """The functions that records call.

    Attributes
    ----------
    card
        Draws a value as HTML.
    names
        Returns the names in a language.
    export
        Writes an inventory to a new file; returns where it is.
    """

    card: Callable[[object], str]
    names: Callable[[str], Namer]
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
    """A value that a notebook shows as a card."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return hooks().card(self)
