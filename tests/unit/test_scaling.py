"""How many processes a queue should have, which of them come and go, and which is alone."""

from __future__ import annotations

import multiprocessing
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.workers import Backlog
from photoqueue.settings import Concurrency, Settings
from photoqueue.worker.crew import Child, Crew, Demand, decide

LIMITS = Concurrency(1, 8)
IDLE_SECONDS = 60.0
NOW = 1000.0


def demand(
    waiting: int = 0, active: int = 0, oldest_s: float = 0.0, processes: int = 1, starting: int = 0
) -> Demand:
    return Demand(
        waiting=waiting, active=active, oldest_s=oldest_s, processes=processes, starting=starting
    )


@pytest.mark.parametrize(
    ("name", "given", "spare_since", "expected"),
    [
        ("nothing to do", demand(), None, (1, None)),
        ("as much as it can do", demand(waiting=1), None, (1, None)),
        ("more than it can do", demand(waiting=2, active=1), None, (2, None)),
        ("at most twice as many", demand(waiting=9, processes=3), None, (6, None)),
        ("at most the most", demand(waiting=9, processes=6), None, (8, None)),
        (
            "as many as needed",
            demand(waiting=5, active=1, processes=4),
            None,
            (6, None),
        ),
        ("one that waits for long", demand(waiting=1, oldest_s=11), None, (2, None)),
        ("one that waits for less", demand(waiting=1, oldest_s=9), None, (1, None)),
        (
            "at the most already",
            demand(waiting=9, oldest_s=99, processes=8),
            None,
            (8, None),
        ),
        (
            "others are starting",
            demand(waiting=9, processes=4, starting=2),
            None,
            (4, None),
        ),
        (
            "spare, but only now",
            demand(active=2, processes=3),
            None,
            (3, NOW),
        ),
        (
            "spare, but not for long",
            demand(processes=3),
            NOW - 59,
            (3, NOW - 59),
        ),
        (
            "spare for long: one goes",
            demand(processes=3),
            NOW - 60,
            (2, NOW),
        ),
        ("needed again meanwhile", demand(active=3, processes=3), NOW - 99, (3, None)),
        ("never fewer than the least", demand(processes=1), NOW - 99, (1, None)),
        ("one is missing", demand(active=2, processes=0), NOW - 5, (1, None)),
    ],
)
def test_decision(
    name: str, given: Demand, spare_since: float | None, expected: tuple[int, float | None]
) -> None:
    decision = decide(given, LIMITS, idle_seconds=IDLE_SECONDS, now=NOW, spare_since=spare_since)
    assert decision == expected, name


@pytest.mark.parametrize("processes", range(2, 9))
@pytest.mark.parametrize("waiting", [0, 1, 5, 9])
@pytest.mark.parametrize("active", [0, 1, 8])
def test_decision_is_within_the_range(processes: int, waiting: int, active: int) -> None:
    given = demand(waiting, min(active, processes), 100.0, processes)
    chosen, _ = decide(
        given, Concurrency(2, 8), idle_seconds=0.0, now=NOW, spare_since=NOW - IDLE_SECONDS
    )
    assert max(2, processes - 1) <= chosen <= 8


class Process:
    """A process that does nothing, and takes its time to end."""

    def __init__(self, *, args: tuple[Any, ...], **_: object) -> None:
        self.assignment, self.board, _ = args
        self.pid = self.assignment.slot
        self.terminated = 0

    def start(self) -> None:
        """Take jobs at once."""
        self.board.ready = True

    def terminate(self) -> None:
        self.terminated += 1


@pytest.fixture
def crew() -> Crew:
    """Give a crew of 2 to 4 with two processes; spare ones go at once."""
    crew = Crew(
        SimpleNamespace(endpoints=None, namespace="n"),  # type: ignore[arg-type]  # not asked
        UUID(int=1),
        settings=Settings(idle_seconds=1e-9),
        concurrency=Concurrency(2, 4),
        log_format="text",
    )
    crew._context = SimpleNamespace(Process=Process, Pipe=multiprocessing.Pipe)  # type: ignore[assignment]  # processes that are none
    for _ in range(2):
        crew.start(PHOTO_ANALYZE)
    return crew


