"""Every worker killed again and again, in front of this queue and its peers alike.

A worker is started, works for a moment, and is killed with all of its processes (SIGKILL), many
times over; the last one is left alone. The jobs themselves write down when they begin and end.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.audit import Span, usable
from chaos.peers.contender import CONTENDERS, Contender
from chaos.servers import Servers

#: Seconds within which a worker must begin a job, and the last one must end them all.
_START_SECONDS = 90.0
_END_SECONDS = 240.0
#: Seconds without any progress after which a queue that says it is empty is believed.
_QUIET_SECONDS = 3.0


@dataclass
class Killed:
    """What became of the jobs of one contender."""

    name: str
    jobs: int
    kills: int
    #: Jobs that never came to their end.
    lost: int = 0
    #: Jobs whose work was done to its end more than once.
    ran_twice: int = 0
    #: Jobs recorded as completed more than once; None where there is no record.
    doubled: int | None = None
    hit: int = 0
    #: Of each job that was hit: seconds in which a worker lived until it ran again.
    recovery: list[float] = field(default_factory=list)
    #: From the first start to the last end.
    seconds: float = 0.0
    skipped: str = ""


def against_peers(
    *, seed: int, jobs: int, kills: int, names: list[str] | None, tell: Callable[[str], None]
) -> list[Killed]:
    """Kill the workers of each contender, one contender after the other."""
    found = []
    for kind in CONTENDERS:
        if names is not None and kind.name not in names:
            continue
        reason = kind.missing()
        if reason:
            tell(f"{kind.name}: skipped, {reason}")
            found.append(Killed(kind.name, jobs, kills, skipped=reason))
            continue
        found.append(_against(kind, seed, jobs, kills))
        tell(f"{kind.name}: {found[-1].lost} lost, in {found[-1].seconds:.0f} s")
    return found


def _against(kind: type[Contender], seed: int, jobs: int, kills: int) -> Killed:
    folder = Path(tempfile.mkdtemp(prefix="pq-kills-"))
    servers = Servers()
    contender = None
    try:
        contender = kind(servers, folder)
        contender.submit(jobs)
        return _kill_again_and_again(contender, random.Random(seed), jobs, kills)
    finally:
        if contender is not None:
            contender.close()
        servers.close()
        shutil.rmtree(folder, ignore_errors=True)


def _kill_again_and_again(
    contender: Contender, chance: random.Random, jobs: int, kills: int
) -> Killed:
    lives: list[Span] = []
    for _ in range(kills):
        process = contender.start()
        try:
            first = _first_job(contender.effects)
            time.sleep(chance.uniform(0.1, 0.4))
        finally:
            killed = time.time()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        lives.append(Span(first, killed))
    process = contender.start()
    try:
        lives.append(Span(_first_job(contender.effects), float("inf")))
        _wait_for_the_end(contender, jobs)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
    return _judged(contender, jobs, kills, lives)


def _events(path: Path) -> list[tuple[str, str, float]]:
    events = []
    for line in path.read_text().splitlines():
        event, name, at = line.split()
        events.append((event, name, float(at)))
    return events


def _first_job(path: Path) -> float:
    """Wait until a job begins, and return when; a worker lives from then on."""
    size = path.stat().st_size
    deadline = time.monotonic() + _START_SECONDS
    while path.stat().st_size == size:
        if time.monotonic() > deadline:
            raise RuntimeError(f"No worker began a job within {_START_SECONDS:.0f} s: see {path}")
        time.sleep(0.01)
    return time.time()


def _wait_for_the_end(contender: Contender, jobs: int) -> None:
    deadline = time.monotonic() + _END_SECONDS
    size, changed = 0, time.monotonic()
    while time.monotonic() < deadline:
        now = contender.effects.stat().st_size
        if now != size:
            size, changed = now, time.monotonic()
        done = {name for event, name, _ in _events(contender.effects) if event == "end"}
        quiet = time.monotonic() - changed > _QUIET_SECONDS
        if (quiet or len(done) == jobs) and contender.unfinished() == 0:
            return
        time.sleep(0.2)


def _judged(contender: Contender, jobs: int, kills: int, lives: list[Span]) -> Killed:
    events = _events(contender.effects)
    ends = Counter(name for event, name, _ in events if event == "end")
    found = Killed(
        contender.name,
        jobs,
        kills,
        lost=jobs - len(ends),
        ran_twice=sum(count > 1 for count in ends.values()),
        doubled=contender.completed_twice(),
        seconds=events[-1][2] - events[0][2],
    )
    for name in {name for _, name, _ in events}:
        own = [(event, at) for event, one, at in events if one == name]
        for position, (event, _) in enumerate(own):
            following = own[position + 1] if position + 1 < len(own) else None
            if event != "start" or (following is not None and following[0] == "end"):
                continue
            # It began and did not end: a kill came between.
            found.hit += 1
            if following is not None:
                found.recovery.append(_waited(own[position][1], following[1], lives))
    return found


def _waited(begun: float, again: float, lives: list[Span]) -> float:
    """Seconds in which a worker lived, from the end of the one that was killed at the job."""
    killed = min((life.end for life in lives if life.end >= begun), default=begun)
    return usable(Span(killed, again), lives, ())
