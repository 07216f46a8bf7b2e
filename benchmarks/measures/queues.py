"""Submitting many jobs, working them off, and waiting for one: photoqueue and its peers."""

from __future__ import annotations

import time

from benchmarks.peers.peer import Peer, until
from benchmarks.servers import Servers
from benchmarks.summary import percentile

#: Share of the jobs that is worked off before the clock starts: workers start and warm up.
_WARM_SHARE = 0.1
#: Jobs waited for, one at a time.
_LATENCY_JOBS = 150
#: Jobs that are submitted at once.
_SUBMIT_JOBS = 10_000


def submit(servers: Servers, peer: Peer, scale: float) -> dict[str, float]:
    """Submit jobs in bulk while nobody works; for photoqueue, until their rows are durable."""
    jobs = max(100, round(min(_SUBMIT_JOBS, peer.jobs) * scale))
    seconds = peer.run(servers, "submit", str(jobs))
    return {"jobs/s": jobs / seconds}


def drain(servers: Servers, peer: Peer, scale: float) -> dict[str, float]:
    """Let two processes work off jobs that do nothing."""
    jobs = max(50, round(peer.jobs * scale))
    peer.run(servers, "submit", str(jobs))
    goal = peer.left(servers) - round(jobs * _WARM_SHARE)
    with peer.working(servers):
        until(lambda: peer.left(servers) <= goal, what=f"the first jobs of {peer.name}")
        # The count first, then the clock: what is done in between counts against us all.
        left = peer.left(servers)
        began = time.perf_counter()
        ended = until(lambda: peer.left(servers) == 0, what=f"the jobs of {peer.name}")
    return {"jobs/s": left / (ended - began)}


def latency(servers: Servers, peer: Peer, scale: float) -> dict[str, float]:
    """Submit one job to an idle worker and wait for its result, again and again."""
    with peer.working(servers):
        took = peer.run(servers, "latency", str(max(10, round(_LATENCY_JOBS * scale))))
    return {"p50 ms": percentile(took, 50), "p95 ms": percentile(took, 95)}
