"""How many processes a queue should have."""

from __future__ import annotations

import pytest

from photoqueue.settings import Concurrency
from photoqueue.worker.crew import Decision, Demand, decide

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
        ("nothing to do", demand(), None, Decision(processes=1)),
        ("as much as it can do", demand(waiting=1), None, Decision(processes=1)),
        ("more than it can do", demand(waiting=2, active=1), None, Decision(processes=2)),
        ("at most twice as many", demand(waiting=9, processes=3), None, Decision(processes=6)),
        ("at most the most", demand(waiting=9, processes=6), None, Decision(processes=8)),
        (
            "as many as needed",
            demand(waiting=5, active=1, processes=4),
            None,
            Decision(processes=6),
        ),
        ("one that waits for long", demand(waiting=1, oldest_s=11), None, Decision(processes=2)),
        ("one that waits for less", demand(waiting=1, oldest_s=9), None, Decision(processes=1)),
        (
            "at the most already",
            demand(waiting=9, oldest_s=99, processes=8),
            None,
            Decision(processes=8),
        ),
        (
            "others are starting",
            demand(waiting=9, processes=4, starting=2),
            None,
            Decision(processes=4),
        ),
        (
            "spare, but only now",
            demand(active=2, processes=3),
            None,
            Decision(processes=3, spare_since=NOW),
        ),
        (
            "spare, but not for long",
            demand(processes=3),
            NOW - 59,
            Decision(processes=3, spare_since=NOW - 59),
        ),
        (
            "spare for long: one goes",
            demand(processes=3),
            NOW - 60,
            Decision(processes=2, spare_since=NOW),
        ),
        ("needed again meanwhile", demand(active=3, processes=3), NOW - 99, Decision(processes=3)),
        ("never fewer than the least", demand(processes=1), NOW - 99, Decision(processes=1)),
        ("one is missing", demand(active=2, processes=0), NOW - 5, Decision(processes=1)),
    ],
)
def test_decision(name: str, given: Demand, spare_since: float | None, expected: Decision) -> None:
    decision = decide(given, LIMITS, idle_seconds=IDLE_SECONDS, now=NOW, spare_since=spare_since)
    assert decision == expected, name


@pytest.mark.parametrize("processes", range(2, 9))
@pytest.mark.parametrize("waiting", [0, 1, 5, 9])
@pytest.mark.parametrize("active", [0, 1, 8])
def test_decision_is_within_the_range(processes: int, waiting: int, active: int) -> None:
    given = demand(waiting, min(active, processes), 100.0, processes)
    decision = decide(
        given, Concurrency(2, 8), idle_seconds=0.0, now=NOW, spare_since=NOW - IDLE_SECONDS
    )
    assert 2 <= decision.processes <= 8
    assert decision.processes >= processes - 1
