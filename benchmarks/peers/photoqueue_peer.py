"""photoqueue itself: its own worker, with a handler that does nothing.

A process of a worker imports this module before it starts, as :mod:`multiprocessing` has it:
the handler is replaced in all of them.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.peers.peer import until
from photoqueue.client.handles import Job
from photoqueue.client.intake import Taken, commit
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ids import new_batch_id, new_uuid
from photoqueue.queue.ledger import Claim
from photoqueue.queue.submission import NewBatch, NewPhoto
from photoqueue.queue.workers import queue_status
from photoqueue.records.results import PhotoResult
from photoqueue.records.snapshots import AiCall
from photoqueue.settings import Concurrency, load_settings
from photoqueue.words import INTERACTIVE_PRIORITY
from photoqueue.worker import child
from photoqueue.worker.supervisor import Supervisor
from photoqueue.worker.template import template

_RESULT = PhotoResult(photo_id="p", items=(), room_type="salon", confidence=0.0).to_json()


def _nothing(claim: Claim, calls: list[AiCall]) -> str:
    return _RESULT


child.load_handler = lambda job_type, workplace: _nothing


def photos(number: int) -> list[Taken]:
    """Make photos that are stored already, as far as anybody can tell."""
    prefix = new_uuid().hex[-12:]
    return [
        Taken(row=NewPhoto(photo_id=f"{prefix}-{n}", user_id="u1", sha256=f"{n:064x}"))
        for n in range(number)
    ]


def submit(installation: Installation, number: int) -> float:
    """Submit a batch of jobs; return the seconds that it took until all rows were durable."""
    taken = photos(number)
    began = time.perf_counter()
    commit(
        installation,
        taken,
        priority=0,
        engine=None,
        resubmit=False,
        batch=NewBatch(batch_id=new_batch_id(), user_id="u1"),
    )
    return time.perf_counter() - began


def latency(installation: Installation, number: int) -> list[float]:
    """Submit one job at a time and wait for its result; return the milliseconds of each."""
    took = []
    for photo in photos(number):
        began = time.perf_counter()
        (accepted,) = commit(
            installation, [photo], priority=INTERACTIVE_PRIORITY, engine=None, resubmit=False
        )
        Job(installation, accepted.job_id, accepted.job_key, PHOTO_ANALYZE).result(30)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.01)
    return took


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    if verb == "work":
        child.configure_logging("text")
        with template() as forks:
            Supervisor(
                Installation.open(load_settings()),
                [PHOTO_ANALYZE],
                concurrency=Concurrency.of(number),
                template=forks,
            ).run()
        return
    installation = Installation.open(load_settings())
    if verb == "submit":
        submit(installation, 100)  # the first one opens connections and loads modules
        print(json.dumps(submit(installation, number)))
    elif verb == "latency":
        # result() refuses to wait where nobody works, and the worker has only just been started.
        lease = installation.settings.lease_seconds
        until(
            lambda: queue_status(installation.database, PHOTO_ANALYZE, lease).live,
            what="a worker",
        )
        latency(installation, 20)
        print(json.dumps(latency(installation, number)))
    installation.close()


if __name__ == "__main__":
    main()
