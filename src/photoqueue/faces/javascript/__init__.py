"""What all pages share that photoqueue draws in a browser; plain JavaScript, not built."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def shared_script() -> str:
    """Return functions that make elements, and that write times and numbers.

    They export nothing: whoever serves a script puts them before it.
    """
    return Path(__file__).with_name("shared.js").read_text(encoding="utf-8")
