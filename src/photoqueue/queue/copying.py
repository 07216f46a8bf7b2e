"""Many rows at once: COPY's text format, and JSON for statements that take rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final

import psycopg

from photoqueue.queue.connections import storable_json

#: Values by column name, all of the same length.
Columns = Mapping[str, Sequence[Any]]

_NULL: Final = "\\N"
#: Special characters of COPY's text format, and their escapes.
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPES: Final = str.maketrans(_ESCAPED)


def as_json(columns: Columns) -> str:
    """Write rows as JSON for ``json_to_recordset``."""
    return storable_json(
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    )


def copy_rows(cursor: psycopg.Cursor[Any], table: str, blocks: Iterable[Columns]) -> None:
    """Write rows with COPY; PostgreSQL stores one block while the next one is made."""
    blocks = iter(blocks)
    first = next(blocks, None)
    if first is None:
        return
    with cursor.copy(f"COPY {table} ({', '.join(first)}) FROM STDIN") as copy:
        for columns in chain([first], blocks):
            copy.write(as_text(columns))


def as_text(columns: Columns) -> str:
    r"""Write rows in COPY's text format.

    Works by columns, which is several times as fast as by rows, because most columns have the
    same value in all rows.

    Examples
    --------
    >>> as_text({"a": ["x", None], "b": [1, 2]})
    'x\t1\n\\N\t2\n'
    """
    texts = [_texts(values) for values in columns.values()]
    return "".join([f"{line}\n" for line in map("\t".join, zip(*texts, strict=True))])


def _texts(values: Sequence[Any]) -> Iterable[str]:
    """Write the values of one column; a constant is converted only once."""
    first = values[0]
    if values.count(first) == len(values):
        text = _NULL if first is None else str(first).translate(_ESCAPES)
        return repeat(text, len(values))
    texts = ["" if value is None else str(value) for value in values]
    together = "".join(texts)
    if any(special in together for special in _ESCAPED):
        texts = [text.translate(_ESCAPES) for text in texts]
    if None in values:
        texts = [
            _NULL if value is None else text for value, text in zip(values, texts, strict=True)
        ]
    return texts
