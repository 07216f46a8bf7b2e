"""The thread behind a workbench."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from photoqueue.errors import DatabaseUnavailableError
from photoqueue.faces.notebook import assembly
from photoqueue.faces.notebook.assembly import Refresher, StatusBar
from photoqueue.faces.notebook.view import LiveView

#: Long enough for a thread on a busy machine; nothing waits this long when all is well.
PATIENCE = 30


class Report(StatusBar):
    """Puts on a queue what the thread says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: queue.Queue[str] = queue.Queue()
        self.observe(lambda change: self.said.put(f"problem: {change['new']}"), "problem")

    def read(self) -> None:
        super().read()
        self.said.put("read")

    def beat(self) -> None:
        self.said.put("beat")

    def next(self, *, but: tuple[str, ...] = ()) -> str:
        while (said := self.said.get(timeout=PATIENCE)) in but:
            pass
        return said


class View(LiveView):
    """Counts how often it is refreshed; fails when told to."""

    ages = False

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.error: Exception | None = None

    def refresh(self) -> None:
        self.read += 1
        if self.error is not None:
            raise self.error


class Marks:
    """The installation's mark; counts how often it is asked for."""

    def __init__(self) -> None:
        self.value = "1"
        self.asked = 0
        self._changed = threading.Condition()

    def __call__(self) -> str:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
            return self.value

    def wait_for(self, more: int) -> None:
        with self._changed:
            goal = self.asked + more
            assert self._changed.wait_for(lambda: self.asked >= goal, PATIENCE)


@pytest.fixture
def running(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., tuple[Refresher, Report, Marks]]]:
    monkeypatch.setattr(assembly, "TICK", 0.01)
    started: list[Refresher] = []

    def start(*views: View) -> tuple[Refresher, Report, Marks]:
        report, marks = Report(), Marks()
        one = Refresher(lambda: views, marks, report)
        started.append(one)
        one.start()
        return one, report, marks

    yield start
    for one in started:
        one.stop()
        assert not one.running


def test_shows_everything_once_and_is_quiet_while_nothing_moves(running) -> None:
    view = View()
    _, report, marks = running(view)
    assert report.next() == "read"
    marks.wait_for(5)
    assert view.read == 1


def test_prepares_once_and_after_what_is_shown_first() -> None:
    view, report, prepared = View(), Report(), threading.Event()
    order: list[int] = []

    def prepare() -> None:
        order.append(view.read)
        prepared.set()

    one = Refresher(lambda: [view], Marks(), report, prepare)
    one.start()
    assert prepared.wait(PATIENCE)
    one.wake()
    assert report.next() == "read"
    assert report.next(but=("beat", "problem: ")) == "read"
    one.stop()
    assert order == [1]


def test_reads_anew_when_the_mark_changes(running) -> None:
    view = View()
    _, report, marks = running(view)
    assert report.next() == "read"
    marks.value = "2"
    assert report.next(but=("beat", "problem: ")) == "read"
    assert view.read == 2


def test_wake_reads_anew_though_nothing_has_moved(running) -> None:
    view = View()
    one, report, _ = running(view)
    assert report.next() == "read"
    one.wake()
    assert report.next(but=("beat", "problem: ")) == "read"
    assert view.read == 2


def test_view_that_ages_is_read_anew_with_each_sign_of_life(
    running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_BEAT", 0.02)
    still, ageing = View(), View()
    ageing.ages = True
    _, report, _ = running(still, ageing)
    assert [report.next() for _ in range(3)] == ["read", "beat", "beat"]
    assert (still.read, ageing.read >= 3) == (1, True)


def test_says_that_the_servers_are_away_and_goes_on_once_they_are_back(
    running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_RETRY_FIRST", 0.01)
    view = View()
    view.error = DatabaseUnavailableError("PostgreSQL at x cannot be used.")
    _, report, _ = running(view)
    assert report.next() == (
        "problem: PostgreSQL at x cannot be used. The last data is shown; trying again."
    )
    view.error = None
    assert report.next(but=("beat", "problem: ")) == "read"
    assert report.problem == ""


def test_fault_of_one_view_is_said_and_does_not_end_the_thread(
    running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_RETRY_FIRST", 0.01)
    view = View()
    view.error = ZeroDivisionError("division by zero")
    one, report, _ = running(view)
    assert "ZeroDivisionError: division by zero" in report.next()
    assert one.running
    view.error = None
    assert report.next(but=("beat", "problem: ")) == "read"


def test_stopped_thread_is_gone_and_can_be_started_again(running) -> None:
    one, report, _ = running(View())
    assert report.next() == "read"
    one.stop()
    assert not one.running
    one.start()
    assert report.next(but=("beat", "problem: ")) == "read"
