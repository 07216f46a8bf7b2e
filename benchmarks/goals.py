"""What photoqueue is to reach, and whether it does, in one and the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.store import Values
from benchmarks.summary import figure


@dataclass(frozen=True)
class Verdict:
    """A goal and what was found; ``found`` is None where it was not measured."""

    what: str
    goal: str
    found: str | None
    reached: bool | None


@dataclass(frozen=True)
class _Goal:
    what: str
    limit: float
    #: ``×`` or ``ms`` and so on.
    unit: str
    #: Whether more is better.
    more: bool
    value: Callable[[Values], float]


def _median(values: Values, measure: str, contender: str, name: str) -> float:
    return statistics.median(values[measure][contender][name])


def _ratio(
    measure: str, name: str, over: str, *, inverse: bool = False
) -> Callable[[Values], float]:
    def value(values: Values) -> float:
        own = _median(values, measure, "photoqueue", name)
        other = _median(values, measure, over, name)
        return other / own if inverse else own / other

    return value


def _own(measure: str, name: str) -> Callable[[Values], float]:
    return lambda values: _median(values, measure, "photoqueue", name)


_GOALS = (
    _Goal(
        "bulk submit, against BullMQ with rows",
        5,
        "×",
        True,
        _ratio("submit", "jobs/s", "bullmq+rows"),
    ),
    _Goal(
        "drain, against BullMQ with two row updates",
        3,
        "×",
        True,
        _ratio("drain", "jobs/s", "bullmq+rows"),
    ),
    _Goal(
        "one job, submit to result, p50, against a bare loop of its commits",
        1.5,
        "×",
        False,
        _ratio("latency", "p50 ms", "bare loop"),
    ),
    _Goal(
        "photos submitted from a folder, against reading, hashing and writing by hand",
        0.6,
        "×",
        True,
        _ratio("folder", "photos/s", "by hand"),
    ),
    _Goal(
        "photos, against a bare loop", 0.95, "×", True, _ratio("photos", "photos/s", "bare loop")
    ),
    *(
        _Goal(
            f"{what} of 200 photos and 300 edits, against bare statements",
            limit,
            "×",
            False,
            _ratio("review", name, "statements"),
        )
        for what, name, limit in (
            ("an edit in a move", "edit ms", 100),
            ("items of a move", "items ms", 25),
            ("inventory of a move", "inventory ms", 25),
        )
    ),
    _Goal(
        "history() of 1,000,000 jobs, against pandas.read_sql",
        5,
        "×",
        True,
        _ratio("history", "s", "read_sql", inverse=True),
    ),
    _Goal("stats() at 1,000,000 jobs, after the first", 10, " ms", False, _own("stats", "ms")),
    _Goal("overview charts at 1,000,000 jobs", 1, " s", False, _own("charts", "s")),
)


def verdicts(values: Values) -> list[Verdict]:
    """Judge what was measured."""
    found = []
    for goal in _GOALS:
        sign = "≥" if goal.more else "≤"
        limit = f"{sign} {goal.limit:g}{goal.unit}"
        try:
            value = goal.value(values)
        except KeyError:
            found.append(Verdict(goal.what, limit, None, None))
            continue
        reached = value >= goal.limit if goal.more else value <= goal.limit
        found.append(Verdict(goal.what, limit, f"{figure(value)}{goal.unit}", reached))
    return found
