"""The faces: cards, shell, workbench and HTTP API; here what their pages in a browser share."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def shared_script() -> str:
    """Return functions that write values and that make elements; plain JavaScript, not built.

    They export nothing: whoever serves a script puts them before it.
    """
    static = Path(__file__).parent / "static"
    files = ("format.js", "page.js")
    return "\n".join((static / file).read_text(encoding="utf-8") for file in files)
