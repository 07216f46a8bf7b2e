"""The widgets of a board put together, and the thread that keeps them up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import ipywidgets as widgets

from photoqueue.client.handles import Batch
from photoqueue.client.observe import ask
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.notebook.banner import ScopeChoice, StatusBar, WorkerNotice
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.inventory import InventoryView
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.photos import PhotosView
from photoqueue.faces.notebook.submit_form import SubmitForm
from photoqueue.faces.notebook.system import SystemView
from photoqueue.faces.notebook.view import LiveView, Scope
from photoqueue.queue.pages import change_mark

logger = logging.getLogger(__name__)

#: Seconds between two looks at whether something has moved: twice a second.
TICK: Final = 0.5
#: A refresh that took t seconds is followed by at least this many times t of rest, so that
#: a large installation costs its servers a fifth of a core at most.
_REST: Final = 4.0
#: Seconds between two signs of life while nothing moves.
_BEAT: Final = 5.0
#: Seconds between tries while the servers are away: the first, and at most.
_RETRY_FIRST, _RETRY_MOST = 0.5, 5.0


class Refreshable(Protocol):
    """A view."""

    @property
    def ages(self) -> bool:
        """Whether what it shows goes stale by the clock alone."""
        ...

    def refresh(self) -> None:
        """Read what is shown again."""
        ...


class Reporter(Protocol):
    """Where the thread says how it goes; :class:`.status.StatusBar`."""

    problem: str

    def read(self) -> None:
        """Everything shown was read just now."""
        ...

    def beat(self) -> None:
        """Nothing has moved."""
        ...


class Refresher:
    """Refreshes the views on screen whenever the installation's mark has changed.

    Parameters
    ----------
    shown
        Returns the views that are on screen now; hidden ones are left alone.
    mark
        Returns a text that differs whenever anything may have changed; cheap.
    report
        Is told when the views were read, and why they cannot be.
    prepare
        Called once, when the first views are on screen: loads what the others will need.
    """

    def __init__(
        self,
        shown: Callable[[], Iterable[Refreshable]],
        mark: Callable[[], str],
        report: Reporter,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._shown, self._mark, self._report = shown, mark, report
        self._prepare = prepare
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        if not self.running:
            self._stopped.clear()
            self._thread = threading.Thread(
                target=self._run, name="photoqueue-workbench", daemon=True
            )
            self._thread.start()

    def wake(self) -> None:
        """Refresh at once, whether or not something has moved."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _run(self) -> None:
        seen: str | None = None
        beaten = time.monotonic()
        pause, failures = 0.0, 0
        while not self._stopped.is_set():
            woken = self._woken.wait(pause)
            if self._stopped.is_set():
                break
            self._woken.clear()
            try:
                begin = time.monotonic()
                # Asked before the views are read: what changes meanwhile shows next time.
                mark = self._mark()
                if woken or mark != seen:
                    for view in self._shown():
                        view.refresh()
                    self._report.read()
                    beaten = time.monotonic()
                elif time.monotonic() - beaten >= _BEAT:
                    for view in self._shown():
                        if view.ages:
                            view.refresh()
                    self._report.beat()
                    beaten = time.monotonic()
                seen, failures = mark, 0
                pause = max(TICK, _REST * (time.monotonic() - begin))
                self._prepare_once()
            except PhotoqueueError as exc:
                self._say(f"{exc} Shown is what was read last; trying again.")
                pause, failures, seen = self._pause(failures), failures + 1, None
            except Exception as exc:
                # A view that cannot draw must not freeze the others without a word.
                logger.debug("a view could not be refreshed", exc_info=True)
                self._say(f"A view could not be drawn ({type(exc).__name__}: {exc}).")
                pause, failures, seen = self._pause(failures), failures + 1, None

    def _prepare_once(self) -> None:
        prepare, self._prepare = self._prepare, None
        if prepare is not None:
            prepare()

    def _say(self, problem: str) -> None:
        if self._report.problem != problem:
            self._report.problem = problem
        self._report.beat()

    @staticmethod
    def _pause(failures: int) -> float:
        return min(_RETRY_MOST, _RETRY_FIRST * 2.0 ** min(failures, 10))


#: Least height of the tabs: a table that shrinks must not make the notebook jump.
_HEIGHT: Final = "420px"


class Assembly:
    """Views in tabs, with a submit form beside them where photos may be submitted.

    Parameters
    ----------
    scope
        What all views look at.
    submitted
        Called with each batch that the form submits; None leaves the form, and every
        button that changes something, away.

    Attributes
    ----------
    widget : ipywidgets.Widget
        What is displayed.
    """

    def __init__(self, scope: Scope, submitted: Callable[[Batch], None] | None) -> None:
        actions = submitted is not None
        self.form = SubmitForm(submitted, project=scope.project) if submitted else None
        self.jobs = JobsView(scope, actions=actions)
        self.photos = PhotosView(scope, actions=actions)
        self.inventory = InventoryView(scope, actions=actions)
        self.charts = ChartsView(scope, actions=actions)
        self.system = SystemView(scope, actions=actions)
        self.notice = WorkerNotice(scope, actions=actions)
        self.choice = ScopeChoice(scope, actions=actions)
        self.status = StatusBar()
        tabs: dict[str, LiveView] = {
            "Jobs": self.jobs,
            "Photos": self.photos,
            "Inventory": self.inventory,
            "Charts": self.charts,
            "System": self.system,
        }
        self.tabs = widgets.Tab(
            children=list(tabs.values()),
            titles=list(tabs),
            selected_index=0,
            layout=widgets.Layout(min_height=_HEIGHT),
        )
        self.refresher = Refresher(
            self._shown, lambda: ask(change_mark), self.status, self.charts.prepare
        )
        for view in (*tabs.values(), self.notice, self.choice):
            view.driven_by(self.refresher.wake)
        self.tabs.observe(lambda _: self.refresher.wake(), "selected_index")
        scope.observe(lambda _: self.refresher.wake())
        self.widget = self._laid_out()

    def close(self) -> None:
        """End the thread; remove what was uploaded and not submitted."""
        self.refresher.stop()
        if self.form is not None:
            self.form.close()

    def _shown(self) -> list[LiveView]:
        return [self.notice, self.choice, self.tabs.children[self.tabs.selected_index or 0]]

    def _laid_out(self) -> widgets.Widget:
        views = widgets.VBox(
            [self.status, self.choice, self.notice, self.tabs],
            layout=widgets.Layout(flex="1 1 520px", min_width="0"),
        )
        if self.form is None:
            return views
        return widgets.HBox([self.form.widget, views], layout=widgets.Layout(flex_flow="row wrap"))
