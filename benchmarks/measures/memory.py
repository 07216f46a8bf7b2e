"""Memory: of the processes of an idle worker, and of Redis after many jobs."""

from __future__ import annotations

import time

import psutil

from benchmarks.peers.peer import Peer, until
from benchmarks.servers import Servers

_JOBS = 100_000
_MIB = 2**20


def worker(servers: Servers, peer: Peer, scale: float) -> dict[str, float]:
    """Add up all processes of a worker of two, once it has done some jobs.

    PSS shares a page out among the processes that use it; RSS counts it for each of them.
    """
    jobs = 200
    peer.run(servers, "submit", str(jobs))
    with peer.working(servers) as started:
        until(lambda: peer.left(servers) == 0, what=f"some jobs of {peer.name}")
        time.sleep(0.5)
        family = [
            process
            for one in started
            for process in (psutil.Process(one.pid), *psutil.Process(one.pid).children(True))
        ]
        sizes = [process.memory_full_info() for process in family]
    return {
        "PSS MiB": sum(size.pss for size in sizes) / _MIB,
        "RSS MiB": sum(size.rss for size in sizes) / _MIB,
    }


def redis(servers: Servers, peer: Peer, scale: float) -> dict[str, float]:
    """Tell what waiting jobs take of Redis."""
    jobs = round(_JOBS * scale)
    before = servers.redis.info("memory")["used_memory"]
    for start in range(0, jobs, 10_000):
        peer.run(servers, "submit", str(min(10_000, jobs - start)))
    used = servers.redis.info("memory")["used_memory"] - before
    return {"MiB": used / _MIB}
