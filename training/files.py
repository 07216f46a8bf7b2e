"""Files that are there whole or not at all, so that every step can be stopped at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_piece(file: Path) -> Iterator[Path]:
    """Give the path to write to; only what was written to its end takes the name ``file``."""
    part = file.with_name(f"{file.name}.part")
    yield part
    part.replace(file)
