"""``photoqueue autoscale`` with real workers: up, down, over a killed worker, and its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import photoqueue
from photoqueue.installation import Installation
from tests.conftest import REPOSITORY, Worker, eventually, submit


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Name the file that jobs wait for, before which none ends, however slow the machine is."""
    return tmp_path / "gate"


@pytest.fixture
def scaler(installation: Installation, tmp_path: Path, gate: Path) -> Iterator[Worker]:
    """Scale from one to three workers, which each do one photo at a time."""
    log = tmp_path / "autoscale.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "photoqueue", "autoscale", "--min", "1", "--max", "3"),
                *("--queue", "photo-analyze", "--concurrency", "1"),
                *("--interval", "0.2", "--idle-seconds", "1"),
            ],
            cwd=REPOSITORY,
            env={**os.environ, **installation.settings.to_environment(), "PQ_TEST_GATE": str(gate)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    scaler = Worker(process, log)
    yield scaler
    if process.poll() is None:
        process.kill()
        process.wait()
    for pid in workers(scaler):
        eventually(lambda pid=pid: not psutil.pid_exists(pid))  # type: ignore[misc]


def workers(scaler: Worker) -> list[int]:
    return [int(pid) for pid in re.findall(r"worker started.*?pid=(\d+)", scaler.log)]


def alive(scaler: Worker) -> list[int]:
    return [pid for pid in workers(scaler) if psutil.pid_exists(pid)]


def test_workers_come_with_the_work_and_go_after_it(scaler: Worker, gate: Path) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    jobs = [submit(f"gate-{number}") for number in range(12)]
    # Each works on one, and there are no more of them than allowed.
    eventually(lambda: photoqueue.stats()["photo-analyze"].active == 3, 120, scaler)
    assert len(workers(scaler)) == 3
    gate.touch()
    for job in jobs:
        job.wait(90)
    assert {job.poll().state for job in jobs} == {"completed"}
    eventually(lambda: len(alive(scaler)) == 1, 60, scaler)
    # Those that were let go drained: no job was tried twice.
    assert {job.poll().attempt for job in jobs} == {1}
    assert len(workers(scaler)) == 3
    scaler.signal(signal.SIGTERM)
    assert scaler.wait(60) == 0
    assert not alive(scaler)


def test_killed_worker_is_replaced_and_its_job_done(scaler: Worker, gate: Path) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    job = submit("gate-1")
    eventually(lambda: job.poll().state == "active", 60, scaler)
    # There are two where the machine is so slow that the job has waited long for the first.
    killed = alive(scaler)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: job.poll().attempt == 2, 120, scaler)
    assert set(alive(scaler)) - set(killed)
    gate.touch()
    eventually(lambda: job.poll().state == "completed", 60, scaler)
    assert list(job.attempts()["outcome"]) == ["worker_lost", "completed"]
    assert not set(killed) & set(alive(scaler))


def test_workers_end_when_the_scaler_is_killed(scaler: Worker) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    scaler.process.kill()
    scaler.wait()
    eventually(lambda: not alive(scaler), 60, scaler)
