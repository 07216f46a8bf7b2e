"""Rows on their way to PostgreSQL: few as JSON within a statement, many by ``COPY``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final

import psycopg

from photoqueue.tracking.new_rows import Columns

#: Rows that are sent at a time: PostgreSQL stores them while the next ones are prepared.
_BLOCK: Final = 500
_NULL: Final = "\\N"
#: What has a meaning in the text form of COPY, and how it is written to have none.
_SPECIAL: Final = re.compile(r"[\\\t\n\r]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def as_json(columns: Columns) -> str:
    """Write rows as ``json_to_recordset`` takes them."""
    return json.dumps(
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    )


def copy_rows(cursor: psycopg.Cursor[Any], table: str, columns: Columns) -> None:
    """Write rows by COPY, in its text form."""
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for block in text_blocks(columns):
            copy.write(block)


def text_blocks(columns: Columns) -> Iterator[str]:
    r"""Write rows as COPY reads them, a block at a time.

    Column by column, which is several times as fast as row by row: most columns say the same
    in all rows of a block.

    Examples
    --------
    >>> "".join(text_blocks({"a": ["x", None], "b": [1, 2]}))
    'x\t1\n\\N\t2\n'
    """
    number = len(next(iter(columns.values())))
    for start in range(0, number, _BLOCK):
        texts = [_texts(column[start : start + _BLOCK]) for column in columns.values()]
        yield "\n".join(map("\t".join, zip(*texts, strict=True))) + "\n"


def _texts(values: Sequence[Any]) -> Iterable[str]:
    """Write the values of one column; one that stays the same is written once."""
    first = values[0]
    if values.count(first) == len(values):
        text = _NULL if first is None else str(first).translate(_ESCAPES)
        return repeat(text, len(values))
    texts = ["" if value is None else str(value) for value in values]
    if _SPECIAL.search("".join(texts)):
        texts = [text.translate(_ESCAPES) for text in texts]
    if None in values:
        texts = [
            _NULL if value is None else text for value, text in zip(values, texts, strict=True)
        ]
    return texts
