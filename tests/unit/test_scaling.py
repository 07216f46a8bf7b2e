"""How many processes a queue should have."""

from __future__ import annotations

import pytest

from photoqueue.settings import Concurrency
from photoqueue.worker.crew import Demand, decide

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
