"""Query results as DataFrames: row by row, or as Arrow columns if there are many rows.

With a million rows most of the time goes into Python objects. With the extra ``arrow`` a long
result is read over a separate ADBC connection, as columns that pandas uses directly. The frame
is the same either way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import closing
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from photoqueue.queue.connections import CONNECT_OPTIONS, LONG
from photoqueue.queue.database import Database, driver

if TYPE_CHECKING:
    import pandas as pd
    from adbc_driver_manager.dbapi import Connection

logger = logging.getLogger(__name__)

#: Rows, as estimated by PostgreSQL, from which a separate ADBC connection pays off.
MANY_ROWS: Final = 10_000
#: Rows held as Python objects at a time, if rows are read one by one.
_CHUNK: Final = 20_000
#: JIT compilation takes longer than it saves here. A limit that an operator set holds.
_SESSION: Final = (
    "SET TRANSACTION READ ONLY",
    "SET LOCAL jit = off",
    "SELECT set_config('statement_timeout', "
    f"coalesce(nullif(current_setting('statement_timeout'), '0'), '{LONG}s'), true)",
)
#: Seconds after which a server that should have ended the statement itself counts as hung.
_HUNG_SECONDS: Final = LONG + 5.0


def read_frame(
    database: Database, query: sa.Select[Any], *, at_most: int | None = None
) -> pd.DataFrame:
    """Execute a query; return its rows as a DataFrame.

    Texts and UUIDs are ``str``, times ``datetime64[us, UTC]``; a missing text or number is NaN,
    a missing time NaT, and a nullable boolean column has dtype ``object``.

    Parameters
    ----------
    at_most
        How many rows there can be, where that is known; PostgreSQL is asked otherwise.

    Raises
    ------
    PhotoqueueError
        PostgreSQL refuses the statement or cannot be used.
    """
    import pandas as pd

    columns = list(query.selected_columns)
    query = query.with_only_columns(
        *(
            column.cast(sa.Text).label(column.name) if isinstance(column.type, sa.Uuid) else column
            for column in columns
        )
    )
    few = at_most is not None and at_most < MANY_ROWS
    arrow = None
    with database.begin(LONG) as connection:
        if (
            not few
            and not database.shared
            and not any(isinstance(column.type, JSONB) for column in columns)
        ):
            statement = _with_values(connection, query)
            arrow = _connect_arrow(database, connection, statement)
        if arrow is None:
            chunks = [
                _typed(zip(*rows, strict=True), columns)
                for rows in connection.execute(query).partitions(_CHUNK)
            ] or [_typed(repeat(()), columns)]
            return chunks[0] if len(chunks) == 1 else pd.concat(chunks, ignore_index=True)
    with database.errors():
        frame = _read_arrow(arrow, statement)
        # Arrow's memory is read-only; the copy can be written to.
        return _typed((frame[column.name] for column in columns), columns).copy()


def _with_values(connection: sa.Connection, query: sa.Select[Any]) -> str:
    """Return the SQL of a query with its values inlined: ADBC's COPY takes no parameters."""
    compiled = query.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    return psycopg.ClientCursor(driver(connection)).mogrify(str(compiled), compiled.params)


def _connect_arrow(
    database: Database, connection: sa.Connection, statement: str
) -> Connection | None:
    """Return an ADBC connection if the result is long and ADBC can connect; else None."""
    plan = driver(connection).execute(f"EXPLAIN (FORMAT JSON) {statement}".encode()).fetchone()
    if plan is None or plan[0][0]["Plan"]["Plan Rows"] < MANY_ROWS:
        return None
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        return None
    address = psycopg.conninfo.make_conninfo(
        database.libpq_url, application_name="photoqueue", **CONNECT_OPTIONS
    )
    try:
        connected: Connection = dbapi.connect(address)
    except dbapi.Error as exc:
        # ADBC has its own libpq, which may be built with other options than psycopg's.
        reason = database.without_secrets(str(exc))
        logger.warning("Rows are read one by one, because ADBC cannot connect: %s", reason)
        return None
    return connected


def _read_arrow(connection: Connection, statement: str) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from adbc_driver_manager import dbapi

    cursor = connection.cursor()
    fetched = Future[Any]()

    def fetch() -> None:
        try:
            with closing(connection), cursor:
                for text in (*_SESSION, statement):
                    cursor.execute(text)
                table = cursor.fetch_arrow_table()
            fetched.set_result(table)
        except BaseException as exc:
            fetched.set_exception(exc)

    # On the main thread ADBC handles Ctrl-C and raises no KeyboardInterrupt. A daemon, as a hung
    # server lets it wait for ever.
    threading.Thread(target=fetch, name="arrow", daemon=True).start()
    try:
        try:
            table = fetched.result(_HUNG_SECONDS)
        except KeyboardInterrupt:
            cursor.adbc_cancel()
            raise
        except TimeoutError:
            raise psycopg.OperationalError(f"no answer within {_HUNG_SECONDS:g} s") from None
        texts = {pa.string(): pd.StringDtype(na_value=np.nan)}
        frame: pd.DataFrame = table.to_pandas(
            types_mapper=texts.get, split_blocks=True, self_destruct=True
        )
        return frame
    except dbapi.Error as exc:
        # Without the statement, which contains customers' data.
        message = str(exc).partition("\n\nQuery was:")[0]
        try:
            kind = psycopg.errors.lookup(exc.sqlstate or "")
        except KeyError:
            kind = psycopg.OperationalError
        raise kind(message) from None


def _typed(
    values: Iterable[Sequence[Any]], columns: Sequence[sa.ColumnElement[Any]]
) -> pd.DataFrame:
    """Make a frame with the dtypes that :func:`read_frame` promises."""
    import pandas as pd

    typed = {
        column.name: _array(column, column_values)
        for column, column_values in zip(columns, values, strict=False)
    }
    return pd.DataFrame(typed, copy=False)


def _array(column: sa.ColumnElement[Any], values: Sequence[Any]) -> Any:
    import numpy as np
    import pandas as pd

    kind = column.type
    if isinstance(kind, sa.Text | sa.Uuid):
        # Before pandas 3, "str" made "None" of a missing text.
        return pd.array(values, dtype=pd.StringDtype(na_value=np.nan))
    if isinstance(kind, sa.TIMESTAMP):
        return pd.array(values, dtype="datetime64[us, UTC]")
    if isinstance(kind, sa.Boolean):
        return np.asarray(values, dtype=object if getattr(column, "nullable", True) else bool)
    if isinstance(kind, sa.Double):
        return np.asarray(values, dtype="float64")
    if isinstance(kind, sa.Integer):
        numbers = np.asarray(values)
        return numbers.astype("float64" if pd.isna(numbers).any() else "int64", copy=False)
    return pd.Series(values, dtype=object)
