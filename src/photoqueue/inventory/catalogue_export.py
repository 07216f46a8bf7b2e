"""Writing the package's catalogue out, as a start for one's own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from photoqueue.errors import ConfigurationError
from photoqueue.inventory.catalogue import SHIPPED
from photoqueue.inventory.catalogue_file import NUMBER_COLUMNS


def export_shipped(file: Path, *, french: bool = False) -> None:
    """Write the catalogue that comes with the package to a new file.

    Parameters
    ----------
    file : Path
    french : bool
        Semicolons, decimal commas and a byte order mark: so that a French spreadsheet shows
        columns and accents right. Both forms can be read again.

    Raises
    ------
    ConfigurationError
        The file exists already, or cannot be written.
    """
    text = SHIPPED.read_text(encoding="utf-8")
    encoded = _french(text).encode("utf-8-sig") if french else text.encode()
    try:
        with file.open("xb") as new:
            new.write(encoded)
    except FileExistsError:
        raise ConfigurationError(
            f"{file} exists already, and may hold changes. Name another file, or remove it first."
        ) from None
    except OSError as exc:
        raise ConfigurationError(
            f"The catalogue cannot be written to {file} ({exc}). Name a file that can be made."
        ) from exc


def _french(text: str) -> str:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows.fieldnames or (), delimiter=";")
    writer.writeheader()
    for row in rows:
        numbers = {column: row[column].replace(".", ",") for column in NUMBER_COLUMNS}
        writer.writerow(row | numbers)
    return out.getvalue()
