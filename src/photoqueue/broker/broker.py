"""The broker: two Huey queues over Redis, or over PostgreSQL where there is no Redis."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
import redis
from huey import Huey

from photoqueue.addresses import masked
from photoqueue.broker.messages import JsonSerializer, encode
from photoqueue.broker.retention import Finished, Records
from photoqueue.broker.storage import (
    MessageStorage,
    PostgresMessages,
    RedisMessages,
    message_of,
)
from photoqueue.broker.tasks import TASK_NAMES
from photoqueue.errors import BrokerUnavailableError, ConfigurationError, MessageRefusedError
from photoqueue.models import JobState, JobType, Message

#: Seconds for connecting, and for a reply; a take may block for one second of them.
_TIMEOUT: Final = 3


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
            try:
                pool = redis.ConnectionPool.from_url(
                    redis_url,
                    socket_timeout=_TIMEOUT,
                    socket_connect_timeout=_TIMEOUT,
                )
            except (ValueError, TypeError):
                # The reason is left out: it may quote a part of the password.
                raise ConfigurationError(
                    "REDIS_URL is not a Redis address. It looks like "
                    "redis://:password@host:6379/0, rediss://… with TLS; a password with "
                    "special characters is percent-encoded."
                ) from None
            self._password = pool.connection_kwargs.get("password")
            self._redis: Any = redis.Redis(connection_pool=pool)
            options = {
                "storage_class": RedisMessages,
                "connection_pool": pool,
                "clean_name": False,
            }
        else:
            self._redis = None
            options = {"storage_class": PostgresMessages, "dsn": database_url}
        with self._errors():
            self._queues = {
                queue: Huey(
                    f"{namespace}.{queue}", serializer=JsonSerializer(), results=False, **options
                )
                for queue in JobType
            }
        self.records = Records(self._redis, namespace) if self._redis is not None else None

    def __repr__(self) -> str:
        return f"Broker({self.address!r})"

    def enqueue(self, messages: Iterable[Message]) -> int:
        """Announce jobs, a thousand in one round trip; return how many were new.

        Raises
        ------
        BrokerUnavailableError
            The server is away. The jobs are safe: recovery announces them later.
        """
        by_queue: dict[JobType, list[Message]] = defaultdict(list)
        for message in messages:
            by_queue[message.queue].append(message)
        with self._errors():
            return sum(self._enqueue(queue, batch) for queue, batch in by_queue.items())

    def _enqueue(self, queue: JobType, messages: Sequence[Message]) -> int:
        name = TASK_NAMES[queue]
        return self._storage(queue).enqueue_many(
            (message.job_id, encode(message.job_id, name), message.priority) for message in messages
        )

    def discard(self, job_ids: Sequence[UUID]) -> None:
        """Remove the messages of jobs that are not to run, so that they do not pile up.

        Raises
        ------
        BrokerUnavailableError
            The server is away. The messages do no harm: they find nothing to claim.
        """
        if not job_ids:
            return
        with self._errors():
            for queue, name in TASK_NAMES.items():
                self._storage(queue).discard([(job_id, encode(job_id, name)) for job_id in job_ids])

    def take(self, queue: JobType) -> UUID | None:
        """Take the id of the most urgent job; wait up to a second for one.

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
        """Keep records of completed jobs and take messages, without waiting for any.

        One round trip. Where there is no Redis nothing is taken: :meth:`take` does it.

        Parameters
        ----------
        completed
            Jobs of this queue that have completed.
        count : int
            How many messages to take at most.
        refused
            Told of each message that was not written by photoqueue; it is gone from the queue.

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
            storage: RedisMessages = self._queues[queue].storage
            members = self.records.add_and_take(
                queue, JobState.COMPLETED, completed, storage.queue_key, count
            )
        messages = []
        for member, score in members:
            try:
                job_id = self._read(queue, message_of(member))
            except MessageRefusedError as exc:
                refused(exc)
            else:
                messages.append(Message(queue, job_id, round(-score)))
        return messages

    def _read(self, queue: JobType, data: bytes) -> UUID:
        message = self._queues[queue].serializer.deserialize(data)
        if message.name != TASK_NAMES[queue]:
            raise MessageRefusedError(f"Refused a broker message of {message.name} in {queue}.")
        return UUID(message.id)

    def size(self, queue: JobType) -> int:
        """Count the messages of a queue."""
        with self._errors():
            return self._storage(queue).queue_size()

    def keep_record(self, *finished: Finished) -> None:
        """Keep the records of finished jobs for a while."""
        if self.records is None:
            return
        groups: dict[tuple[JobType, JobState], list[Finished]] = defaultdict(list)
        for one in finished:
            groups[one.queue, one.state].append(one)
        with self._errors():
            for (queue, state), records in groups.items():
                self.records.add(queue, state, records)

    def trim_records(self) -> None:
        """Drop records that are beyond retention, on idle queues too."""
        if self.records is not None:
            with self._errors():
                self.records.trim()

    def ping(self) -> str:
        """Ask the server for its version; the broker is usable when this returns."""
        if self._redis is None:
            return "carried by PostgreSQL"
        with self._errors():
            return f"Redis {self._redis.info('server')['redis_version']}"

    def close(self) -> None:
        """Close the connections."""
        for huey in self._queues.values():
            huey.storage.close()
        if self._redis is not None:
            self._redis.connection_pool.disconnect()

    def _storage(self, queue: JobType) -> MessageStorage:
        storage: MessageStorage = self._queues[queue].storage
        return storage

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate the drivers' errors into photoqueue's."""
        try:
            yield
        except (redis.RedisError, psycopg.Error, OSError) as exc:
            detail = " ".join(str(exc).split()).rstrip(".?")
            if self._password:
                detail = detail.replace(self._password, "***")
            hint = (
                "Run `photoqueue doctor` to see why the embedded server is not answering."
                if self._embedded
                else "Check REDIS_URL and that the server is running, or run `photoqueue doctor`."
            )
            raise BrokerUnavailableError(
                f"The broker at {self.address} cannot be used: {detail}. {hint}"
            ) from exc
