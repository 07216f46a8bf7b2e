"""Dramatiq over Redis. Worked off by ``dramatiq --processes 2 --threads 1``."""

from __future__ import annotations

import json
import os
import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

_URL = f"unix://{os.environ['BENCH_REDIS_SOCKET']}?db={os.environ['BENCH_REDIS_DB']}"
broker = RedisBroker(url=_URL)
broker.add_middleware(Results(backend=RedisBackend(url=_URL)))
dramatiq.set_broker(broker)


@dramatiq.actor
def nothing() -> None:
    """Do nothing."""


@dramatiq.actor(store_results=True)
def answer() -> int:
    """Return something."""
    return 7


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    if verb == "submit":
        nothing.send()
        began = time.perf_counter()
        for _ in range(number):
            nothing.send()
        print(json.dumps(time.perf_counter() - began))
    else:
        took = []
        for n in range(-20, number):
            began = time.perf_counter()
            answer.send().get_result(block=True, timeout=30_000)
            if n >= 0:
                took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        print(json.dumps(took))


if __name__ == "__main__":
    main()
