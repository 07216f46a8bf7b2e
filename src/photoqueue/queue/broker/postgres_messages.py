"""Messages in PostgreSQL, for installations without Redis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from huey.storage import PostgresStorage

from photoqueue.queue.broker.redis_messages import CHUNK, WAIT_SECONDS

#: Seconds after which the table of messages is read although none was notified.
_READ_SECONDS: Final = 20.0


class PostgresMessages(PostgresStorage):  # type: ignore[misc]  # huey is untyped
    """Messages in the table ``photoqueue_task``, for installations without Redis."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(
            name,
            table_prefix="photoqueue",
            create_tables=False,
            read_timeout=WAIT_SECONDS,
            **options,
        )
        #: The connection on which messages are notified, and until when that is enough.
        self._hears: tuple[object, float] = (None, 0.0)
        self.ddl.append(
            "create unique index if not exists photoqueue_task_once "
            f"on {self.table_task} (queue, data)"
        )
        self.initialize_schema()

    def dequeue(self) -> bytes | None:
        """Take a message; wait for one.

        Each message is notified, so an empty table is not read again for a while. That it is read
        at all is for a connection that was lost without a sign.
        """
        listening: psycopg.Connection[Any] = self._listen_conn()
        if self._hears[0] is listening and time.monotonic() < self._hears[1]:
            heard = list(listening.notifies(timeout=self.read_timeout, stop_after=1))
            data: bytes | None = self._dequeue() if heard else None
        else:
            data = super().dequeue()
            self._hears = (listening, time.monotonic() + _READ_SECONDS)
        if data is not None:  # there may be more
            self._hears = (None, 0.0)
        return data

    def initialize_schema(self) -> None:
        """Create Huey's tables, one process at a time; they may exist, and be another user's."""
        with self.db(commit=True, close=True) as cursor:
            cursor.execute("select to_regclass('photoqueue_task_once')")
            if cursor.fetchone() != (None,):
                return
            # "create table if not exists" can fail when two processes run it at once.
            cursor.execute("select pg_advisory_xact_lock(hashtext('photoqueue_task'))")
            for statement in self.ddl:
                cursor.execute(statement)

    def enqueue_many(self, messages: Iterable[tuple[UUID, bytes, int]]) -> int:
        """Add messages; return how many were not there yet."""
        added, messages = 0, list(messages)
        for start in range(0, len(messages), CHUNK):
            chunk = messages[start : start + CHUNK]
            with self.db(commit=True) as cursor:
                cursor.execute(
                    f"insert into {self.table_task} (queue, data, priority) "
                    "select %s, data, priority from unnest(%s::bytea[], %s::float8[]) "
                    "as message (data, priority) on conflict do nothing",
                    (
                        self.name,
                        [data for _, data, _ in chunk],
                        [float(priority) for _, _, priority in chunk],
                    ),
                )
                added += cursor.rowcount
                cursor.execute("select pg_notify(%s, '')", (self.channel,))
        return added

    def probe(self) -> None:
        """Send a message and take it, in one transaction."""
        with self.db(commit=True) as cursor:
            cursor.execute(
                f"insert into {self.table_task} (queue, data) values (%s, '')", (self.name,)
            )
            cursor.execute(
                f"delete from {self.table_task} where id in "
                f"(select id from {self.table_task} where queue = %s for update skip locked)",
                (self.name,),
            )

    def discard(self, messages: Sequence[tuple[UUID, bytes]]) -> None:
        """Remove messages that nobody needs to take any more."""
        self.sql(
            f"delete from {self.table_task} where queue = %s and data = any(%s)",
            (self.name, [data for _, data in messages]),
        )
