"""The browser's side of the widgets: plain JavaScript and CSS files in ``static/``.

A widget's module is what all pages share, ``common.js`` and its own files, one behind the other:
anywidget takes one text, and no other file can be fetched. Nothing is built, nothing comes from
another address.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from photoqueue.faces.javascript import shared_script
from photoqueue.faces.notebook.palette import LOOKS

_STATIC = Path(__file__).parent / "static"


@cache
def script(*names: str) -> str:
    """Return the module of a widget: its ``static/<name>.js`` behind what others have as well."""
    looks = {state: {"colour": look.colour, "icon": look.icon} for state, look in LOOKS.items()}
    return "\n".join(
        [
            f"const LOOKS = {json.dumps(looks, ensure_ascii=False)};",
            shared_script(),
            *(_read(f"{name}.js") for name in ("common", *names)),
        ]
    )


@cache
def style(name: str | None = None) -> str:
    """Return the style that all widgets share, and that of one widget where it has its own."""
    return _read("common.css") + (_read(f"{name}.css") if name else "")


def _read(file: str) -> str:
    return (_STATIC / file).read_text(encoding="utf-8")
