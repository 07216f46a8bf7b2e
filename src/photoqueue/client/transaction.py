"""Submit in a transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from photoqueue.installation import current
from photoqueue.queue.joining import Given, Joined, joining


@contextmanager
def join_transaction(connection: Given) -> Iterator[None]:
    """Let submissions and edits be part of the transaction of your own connection.

    Their rows are committed or rolled back with yours. Workers are told of the jobs when the
    block ends, if the transaction has ended by then; otherwise they find them within a second of
    your commit. In the block nothing can be waited for, cancelled or retried.

    Parameters
    ----------
    connection
        One of psycopg 3 or SQLAlchemy to the database of the installation, not in autocommit.

    Raises
    ------
    PayloadError
        It is no such connection.
    StateError
        It commits by itself, or leads to another database. Raised by the first submission.

    Examples
    --------
    >>> with join_transaction(connection), connection.transaction():  # doctest: +SKIP
    ...     connection.execute("INSERT INTO moves VALUES ('move-42')")
    ...     job = submit_photo("salon.jpg", project_id="move-42")
    """
    transaction = Joined(current().database.engine, connection)
    with joining(transaction):
        yield
    for action in transaction.after:
        action()
