"""How many workers there should be."""

from __future__ import annotations

import pytest

from photoqueue.faces.http.scaling import Decision, Limits, Load, decide

LIMITS = Limits(fewest=1, most=8, wait_seconds=10, idle_seconds=60)
NOW = 1000.0


def load(
    waiting: int = 0, active: int = 0, oldest_s: float = 0.0, workers: int = 1, starting: int = 0
) -> Load:
    return Load(
        waiting=waiting,
        active=active,
        oldest_s=oldest_s,
        workers=workers,
        slots=2,
        starting=starting,
    )


@pytest.mark.parametrize(
    ("name", "given", "spare_since", "expected"),
    [
        ("begins with the fewest", load(workers=0), None, Decision(workers=1)),
        ("nothing to do", load(), None, Decision(workers=1)),
        ("as much as it can do", load(waiting=2), None, Decision(workers=1)),
        ("more than it can do", load(waiting=3, active=2), None, Decision(workers=2)),
        ("at most twice as many", load(waiting=500, workers=3), None, Decision(workers=6)),
        ("at most the most", load(waiting=500, workers=6), None, Decision(workers=8)),
        ("as many as needed", load(waiting=9, active=3, workers=4), None, Decision(workers=6)),
        ("one that waits for long", load(waiting=1, oldest_s=11), None, Decision(workers=2)),
        ("one that waits for less", load(waiting=1, oldest_s=9), None, Decision(workers=1)),
        (
            "at the most already",
            load(waiting=99, oldest_s=99, workers=8),
            None,
            Decision(workers=8),
        ),
        ("others are starting", load(waiting=99, workers=4, starting=2), None, Decision(workers=4)),
        (
            "spare, but only now",
            load(active=2, workers=3),
            None,
            Decision(workers=3, spare_since=NOW),
        ),
        (
            "spare, but not for long",
            load(workers=3),
            NOW - 59,
            Decision(workers=3, spare_since=NOW - 59),
        ),
        (
            "spare for long: one goes",
            load(workers=3),
            NOW - 60,
            Decision(workers=2, spare_since=NOW),
        ),
        ("needed again meanwhile", load(active=5, workers=3), NOW - 99, Decision(workers=3)),
        ("never fewer than the fewest", load(workers=1), NOW - 99, Decision(workers=1)),
        ("a killed one comes back", load(active=2, workers=0), NOW - 5, Decision(workers=1)),
        ("too many for the limits", load(workers=9), None, Decision(workers=8)),
    ],
)
def test_decision(name: str, given: Load, spare_since: float | None, expected: Decision) -> None:
    assert decide(given, LIMITS, now=NOW, spare_since=spare_since) == expected, name


def test_from_none_to_one_and_back() -> None:
    limits = Limits(fewest=0, most=2, idle_seconds=60)
    assert decide(load(workers=0), limits, now=0, spare_since=None).workers == 0
    assert decide(load(waiting=1, workers=0), limits, now=0, spare_since=None).workers == 1
    assert decide(load(workers=1), limits, now=60, spare_since=0).workers == 0
