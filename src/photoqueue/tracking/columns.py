"""Long results read column by column: PostgreSQL packs each column, numpy takes it as it is.

A million rows as Python objects take most of the time that reading them takes. Here the server
joins each column of some thousand rows into one value: numbers and times in PostgreSQL's binary
form, eight bytes each, which numpy reads without looking at them; texts with a NUL between
them, which no text of PostgreSQL holds. A missing text is a byte that UTF-8 does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Rows of one value; a text of 20 000 characters in each is far from PostgreSQL's 1 GB.
_CHUNK: Final = 10_000
#: Microseconds from 1970, where numpy's time begins, to 2000, where PostgreSQL's does.
_EPOCH_US: Final = 946_684_800_000_000
_NO_TEXT: Final = "\udcff"  # the byte 0xff, as Python decodes what is not UTF-8
_NO_BOOLEAN: Final = 2
_BOOLEANS: Final = np.array([False, True, None], dtype=object)

_Unpack = Callable[[bytes], Any]


def read_columns(
    connection: sa.Connection, query: sa.Select[Any]
) -> dict[str, pd.Series[Any] | NDArray[Any]]:
    """Execute a query; return its columns by name, in its order of rows.

    Columns are of the types uuid, text, boolean, integer, double precision and timestamptz. A
    missing integer is not allowed for; a missing number is NaN, anything else None or NaT.

    Raises
    ------
    TypeError
        A column is of another type.
    """
    inner = query.subquery("wanted")
    number = sa.func.row_number().over().label("row_number")
    rows = sa.select(*inner.c, number).subquery("numbered")
    packed, unpack = [], {}
    for column in inner.c:
        value, unpack[column.name] = _packing(rows.c[column.name])
        packed.append(value.label(column.name))
    # The window numbers the rows as they come, and each chunk adds them up as they come.
    chunk = (rows.c.row_number - 1).op("/")(sa.literal_column(str(_CHUNK)))
    chunks = _execute(connection, sa.select(*packed).group_by(chunk).order_by(chunk))
    return {
        name: unpack[name](_joined([row[place] for row in chunks], unpack[name]))
        for place, name in enumerate(unpack)
    }


def _execute(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[bytes, ...]]:
    """Execute a query with binary answers: as text, bytes are written in hexadecimal."""
    compiled = query.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    # The driver's own cursor, beneath SQLAlchemy; the transaction is the same.
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg's
    with driver.cursor(binary=True) as cursor:
        return cursor.execute(str(compiled).encode(), compiled.params).fetchall()


def _joined(parts: list[Any], unpack: _Unpack) -> bytes:
    if unpack is _texts:
        return b"\x00".join(parts)
    return b"".join(parts)


def _packing(column: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], _Unpack]:
    """Return how the server packs a column, and how it is unpacked."""
    kind = column.type
    if isinstance(kind, sa.Text | sa.String | postgresql.UUID | sa.Uuid):
        text = column.cast(sa.Text)
        sent = sa.func.coalesce(sa.func.textsend(text), sa.text(r"'\xff'::bytea"))
        return sa.func.string_agg(sent, sa.text(r"'\x00'::bytea")), _texts
    nothing = sa.text(r"''::bytea")
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


def _texts(data: bytes) -> pd.Series[Any]:
    import pandas as pd

    if not data:
        return pd.Series([], dtype="str")
    values: list[str | None] = data.decode("utf-8", "surrogateescape").split("\x00")  # type: ignore[assignment]  # some become None
    if b"\xff" in data:
        values = [None if value == _NO_TEXT else value for value in values]
    return pd.Series(values, dtype="str")


def _times(data: bytes) -> pd.Series[Any]:
    import pandas as pd

    since_2000 = np.frombuffer(data, ">i8").astype(np.int64)
    missing = since_2000 == np.iinfo(np.int64).min
    moments = (np.where(missing, 0, since_2000) + _EPOCH_US).view("datetime64[us]")
    moments[missing] = np.datetime64("NaT")
    return pd.Series(moments).dt.tz_localize("UTC")


def _booleans(data: bytes) -> NDArray[Any]:
    found: NDArray[Any] = _BOOLEANS[np.frombuffer(data, ">i4")]
    return found


def _integers(data: bytes) -> NDArray[Any]:
    return np.frombuffer(data, ">i8").astype(np.int64)


def _numbers(data: bytes) -> NDArray[Any]:
    return np.frombuffer(data, ">f8").astype(np.float64)
