"""What stands around the views of a board, and the thread that keeps all of them up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, Protocol

import anywidget
import traitlets

from photoqueue.client.observe import ask
from photoqueue.client.observe import batch as reopened
from photoqueue.client.system import queues_without_worker
from photoqueue.errors import PhotoqueueError, UnknownBatchError
from photoqueue.faces.notebook.pages import script, style
from photoqueue.faces.notebook.system import start_one
from photoqueue.faces.notebook.view import Background, LiveView, Message
from photoqueue.queue.projects import recent_batches, require_project


class StatusBar(anywidget.AnyWidget):
    """Shows when the views were last read; in the browser also when the kernel is silent."""

    _esm = script("status")
    _css = style("board")

    #: When the views were last read, in seconds since 1970; 0 before the first time.
    updated = traitlets.Float(0.0).tag(sync=True)
    #: Last sign of life of the thread behind the views.
    alive = traitlets.Float(0.0).tag(sync=True)
    #: Why nothing can be read at the moment; empty if nothing is wrong.
    problem = traitlets.Unicode("").tag(sync=True)

    def read(self) -> None:
        """Note that everything shown was read just now."""
        with self.hold_sync():
            self.updated = self.alive = time.time()
            self.problem = ""

    def beat(self) -> None:
        """Note that the thread is alive, though nothing has changed."""
        self.alive = time.time()

    def fail(self, problem: str) -> None:
        """Note why nothing can be read."""
        with self.hold_sync():
            self.problem = problem
            self.beat()

    def __repr__(self) -> str:
        return "<StatusBar>"


#: Batches in the list; older ones can be opened by id.
_LISTED: Final = 20


class ScopeChoice(LiveView):
    """A list of the newest batches and their projects, and a field for any other id."""

    _esm = script("scope_choice")
    _css = style()

    #: Each with ``batch``, ``project`` (may be None), ``photos``, ``created`` (ISO time).
    batches: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    #: The current selection; empty means no limit.
    batch = traitlets.Unicode("").tag(sync=True)
    project = traitlets.Unicode("").tag(sync=True)

    def refresh(self) -> None:
        """Read the newest batches."""
        found = [
            {
                "batch": one.batch_id,
                "project": one.project_id,
                "photos": one.photos,
                "created": one.created_at.isoformat(),
            }
            for one in ask(recent_batches, _LISTED)
        ]
        with self.hold_sync():
            self.batches = found
            self.batch, self.project = self.scope.batch, self.scope.project

    def _show(self, message: Message) -> None:
        """Select ``batch``, ``project``, or ``id``, which may be either.

        Raises
        ------
        UnknownBatchError, UnknownProjectError
            There is no such batch or project; the selection stays as it is.
        """
        batch, project = str(message.get("batch") or ""), str(message.get("project") or "")
        typed = str(message.get("id") or "").strip()
        if typed:
            try:
                batch = reopened(typed).id
            except UnknownBatchError:
                if typed.startswith("b-"):
                    raise
                project = typed
        if batch:
            project = reopened(batch).project_id or ""
        elif project:
            ask(require_project, project)
        with self.scope.hold_trait_notifications():
            self.scope.batch, self.scope.project = batch, project

    looking = frozenset({"show"})
    verbs: ClassVar = {"show": _show}


class WorkerNotice(LiveView):
    """Shows that jobs wait without a worker; otherwise empty."""

    _esm = script("worker_notice")
    _css = style()

    #: Queues in which jobs wait and no live worker takes them.
    queues = traitlets.List(traitlets.Unicode()).tag(sync=True)
    #: Whether a worker is being started.
    starting = traitlets.Bool(False).tag(sync=True)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._work = Background(self._say)

    @property
    def ages(self) -> bool:
        """Always true: a worker's lease can expire without any write."""
        return True

    def refresh(self) -> None:
        """Check whether jobs wait for a worker."""
        self.queues = [str(queue) for queue in queues_without_worker()]

    def _start_one(self, _message: Message) -> None:
        """Start a worker in a thread: it takes a few seconds."""
        self.starting = True
        self._work.run(start_one, before="", after=self._started)

    def _started(self) -> None:
        self.starting = False
        self.wanted()

    def _say(self, text: str, urgent: bool) -> None:
        self.notice = text if urgent else ""

    refreshed = False  # once the worker is there
    verbs: ClassVar = {"start": _start_one}


logger = logging.getLogger(__name__)

#: Seconds between two checks for changes: twice a second.
TICK: Final = 0.5
#: A refresh that took t seconds is followed by a pause of at least this many times t, so that a
#: large installation costs its servers at most a fifth of a core.
_REST: Final = 4.0
#: Seconds between two signs of life while nothing changes.
_BEAT: Final = 5.0
#: Seconds between attempts while the servers are unavailable: the first, and at most.
_RETRY_FIRST, _RETRY_MOST = 0.5, 5.0


class Refreshed(Protocol):
    """What is read again and again, as a view is."""

    @property
    def ages(self) -> bool:
        """Whether it becomes outdated with time alone."""

    def refresh(self) -> None:
        """Read the data again."""


class Refresher:
    """Refreshes the visible views whenever the installation's change mark differs.

    Parameters
    ----------
    shown
        Returns the visible views; hidden ones are not refreshed.
    mark
        Returns a text that differs if anything may have changed; cheap.
    report
        Receives when the views were read, or why they cannot be.
    prepare
        Called once the first views are visible: loads what the others will need.
    """

    def __init__(
        self,
        shown: Callable[[], Iterable[Refreshed]],
        mark: Callable[[], str],
        report: StatusBar,
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
        """Refresh at once, whether or not anything has changed."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread and wait until it has ended."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _run(self) -> None:
        seen: str | None = None
        beaten = time.monotonic()
        pause = 0.0
        while not self._stopped.is_set():
            woken = self._woken.wait(pause)
            if self._stopped.is_set():
                break
            self._woken.clear()
            try:
                begin = time.monotonic()
                # Read before the views: later changes then show in the next round.
                mark = self._mark()
                changed = woken or mark != seen
                if changed or begin - beaten >= _BEAT:
                    for view in self._shown():
                        if changed or view.ages:
                            view.refresh()
                    (self._report.read if changed else self._report.beat)()
                    beaten = time.monotonic()
                seen = mark
                pause = max(TICK, _REST * (time.monotonic() - begin))
                prepare, self._prepare = self._prepare, None
                if prepare is not None:
                    prepare()
            except Exception as exc:
                # A view that cannot be drawn must not silently freeze the others.
                logger.debug("a view could not be refreshed", exc_info=True)
                self._report.fail(
                    f"{exc} The last data is shown; trying again."
                    if isinstance(exc, PhotoqueueError)
                    else f"A view could not be drawn ({type(exc).__name__}: {exc})."
                )
                seen, pause = None, min(_RETRY_MOST, max(_RETRY_FIRST, 2 * pause))
