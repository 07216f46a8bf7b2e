"""Columns in one value: PostgreSQL packs them, numpy takes them as they are.

The server joins a column of some thousand rows into one value: numbers and times in PostgreSQL's
binary form, eight bytes each, which numpy reads without looking at them; texts with a NUL between
them, which no text of PostgreSQL holds. A missing text is a byte that UTF-8 does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Between two texts.
_BETWEEN: Final = b"\x00"
#: Microseconds from 1970, where numpy's time begins, to 2000, where PostgreSQL's does.
_EPOCH_US: Final = 946_684_800_000_000
#: Stands for a missing text; and as Python decodes what is not UTF-8.
_NO_TEXT: Final = b"\xff"
_NO_TEXT_DECODED: Final = "\udcff"
_NO_BOOLEAN: Final = 2
_BOOLEANS: Final = np.array([False, True, None], dtype=object)

#: Takes the bytes, and how many values they are.
Unpack = Callable[[bytes, int], Any]


def packing(column: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], Unpack]:
    """Return how the server packs a column, and how it is unpacked.

    Raises
    ------
    TypeError
        The column is of a type that is not packed.
    """
    kind = column.type
    sent: sa.ColumnElement[Any]
    nothing = sa.text(r"''::bytea")
    if isinstance(kind, postgresql.UUID | sa.Uuid) and not getattr(column, "nullable", True):
        return sa.func.string_agg(sa.func.uuid_send(column), nothing), _uuids
    if isinstance(kind, sa.Text | sa.String | postgresql.UUID | sa.Uuid):
        text = column.cast(sa.Text)
        sent = sa.func.coalesce(sa.func.textsend(text), sa.text(r"'\xff'::bytea"))
        return sa.func.string_agg(sent, sa.text(r"'\x00'::bytea")), _texts
    if isinstance(kind, sa.TIMESTAMP):
        sent = sa.func.timestamptz_send(
            sa.func.coalesce(column, sa.text("'-infinity'::timestamptz"))
        )
        return sa.func.string_agg(sent, nothing), _times
    if isinstance(kind, sa.Boolean):
        whole = sa.func.coalesce(column.cast(sa.Integer), _NO_BOOLEAN)
        return sa.func.string_agg(sa.func.int4send(whole), nothing), _booleans
    if isinstance(kind, sa.Integer):
        return sa.func.string_agg(sa.func.int8send(column.cast(sa.BigInteger)), nothing), _integers
    if isinstance(kind, sa.Double):
        sent = sa.func.float8send(sa.func.coalesce(column, sa.text("'NaN'::float8")))
        return sa.func.string_agg(sent, nothing), _numbers
    raise TypeError(f"No packing for column {column} of type {kind!r}; read it row by row.")


def _texts(data: bytes, number: int) -> pd.Series[Any]:
    import pandas as pd

    if not number:
        return pd.Series([], dtype="str")
    first = data[: data.find(_BETWEEN)] if number > 1 else data
    if data == _BETWEEN.join([first] * number):
        # All the same, as many columns are: one text, however many rows.
        one = pd.array([None if first == _NO_TEXT else first.decode()], dtype="str")
        return pd.Series(one.repeat(number))
    values = np.array(data.decode("utf-8", "surrogateescape").split("\x00"), dtype=object)
    if _NO_TEXT not in data:
        return pd.Series(values, dtype="str", copy=False)
    # pandas looks long at each missing text that it is given; not at those put in after that.
    missing = values == _NO_TEXT_DECODED
    values[missing] = ""
    texts = pd.array(values, dtype="str", copy=False)
    texts[missing] = None
    return pd.Series(texts)


def _uuids(data: bytes, number: int) -> pd.Series[Any]:
    """Write uuids as texts, which takes PostgreSQL longer."""
    import pandas as pd

    digits = np.frombuffer(data.hex().encode(), np.uint8).reshape(number, 32)
    texts = np.full((number, 37), ord("-"), np.uint8)
    for dashes, (start, end) in enumerate(((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))):
        texts[:, start + dashes : end + dashes] = digits[:, start:end]
    texts[:, 36] = 0
    values = texts.tobytes().decode("ascii").split("\x00")[:number]
    return pd.Series(np.array(values, dtype=object), dtype="str", copy=False)


def _times(data: bytes, number: int) -> pd.Series[Any]:
    import pandas as pd

    since_2000 = np.frombuffer(data, ">i8").astype(np.int64)
    missing = since_2000 == np.iinfo(np.int64).min
    moments = (np.where(missing, 0, since_2000) + _EPOCH_US).view("datetime64[us]")
    moments[missing] = np.datetime64("NaT")
    return pd.Series(moments).dt.tz_localize("UTC")


def _booleans(data: bytes, number: int) -> NDArray[Any]:
    found: NDArray[Any] = _BOOLEANS[np.frombuffer(data, ">i4")]
    return found


def _integers(data: bytes, number: int) -> NDArray[Any]:
    return np.frombuffer(data, ">i8").astype(np.int64)


def _numbers(data: bytes, number: int) -> NDArray[Any]:
    return np.frombuffer(data, ">f8").astype(np.float64)
