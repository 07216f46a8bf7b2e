"""A range of processes with real workers: up with the queue, down after it, and nothing lost."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

import photoqueue
from chaos.workers import children_of as processes
from chaos.workers import template_of
from photoqueue.client.system import list_workers
from photoqueue.errors import ConfigurationError
from photoqueue.installation import Installation
from photoqueue.queue.database import Database
from photoqueue.settings import Concurrency, Settings
from tests import warm
from tests.conftest import Worker, eventually, submit

PHOTOS = "photo-analyze"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let processes go soon after they have become spare."""
    return settings.model_copy(update={"concurrency": Concurrency(1, 3), "idle_seconds": 0.5})


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the file that jobs wait for, before which none ends, however slow the machine is."""
    gate = tmp_path / "gate"
    monkeypatch.setenv("PQ_TEST_GATE", str(gate))
    return gate


def registered() -> int:
    (worker,) = list_workers()
    return worker.concurrency


def drained(log: str) -> int:
    return len(re.findall("process drains", log))


def test_processes_come_with_the_work_and_go_after_it(
    installation: Installation, gate: Path
) -> None:
    worker = photoqueue.start_worker(queue=PHOTOS, concurrency="1-3")
    seen: list[int] = []

    def number() -> int:
        seen.append(len(processes(worker.pid)))
        return seen[-1]

    with worker:
        assert number() == 1 and registered() == 1
        assert template_of(worker.pid)  # an interpreter of its own gets one, too
        jobs = [submit(f"gate-{number}") for number in range(12)]
        # Each works on one, and there are no more of them than allowed.
        eventually(lambda: number() == 3 and photoqueue.stats()[PHOTOS].active == 3, 120)
        eventually(lambda: registered() == 3)
        gate.touch()
        for job in jobs:
            job.wait(90)
        assert {job.poll().state for job in jobs} == {"completed"}
        eventually(lambda: number() == 1 and registered() == 1, 60)
        # One at a time, each after it was spare: two have gone, and none came back meanwhile.
        log = worker.log.read_text()
        assert re.findall(r"process (added|drains)", log) == ["added"] * 2 + ["drains"] * 2
        assert (min(seen), max(seen)) == (1, 3)
    # Those that were let go drained: no job was tried twice.
    assert {len(job.attempts()) for job in jobs} == {1}


def test_processes_that_drain_lose_no_job(start_worker: Callable[..., Worker]) -> None:
    worker = start_worker("--queue", PHOTOS)
    jobs = []
    # Until some have gone while jobs came: in each of these rounds one may be told to.
    while drained(worker.log) < 3:
        jobs += [submit(f"sleep-{len(jobs) + number}") for number in range(6)]
        eventually(lambda: photoqueue.stats()[PHOTOS].waiting == 0, 60, worker)
        assert len(processes(worker.pid)) <= 3
        before = drained(worker.log)
        while drained(worker.log) == before and len(processes(worker.pid)) > 1:
            jobs.append(submit(f"salon-{len(jobs)}"))
            jobs[-1].wait(120)
        assert len(jobs) < 1000, worker.log
    for job in jobs:
        job.wait(120)
    assert {job.poll().state for job in jobs} == {"completed"}
    assert {len(job.attempts()) for job in jobs} == {1}


def test_killed_process_is_replaced_and_its_job_done(
    start_worker: Callable[..., Worker], gate: Path
) -> None:
    worker = start_worker("--queue", PHOTOS)
    jobs = [submit(f"gate-{number}") for number in range(6)]
    eventually(lambda: photoqueue.stats()[PHOTOS].active == 3, 120, worker)
    killed = processes(worker.pid)[-1]
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: any(len(job.attempts()) == 1 for job in jobs), 60, worker)
    eventually(lambda: photoqueue.stats()[PHOTOS].active == 3, 60, worker)
    assert killed not in processes(worker.pid)
    gate.touch()
    for job in jobs:
        job.wait(120)
    outcomes = sorted(tuple(job.attempts()["outcome"]) for job in jobs)
    assert outcomes == [("completed",)] * 5 + [("worker_lost", "completed")]


def test_processes_go_on_without_their_template_and_others_come_without_it(
    start_worker: Callable[..., Worker], gate: Path
) -> None:
    worker = start_worker("--queue", PHOTOS, "--concurrency", "2")
    jobs = [submit(f"gate-{number}") for number in range(2)]
    eventually(lambda: photoqueue.stats()[PHOTOS].active == 2, 120, worker)
    killed, other = processes(worker.pid)
    template_of(worker.pid).kill()
    killed.kill()
    eventually(lambda: set(processes(worker.pid)) - {killed, other}, worker=worker)
    (spawned,) = set(processes(worker.pid)) - {killed, other}
    assert "spawn_main" in " ".join(spawned.cmdline()) and "are spawned" in worker.log
    gate.touch()
    for job in jobs:
        job.wait(120)
    outcomes = sorted(tuple(job.attempts()["outcome"]) for job in jobs)
    assert outcomes == [("completed",), ("worker_lost", "completed")]
    assert "signal 9 (SIGKILL)" in worker.log
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_process_is_replaced_once_the_machine_has_room_for_another(
    start_worker: Callable[..., Worker], gate: Path
) -> None:
    worker = start_worker("--queue", PHOTOS, "--concurrency", "1")
    job = submit("gate-0")
    eventually(lambda: job.poll().state == "active", 120, worker)
    supervisor = psutil.Process(worker.pid)
    before = supervisor.rlimit(psutil.RLIMIT_NOFILE)
    supervisor.rlimit(psutil.RLIMIT_NOFILE, (3, before[1]))
    processes(worker.pid)[0].kill()
    eventually(lambda: "Too many open files" in worker.log, worker=worker)
    supervisor.rlimit(psutil.RLIMIT_NOFILE, before)
    gate.touch()
    # To wait for the job would refuse to, where the machine is so busy that the lease has run out.
    eventually(lambda: job.poll().state == "completed", 120, worker)
    assert list(job.attempts()["outcome"]) == ["worker_lost", "completed"]


def test_paused_queue_asks_for_no_process(
    start_worker: Callable[..., Worker], database: Database
) -> None:
    photoqueue.pause(PHOTOS)
    for number in range(6):
        submit(f"salon-{number}")
    worker = start_worker("--queue", PHOTOS)
    renewals = set()

    def renewed(times: int) -> bool:
        with database.begin() as connection:
            renewals.add(connection.scalar(sa.text("SELECT last_seen_at FROM workers")))
        return len(renewals) > times

    eventually(lambda: renewed(5))
    assert len(processes(worker.pid)) == 1 and "process added" not in worker.log


def test_range_from_nought_is_refused_with_what_to_do(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="write 1-8"):
        photoqueue.start_worker(concurrency="0-8")
    refused = warm.interpreter().run(
        *("worker", "--concurrency", "0-8"),
        environment={**os.environ, **installation.settings.to_environment(), "COLUMNS": "300"},
    )
    assert refused.returncode == 2
    assert "write 1-8" in refused.stderr and "KEDA" in refused.stderr
