"""The broker: Huey queues in Redis, or in PostgreSQL if there is no Redis.

Messages are short JSON, never pickle.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import psycopg
import redis
from huey import Huey
from huey.registry import Message as HueyMessage
from huey.serializer import Serializer
from huey.storage import PostgresStorage

from photoqueue.addresses import masked, without_secrets
from photoqueue.errors import BrokerUnavailableError, MessageRefusedError
from photoqueue.phrases import InBoth
from photoqueue.queue.broker.redis_messages import (
    CHUNK,
    WAIT_SECONDS,
    RedisMessages,
    advice_on,
    message_of,
    open_pool,
)
from photoqueue.queue.broker.retention import Finished, Records
from photoqueue.queue.connections import KEPT, PostgresConnection, first_error
from photoqueue.queue.ids import new_uuid
from photoqueue.words import JobState, JobType, Message

#: Prefix of task names on the wire. It is fixed, since queued messages carry it.
_TASKS: Final = "photoqueue.broker.tasks."
_TASK_NAME: Final = re.compile(rf"{re.escape(_TASKS)}[a-z][a-z0-9]*(_[a-z0-9]+)*")

#: Longer messages are refused without parsing; a genuine one has about a hundred bytes.
MAX_MESSAGE_BYTES: Final = 512
_SHOWN_BYTES: Final = 60
#: Turns within one priority. With priorities of 16 bits, a score is exact as a double.
_TURNS: Final = 2**37
#: The lowest score that a job can have; the highest is about its negative.
_FIRST: Final = -(2**15) * _TURNS


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey is untyped
    """A Huey serializer for JSON of the form ``{"id": …, "name": …}``.

    A job always gives the same bytes, so that enqueueing it twice leaves one message in a Redis
    sorted set, in its last place.
    """

    def serialize(self, data: HueyMessage) -> bytes:
        """Turn a message into bytes."""
        return encode(UUID(data.id), data.name)

    def deserialize(self, data: bytes) -> HueyMessage:
        """Turn bytes into a message.

        Raises
        ------
        MessageRefusedError
            The bytes are not a message that photoqueue wrote.
        """
        job_id, name = decode(data)
        return HueyMessage(id=str(job_id), name=name, args=(job_id,), kwargs={})


def task_name(queue: str) -> str:
    """Return the task name of a queue on the wire; must not change, as queued messages carry it.

    Examples
    --------
    >>> task_name("photo-analyze")
    'photoqueue.broker.tasks.photo_analyze'
    """
    return _TASKS + queue.replace("-", "_")


def encode(job_id: UUID, name: str) -> bytes:
    """Write a message."""
    return b'{"id":"%s","name":"%s"}' % (str(job_id).encode(), name.encode())


def decode(data: bytes) -> tuple[UUID, str]:
    """Read a message: the job id and the task name.

    Raises
    ------
    MessageRefusedError
        The bytes are not a message that photoqueue wrote.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise _refused(data, f"{len(data)} bytes long")
    try:
        message = json.loads(data)
        job_id, name = UUID(message["id"]), message["name"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _refused(data, "not a job message in JSON") from None
    if len(message) != 2 or not isinstance(name, str) or not _TASK_NAME.fullmatch(name):
        raise _refused(data, "of an unknown task")
    return job_id, name


def _refused(data: bytes, reason: str) -> MessageRefusedError:
    shown = repr(data[:_SHOWN_BYTES]) + ("…" if len(data) > _SHOWN_BYTES else "")
    return MessageRefusedError(f"Refused a broker message that is {reason}: {shown}")


#: Seconds after which the table of messages is read although none was notified.
_READ_SECONDS: Final = 60.0


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
        """Add messages with their scores; return how many were not there yet."""
        added, messages = 0, sorted(messages, key=itemgetter(1))  # two must not deadlock
        for start in range(0, len(messages), CHUNK):
            chunk = messages[start : start + CHUNK]
            with self.db(commit=True) as cursor:
                cursor.execute(
                    f"insert into {self.table_task} as task (queue, data, priority) "
                    "select %s, data, -score from unnest(%s::bytea[], %s::float8[]) "
                    "as message (data, score) "
                    "on conflict (queue, data) do update set priority = excluded.priority "
                    "where task.priority <> excluded.priority returning xmax = 0",
                    (
                        self.name,
                        [data for _, data, _ in chunk],
                        [float(score) for _, _, score in chunk],
                    ),
                )
                added += sum(new for (new,) in cursor.fetchall())
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
            f"delete from {self.table_task} where id in (select id from {self.table_task} "
            "where queue = %s and data = any(%s) order by data for update)",
            (self.name, [data for _, data in messages]),
        )


