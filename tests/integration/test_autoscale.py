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
def scaler(installation: Installation, tmp_path: Path) -> Iterator[Worker]:
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
            env={**os.environ, **installation.settings.to_environment(), "PQ_TEST_SLEEP": "1"},
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


def test_workers_come_with_the_work_and_go_after_it(scaler: Worker) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    # More than the first worker has done before the others are ready, however slow they start.
    jobs = [submit(f"sleep-{number}") for number in range(100)]
    eventually(lambda: len(alive(scaler)) == 3, 90, scaler)
    photoqueue.cancel(jobs[12:])
    for job in jobs:
        job.wait(90)
    assert {job.poll().state for job in jobs[:12]} == {"completed"}
    eventually(lambda: len(alive(scaler)) == 1, 60, scaler)
    # Those that were let go drained: no job was tried twice.
    assert max(job.poll().attempt for job in jobs) == 1
    scaler.signal(signal.SIGTERM)
    assert scaler.wait(60) == 0
    assert not alive(scaler)


def test_killed_worker_is_replaced_and_its_job_done(scaler: Worker) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    job = submit("sleep-1")
    eventually(lambda: job.poll().state == "active", 60, scaler)
    killed = alive(scaler)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: job.poll().state == "completed", 90, scaler)
    assert not set(killed) & set(alive(scaler))


def test_workers_end_when_the_scaler_is_killed(scaler: Worker) -> None:
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 1, 60, scaler)
    scaler.process.kill()
    scaler.wait()
    eventually(lambda: not alive(scaler), 60, scaler)
