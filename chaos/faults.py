"""The faults, each a function that plays itself on a stage and leaves the stage repairable."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from chaos import audit
from chaos.load import POISON, photo
from chaos.proxy import CUTS
from chaos.servers import CLEAN
from chaos.stage import Stage
from chaos.workers import Worker, template_of

#: Plays a fault; returns what it did, or why it could not.
Fault = Callable[[Stage, random.Random], str]


#: Holds what moves the clock of a process.
_CLOCK: Final = Path(__file__).parent / "clock"
#: Seconds beyond its grace period within which a worker that is told to stop has ended.
_STOP_SECONDS: Final = 30.0


class Skipped(Exception):  # not an error: this machine lacks what the fault needs
    """The fault cannot be played here."""


def kill_child(stage: Stage, chance: random.Random) -> str:
    """Kill a process that does jobs."""
    worker = _photo_worker(stage, chance)
    children = worker.children() if worker else []
    if not children:
        return "nobody to kill"
    child = chance.choice(children)
    stage.note_kill("kill child", [worker], time.time())  # type: ignore[list-item]  # there are children
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
    return _kill_groups(stage, "kill worker", [worker] if worker else [])


def kill_supervisor(stage: Stage, chance: random.Random) -> str:
    """Kill a supervisor only: its processes must follow by themselves."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to kill"
    now = time.time()
    stage.note_kill("kill supervisor", [worker], now)
    stage.ended(worker, now)
    worker.process.kill()
    worker.process.wait(30)
    return f"pid {worker.pid}"


def kill_all(stage: Stage, chance: random.Random) -> str:
    """Kill every worker, as when a machine loses its power."""
    return _kill_groups(stage, "kill all workers", stage.workers.living)


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
    """Freeze a worker until after its lease has run out, then let it go on."""
    worker = _photo_worker(stage, chance)
    if worker is None:
        return "nobody to freeze"
    family = worker.family()
    stage.note_kill("freeze worker", [worker], time.time())
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    time.sleep(worker.settings.lease_seconds + 1.5)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    return f"pid {worker.pid}"


def restart_redis(stage: Stage, chance: random.Random) -> str:
    """Stop Redis cleanly, start it again after a while."""
    return _restart(stage, "Redis", CLEAN["Redis"], chance)


def kill_redis(stage: Stage, chance: random.Random) -> str:
    """Kill Redis: up to a second of its messages may be gone."""
    return _restart(stage, "Redis", signal.SIGKILL, chance)


def empty_redis(stage: Stage, chance: random.Random) -> str:
    """Make Redis forget everything."""
    with stage.servers.client() as client:
        client.flushall()
    return ""


def restart_postgres(stage: Stage, chance: random.Random) -> str:
    """Stop PostgreSQL cleanly, start it again after a while."""
    return _restart(stage, "PostgreSQL", CLEAN["PostgreSQL"], chance)


def kill_postgres(stage: Stage, chance: random.Random) -> str:
    """Kill PostgreSQL: it recovers from its log."""
    return _restart(stage, "PostgreSQL", signal.SIGKILL, chance)


def cut_connections(stage: Stage, chance: random.Random) -> str:
    """Cut all connections that pass the proxy."""
    stage.proxy.cut_all()
    return ""


def cut_statements(stage: Stage, chance: random.Random) -> str:
    """Cut the connections of the next statements in the middle of them."""
    cuts = [chance.choice(CUTS) for _ in range(chance.randint(1, 6))]
    stage.proxy.cut_statements(cuts)
    return ", ".join(cuts)


def fill_disk(stage: Stage, chance: random.Random) -> str:
    """Leave no room in the photo store for a while."""
    if not stage.store_mounted:
        raise Skipped("the photo store has no disk of its own: that needs root and mount")
    filler = stage.store / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(2**20)):
            pass
    time.sleep(chance.uniform(0.5, 2.0))
    filler.unlink()
    return ""


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


def move_clock(stage: Stage, chance: random.Random) -> str:
    """Stop a worker; the one in its place has a clock that is wrong by up to a day."""
    seconds = chance.choice([-86_400, -3_600, -30, 30, 3_600, 86_400])
    stop_worker(stage, chance)
    stage.next_environment = {
        "PYTHONPATH": os.pathsep.join([str(_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "CHAOS_CLOCK_SECONDS": str(seconds),
    }
    return f"{seconds:+d} s"


FAULTS: Final[dict[str, Fault]] = {
    "kill child": kill_child,
    "kill template": kill_template,
    "kill worker": kill_worker,
    "kill supervisor": kill_supervisor,
    "kill all workers": kill_all,
    "stop worker": stop_worker,
    "freeze worker": freeze_worker,
    "restart Redis": restart_redis,
    "kill Redis": kill_redis,
    "empty Redis": empty_redis,
    "restart PostgreSQL": restart_postgres,
    "kill PostgreSQL": kill_postgres,
    "cut connections": cut_connections,
    "cut statements": cut_statements,
    "fill disk": fill_disk,
    "forge messages": forge_messages,
    "poison": poison,
    "move clock": move_clock,
}


def _photo_worker(stage: Stage, chance: random.Random) -> Worker | None:
    living = [worker for worker in stage.photo_workers() if worker in stage.working]
    return chance.choice(living) if living else None


def _kill_groups(stage: Stage, fault: str, workers: list[Worker]) -> str:
    now = time.time()
    stage.note_kill(fault, workers, now)
    for worker in workers:
        stage.ended(worker, now)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    for worker in workers:
        worker.process.wait(30)
    return ", ".join(f"pid {worker.pid}" for worker in workers) or "nobody to kill"


def _restart(stage: Stage, name: str, number: int, chance: random.Random) -> str:
    server = stage.servers.redis if name == "Redis" else stage.servers.postgres
    away = chance.uniform(0.0, 1.5)
    begin = time.time()
    stage.servers.restart(server, number, away)
    stage.outages.append(audit.Span(begin, time.time()))
    return f"away for {away:.1f} s"
