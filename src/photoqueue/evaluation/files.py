"""Writing a comparison as CSV files: ``engines.csv``, ``classes.csv``, ``inventories.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from photoqueue.errors import StorageError
from photoqueue.evaluation.records import (
    ClassScore,
    Comparison,
    EngineScore,
    InventoryScore,
)

#: Digits kept of shares and times.
_DIGITS = 4

Row = dict[str, Any]


def rows(
    scores: Sequence[EngineScore] | Sequence[ClassScore] | Sequence[InventoryScore],
) -> list[Row]:
    """Return records as rows, with the errors of inventories; NaN is ``None``."""
    return [{name: _plain(value) for name, value in _fields(score).items()} for score in scores]


def write_csv(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the tables that have rows; return the files.

    Raises
    ------
    StorageError
        The folder cannot be written to.
    """
    tables = {
        "engines.csv": rows(comparison.engines),
        "classes.csv": rows(comparison.classes),
        "inventories.csv": rows(comparison.inventories),
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            if table:
                with (folder / name).open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(table)
                written.append(folder / name)
    except OSError as exc:
        raise StorageError(
            f"The tables cannot be written to {folder} ({exc.strerror}). Give another folder."
        ) from exc
    return written


def _fields(score: EngineScore | ClassScore | InventoryScore) -> Row:
    fields: Row = asdict(score)
    if isinstance(score, InventoryScore):
        fields |= {"item_error": score.item_error, "volume_error": score.volume_error}
    return fields


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if value != value else round(value, _DIGITS)
    return value
