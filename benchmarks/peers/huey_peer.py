"""Huey, raw: at most once, untracked. Worked off by ``huey_consumer -k process -w 2``."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.peers.huey_tasks import nothing


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
