"""The parts of a card: its frame, rows, tables, folds, and safe text.

Colours are Jupyter's own variables, so that a card fits a light and a dark theme; elsewhere
it takes the colour of the text around it. Everything is escaped and well-formed, also as XML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from photoqueue.format import one_line

_CARD: Final = (
    "border:1px solid var(--jp-border-color1,#999);border-radius:4px;padding:.5em .8em;"
    "display:inline-block;max-width:100%;overflow-x:auto;color:var(--jp-ui-font-color1,inherit);font-size:.95em"
)
# Jupyter stripes and right-aligns tables of outputs; a card says what it wants instead.
_TABLE: Final = (
    "border-collapse:collapse;margin:.3em 0;color:inherit;background:transparent;font-size:inherit"
)
_CELL: Final = "padding:.1em 1em .1em 0;vertical-align:top;white-space:normal"
_QUIET: Final = "color:var(--jp-ui-font-color2,inherit)"


def card(title: str, rows: Iterable[tuple[str, object]] = (), *notes: str, body: str = "") -> str:
    """Draw a card: a title, rows of name and value, parts drawn before, and notes.

    Parameters
    ----------
    title, rows, notes
        Texts, which are escaped here.
    body
        HTML of :func:`table` and :func:`fold`.
    """
    lines = "".join(
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:normal">'
        f'{_safe(name)}</th><td style="{_CELL};text-align:left">{_safe(value)}</td></tr>'
        for name, value in rows
    )
    listed = f'<table style="{_TABLE}">{lines}</table>' if lines else ""
    said = "".join(f'<div style="{_QUIET}">{_safe(note)}</div>' for note in notes if note)
    return f'<div style="{_CARD}"><strong>{_safe(title)}</strong>{listed}{body}{said}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: str = "") -> str:
    """Draw a table with a header.

    Parameters
    ----------
    columns
        Names of the columns.
    rows
        Cells, one for each column.
    numbers
        One character a column: ``n`` aligns it to the right. Missing ones are words.
    """
    sides = [
        "right;white-space:nowrap" if numbers[index : index + 1] == "n" else "left"
        for index in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col" style="{_CELL};text-align:{side}">{_safe(name)}</th>'
        for name, side in zip(columns, sides, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_CELL};text-align:{side}">{_safe(value)}</td>'
            for value, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'


def heading(text: str) -> str:
    """Draw a line above a table."""
    return f'<div style="margin-top:.5em;font-weight:600">{_safe(text)}</div>'


def fold(summary: str, body: str) -> str:
    """Draw what is shown when its summary is clicked; works without JavaScript."""
    return f'<details><summary style="cursor:pointer">{_safe(summary)}</summary>{body}</details>'


def notes(lines: Iterable[str]) -> str:
    """Draw a list of remarks."""
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    return f'<ul style="margin:.2em 0;padding-left:1.4em">{items}</ul>' if items else ""


def _safe(value: object) -> str:
    return escape(one_line(value))
