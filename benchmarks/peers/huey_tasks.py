"""The task of Huey, whose messages name the module that it is in."""

from __future__ import annotations

import os

from huey import RedisHuey
from redis import ConnectionPool

huey = RedisHuey(
    "bench",
    connection_pool=ConnectionPool.from_url(
        f"unix://{os.environ['BENCH_REDIS_SOCKET']}?db={os.environ['BENCH_REDIS_DB']}"
    ),
    # Documented for those who wait for results: without it, waiting polls every 50 ms.
    notify_result=True,
)


@huey.task()
def nothing(number: int) -> int | None:
    """Do nothing; a result is stored only where one is returned."""
    return number or None
