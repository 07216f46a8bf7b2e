"""A run: rounds of jobs under faults, with everything checked after each of them."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import redis

from chaos import audit, invariants
from chaos.engine import runs_in
from chaos.faults import Fault
from chaos.plan import Step, steps
from chaos.stage import Stage
from photoqueue import PhotoqueueError
from photoqueue.services import process

#: Seconds after its last fault within which all jobs of a round must have ended.
_SETTLE_SECONDS = 120.0
#: Seconds after a fault within which every worker must take a job, and before one that is to
#: strike idle workers, within which they should be.
_RESUME_SECONDS = 30.0
_IDLE_SECONDS = 20.0
#: What is raised where a server cannot do what it is asked for.
_SERVERS_SAY = (OSError, PhotoqueueError, redis.RedisError, psycopg.Error)


@dataclass
class Outcome:
    """What a run has found."""

    seed: int
    jobs: int = 0
    photos: int = 0
    inventories: int = 0
    lost: int = 0
    doubled: int = 0
    ran_again: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    #: By invariant, what broke it; empty lists where it held.
    breaches: dict[str, list[str]] = field(default_factory=dict)
    #: By fault, seconds until each job that was hit ran again, or each worker took one.
    recovery: dict[str, list[float]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    #: What each round took.
    seconds: list[float] = field(default_factory=list)
    round_jobs: list[int] = field(default_factory=list)
    calm_rate: float | None = None

    @property
    def rate(self) -> float:
        """Jobs a second over all rounds, outages included."""
        return sum(self.round_jobs) / sum(self.seconds) if self.seconds else 0.0

    @property
    def passed(self) -> bool:
        """Whether everything held."""
        return not any(self.breaches.values())


def run(
    *,
    seed: int,
    jobs: int,
    seconds: float,
    round_jobs: int = 1000,
    calm_jobs: int = 0,
    faults: Sequence[Fault],
    least: int = 12,
    make_stage: Callable[[int], Stage] = Stage,
    tell: Callable[[str], None] = print,
) -> Outcome:
    """Run jobs under faults.

    Parameters
    ----------
    jobs
        How many, in rounds of ``round_jobs``.
    seconds
        After which no further round begins.
    calm_jobs
        As many are run without a fault first, for the throughput.
    faults
        Those that are played.
    least
        Faults that a round plays at least; its jobs are more than said until then.
    """
    outcome = Outcome(seed)
    chance = random.Random(seed)
    outcome.skipped = {fault.name: why for fault in faults if (why := fault.needs())}
    plan = steps(seed, [fault for fault in faults if fault.name not in outcome.skipped])
    stage = make_stage(chance.getrandbits(32))
    try:
        stage.fill_crew()
        if calm_jobs:
            outcome.calm_rate = _calm(stage, calm_jobs)
            tell(f"without faults: {outcome.calm_rate:.0f} jobs/s")
        deadline = time.monotonic() + seconds
        left = jobs
        while left > 0 and time.monotonic() < deadline:
            _round(stage, outcome, plan, min(left, round_jobs), deadline, least, tell)
            left -= round_jobs
            if not outcome.passed:
                break
        stage.workers.stop()
        outcome.breaches["no process left"] = invariants.processes(stage)
        _sum_up(stage, outcome)
        _keep_logs(stage, outcome)
    finally:
        stage.close()
    return outcome


def _calm(stage: Stage, jobs: int) -> float:
    """Run jobs without a fault; return how many a second."""
    for worker in stage.workers.living:
        worker.wait_ready()
    begin = time.monotonic()
    enough, stop = threading.Event(), threading.Event()
    enough.set()
    limit = threading.Timer(_SETTLE_SECONDS, stop.set)
    limit.start()
    stage.load.run(jobs, stop, enough)
    limit.cancel()
    stage.settle(_SETTLE_SECONDS)
    return len(stage.load.accepted.photos) / (time.monotonic() - begin)


def _round(
    stage: Stage,
    outcome: Outcome,
    plan: Iterator[Step],
    jobs: int,
    deadline: float,
    least: int,
    tell: Callable[[str], None],
) -> None:
    begin = time.monotonic()
    stop, enough = threading.Event(), threading.Event()
    submitter = threading.Thread(target=stage.load.run, args=(jobs, stop, enough), daemon=True)
    submitter.start()
    before = len(stage.load.accepted.photos)
    played = 0
    while time.monotonic() < deadline and (submitter.is_alive() or _busy(stage)):
        _play(stage, outcome, next(plan), tell)
        played += 1
        stage.fill_crew()
        if played >= least:
            enough.set()
    stop.set()
    submitter.join(60)
    stage.servers.start()
    settled = stage.settle(_SETTLE_SECONDS)
    took = time.monotonic() - begin
    for worker in stage.workers.living:
        worker.wait_ready()
    found = invariants.check(stage)
    for name, breaches in found.items():
        outcome.breaches.setdefault(name, []).extend(breaches)
    done = len(stage.load.accepted.photos) - before
    outcome.seconds.append(took)
    outcome.round_jobs.append(done)
    broken = [f"{name}: {found[name][0]}" for name in found if found[name]]
    tell(
        f"round {len(outcome.seconds)}: {done} photos and {played} faults in {took:.0f} s"
        f"{'' if settled else ', NOT SETTLED'}; {'; '.join(broken) or 'all invariants hold'}"
    )


def _busy(stage: Stage) -> bool:
    try:
        return stage.unfinished() > 0
    except Exception:  # PostgreSQL is away: there is something to wait for
        return True


def _play(stage: Stage, outcome: Outcome, step: Step, tell: Callable[[str], None]) -> None:
    fault = step.fault
    stage.fault = fault.name
    stage.wait_for_worker()
    time.sleep(step.pause)
    if fault.idle:
        stage.load.paused.set()
        process.until(lambda: not _busy(stage), time.monotonic() + _IDLE_SECONDS)
    begin = struck = time.time()
    breaches = outcome.breaches.setdefault("every fault is played, and made good", [])
    try:
        said = _strike(stage, fault, random.Random(step.seed), breaches)
        stage.load.paused.clear()
        struck = time.time()
        again, stuck = stage.resumed(begin, _RESUME_SECONDS) if fault.heal else ([], [])
    except (*_SERVERS_SAY, RuntimeError, subprocess.TimeoutExpired) as exc:
        # A worker that does not stop, a server that does not come back: a finding, too.
        said, again, stuck = f"FAILED: {exc}", [], []
        breaches.append(f"{step.number} {fault.name}: {exc}")
    stage.load.paused.clear()
    stage.recovered[fault.name] += again
    for worker in stuck:
        breaches.append(f"{step.number} {fault.name}: {worker.log.name} takes no job after it")
        said += f" {worker.log.name} IS STUCK"
        worker.kill_group()  # as its operator would, in the end
    outcome.faults[fault.name] = outcome.faults.get(fault.name, 0) + 1
    took = f"{struck - begin:.1f} s, and {time.time() - struck:.1f} s"
    tell(f"  {step.number:3}  {fault.name} {said} [{took}]")


def _strike(stage: Stage, fault: Fault, chance: random.Random, breaches: list[str]) -> str:
    begin = time.time()
    try:
        said = fault.strike(stage, chance)
        time.sleep(chance.uniform(*fault.hold))
        if fault.away is not None:
            breaches += stage.unhealthy(begin) + stage.overlooked(fault.away)
    finally:
        if fault.heal is not None:
            fault.heal(stage)
        if fault.away is not None:
            stage.outages.append(audit.Span(begin, time.time()))
    return said if isinstance(said, str) else ""


def _sum_up(stage: Stage, outcome: Outcome) -> None:
    accepted = stage.load.accepted
    outcome.photos = len(accepted.photos)
    outcome.inventories = accepted.inventories
    outcome.refused = dict(accepted.errors)
    outcome.lost = len(outcome.breaches.get("every job ends", []))
    outcome.doubled = len(outcome.breaches.get("completed once", []))
    outcome.jobs = stage.rows("SELECT count(*) FROM jobs")[0][0]
    outcome.ended = dict(stage.rows("SELECT state, count(*) FROM jobs GROUP BY 1 ORDER BY 1"))
    outcome.outcomes = dict(
        stage.rows("SELECT outcome, count(*) FROM job_attempts GROUP BY 1 ORDER BY 1")
    )
    outcome.ran_again = sum(len(tokens) - 1 for tokens in runs_in(stage.runs).values())
    with stage.servers.connect() as connection:
        notes, _ = audit.moves(connection)
    working = [audit.Span(begin, end) for begin, end in stage.working.values()]
    outcome.recovery = audit.recoveries(notes, stage.kills + stage.slain, working, stage.outages)
    for name, seconds in stage.recovered.items():
        outcome.recovery.setdefault(name, []).extend(seconds)


def _keep_logs(stage: Stage, outcome: Outcome) -> None:
    """Look through the workers' logs for what nobody expects in them."""
    breaches = []
    for worker in stage.workers.all:
        text = worker.text
        at = text.find("Traceback (most recent call last)")
        if at >= 0:
            breaches.append(f"{worker.log.name}: {text[max(at - 300, 0) : at + 1500]}")
    outcome.breaches["no traceback in a worker's log"] = breaches
