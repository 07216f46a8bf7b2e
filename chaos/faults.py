"""The faults of workers and of what they are given, and the table of all faults."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from chaos import outages
from chaos.load import POISON, SLAYER, photo
from chaos.pooler import no_pooler
from chaos.proxy import CUTS
from chaos.servers import no_disk, no_faketime
from chaos.stage import Stage
from chaos.workers import Worker, template_of

#: Holds what moves the clock of a process.
_CLOCK: Final = Path(__file__).parent / "clock"
#: Seconds beyond its grace period within which a worker that is told to stop has ended.
_STOP_SECONDS: Final = 30.0
#: Seconds for which something is away, frozen or full; and for which that is more than a lease,
#: a round and every silence that a worker's health forgives.
_SHORT: Final = (0.2, 2.0)
_LONG: Final = (42.0, 45.0)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes
    ----------
    strike : callable
        Plays it; returns what it did.
    heal : callable or None
        Makes good what does not end by itself, however far the strike came. Then every worker
        that lived before must take a photo again: what that takes is the recovery of the fault.
    hold : tuple of float
        Seconds from the strike to the healing: at least, at most.
    weight : int
        How often it comes, beside the others.
    ground : str
        Which stage has what it needs: see :data:`GROUNDS`.
    needs : callable
        Tells why it cannot be played on this machine; empty where it can.
    quick : bool
        Whether the short run plays it.
    away : bool
        Whether a server is of no use until the healing. Workers must call themselves healthy.
    idle : bool
        Whether the workers have nothing to do when it strikes.
    """

    name: str
    strike: Callable[[Stage, random.Random], str]
    heal: Callable[[Stage], None] | None = None
    hold: tuple[float, float] = (0.0, 0.0)
    weight: int = 1
    ground: str = "plain"
    needs: Callable[[], str] = lambda: ""
    quick: bool = False
    away: bool = False
    idle: bool = False


def kill_child(stage: Stage, chance: random.Random) -> str:
    """Kill a process that does jobs."""
    worker = _photo_worker(stage, chance)
    children = worker.children() if worker else []
    if not children:
        return "nobody to kill"
    child = chance.choice(children)
    stage.note_kill([worker], time.time())  # type: ignore[list-item]  # there are children
    with contextlib.suppress(psutil.NoSuchProcess):
        child.kill()
    return f"pid {child.pid}"


def kill_template(stage: Stage, chance: random.Random) -> str:
    """Kill the process that forks a worker's processes, and one of these: the next must come."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to kill"
    try:
        template = template_of(worker.pid)
    except (ValueError, psutil.NoSuchProcess):
        return "killed before"
    with contextlib.suppress(psutil.NoSuchProcess):
        template.kill()
    return f"pid {template.pid}, and {kill_child(stage, chance)}"


def kill_worker(stage: Stage, chance: random.Random) -> str:
    """Kill a supervisor and its processes at once."""
    worker = _photo_worker(stage, chance)
    return _kill_groups(stage, [worker] if worker else [])


def kill_supervisor(stage: Stage, chance: random.Random) -> str:
    """Kill a supervisor only: its processes must follow by themselves."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to kill"
    now = time.time()
    stage.note_kill([worker], now)
    stage.ended(worker, now)
    worker.process.kill()
    worker.process.wait(30)
    return f"pid {worker.pid}"


def kill_all(stage: Stage, chance: random.Random) -> str:
    """Kill every worker, as when a machine loses its power."""
    return _kill_groups(stage, stage.workers.living)


def stop_worker(stage: Stage, chance: random.Random) -> str:
    """Tell a worker to stop, sometimes twice."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to stop"
    stage.ended(worker, time.time())
    worker.process.terminate()
    twice = chance.random() < 0.3
    if twice:
        time.sleep(0.1)
        worker.process.send_signal(signal.SIGINT)
    status = worker.process.wait(worker.settings.grace_seconds + _STOP_SECONDS)
    return f"pid {worker.pid}{' twice' if twice else ''}, status {status}"


def freeze_worker(stage: Stage, chance: random.Random) -> str:
    """Freeze a worker until after its lease has run out."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to freeze"
    stage.note_kill([worker], time.time())
    outages.freeze(worker.family())
    return f"pid {worker.pid}"


def thaw_workers(stage: Stage) -> None:
    """Let frozen workers go on."""
    outages.thaw([process for worker in stage.workers.living for process in worker.family()])


def cut_connections(stage: Stage, chance: random.Random) -> str:
    """Cut all connections that pass the proxies."""
    for proxy in stage.proxies:
        proxy.cut_all()
    return ""


def cut_statements(stage: Stage, chance: random.Random) -> str:
    """Cut the connections of the next statements in the middle of them."""
    return _cut(stage, 0, chance)


def cut_commands(stage: Stage, chance: random.Random) -> str:
    """Cut the connections of the next commands to Redis in the middle of them."""
    return _cut(stage, 1, chance)


def forge_messages(stage: Stage, chance: random.Random) -> str:
    """Put messages into the queues that photoqueue did not write."""
    forged = [chance.randbytes(chance.randint(0, 200)) for _ in range(5)]
    forged.append(b"12345678cos\nsystem\n(S'touch /nonexistent/owned'\ntR.")
    with stage.servers.client() as client:
        for key in client.keys("huey.redis.*"):
            client.zadd(key, dict.fromkeys(forged, -100))
    return f"{len(forged)} in each queue"


