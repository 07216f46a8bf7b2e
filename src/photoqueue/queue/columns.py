"""Long results read column by column, page by page; how a column is packed says :mod:`.packing`.

A million rows as Python objects take most of the time that reading them takes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from photoqueue.queue.ahead import Ahead
from photoqueue.queue.packing import packing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Rows of one value; a text of 20 000 characters in each is far from PostgreSQL's 1 GB.
_PAGE: Final = 20_000
#: All pages see the same moment. Compiling the statement takes longer than it saves.
_SESSION: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL jit = off"
#: Rows of a table from which on it is read over two connections.
_MANY: Final = 100_000
_MIDDLE: Final = sa.text("""
    SELECT (histogram_bounds::text::uuid[])[1 + cardinality(histogram_bounds::text::uuid[]) / 2]
    FROM pg_stats JOIN pg_class ON oid = to_regclass(:table)
    WHERE tablename = relname AND schemaname = relnamespace::regnamespace::text
      AND attname = :column AND reltuples >= :many
""")
#: Parameters of the reading of a page: how many rows at most, and the key before its first.
_SIZE: Final = "page_size"
_LAST: Final = "page_last"


def read_columns(
    connection: sa.Connection,
    query: sa.Select[Any],
    newest_first: sa.Column[Any],
    *,
    limit: int | None = None,
    beside: Callable[[], AbstractContextManager[sa.Connection]] | None = None,
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
    beside
        Lends a second connection, in a transaction. The older half of all rows of a long table is
        read over it: one process of PostgreSQL packs more slowly than Python unpacks.

    Raises
    ------
    TypeError
        A column is of another type.
    """
    unpack = [packing(column)[1] for column in query.selected_columns]
    connection.exec_driver_sql(_SESSION)
    whole = limit is None and query.whereclause is None
    middle = _middle(connection, newest_first) if beside and whole else None
    with ExitStack() as stack:
        if beside is None or middle is None:
            parts = [_Pages(stack, connection, query, newest_first, limit)]
        else:
            other = stack.enter_context(beside())
            _see_the_same(connection, other)
            newer, older = query.where(newest_first >= middle), query.where(newest_first < middle)
            parts = [
                _Pages(stack, connection, newer, newest_first, None),
                _Pages(stack, other, older, newest_first, None),
            ]
        pages = _by_turns(
            parts,
            lambda number, packed: [
                unpacked(data, number) for unpacked, data in zip(unpack, packed, strict=True)
            ],
        )
    names = [column.name for column in query.selected_columns]
    return {
        name: _joined(pieces) for name, pieces in zip(names, zip(*pages, strict=True), strict=True)
    }


def _middle(connection: sa.Connection, key: sa.Column[Any]) -> uuid.UUID | None:
    """Return a key about in the middle of a long table; None of a short or an unknown one.

    Any key will do, and PostgreSQL keeps a hundred of each column for its plans.
    """
    found: uuid.UUID | None = connection.execute(
        _MIDDLE, {"table": key.table.name, "column": key.name, "many": _MANY}
    ).scalar()
    return found


def _see_the_same(connection: sa.Connection, other: sa.Connection) -> None:
    """Let the transaction of another connection see the moment that this one sees."""
    snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    other.exec_driver_sql(f"{_SESSION}; SET TRANSACTION SNAPSHOT '{snapshot}'")


def _by_turns(
    parts: Sequence[_Pages], unpack: Callable[[int, list[bytes]], list[Any]]
) -> list[list[Any]]:
    """Unpack a page of each part in turn; return all pages in the order of the parts."""
    pages: list[list[list[Any]]] = [[] for _ in parts]
    going = [(iter(part), found) for part, found in zip(parts, pages, strict=True)]
    while going:
        for one in tuple(going):
            page = next(one[0], None)
            if page is None:
                going.remove(one)
            else:
                one[1].append(unpack(*page))
    return list(chain.from_iterable(pages))


class _Pages:
    """The rows of a query page by page: how many there are, and their columns, packed.

    The first one is asked for at once. While a page is looked at, PostgreSQL packs the next one.
    There is at least one page, if an empty one.
    """

    def __init__(
        self,
        stack: ExitStack,
        connection: sa.Connection,
        query: sa.Select[Any],
        key: sa.Column[Any],
        limit: int | None,
    ) -> None:
        first = _compiled(connection, query, key)
        after = query.where(key < sa.bindparam(_LAST, None, key.type))
        self._following = _compiled(connection, after, key)
        self._left = limit
        self._ahead = stack.enter_context(Ahead(connection))
        self._ahead.ask(str(first), {**first.params, _SIZE: _size(limit)})

    def __iter__(self) -> Iterator[tuple[int, list[bytes]]]:
        """Read them."""
        is_last = False
        while not is_last:
            size = _size(self._left)
            counted, last, *packed = self._ahead.answer()
            number = int.from_bytes(counted or b"")
            self._left = None if self._left is None else self._left - number
            is_last = number < size or self._left == 0
            if not is_last:
                values = {_SIZE: _size(self._left), _LAST: uuid.UUID(bytes=last)}
                self._ahead.ask(str(self._following), {**self._following.params, **values})
            yield number, [value or b"" for value in packed]


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
    packed = [packing(column)[0] for column in list(rows.c)[:-1]]
    return sa.select(sa.func.count(), last, *packed).compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
