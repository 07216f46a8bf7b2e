"""Messages in Redis: the address, the sorted set of a queue, and what a server's errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import redis
from huey.storage import PriorityRedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

from photoqueue.errors import ConfigurationError

#: Messages in one command: Redis serves no other client while it runs one.
CHUNK: Final = 1000
#: Seconds that a take waits for a message.
WAIT_SECONDS: Final = 2
#: Time limit of connecting and of a reply, in seconds; longer than a take waits.
_TIMEOUT: Final = 3
_SCHEMES: Final = ("redis", "rediss", "unix")
#: Options of an address, besides those of TLS. Others of the library change what is sent or read.
_OPTIONS: Final = re.compile(
    "client_name|db|health_check_interval|max_connections|password|protocol|retry_on_timeout|"
    "socket_connect_timeout|socket_keepalive|socket_timeout|username"
)
_ONE_ADDRESS: Final = "give one address that leads to the primary"
#: By words in errors: what to do.
_ADVICE: Final = {
    "read only replica": "It is a replica, and REDIS_URL must lead to the primary.",
    "No space left": "Free some space on its disk.",
    "already authenticated": "REDIS_URL lacks the password: redis://:password@…",
    "used memory": "It has no memory left: raise its maxmemory, or find what fills it.",
    "permissions": "Its user needs +@all -@dangerous on the keys huey.redis.* and photoqueue:*.",
    "MovedError": f"It is one shard of a cluster, which is not supported: {_ONE_ADDRESS}.",
    "permission denied": (
        "As the owner of the tables, run `photoqueue migrate` with PHOTOQUEUE_BROKER=postgres, and "
        "grant this user SELECT, INSERT, UPDATE and DELETE on photoqueue_task."
    ),
}


def open_pool(url: str) -> redis.ConnectionPool:
    """Return the connections to the server of an address; contacts nothing.

    Raises
    ------
    ConfigurationError
        A part of the address is wrong or not supported; the message holds no secret.
    """
    reason = ""
    # Without the library's reason, which may quote a part of the password.
    with suppress(ValueError, TypeError, AttributeError, redis.RedisError):
        reason = _unsupported(url)
        pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            # After a failover the old connections lead to a replica: once more, on a new one, for
            # nothing was done.
            retry=Retry(NoBackoff(), 1, (redis.ReadOnlyError,)),
        )
        pool.connection_class(**pool.connection_kwargs)  # reads the options, only then
        if not reason:
            return pool
    raise ConfigurationError(
        f"REDIS_URL is not a Redis address{reason and ': '}{reason}. It looks like "
        "redis://:password@host:6379/0, rediss://… with TLS; a password with "
        "special characters is percent-encoded."
    )


def _unsupported(url: str) -> str:
    """Name the part of an address that is not supported, if there is one."""
    parts = urlsplit(url)
    if "@" in parts._replace(netloc="").geturl():
        raise ValueError  # of a password that was cut at its / or ?
    if parts.netloc and parts.scheme not in _SCHEMES:
        return f"{parts.scheme}:// is not supported; {_ONE_ADDRESS}"
    if "," in parts.netloc.rpartition("@")[2]:
        return f"several hosts are not supported; {_ONE_ADDRESS}"
    if parts.scheme != "unix" and not f"0{parts.path.strip('/')}".isdecimal():
        return "what follows the host is not the number of a database"
    for name in parse_qs(parts.query, keep_blank_values=True):
        of_tls = name.startswith("ssl_") and parts.scheme == "rediss"
        if not (of_tls or _OPTIONS.fullmatch(name)):
            return f"the option {name!r:.60} is not supported with {parts.scheme}://"
    return ""


def advice_on(error: BaseException) -> str | None:
    """Return what to do about an error of the server; None where its text says all."""
    text = f"{type(error).__name__}: {error}"
    return next((advice for words, advice in _ADVICE.items() if words in text), None)


def zadd_entry(score: int, member: bytes) -> bytes:
    """Write a member of a sorted set with its score."""
    written = b"%d" % score
    return b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(written), written, len(member), member)


def zadd(key: bytes, entries: Sequence[bytes]) -> bytes:
    r"""Write ``ZADD key score member …``.

    Examples
    --------
    >>> zadd(b"q", [zadd_entry(-10, b"job")])
    b'*4\r\n$4\r\nZADD\r\n$1\r\nq\r\n$3\r\n-10\r\n$3\r\njob\r\n'
    """
    head = b"*%d\r\n$4\r\nZADD\r\n$%d\r\n%b\r\n" % (2 + 2 * len(entries), len(key), key)
    return head + b"".join(entries)


def send(pool: redis.ConnectionPool, commands: Sequence[bytes]) -> list[Any]:
    """Send idempotent commands, all of them before the first reply is read.

    Raises
    ------
    redis.RedisError
        The server cannot be reached, or refuses a command.
    """
    connection: Any = pool.get_connection()

    def exchange() -> list[Any]:
        connection.send_packed_command(commands)
        return [connection.read_response() for _ in commands]

    try:
        answers: list[Any] = connection.retry.call_with_retry(
            exchange, lambda _: connection.disconnect()
        )
        return answers
    except BaseException:
        connection.disconnect()  # it may have unread replies
        raise
    finally:
        pool.release(connection)


class RedisMessages(PriorityRedisStorage):  # type: ignore[misc]  # huey is untyped
    """Messages in one sorted set per queue.

    Redis keys: ``huey.redis.<installation>.<queue>`` (sorted set; the lowest score is
    taken first, member = eight bytes of the job id's time + message).
    """

    def enqueue_many(self, messages: Iterable[tuple[UUID, bytes, int]]) -> int:
        """Add messages with their scores; return how many were not there yet."""
        entries = [zadd_entry(score, _member(job_id, data)) for job_id, data, score in messages]
        key = self.queue_key.encode()
        starts = range(0, len(entries), CHUNK)
        commands = [zadd(key, entries[start : start + CHUNK]) for start in starts]
        return sum(send(self.pool, commands))

    def probe(self) -> None:
        """Send a message and take it."""
        with self.conn.pipeline(transaction=False) as pipe:
            pipe.zadd(self.queue_key, {b"probe": 0}, nx=True)
            pipe.expire(self.queue_key, 60)  # seconds, should this process end here
            pipe.bzpopmin(self.queue_key, timeout=1)
            pipe.execute()

    def discard(self, messages: Sequence[tuple[UUID, bytes]]) -> None:
        """Remove messages that nobody needs to take any more."""
        for start in range(0, len(messages), CHUNK):
            chunk = messages[start : start + CHUNK]
            self.conn.zrem(self.queue_key, *(_member(*message) for message in chunk))


def _member(job_id: UUID, data: bytes) -> bytes:
    """Prefix a message with the time of its job, where Huey has the time of sending.

    The first bytes of a UUIDv7 are its time, so that jobs of equal score run in the order of
    submission, and a message sent again is the same member.
    """
    return job_id.bytes[:8] + data


def message_of(member: bytes) -> bytes:
    """Return the message that a member of the sorted set holds."""
    return member[8:]
