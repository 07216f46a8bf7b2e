"""Named SQL statements, read from the ``.sql`` files beside this module."""

from __future__ import annotations

import re
from importlib.resources import files

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_statements(file_name: str) -> dict[str, str]:
    """Split a file at its ``-- name: …`` lines into statements by name."""
    text = files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
