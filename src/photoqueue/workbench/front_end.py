"""The browser's side of the widgets: plain JavaScript and CSS files in ``static/``.

A widget's module is ``common.js`` followed by its own files, as anywidget takes one text and
no other file can be fetched; nothing is built, nothing comes from another address.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from photoqueue.workbench.palette import LOOKS

_STATIC = Path(__file__).parent / "static"


@cache
def script(*names: str) -> str:
    """Return the module of a widget: its ``static/<name>.js`` behind what all of them share."""
    looks = {state: {"colour": look.colour, "icon": look.icon} for state, look in LOOKS.items()}
    shared = f"const LOOKS = {json.dumps(looks, ensure_ascii=False)};\n{_read('common.js')}"
    return "\n".join([shared, *(_read(f"{name}.js") for name in names)])


@cache
def style(name: str | None = None) -> str:
    """Return the style that all widgets share, and that of one widget where it has its own."""
    return _read("common.css") + (_read(f"{name}.css") if name else "")


def _read(file: str) -> str:
    return (_STATIC / file).read_text(encoding="utf-8")
