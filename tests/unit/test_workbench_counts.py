"""Readings of the views that are not repeated too often."""

from __future__ import annotations

import pytest

from photoqueue.faces.notebook import view
from photoqueue.faces.notebook.view import Paced


class Clock:
    """A clock that reading moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.now, self.cost, self.readings = 100.0, cost, 0
        monkeypatch.setattr(view.time, "monotonic", lambda: self.now)

    def read(self, *question: str) -> int:
        self.now += self.cost
        if "fail" in question:
            raise ZeroDivisionError
        self.readings += 1
        return self.readings


def test_dear_reading_is_not_repeated_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, cost=1.0)
    paced = Paced(clock.read, rest=20)
    assert (paced.of("all"), paced.stale) == (1, False)
    clock.now += 5
    assert (paced.of("all"), paced.stale) == (1, True)
    clock.now += 16
    assert (paced.of("all"), paced.stale) == (2, False)


def test_reading_that_is_asked_for_is_new_however_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(Clock(monkeypatch, cost=1.0).read, rest=20)
    paced.of("all")
    assert (paced.of("all", anew=True), paced.stale) == (2, False)


def test_another_question_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(Clock(monkeypatch, cost=1.0).read, rest=20)
    paced.of("all")
    assert paced.of("failed") == 2
    with pytest.raises(ZeroDivisionError):
        paced.of("fail")
    assert paced.of("failed") == 3  # what was read before is not taken for an answer


def test_cheap_reading_is_repeated_soon_but_not_sooner_than_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, cost=0.01)
    often, seldom = Paced(clock.read, rest=20), Paced(clock.read, rest=20, least=5)
    assert (often.of(), seldom.of()) == (1, 2)
    clock.now += 0.5
    assert (often.of(), seldom.of()) == (3, 2)
