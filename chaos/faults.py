"""The faults of workers and of what they are given, and the table of all faults."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil

from chaos.load import POISON, SLAYER, photo
from chaos.outages import (
    SERVERS,
    fill,
    freeze,
    limit,
    mend,
    restore,
    set_back,
    stall_uploads,
    upload_beside_stalled,
)
from chaos.pooler import no_pooler
from chaos.proxy import CUTS
from chaos.servers import CLEAN, Servers, no_disk, no_faketime
from chaos.stage import Stage
from chaos.workers import Worker, template_of

#: Holds what moves the clock of a process.
_CLOCK: Final = Path(__file__).parent / "clock"
#: Seconds beyond its grace period within which a worker that is told to stop has ended.
_STOP_SECONDS: Final = 30.0
#: Seconds for which a server is away.
_SHORT: Final = (0.0, 1.5)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong."""

    name: str
    #: Plays it; may return a text about what it did.
    strike: Callable[[Stage, random.Random], object]
    #: Makes good what does not end by itself, however far the strike came. Then every worker that
    #: lived before must take a photo again: what that takes is the recovery of the fault.
    heal: Callable[[Stage], None] | None = None
    #: Seconds from the strike to the healing: at least, at most.
    hold: tuple[float, float] = (0.0, 0.0)
    #: How often it comes, beside the others.
    weight: int = 1
    #: Which stage it is played on (see :data:`GROUNDS`), and why it cannot be on this machine.
    ground: str = "plain"
    needs: Callable[[], str] = lambda: ""
    #: Whether the short run plays it.
    quick: bool = False
    #: What of :meth:`Installation.probe` is of no use until the healing: the probe must say so,
    #: while workers call themselves healthy. Empty where it may be of some use.
    away: str | None = None
    #: Whether the workers have nothing to do when it strikes.
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


def kill_workers(stage: Stage, workers: Sequence[Worker | None]) -> str:
    """Kill supervisors and their processes at once, as when a machine loses its power."""
    hit = [worker for worker in workers if worker]
    now = time.time()
    stage.note_kill(hit, now)
    for worker in hit:
        stage.ended(worker, now)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    for worker in hit:
        worker.process.wait(30)
    return ", ".join(f"pid {worker.pid}" for worker in hit) or "nobody to kill"


def kill_worker(stage: Stage, chance: random.Random) -> str:
    """Kill a supervisor and its processes at once."""
    return kill_workers(stage, [_photo_worker(stage, chance)])


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
    freeze(worker.family())
    return f"pid {worker.pid}"


def cut(stage: Stage, chance: random.Random, proxy: int) -> str:
    """Cut the next statements or commands that pass a proxy in the middle of them."""
    cuts = [chance.choice(CUTS) for _ in range(chance.randint(1, 6))]
    stage.proxies[proxy].cut_statements(cuts)
    return ", ".join(cuts)


def cut_connections(stage: Stage, chance: random.Random) -> None:
    """Cut all connections that pass the proxies."""
    for proxy in stage.proxies:
        proxy.cut_all()


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


def move_servers(stage: Stage, chance: random.Random) -> str:
    """Make the clock of both servers jump by hours, while the workers' stays."""
    hours = chance.choice([-24, -3, -1, 1, 3, 24])
    stage.servers.clock.write_text(f"{hours * 3600:+d}")
    return f"{hours:+d} h"


def _of_server(name: str, away: str) -> tuple[Fault, ...]:
    """Return what befalls either server, which the probe has a name for."""

    def fault(
        verb: str, strike: Callable[[Servers], object], *hold: float, end: str = "", **more: Any
    ) -> Fault:
        return Fault(
            f"{verb} {name}{end}",
            lambda stage, _: strike(stage.servers),
            *(mend, (hold[0], hold[-1])),
            away=away,
            **more,
        )

    return (
        fault("restart", lambda one: one.stop(name, CLEAN[name]), *_SHORT, quick=True),
        fault("kill", lambda one: one.stop(name, signal.SIGKILL), *_SHORT, quick=True),
        fault("freeze", lambda one: freeze(one.of(name).processes()), 3.0, 6.0),
        # More than a lease, a round, and every silence that a worker's health forgives.
        fault("freeze", lambda one: freeze(one.of(name).processes()), 43.0, end=" for long"),
        *(
            fault(
                verb, partial(Servers.replace, name=name, keep=keep), 0.5, 3.0, end=end, idle=idle
            )
            for verb, keep in (("switch over", True), ("fail over", False))
            for end, idle in (("", False), (", idle", True))
        ),
        Fault(
            f"restore {name}",
            lambda stage, _: stage.servers.back_up(name),
            lambda stage: restore(stage, name),
            (4.0, 8.0),
        ),
    )


#: What each stage has beside workers, servers and proxies.
GROUNDS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "pooler": {"pooler": True},
    "moved": {"disk": 1024 * 2**20, "clock": True},
}

FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("kill child", kill_child, weight=5, quick=True),
        Fault("kill template", kill_template, quick=True),
        Fault("kill worker", kill_worker, weight=3, quick=True),
        Fault("kill supervisor", kill_supervisor, weight=2, quick=True),
        Fault("kill all workers", lambda on, _: kill_workers(on, on.workers.living), quick=True),
        Fault("stop worker", stop_worker, weight=2, quick=True),
        Fault("freeze worker", freeze_worker, mend, (3.5, 3.5), quick=True),
        Fault("move clock", move_clock, quick=True),
        Fault("forge messages", forge_messages, quick=True),
        Fault("poison", poison, weight=2, quick=True),
        Fault("poison a whole worker", slay),
        Fault(
            "cut connections",
            lambda on, _: [one.cut_all() for one in on.proxies],
            weight=2,
            quick=True,
        ),
        Fault("cut statements", partial(cut, proxy=0), weight=4, quick=True),
        Fault("cut commands", partial(cut, proxy=1)),
        Fault("stalled uploads", stall_uploads, upload_beside_stalled, (1.0, 1.0)),
        *(fault for name, away in SERVERS.items() for fault in _of_server(name, away)),
        Fault("empty Redis", lambda on, _: on.servers.client().flushall(), weight=2, quick=True),
        Fault("no memory in Redis", lambda on, _: limit(on, 1), mend, (2.0, 4.0), away="broker"),
        Fault(
            *("fill disk", lambda stage, _: fill(stage.store), mend, (0.5, 2.0)),
            needs=no_disk,
            quick=True,
        ),
        Fault(
            *("kill the pooler", lambda stage, _: stage.servers.pooler.stop(), mend, _SHORT),
            ground="pooler",
            needs=no_pooler,
            away="schema",
        ),
        Fault(
            *("fill the servers' disk", lambda on, _: fill(on.servers.home), mend, (2.0, 5.0)),
            ground="moved",
            needs=no_disk,
            away="",
        ),
        Fault(
            *("servers' clock jumps", move_servers, set_back, (1.0, 6.0)),
            ground="moved",
            needs=no_faketime,
            weight=3,
        ),
    )
}


def _photo_worker(stage: Stage, chance: random.Random) -> Worker | None:
    living = [worker for worker in stage.photo_workers() if worker in stage.working]
    return chance.choice(living) if living else None
