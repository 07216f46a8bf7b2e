"""Asking PostgreSQL the next thing before its last answer has been looked at.

A thread beside would do it too, but only one thread of Python runs at a time: whoever reads a
long answer waits for its turn at each of its pieces, and PostgreSQL with it.
"""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import sqlalchemy as sa
from psycopg import pq

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE


class Ahead:
    """Statements in the transaction of a connection, sent without waiting for their answer.

    Used as a context: an answer that nobody has waited for is called off at its end.

    Parameters
    ----------
    connection
        In a transaction. Nothing else may use it in between.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg's
        self._asked = False

    def __enter__(self) -> Self:
        """Begin to ask."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the connection as it was: with nothing under way."""
        if self._asked and not self._driver.closed:
            self._driver.cancel_safe()
            self._drain()

    def ask(self, statement: str, parameters: Mapping[str, Any]) -> None:
        """Send a statement that is to be answered with one row."""
        text = psycopg.ClientCursor(self._driver).mogrify(statement, parameters)
        connection = self._driver.pgconn
        connection.send_query_params(
            text.encode(self._driver.info.encoding), None, result_format=pq.Format.BINARY
        )
        self._asked = True
        while connection.flush():
            self._wait(_READ | _WRITE)
            connection.consume_input()

    def answer(self) -> list[bytes | None]:
        """Wait for the row, and return its values in PostgreSQL's binary form.

        Raises
        ------
        psycopg.Error
            The statement failed, or the connection did.
        """
        results = self._drain()
        for result in results:
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise psycopg.errors.error_from_result(result, encoding=self._driver.info.encoding)
        row = results[0]
        return [row.get_value(0, column) for column in range(row.nfields)]

    def _drain(self) -> list[pq.abc.PGresult]:
        connection = self._driver.pgconn
        results: list[pq.abc.PGresult] = []
        while True:
            while connection.is_busy():
                self._wait(_READ)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                self._asked = False
                return results
            results.append(result)

    def _wait(self, events: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._driver.pgconn.socket, events)
            selector.select()
