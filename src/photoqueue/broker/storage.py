"""Where Huey keeps its messages: a Redis sorted set, or a PostgreSQL table without Redis.

Both add what Huey's own storages lack: many messages in one round trip, and a message
that is in the queue already is not added again. The latter lets recovery ring for every
waiting job as often as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from huey.storage import PostgresStorage, PriorityRedisStorage

from photoqueue.broker.resp import send, zadd_entry, zadd_new

#: Messages in one command: while the server is at it, nobody else is served.
CHUNK: Final = 1000


class MessageStorage(Protocol):
    """What the broker needs of a storage beyond Huey's own contract."""

    def enqueue_many(self, messages: Iterable[tuple[UUID, bytes, int]]) -> int:
        """Add messages (job id, bytes, priority); return how many were not there yet."""
        ...

    def discard(self, messages: Sequence[tuple[UUID, bytes]]) -> None:
        """Remove messages (job id, bytes) that nobody needs to take any more."""
        ...

    def dequeue(self) -> bytes | None:
        """Take the most urgent message; wait up to a second for one."""
        ...

    def queue_size(self) -> int:
        """Count the messages."""
        ...


class RedisMessages(PriorityRedisStorage):  # type: ignore[misc]  # huey is untyped
    """Messages in one sorted set a queue.

    Redis keys: ``huey.redis.<installation>.<queue>`` (sorted set; score = -priority,
    member = eight bytes of the job id's time + message).
    """

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Add one message, as Huey's contract has it."""
        raise NotImplementedError("photoqueue enqueues through Broker.enqueue")

    def enqueue_many(self, messages: Iterable[tuple[UUID, bytes, int]]) -> int:
        """Add messages; return how many were not there yet."""
        entries = [
            zadd_entry(-priority, _member(job_id, data)) for job_id, data, priority in messages
        ]
        key = self.queue_key.encode()
        starts = range(0, len(entries), CHUNK)
        commands = [zadd_new(key, entries[start : start + CHUNK]) for start in starts]
        return sum(send(self.pool, commands))

    def discard(self, messages: Sequence[tuple[UUID, bytes]]) -> None:
        """Remove messages that nobody needs to take any more."""
        for start in range(0, len(messages), CHUNK):
            chunk = messages[start : start + CHUNK]
            self.conn.zrem(self.queue_key, *(_member(*message) for message in chunk))


def _member(job_id: UUID, data: bytes) -> bytes:
    """Put the time of the job before its message, as Huey puts the time of sending.

    The first bytes of a UUIDv7 are its time: equal priorities run in the order of
    submission, and a message is the same however often it is sent.
    """
    return job_id.bytes[:8] + data


def message_of(member: bytes) -> bytes:
    """Return the message that a member of the sorted set holds."""
    return member[8:]


class PostgresMessages(PostgresStorage):  # type: ignore[misc]  # huey is untyped
    """Messages in the table ``photoqueue_task``, for installations without Redis."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(
            name, table_prefix="photoqueue", create_tables=False, blocking=True, **options
        )
        self.ddl.append(
            "create unique index if not exists photoqueue_task_once "
            f"on {self.table_task} (queue, data)"
        )
        self.initialize_schema()

    def initialize_schema(self) -> None:
        """Create Huey's tables, one process at a time."""
        with self.db(commit=True, close=True) as cursor:
            # "create table if not exists" is not safe against itself.
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

    def discard(self, messages: Sequence[tuple[UUID, bytes]]) -> None:
        """Remove messages that nobody needs to take any more."""
        self.sql(
            f"delete from {self.table_task} where queue = %s and data = any(%s)",
            (self.name, [data for _, data in messages]),
        )