def poison(stage: Stage, chance: random.Random) -> str:
    """Submit photos that crash, end or hang whoever looks at them."""
    kinds = [chance.choice(POISON) for _ in range(3)]
    taken = stage.load.submit([photo(kind) for kind in kinds])
    return ", ".join(kinds) + ("" if taken else " (refused)")


def slay(stage: Stage, chance: random.Random) -> str:
    """Submit a photo that ends the whole worker, among good ones."""
    kinds = ["sleep"] * 6 + [SLAYER]
    chance.shuffle(kinds)
    return "" if stage.load.submit([photo(kind) for kind in kinds]) else "refused"


def move_clock(stage: Stage, chance: random.Random) -> str:
    """Stop a worker; the one in its place has a clock that is wrong by up to a day."""
    seconds = chance.choice([-86_400, -3_600, -30, 30, 3_600, 86_400])
    stop_worker(stage, chance)
    stage.next_environment = {
        "PYTHONPATH": os.pathsep.join([str(_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "CHAOS_CLOCK_SECONDS": str(seconds),
    }
    return f"{seconds:+d} s"


#: What each stage has beside workers, servers and proxies.
GROUNDS: Final[dict[str, dict[str, object]]] = {
    "plain": {},
    "pooler": {"pooler": True},
    "moved": {"disk": 1024 * 2**20, "clock": True},
}
_REDIS, _POSTGRES = "Redis", "PostgreSQL"

FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("kill child", kill_child, weight=5, quick=True),
        Fault("kill template", kill_template, quick=True),
        Fault("kill worker", kill_worker, weight=3, quick=True),
        Fault("kill supervisor", kill_supervisor, weight=2, quick=True),
        Fault("kill all workers", kill_all, quick=True),
        Fault("stop worker", stop_worker, weight=2, quick=True),
        Fault("freeze worker", freeze_worker, thaw_workers, (3.5, 3.5), quick=True),
        *(
            Fault(f"{verb} {server}", strike(server), outages.start, _SHORT, quick=True, away=True)
            for server in (_REDIS, _POSTGRES)
            for verb, strike in (("restart", outages.stopping), ("kill", outages.killing))
        ),
        Fault("empty Redis", outages.empty_redis, weight=2, quick=True),
        Fault("cut connections", cut_connections, weight=2, quick=True),
        Fault("cut statements", cut_statements, weight=4, quick=True),
        Fault("cut commands", cut_commands),
        Fault(
            *("fill disk", outages.fill_store, outages.free_disks, (0.5, 2.0)),
            needs=no_disk,
            quick=True,
        ),
        Fault("forge messages", forge_messages, quick=True),
        Fault("poison", poison, weight=2, quick=True),
        Fault("poison a whole worker", slay),
        Fault("move clock", move_clock, quick=True),
        *(
            Fault(
                f"{verb} {server}{', idle' if idle else ''}",
                *(outages.replacing(server, keep=keep), outages.lead, (0.5, 3.0)),
                away=True,
                idle=idle,
            )
            for server in (_REDIS, _POSTGRES)
            for verb, keep in (("switch over", True), ("fail over", False))
            for idle in (False, True)
        ),
        *(
            Fault(
                f"freeze {server}{end}",
                outages.freezing(server),
                outages.thaw_servers,
                hold,
                away=True,
            )
            for server in (_REDIS, _POSTGRES)
            for end, hold in (("", (3.0, 6.0)), (" for long", _LONG))
        ),
        Fault("no memory in Redis", outages.limit_redis, outages.free_redis, (2.0, 4.0), away=True),
        Fault("stalled uploads", outages.stall_uploads, outages.upload_beside_stalled, (1.0, 1.0)),
        *(
            Fault(
                f"restore {server}",
                outages.backing_up(server),
                outages.restoring(server),
                (4.0, 8.0),
            )
            for server in (_REDIS, _POSTGRES)
        ),
        Fault(
            *("kill the pooler", outages.kill_pooler, outages.start, _SHORT),
            ground="pooler",
            needs=no_pooler,
            away=True,
        ),
        Fault(
            *("fill the servers' disk", outages.fill_servers, outages.free_disks, (2.0, 5.0)),
            ground="moved",
            needs=no_disk,
            away=True,
        ),
        Fault(
            *("servers' clock jumps", outages.move_servers, outages.set_servers_clock, (1.0, 6.0)),
            ground="moved",
            needs=no_faketime,
            weight=3,
        ),
    )
}


def _cut(stage: Stage, proxy: int, chance: random.Random) -> str:
    cuts = [chance.choice(CUTS) for _ in range(chance.randint(1, 6))]
    stage.proxies[proxy].cut_statements(cuts)
    return ", ".join(cuts)


def _photo_worker(stage: Stage, chance: random.Random) -> Worker | None:
    living = [worker for worker in stage.photo_workers() if worker in stage.working]
    return chance.choice(living) if living else None


def _kill_groups(stage: Stage, workers: list[Worker]) -> str:
    now = time.time()
    stage.note_kill(workers, now)
    for worker in workers:
        stage.ended(worker, now)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    for worker in workers:
        worker.process.wait(30)
    return ", ".join(f"pid {worker.pid}" for worker in workers) or "nobody to kill"
