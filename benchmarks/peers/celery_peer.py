"""Celery over Redis. Worked off by ``celery worker --concurrency 2`` (processes)."""

from __future__ import annotations

import json
import os
import sys
import time

from celery import Celery

_URL = (
    f"redis+socket://{os.environ['BENCH_REDIS_SOCKET']}?virtual_host={os.environ['BENCH_REDIS_DB']}"
)

app = Celery("bench", broker=_URL, backend=_URL)
app.conf.update(
    # Its guide to optimising: no results that nobody reads, and for short tasks many taken
    # ahead. Late acknowledgement is what it advises where a lost task would matter.
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    broker_connection_retry_on_startup=True,
)


@app.task(name="nothing", ignore_result=True)
def nothing() -> None:
    """Do nothing."""


@app.task(name="answer")
def answer() -> int:
    """Return something."""
    return 7


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    if verb == "submit":
        nothing.delay()
        with app.producer_pool.acquire(block=True) as producer:
            began = time.perf_counter()
            for _ in range(number):
                nothing.apply_async(producer=producer)
            print(json.dumps(time.perf_counter() - began))
    else:
        took = []
        for n in range(-20, number):
            began = time.perf_counter()
            answer.delay().get(timeout=30)
            if n >= 0:
                took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        print(json.dumps(took))


if __name__ == "__main__":
    main()
