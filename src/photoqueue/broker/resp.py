"""Redis's own protocol for one command with thousands of members.

The driver looks at each argument by itself, which was a third of the processor time of a
bulk submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis


def zadd_entry(score: int, member: bytes) -> bytes:
    """Write a member of a sorted set with its score."""
    written = b"%d" % score
    return b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(written), written, len(member), member)


def zadd_new(key: bytes, entries: Sequence[bytes]) -> bytes:
    r"""Write ``ZADD key NX score member …``.

    Examples
    --------
    >>> zadd_new(b"q", [zadd_entry(-10, b"job")])
    b'*5\r\n$4\r\nZADD\r\n$1\r\nq\r\n$2\r\nNX\r\n$3\r\n-10\r\n$3\r\njob\r\n'
    """
    head = b"*%d\r\n$4\r\nZADD\r\n$%d\r\n%b\r\n$2\r\nNX\r\n" % (3 + 2 * len(entries), len(key), key)
    return head + b"".join(entries)


def send(pool: redis.ConnectionPool, commands: Sequence[bytes]) -> list[Any]:
    """Send commands that may be sent twice, all of them before the first answer is read.

    Raises
    ------
    redis.RedisError
        The server is away, or refuses one of them.
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
        connection.disconnect()  # answers may be left on it
        raise
    finally:
        pool.release(connection)
