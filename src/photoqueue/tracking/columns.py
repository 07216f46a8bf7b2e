"""Long results read column by column: PostgreSQL packs each column, numpy takes it as it is.

A million rows as Python objects take most of the time that reading them takes. Here the server
joins each column of some thousand rows into one value: numbers and times in PostgreSQL's binary
form, eight bytes each, which numpy reads without looking at them; texts with a NUL between
them, which no text of PostgreSQL holds. A missing text is a byte that UTF-8 does not have.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photoqueue.tracking.ahead import Ahead

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
#: Parameters of the reading of a page: how many rows at most, and the key before its first.
_SIZE: Final = "page_size"
_LAST: Final = "page_last"
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
        A uuid, unique and not null: the rows are read in its descending order, page by page.
    limit
        Number of rows at most.

    Raises
    ------
    TypeError
        A column is of another type.
    """
    connection.exec_driver_sql(_SESSION)
    unpack = [_packing(column)[1] for column in query.selected_columns]
    pages = [
        [unpacked(data, number) for unpacked, data in zip(unpack, packed, strict=True)]
        for number, packed in _pages(connection, query, newest_first, limit)
    ]
    names = [column.name for column in query.selected_columns]
    return {
        name: _joined(pieces) for name, pieces in zip(names, zip(*pages, strict=True), strict=True)
    }


def _pages(
    connection: sa.Connection, query: sa.Select[Any], key: sa.Column[Any], limit: int | None
) -> Iterator[tuple[int, list[bytes]]]:
    """Read the rows page by page: how many there are, and their columns, packed.

    While a page is looked at, PostgreSQL packs the next one. There is at least one page, if an
    empty one.
    """
    first = _compiled(connection, query, key)
    following = _compiled(connection, query.where(key < sa.bindparam(_LAST, None, key.type)), key)
    left = limit
    with Ahead(connection) as ahead:
        ahead.ask(str(first), {**first.params, _SIZE: _size(left)})
        while True:
            size = _size(left)
            counted, last, *packed = ahead.answer()
            number = int.from_bytes(counted or b"")
            left = None if left is None else left - number
            is_last = number < size or left == 0
            if not is_last:
                values = {_SIZE: _size(left), _LAST: uuid.UUID(bytes=last)}
                ahead.ask(str(following), {**following.params, **values})
            yield number, [value or b"" for value in packed]
            if is_last:
                return


def _size(left: int | None) -> int:
    return _PAGE if left is None else min(_PAGE, left)


def _joined(pieces: Sequence[Any]) -> pd.Series[Any] | NDArray[Any]:
    import pandas as pd

    if isinstance(pieces[0], pd.Series):
        whole: pd.Series[Any] = pd.concat(pieces, ignore_index=True)
        return whole
    joined: NDArray[Any] = np.concatenate(pieces)
    return joined


def _compiled(connection: sa.Connection, query: sa.Select[Any], key: sa.Column[Any]) -> sa.Compiled:
    """Compile the reading of a page: its number of rows, the last key, each column packed."""
    page = query.order_by(key.desc()).limit(sa.bindparam(_SIZE, 0, sa.Integer))
    rows = page.add_columns(key.label("page_key")).subquery("page")
    # Adding up takes the rows in the order in which the page has them. (There is no min() of
    # uuids in every PostgreSQL.)
    keys = sa.func.array_agg(rows.c.page_key, type_=postgresql.ARRAY(key.type))
    last = keys[sa.func.count().cast(sa.Integer)]
    packed = [_packing(column)[0] for column in list(rows.c)[:-1]]
    return sa.select(sa.func.count(), last, *packed).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )


def _packing(column: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], _Unpack]:
    """Return how the server packs a column, and how it is unpacked."""
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
