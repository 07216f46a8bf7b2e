"""Static HTML cards: what handles and results look like in a notebook.

No clock, no address and no I/O: a saved notebook shows the same card when it is opened
again. Colours are Jupyter's own variables, with fallbacks elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_CARD = (
    "border:1px solid var(--jp-border-color1,#bbb);border-radius:4px;padding:.5em .8em;"
    "display:inline-block;color:var(--jp-ui-font-color1,inherit);font-size:.95em"
)


def card(title: str, rows: Iterable[tuple[str, object]], note: str = "") -> str:
    """Draw a card: a title, rows of name and value, and a note. Everything is escaped."""
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left;padding:0 1em 0 0;font-weight:normal">'
        f'{escape(name)}</th><td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    footer = f'<div style="opacity:.75">{escape(note)}</div>' if note else ""
    return (
        f'<div style="{_CARD}"><strong>{escape(title)}</strong><table>{lines}</table>{footer}</div>'
    )


def shorten(text: str, length: int = 40) -> str:
    """Shorten a text in its middle, so that both ends stay readable."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"
