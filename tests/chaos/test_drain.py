"""SIGTERM and SIGINT: running jobs finish, what cannot finish is handed back."""

from __future__ import annotations

import signal

import pytest

import photoqueue
from chaos.workers import children_of
from photoqueue import JobState
from tests.chaos.conftest import wait_active
from tests.conftest import submit

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_job_finishes_and_waiting_ones_stay(start_worker, number):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", PQ_TEST_SLEEP="1")
    running = submit("sleep-1")
    wait_active(running)
    waiting = submit("sleep-2")
    worker.signal(number)
    assert worker.wait() == 0
    assert running.poll().state is JobState.COMPLETED
    assert waiting.poll().state is JobState.WAITING
    assert waiting.poll().attempts == 0
    assert photoqueue.stats()["photo-analyze"].workers == 0


def test_job_beyond_the_grace_period_is_handed_back_at_no_cost(start_worker, installation):
    settings = installation.settings.model_copy(update={"grace_seconds": 0.5})
    worker = start_worker("--queue", "photo-analyze", settings=settings, PQ_TEST_SLEEP="600")
    children = children_of(worker.pid)
    job = submit("sleep-1")
    wait_active(job)
    budget = job.poll().max_attempts - job.poll().attempts
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert not any(child.is_running() for child in children)
    snapshot = job.poll()
    assert snapshot.state is JobState.WAITING
    assert snapshot.max_attempts - snapshot.attempts == budget + 1
    assert list(job.attempts()["outcome"]) == ["released"]

    start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0")
    assert job.result(120).items


def test_second_signal_hands_back_at_once(start_worker):
    worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="600")
    job = submit("sleep-1")
    wait_active(job)
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGINT)
    assert worker.wait(4.5) == 0  # sooner than the grace period of 5 s
    assert job.poll().state is JobState.WAITING
