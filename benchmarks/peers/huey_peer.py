"""Huey, raw: at most once, untracked. Worked off by ``huey_consumer -k process -w 2``."""

from __future__ import annotations

import json
import os
import sys
import time

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


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    nothing.call_local(0)
    if verb == "submit":
        began = time.perf_counter()
        for _ in range(number):
            nothing(0)
        print(json.dumps(time.perf_counter() - began))
    else:
        took = []
        for n in range(-20, number):
            began = time.perf_counter()
            nothing(7).get(blocking=True, timeout=30)
            if n >= 0:
                took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        print(json.dumps(took))


if __name__ == "__main__":
    main()