def scale(crew: Crew, waiting: int = 0, rounds: int = 1) -> list[Child]:
    for _ in range(rounds):
        crew.scale(PHOTO_ANALYZE, Backlog(waiting))
    return crew.of(PHOTO_ANALYZE)


def test_processes_are_added_up_to_the_most_and_share_the_cores_as_if_all_were_there(
    crew: Crew,
) -> None:
    assert len(scale(crew, waiting=2)) == 2
    children = scale(crew, waiting=5, rounds=3)
    assert len(children) == 4
    assert {child.process.assignment.processes for child in children} == {4}  # type: ignore[attr-defined]  # of the stand-ins


def test_idle_processes_drain_one_at_a_time_down_to_the_least(crew: Crew) -> None:
    first, second, third, fourth = scale(crew, waiting=5)
    fourth.board.set_busy(UUID(int=9))
    # The newest that is idle, and no second one before it has ended.
    scale(crew, rounds=9)
    assert [child.draining for child in crew.children] == [False, False, True, False]
    crew.children.remove(third)
    fourth.board.set_busy(None)
    scale(crew, rounds=9)
    assert [child.draining for child in crew.children] == [False, False, True]
    crew.children.remove(fourth)
    scale(crew, rounds=9)
    assert crew.children == [first, second] and not (first.draining or second.draining)
    terminated = [child.process.terminated for child in (first, second, third, fourth)]  # type: ignore[attr-defined]  # of the stand-ins
    assert terminated == [0, 0, 1, 1]


def test_process_that_drains_leaves_no_room_before_it_has_ended(crew: Crew) -> None:
    last = scale(crew, waiting=5)[-1]
    scale(crew, rounds=2)
    assert last.draining and len(scale(crew, waiting=9, rounds=3)) == 4
    crew.children.remove(last)
    assert len(scale(crew, waiting=9)) == 4


def test_process_that_the_machine_has_no_room_for_is_started_later(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(self: Process) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    with monkeypatch.context() as full:
        full.setattr(Process, "start", no_room)
        crew.add(PHOTO_ANALYZE)
    assert len(scale(crew, waiting=9, rounds=3)) == 2  # it counts as starting
    due = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: due)
    crew.restart_due()
    assert len(crew.of(PHOTO_ANALYZE)) == 3


def test_process_that_cannot_start_counts_as_one_that_is_starting(crew: Crew) -> None:
    lost = crew.children.pop()
    lost.board.ready = False
    crew._start_again(lost)
    assert len(scale(crew, waiting=9, rounds=3)) == 1


def test_process_that_asks_for_it_is_alone_once_the_others_have_no_job(crew: Crew) -> None:
    first, second, third = (child.board for child in scale(crew, waiting=3))
    assert not crew._give_turn()
    third.set_busy(UUID(int=9))
    first.asked, second.asked = 8.0, 9.0
    # Those that are not held may be about to begin a job; then one of them still is at its own.
    for _ in range(3):
        assert crew._give_turn()
        assert (first.granted, second.granted) == (0.0, 0.0)
    assert [board.held for board in (first, second, third)] == [False, True, True]
    third.set_busy(None)
    crew._give_turn()
    assert (first.granted, second.granted) == (8.0, 0.0)
    # Nobody begins a job meanwhile, not even a new process, or the next that asks.
    crew.start(PHOTO_ANALYZE)
    first.set_busy(UUID(int=8))
    crew._give_turn()
    assert [child.board.held for child in crew.children] == [False, True, True, True]
    first.set_busy(None)
    first.asked = 0.0
    crew._give_turn()
    assert second.granted == 0.0
    crew._give_turn()
    assert second.granted == 9.0
    crew.children.pop(1)
    assert not crew._give_turn()
    assert not any(child.board.held for child in crew.children)
