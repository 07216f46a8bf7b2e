"""RQ. Worked off by two of its workers, one after the other in the worker's process.

``SimpleWorker`` is what its documentation names for speed; the default one forks for each job.
"""

from __future__ import annotations

import json
import os
import sys
import time

from redis import Redis
from rq import Queue, SimpleWorker

from benchmarks.peers.rq_tasks import nothing


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    connection = Redis(
        unix_socket_path=os.environ["BENCH_REDIS_SOCKET"], db=int(os.environ["BENCH_REDIS_DB"])
    )
    queue = Queue("bench", connection=connection)
    if verb == "work":
        SimpleWorker([queue], connection=connection).work(logging_level="WARNING")
    elif verb == "submit":
        queue.enqueue(nothing, result_ttl=0)
        began = time.perf_counter()
        for start in range(0, number, 1000):
            size = min(1000, number - start)
            queue.enqueue_many([Queue.prepare_data(nothing, result_ttl=0) for _ in range(size)])
        print(json.dumps(time.perf_counter() - began))
    else:
        took = []
        for n in range(-20, number):
            began = time.perf_counter()
            queue.enqueue(nothing).latest_result(timeout=30)
            if n >= 0:
                took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        print(json.dumps(took))


if __name__ == "__main__":
    main()
