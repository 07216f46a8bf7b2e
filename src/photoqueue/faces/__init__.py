"""The user interfaces: cards, shell, workbench and HTTP API. Here: what their pages share."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def shared_script() -> str:
    """Return JavaScript functions that format values and build elements.

    They are plain functions without exports: put them before the script that uses them.
    """
    static = Path(__file__).parent / "static"
    files = ("format.js", "page.js")
    return "\n".join((static / file).read_text(encoding="utf-8") for file in files)
