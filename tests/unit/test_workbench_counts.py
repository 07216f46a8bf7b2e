"""Counts beside the table of jobs."""

from __future__ import annotations

import pytest

from photoqueue.faces.notebook import jobs
from photoqueue.faces.notebook.jobs import PacedCounts
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.pages import JobQuery
from photoqueue.words import JobState


class Clock:
    """A clock that counting moves."""

    def __init__(self, cost: float) -> None:
        self.now, self.cost, self.counted = 100.0, cost, 0

    def monotonic(self) -> float:
        return self.now

    def count(self, _query: JobQuery) -> dict[JobState, int]:
        self.now += self.cost
        self.counted += 1
        return {JobState.WAITING: self.counted}


def paced(monkeypatch: pytest.MonkeyPatch, *, cost: float) -> tuple[PacedCounts, Clock]:
    clock = Clock(cost)
    monkeypatch.setattr(jobs.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(jobs, "ask", lambda _, query: clock.count(query))
    return PacedCounts(), clock


def test_dear_count_is_not_repeated_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, clock = paced(monkeypatch, cost=1.0)
    assert counts.of(JobQuery()) == {JobState.WAITING: 1}
    assert not counts.stale
    clock.now += 5
    assert counts.of(JobQuery(states=(JobState.FAILED,), descending=False)) == {JobState.WAITING: 1}
    assert counts.stale
    clock.now += 16
    assert counts.of(JobQuery()) == {JobState.WAITING: 2}
    assert not counts.stale


def test_count_that_is_asked_for_is_new_however_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _ = paced(monkeypatch, cost=1.0)
    counts.of(JobQuery())
    assert counts.of(JobQuery(), anew=True) == {JobState.WAITING: 2}
    assert not counts.stale


def test_another_filter_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _ = paced(monkeypatch, cost=1.0)
    counts.of(JobQuery())
    assert counts.of(JobQuery(queue=PHOTO_ANALYZE)) == {JobState.WAITING: 2}


def test_cheap_count_is_as_new_as_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, clock = paced(monkeypatch, cost=0.01)
    counts.of(JobQuery())
    clock.now += 0.5
    assert counts.of(JobQuery()) == {JobState.WAITING: 2}
