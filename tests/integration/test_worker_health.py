"""The ports of a worker: 503 when a process is frozen, 200 while it merely has nothing to do."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chaos.workers import children_of
from photoqueue import Settings
from photoqueue.jobs import job_types
from photoqueue.worker import health
from tests.conftest import Worker, eventually, submit

Start = Callable[..., Worker]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let a silence count as soon as it can."""
    return settings.model_copy(update={"lease_seconds": 2.0})


def address(worker: Worker) -> str:
    found = re.search(r"answering \S+(?: and \S+)? on (http://\S+)", worker.log)
    assert found is not None, worker.log
    return found[1]


def test_idle_worker_is_alive_and_one_with_a_frozen_process_is_not(start_worker: Start) -> None:
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", "--health-port", "0")
    url = f"{address(worker)}/healthz"
    eventually(lambda: httpx.get(url, timeout=60).json() == {"status": "alive", "problems": []})
    (child,) = children_of(worker.pid)
    child.send_signal(signal.SIGSTOP)
    eventually(lambda: httpx.get(url, timeout=60).status_code == 503, worker=worker)
    (problem,) = httpx.get(url, timeout=60).json()["problems"]
    assert str(child.pid) in problem
    assert "has not looked for jobs" in problem
    child.send_signal(signal.SIGCONT)
    eventually(lambda: httpx.get(url, timeout=60).status_code == 200, worker=worker)
    assert httpx.get(f"{address(worker)}/other").status_code == 404
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=60)


def test_worker_at_a_long_job_is_alive(
    start_worker: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    monkeypatch.setenv("PQ_TEST_GATE", str(gate))
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", "--health-port", "0")
    url = f"{address(worker)}/healthz"
    job = submit("gate-1")
    eventually(lambda: job.poll().state == "active")
    # Longer than a process may be silent, and to the end of the job: no look calls it silent.
    with httpx.Client() as client:
        problems: list[str] = []
        begin = time.monotonic()
        while time.monotonic() - begin < health.MIN_SILENCE_SECONDS + 0.5:
            problems += client.get(url).json()["problems"]
            time.sleep(0.25)
        gate.touch()
        while not job.done():
            problems += client.get(url).json()["problems"]
        problems += client.get(url).json()["problems"]
    assert [problem for problem in problems if "process" in problem] == []
    assert job.poll().state == "completed"


def test_worker_is_alive_while_its_engine_keeps_the_lock_of_python(start_worker: Start) -> None:
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", "--health-port", "0")
    url = f"{address(worker)}/healthz"
    job = submit("lock-1")
    problems: list[str] = []
    with httpx.Client(timeout=60) as client:
        while not job.done():
            problems += client.get(url).json()["problems"]
            time.sleep(0.25)
    assert [problem for problem in problems if "process" in problem] == []
    assert job.result().items


def test_one_port_for_health_and_metrics(start_worker: Start) -> None:
    worker = start_worker("--health-port", "0", "--metrics-port", "0")
    job = submit("a")
    job.wait(120)
    url = address(worker)
    assert httpx.get(f"{url}/healthz").status_code == 200
    # Counted by the worker soon after the job, or by the scrape itself.
    counted = 'photoqueue_jobs_completed_total{queue="photo-analyze"} 1.0'
    scrapes: list[str] = []

    def scrape() -> bool:
        scrapes.append(httpx.get(f"{url}/metrics", timeout=60).text)
        return counted in scrapes[-1]

    eventually(scrape, worker=worker)
    found = {
        (sample.name, sample.labels.get("queue")): sample.value
        for family in text_string_to_metric_families(scrapes[-1])
        for sample in family.samples
    }
    assert found["photoqueue_worker_healthy", None] == 1
    for queue in map(str, job_types()):
        assert found["photoqueue_processes", queue] >= 1
        assert found["photoqueue_last_fetch_seconds", queue] < 60
        assert found["photoqueue_workers", queue] == 1
        assert found["photoqueue_worker_last_seen_seconds", queue] < 60
    assert found["photoqueue_jobs_completed_total", "photo-analyze"] == 1


def test_port_in_use_is_said_before_any_work(start_worker: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        worker = start_worker("--health-port", port, wait=False)
        assert worker.wait() == 78
    assert f"127.0.0.1 port {port}: Address already in use" in worker.log
    assert "--health-port" in worker.log
