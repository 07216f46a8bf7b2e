"""Long results read column by column: PostgreSQL packs each column, numpy takes it as it is.

A million rows as Python objects take most of the time that reading them takes. Here the server
joins each column of some thousand rows into one value: numbers and times in PostgreSQL's binary
form, eight bytes each, which numpy reads without looking at them; texts with a NUL between
them, which no text of PostgreSQL holds. A missing text is a byte that UTF-8 does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Rows of one value; a text of 20 000 characters in each is far from PostgreSQL's 1 GB.
_PAGE: Final = 20_000
#: All pages see the same moment. Compiling the statement takes longer than it saves.
_SESSION: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL jit = off"
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
_Unpack = Callable[[bytes, int], Any]


def read_columns(
    connection: sa.Connection,
    query: sa.Select[Any],
    newest_first: sa.Column[Any],
    *,
    limit: int | None = None,
) -> dict[str, pd.Series[Any] | NDArray[Any]]:
    """Execute a query; return its columns by name.

    Columns are of the types uuid, text, boolean, integer, double precision and timestamptz. A
    missing integer is not allowed for; a missing number is NaN, anything else None or NaT.

    Parameters
    ----------
    query
        Without an order and a limit.
    newest_first
        Unique, and not null: the rows are read in its descending order, a page after the other.
    limit
        Number of rows at most.

    Raises
    ------
    TypeError
        A column is of another type.
    """
    connection.exec_driver_sql(_SESSION)
    unpack = {column.name: _packing(column)[1] for column in query.selected_columns}
    pages: list[Future[list[Any]]] = []
    # While PostgreSQL packs a page, the one before it is unpacked.
    with ThreadPoolExecutor(1, "photoqueue-columns") as beside:
        for number, packed in _pages(connection, query, newest_first, limit):
            pages.append(beside.submit(_unpacked, list(unpack.values()), packed, number))
    pieces = zip(*(page.result() for page in pages), strict=True)
    return {name: _joined(column) for name, column in zip(unpack, pieces, strict=True)}


def _pages(
    connection: sa.Connection, query: sa.Select[Any], key: sa.Column[Any], limit: int | None
) -> Iterator[tuple[int, list[bytes]]]:
    """Read the rows page by page: how many there are, and their columns, packed.

    There is at least one page, if an empty one.
    """
    left, last = limit, None
    while True:
        size = _PAGE if left is None else min(_PAGE, left)
        page = query.order_by(key.desc()).limit(size)
        if last is not None:
            page = page.where(key < last)
        number, last, *packed = _read_page(connection, page, key)
        yield number, [value or b"" for value in packed]
        left = None if left is None else left - number
        if number < size or left == 0:
            return


def _unpacked(unpack: list[_Unpack], packed: list[bytes], number: int) -> list[Any]:
    return [unpacked(data, number) for unpacked, data in zip(unpack, packed, strict=True)]


def _joined(pieces: Sequence[Any]) -> pd.Series[Any] | NDArray[Any]:
    import pandas as pd

    if isinstance(pieces[0], pd.Series):
        whole: pd.Series[Any] = pd.concat(pieces, ignore_index=True)
        return whole
    joined: NDArray[Any] = np.concatenate(pieces)
    return joined


def _read_page(
    connection: sa.Connection, page: sa.Select[Any], key: sa.Column[Any]
) -> tuple[Any, ...]:
    """Read some rows: their number, the last key, and each column packed."""
    rows = page.add_columns(key.label("page_key")).subquery("page")
    # Adding up takes the rows in the order in which the page has them. (There is no min() of
    # uuids in every PostgreSQL.)
    keys = sa.func.array_agg(rows.c.page_key, type_=postgresql.ARRAY(key.type))
    last = keys[sa.func.count().cast(sa.Integer)]
    packed = [_packing(column)[0] for column in list(rows.c)[:-1]]
    query = sa.select(sa.func.count(), last, *packed)
    compiled = query.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    # The driver's own cursor, beneath SQLAlchemy, for binary answers: as text, bytes are
    # written in hexadecimal. The transaction is the same.
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg's
    with driver.cursor(binary=True) as cursor:
        return cursor.execute(str(compiled).encode(), compiled.params).fetchone() or ()


def _packing(column: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], _Unpack]:
    """Return how the server packs a column, and how it is unpacked."""
    kind = column.type
    sent: sa.ColumnElement[Any]
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


def _texts(data: bytes, number: int) -> pd.Series[Any]:
    import pandas as pd

    if not number:
        return pd.Series([], dtype="str")
    first = data[: data.find(_BETWEEN)] if number > 1 else data
    values: list[str | None]
    if data == _BETWEEN.join([first] * number):
        # All the same, as many columns are: one text, however many rows.
        values = [None if first == _NO_TEXT else first.decode()] * number
    else:
        values = data.decode("utf-8", "surrogateescape").split("\x00")  # type: ignore[assignment]  # some become None
        if _NO_TEXT in data:
            values = [None if value == _NO_TEXT_DECODED else value for value in values]
    return pd.Series(values, dtype="str")


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
