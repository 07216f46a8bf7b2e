"""What must hold once every accident is over; each check returns the breaches that it found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import psutil

from chaos import audit
from chaos.engine import runs_in
from chaos.workers import processes_marked

if TYPE_CHECKING:
    from chaos.stage import Stage

#: How each kind of photo may end; a good photo fails only where its attempts were taken from it.
_ENDS: Final = {
    "ok": {"completed"},
    "sleep": {"completed"},
    "flaky": {"completed", "failed"},
    "bad": {"failed"},
    "raise": {"failed"},
    "crash": {"failed"},
    "exit": {"failed"},
    "odd": {"failed"},
    "hang": {"failed"},
    "slay": {"failed"},
}
#: Outcomes that a good photo is not to blame for.
_TAKEN: Final = {"worker_lost", "timeout"}
_WAIT_SECONDS: Final = 10.0


def lost_jobs(stage: Stage) -> list[str]:
    """Every job that was accepted has ended; of each refused batch all jobs are there, or none."""
    accepted = stage.load.accepted
    rows = dict(stage.rows("SELECT photo_id, state FROM jobs WHERE photo_id IS NOT NULL"))
    breaches = [f"{photo}: accepted, and there is no job" for photo in accepted.photos - set(rows)]
    ended = {"completed", "failed"}
    breaches += [
        f"{key}: has not ended, it is {state}"
        for key, state in stage.rows("SELECT job_key, state FROM jobs")
        if state not in ended
    ]
    for photos in accepted.refused:
        if 0 < len(photos & set(rows)) < len(photos):
            breaches.append(f"a refused batch is half there: {sorted(photos & set(rows))[:5]}")
    inventories = stage.rows("SELECT count(*) FROM jobs WHERE queue_name = 'inventory-sync'")[0][0]
    if inventories < accepted.inventories:
        breaches.append(f"{accepted.inventories} inventories accepted, {inventories} are there")
    return breaches


def doubled_jobs(stage: Stage) -> list[str]:
    """No job completes twice, and a result never changes."""
    with stage.servers.connect() as connection:
        notes, _ = audit.moves(connection)
    breaches = [f"{job}: completed and then moved again" for job in audit.doubled(notes)]
    rows = stage.rows(
        "SELECT job_id, count(*) FROM job_attempts WHERE outcome = 'completed' "
        "GROUP BY job_id HAVING count(*) > 1"
    )
    return breaches + [f"{job}: {count} attempts are on record as completed" for job, count in rows]


def effects(stage: Stage) -> list[str]:
    """Each engine run has its attempt, and the result kept is of one of these runs."""
    runs = runs_in(stage.runs)
    breaches = []
    for photo, attempts, state, token in stage.rows(
        "SELECT photo_id, attempts, state, result #>> '{items,0,label}' FROM jobs "
        "WHERE photo_id IS NOT NULL"
    ):
        tokens = runs.get(photo, [])
        if len(tokens) - stage.forgotten[photo] > attempts:
            breaches.append(f"{photo}: {len(tokens)} runs in {attempts} attempts")
        if state == "completed" and token not in tokens:
            breaches.append(f"{photo}: its result is of no run of the engine")
    return breaches


def attempts(stage: Stage) -> list[str]:
    """Each attempt is within the budget, has ended once, and none is missing."""
    budget = stage.settings.max_attempts
    breaches = []
    for key, state, made, most, given, numbers, outcomes in stage.rows(
        """
        SELECT job_key, state, attempts, max_attempts, budget, a.numbers, a.outcomes FROM jobs,
        LATERAL (SELECT array_agg(attempt ORDER BY attempt) AS numbers,
                        array_agg(outcome ORDER BY attempt) AS outcomes
                 FROM job_attempts WHERE job_attempts.job_id = jobs.job_id) AS a
        """
    ):
        outcomes = outcomes or []
        free = outcomes.count("released")
        if made > most or most != budget + free or given != budget or made - free > budget:
            breaches.append(f"{key}: {made} attempts of {most}, {free} of them cost nothing")
        if state in ("completed", "failed") and (numbers or []) != list(range(1, made + 1)):
            breaches.append(f"{key}: {made} attempts, on record are {numbers}")
        breaches += _ending(key, state, outcomes)
    return breaches


def _expected(key: str) -> set[str]:
    return _ENDS.get(key.removeprefix("photo-").partition("-")[0], {"completed"})


def _ending(key: str, state: str, outcomes: list[str]) -> list[str]:
    expected = _expected(key)
    if state not in ("completed", "failed") or state in expected:
        return []
    if state == "failed" and set(outcomes) <= _TAKEN | {"released"}:
        return []  # its workers were killed as often as it has attempts
    return [f"{key}: {state} after {outcomes}"]


def redis_keys(stage: Stage) -> list[str]:
    """Redis holds the records of ended jobs, which expire, and nothing else."""
    breaches = []
    with stage.servers.client() as client:
        for key in client.scan_iter():
            name = key.decode()
            if not (name.startswith("photoqueue:") and name.endswith((":completed", ":failed"))):
                breaches.append(f"{name}: what is it there for? ({client.type(key).decode()})")
            elif client.ttl(key) < 0:
                breaches.append(f"{name}: never expires")
            elif client.zcard(key) > 100:
                breaches.append(f"{name}: {client.zcard(key)} records")
    return breaches


def innocent(stage: Stage) -> list[str]:
    """No good photo fails but where faults took its attempts: another photo must not."""
    failed = {
        job
        for job, key in stage.rows("SELECT job_id, job_key FROM jobs WHERE state = 'failed'")
        if _expected(key) == {"completed"}
    }
    with stage.servers.connect() as connection:
        notes = audit.moves(connection)[0] if failed else []
    breaches = []
    for job, own in audit.by_job(notes):
        alone = [
            move
            for move, after in pairwise(own)
            if job in failed and (move.state, after.error) == ("active", "worker_lost")
            if not any(
                move.worker_id in k.workers and move.at <= k.at <= after.at for k in stage.kills
            )
            if not any(out.begin <= after.at and move.at <= out.end for out in stage.outages)
        ]
        if len(alone) > 1:
            breaches.append(f"{job}: {len(alone)} of its attempts ended with no fault near")
    return breaches


def connections(stage: Stage) -> list[str]:
    """PostgreSQL has no more connections than the living processes need."""
    if stage.servers.pooler is not None:
        return []  # it has those of the pooler
    rows = stage.rows(
        "SELECT application_name FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND application_name <> 'chaos'"
    )
    named = Counter(name for (name,) in rows)
    supervisors = len(stage.workers.living)
    children = sum(len(worker.children()) for worker in stage.workers.living)
    breaches = []
    for name, count in named.items():
        # Pooled ones: this process has up to ten; a worker's process two, to look things up.
        limit = {
            "photoqueue supervisor": supervisors,
            "photoqueue": 10 + 2 * (supervisors + children),
        }.get(name, children)
        if count > limit:
            breaches.append(f"{count} connections {name!r}, {limit} expected")
    return breaches


def leases(stage: Stage) -> list[str]:
    """No job is held, and no lock is."""
    rows = stage.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    held = stage.rows("SELECT job_key FROM jobs WHERE state = 'active'")
    breaches = [f"{key}: is held by a worker" for (key,) in held]
    return breaches + (["an advisory lock is held"] if rows[0][0] else [])


def processes(stage: Stage) -> list[str]:
    """No process is left; to be asked when all workers were stopped."""
    from chaos.stage import MARK

    left = psutil.wait_procs(processes_marked(MARK, stage.mark), timeout=5)[1]
    return [f"process {process.pid} is left: {' '.join(process.cmdline())}" for process in left]


#: What is checked after each round, under the name that the report gives it.
CHECKS: Final[dict[str, Callable[[Stage], list[str]]]] = {
    "every job ends": lost_jobs,
    "completed once": doubled_jobs,
    "one effect an attempt": effects,
    "attempts within the budget": attempts,
    "no photo fails for another": innocent,
    "Redis holds what it should": redis_keys,
    "no connection leaked": connections,
    "nothing held": leases,
}


def check(stage: Stage) -> dict[str, list[str]]:
    """Check everything; what needs a moment after the last job gets it."""
    found = {}
    for name, examine in CHECKS.items():
        deadline = time.monotonic() + _WAIT_SECONDS
        breaches = examine(stage)
        while breaches and time.monotonic() < deadline:
            time.sleep(0.2)
            breaches = examine(stage)
        found[name] = breaches
    return found
