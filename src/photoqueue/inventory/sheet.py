"""Reading a CSV file as people's spreadsheets write it.

A French Excel parts columns by semicolons, writes ``0,25`` for a quarter, begins the file
with a byte order mark and ends it with rows of nothing but semicolons. All of that is read;
what cannot be read without guessing is refused.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.errors import ConfigurationError

#: What may part columns: the one that the first row holds most of.
_DELIMITERS: Final = (",", ";", "\t")
#: How alike two column names are, 0…1, when one is taken for a slip of the other.
_SLIP: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The rows of a file, as text.

    Attributes
    ----------
    file : Path
    columns : tuple of str
        As the first row names them.
    rows : list of (int, mapping of str to str)
        Number of the row, counted from 1 as a spreadsheet does, and its cells by column.
        Rows without any text are left out.
    decimal_comma : bool
        Whether ``0,25`` is a number here: where commas do not part columns.
    """

    file: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, Mapping[str, str]]]
    decimal_comma: bool

    def number(self, text: str) -> float:
        """Read a number.

        Raises
        ------
        ValueError
            It is none.
        """
        return float(text.replace(",", ".") if self.decimal_comma else text)


def read_sheet(file: Path, *, known: Sequence[str], required: Sequence[str]) -> Sheet:
    """Read a CSV file whose first row names its columns.

    Parameters
    ----------
    file : Path
    known : sequence of str
        Columns that mean something; others are ignored, unless they look like a slip.
    required : sequence of str
        Columns that must be there.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or its columns are not as expected.
    """
    text = _text(file)
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: tuple[str, ...] = ()
    rows: list[tuple[int, Mapping[str, str]]] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(file, cells, known, required)
                continue
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise ConfigurationError(
                    f"Catalogue {file.name}, row {reader.line_num}: it has {len(cells)} cells, "
                    f"the first row names {len(columns)} columns. Put quotes around a cell that "
                    f"holds {delimiter!r}, in {file}."
                )
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            rows.append((reader.line_num, dict(zip(columns, padded, strict=False))))
    except csv.Error as exc:
        raise ConfigurationError(
            f"Catalogue {file.name}, row {reader.line_num}: it is not CSV ({exc}). "
            f"Correct it in {file}."
        ) from exc
    if not columns:
        _columns(file, (), known, required)
    return Sheet(file=file, columns=columns, rows=rows, decimal_comma=delimiter != ",")


def _text(file: Path) -> str:
    """Return the text of a file, without a byte order mark."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise ConfigurationError(
            f"The catalogue {file} cannot be read ({exc}). Give the path of a UTF-8 CSV file."
        ) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigurationError(
            f"The catalogue {file} cannot be read: row {line} is not UTF-8 (byte "
            f"0x{exc.object[exc.start]:02x}). Save it again as UTF-8; in Excel choose the file "
            "type 'CSV UTF-8'."
        ) from exc


def _columns(
    file: Path, cells: Sequence[str], known: Sequence[str], required: Sequence[str]
) -> tuple[str, ...]:
    """Check the names of the columns."""
    columns = tuple(cell.strip() for cell in cells)
    while columns and not columns[-1]:
        columns = columns[:-1]
    for column in columns:
        if column and columns.count(column) > 1:
            raise ConfigurationError(
                f"The catalogue {file} names the column {column!r} twice. Take one away."
            )
        if column not in known and (near := difflib.get_close_matches(column, known, 1, _SLIP)):
            raise ConfigurationError(
                f"The catalogue {file} has a column {column!r}, which means nothing. "
                f"Did you mean {near[0]!r}?"
            )
    missing = [column for column in required if column not in columns]
    if missing:
        raise ConfigurationError(
            f"The catalogue {file} lacks the column(s) {', '.join(missing)}. Separate columns by "
            "commas or semicolons and name them in the first row."
        )
    return columns
