"""Whether a worker works, told by a clock that the test moves."""

from __future__ import annotations

import contextlib
import socket
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from photoqueue.addresses import origin
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.worker import board as board_module
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.health import START_SECONDS, Probe, Pulse, health_answer

JOB = UUID(int=7)
QUEUE = PHOTO_ANALYZE


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(board_module, "time", clock)
    return clock


@pytest.fixture
def board(clock: Clock) -> StatusBoard:
    board = StatusBoard()
    board.set_looked()
    board.ready = True
    return board


@pytest.fixture
def pulse(clock: Clock, board: StatusBoard) -> Pulse:
    """The pulse of a worker with one process, whose silence counts after ten seconds."""
    child = SimpleNamespace(queue=QUEUE, board=board, process=SimpleNamespace(pid=4711))
    crew: Any = SimpleNamespace(of=lambda queue: [child], has_ready=lambda queue: board.ready)
    return Pulse(
        queues=[QUEUE],
        crew=crew,
        lease_seconds=10.0,
        job_timeout_seconds=300.0,
        clock=clock.monotonic,
    )


def test_process_that_looks_for_jobs_is_alive_and_a_silent_one_is_not(
    clock: Clock, board: StatusBoard, pulse: Pulse
) -> None:
    clock.now += 9
    pulse.beat()
    pulse.rest()
    assert pulse.problems() == []
    clock.now += 2
    assert pulse.problems() == ["process 4711 for photo-analyze has not looked for jobs for 11 s"]
    board.set_looked()
    assert pulse.problems() == []


def test_process_at_a_long_job_is_alive_until_the_time_limit(
    clock: Clock, board: StatusBoard, pulse: Pulse
) -> None:
    board.set_busy(JOB)
    clock.now += 309
    pulse.beat()
    pulse.rest()
    assert pulse.problems() == []
    clock.now += 2
    assert pulse.problems() == ["process 4711 for photo-analyze has been at one job for 311 s"]


def test_process_that_records_a_long_job_is_alive(
    clock: Clock, board: StatusBoard, pulse: Pulse
) -> None:
    board.set_busy(JOB)
    clock.now += 200
    pulse.beat()
    pulse.rest()
    # Its work is done, the record is not written yet, and it has not turned to its queue.
    board.set_busy(None)
    assert pulse.problems() == []
    assert [one.fetched_s for one in pulse.queues()] == [0.0]
    # A record that never ends is a silence as any other.
    clock.now += 11
    assert "process 4711 for photo-analyze has not looked for jobs for 11 s" in pulse.problems()


def test_processes_that_wait_for_their_servers_are_not_counted_against_the_worker(
    clock: Clock, pulse: Pulse
) -> None:
    clock.now += 60
    pulse.beat()
    pulse.rest()
    pulse.servers_away = True
    assert pulse.problems() == []


def test_supervisor_that_does_no_round_is_named(
    clock: Clock, board: StatusBoard, pulse: Pulse
) -> None:
    clock.now += 11
    board.set_looked()
    assert pulse.problems() == ["the supervisor has not done a round for 11 s"]
    pulse.beat()
    pulse.rest()
    assert pulse.problems() == []


def test_supervisor_that_waits_for_an_answer_is_alive_and_so_are_its_processes(
    clock: Clock, pulse: Pulse
) -> None:
    pulse.beat()
    clock.now += 75
    assert pulse.problems() == []
    clock.now += 300
    assert pulse.problems()[0] == "the supervisor has not done a round for 375 s"


def test_queue_without_a_process_that_takes_jobs_is_named(
    clock: Clock, board: StatusBoard, pulse: Pulse
) -> None:
    board.ready = False
    clock.now += START_SECONDS + 1
    pulse.beat()
    pulse.rest()
    assert pulse.problems() == ["no process for photo-analyze has taken jobs for 121 s"]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
    ],
)
def test_port_is_of_either_protocol(host: str, asked: str) -> None:
    probe = Probe(host, 0, {"/healthz": lambda: health_answer([])})
    with contextlib.closing(probe):
        assert httpx.get(f"{origin(asked, probe.port)}/healthz", timeout=60).status_code == 200


def test_silent_connections_neither_fill_the_worker_nor_hide_its_health() -> None:
    probe = Probe("127.0.0.1", 0, {"/healthz": lambda: health_answer([])})
    with contextlib.closing(probe), contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", probe.port), 60))
            for _ in range(100)
        ]
        assert httpx.get(f"{origin('127.0.0.1', probe.port)}/healthz", timeout=60).is_success
        # Ended at once, not after the seconds that each may take.
        assert [one.recv(1) for one in silent[:30]] == [b""] * 30