class Broker:
    """Carries job ids from submitters to workers.

    Parameters
    ----------
    redis_url : str or None
        The Redis server; None carries the messages in PostgreSQL.
    database_url : str
        libpq address of PostgreSQL, used where there is no Redis.
    namespace : str
        Name of the installation within a Redis that several of them share.
    """

    def __init__(
        self,
        redis_url: str | None,
        *,
        database_url: str,
        namespace: str,
        embedded: bool = False,
    ) -> None:
        self._embedded = embedded
        self._password: str | None = None
        self.address = masked(redis_url) if redis_url else "PostgreSQL"
        options: dict[str, Any]
        if redis_url:
            pool = open_pool(redis_url)
            self._password = pool.connection_kwargs.get("password")
            self._redis: Any = redis.Redis(connection_pool=pool)
            options = {
                "storage_class": RedisMessages,
                "connection_pool": pool,
                "clean_name": False,
                "read_timeout": WAIT_SECONDS,
            }
        else:
            self._redis = None
            connect = partial(
                PostgresConnection.open, database_url, KEPT, name="photoqueue messages"
            )
            options = {"storage_class": PostgresMessages, "connection": connect}
        self._namespace, self._options = namespace, options
        #: Name of a queue of its own, as processes probe at the same time.
        self._probed = f"probe-{new_uuid()}"
        self._queues: dict[str, Huey] = {}
        self.records = Records(self._redis, namespace) if self._redis is not None else None

    def __repr__(self) -> str:
        return f"Broker({self.address!r})"

    def enqueue(self, messages: Iterable[Message]) -> int:
        """Enqueue jobs, a thousand per round trip; return how many messages were new.

        A message that is there takes the place that is given now.

        Raises
        ------
        BrokerUnavailableError
            The server cannot be reached. The jobs are not lost: recovery enqueues them later.
        """
        with self._errors():
            return sum(self._enqueue(queue, batch) for queue, batch in _by_queue(messages).items())

    def _enqueue(self, queue: JobType, messages: Sequence[Message]) -> int:
        name = task_name(queue)
        return self._storage(queue).enqueue_many(
            (one.job_id, encode(one.job_id, name), -one.priority * _TURNS + one.turn)
            for one in messages
        )

    def discard(self, messages: Iterable[Message]) -> None:
        """Remove the messages of jobs that will not run, so that they do not pile up.

        Raises
        ------
        BrokerUnavailableError
            The server cannot be reached. The messages do no harm: their jobs cannot be claimed.
        """
        with self._errors():
            for queue, batch in _by_queue(messages).items():
                name = task_name(queue)
                self._storage(queue).discard(
                    [(message.job_id, encode(message.job_id, name)) for message in batch]
                )

    def take(self, queue: JobType) -> UUID | None:
        """Take the id of the most urgent job; wait up to two seconds for one.

        Raises
        ------
        MessageRefusedError
            The message was not written by photoqueue; it is gone from the queue.
        BrokerUnavailableError
            The server is away.
        """
        with self._errors():
            data = self._storage(queue).dequeue()
        return None if data is None else self._read(queue, data)

    def take_next(
        self,
        queue: JobType,
        completed: Sequence[Finished],
        count: int,
        *,
        refused: Callable[[MessageRefusedError], None],
    ) -> list[Message]:
        """Keep records of completed jobs and take messages without waiting, in one round trip.

        Without Redis nothing is taken; use :meth:`take`.

        Parameters
        ----------
        completed
            Jobs of this queue that have completed.
        count : int
            Most messages to take.
        refused
            Called for each message that photoqueue did not write; it is gone from the queue.

        Returns
        -------
        list of Message
            Most urgent first.

        Raises
        ------
        BrokerUnavailableError
            The server is away.
        """
        if self.records is None:
            return []
        with self._errors():
            storage: RedisMessages = self._huey(queue).storage
            members = self.records.add(
                queue, JobState.COMPLETED, completed, queue_key=storage.queue_key, count=count
            )
        messages = []
        for member, score in members:
            try:
                job_id = self._read(queue, message_of(member))
            except MessageRefusedError as exc:
                refused(exc)
            else:
                # A forged one may be infinite.
                rank, turn = divmod(round(min(-_FIRST - 1, max(_FIRST, score))), _TURNS)
                messages.append(Message(queue, job_id, -rank, turn))
        return messages

    def _read(self, queue: JobType, data: bytes) -> UUID:
        message = self._huey(queue).serializer.deserialize(data)
        if message.name != task_name(queue):
            raise MessageRefusedError(f"Refused a broker message of {message.name} in {queue}.")
        return UUID(message.id)

    def size(self, queue: JobType) -> int:
        """Count the messages of a queue."""
        with self._errors():
            number: int = self._storage(queue).queue_size()
            return number

    def keep_record(self, *finished: Finished) -> None:
        """Keep the records of finished jobs for a while."""
        if self.records is None:
            return
        groups: dict[tuple[str, JobState], list[Finished]] = defaultdict(list)
        for one in finished:
            groups[one.queue, one.state].append(one)
        with self._errors():
            for (queue, state), records in groups.items():
                self.records.add(queue, state, records)

    def trim_records(self, queues: Iterable[str]) -> None:
        """Drop records beyond retention, on idle queues too."""
        if self.records is not None:
            with self._errors():
                self.records.trim(queues)

    def probe(self) -> None:
        """Do what jobs need: send a message and take it, in a queue of its own; leaves nothing."""
        with self._errors():
            self._storage(self._probed).probe()

    def version(self) -> str | None:
        """Ask Redis for its version; None if its user may not ask, or PostgreSQL carries."""
        with self._errors(), contextlib.suppress(redis.exceptions.NoPermissionError):
            return self._redis and str(self._redis.info("server")["redis_version"])
        return None

    def close(self, *, in_use: bool = True) -> None:
        """Close the connections, also those that other threads use at this moment."""
        for huey in list(self._queues.values()):
            huey.storage.close()
        if self._redis is not None:
            self._redis.connection_pool.disconnect(in_use)

    def _storage(self, queue: str) -> RedisMessages | PostgresMessages:
        storage: RedisMessages | PostgresMessages = self._huey(queue).storage
        return storage

    def _huey(self, queue: str) -> Huey:
        """Return the Huey queue of a name; made at its first use."""
        found = self._queues.get(queue)
        if found is None:
            name = f"{self._namespace}.{queue}"
            made = Huey(name, serializer=JsonSerializer(), results=False, **self._options)
            found = self._queues.setdefault(str(queue), made)
        return found

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate the drivers' errors into photoqueue's, and connect anew after each.

        A server that answers, but wrongly (it became a replica, is loading, has lost its rights),
        would answer so for ever: the address may lead to a better one by now.
        """
        try:
            yield
        except (redis.RedisError, psycopg.Error, OSError) as exc:
            with contextlib.suppress(redis.RedisError, psycopg.Error, OSError):
                self.close(in_use=False)
            # Huey rolls back also where the connection has closed itself, which hides the reason.
            first = first_error(exc)
            reason = str(first).rpartition(" of pipeline caused error: ")[2]
            detail = without_secrets(reason, self.address, [self._password])
            setting = "DATABASE_URL" if self._redis is None else "REDIS_URL"
            hint = InBoth(
                "Run `photoqueue doctor` to see why the embedded server is not answering."
            )
            if advice := advice_on(first):
                hint = InBoth(advice)
            elif not self._embedded:
                text = "Check {setting} and that the server is running, or run `photoqueue doctor`."
                hint = InBoth(text, setting=setting)
            raise BrokerUnavailableError(
                "The broker at {address} cannot be used: {detail}. {hint}",
                address=self.address,
                detail=detail,
                hint=hint,
            ) from exc


def _by_queue(messages: Iterable[Message]) -> dict[JobType, list[Message]]:
    found: dict[JobType, list[Message]] = defaultdict(list)
    for message in messages:
        found[message.queue].append(message)
    return found
