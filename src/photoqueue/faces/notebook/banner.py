"""What stands above the tabs: whether views are live, what they show, and missing workers."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Final

import anywidget
import traitlets

from photoqueue.client.observe import ask
from photoqueue.client.observe import batch as reopened
from photoqueue.client.system import queues_without_worker
from photoqueue.client.worker_process import WorkerProcess, start_worker
from photoqueue.errors import UnknownBatchError
from photoqueue.faces.notebook.view import Background, LiveView, Message, script, style
from photoqueue.queue.projects import recent_batches, require_project


class StatusBar(anywidget.AnyWidget):
    """Says when the views were last read; in the browser also when the kernel falls silent.

    Attributes
    ----------
    updated : float
        When the views were last read, in seconds since 1970; 0 before the first time.
    alive : float
        When the thread behind the views last said that it lives.
    problem : str
        Why nothing can be read at the moment; empty when all is well.
    """

    _esm = script("status")
    _css = style("status")

    updated = traitlets.Float(0.0).tag(sync=True)
    alive = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def read(self) -> None:
        """Say that everything shown was read just now."""
        with self.hold_sync():
            self.updated = self.alive = time.time()
            self.problem = ""

    def beat(self) -> None:
        """Say that the thread lives, though nothing has changed."""
        self.alive = time.time()

    def __repr__(self) -> str:
        return "<StatusBar>"


#: Batches in the list; older ones are opened by their id.
_LISTED: Final = 20


class ScopeChoice(LiveView):
    """A list of the newest batches and their projects, and a field for any other id.

    Attributes
    ----------
    batches : list of dict
        ``batch``, ``project`` (may be None), ``photos``, ``created`` (ISO time).
    batch, project : str
        What is looked at now; empty is no limit.
    """

    _esm = script("scope_choice")
    _css = style()

    batches: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
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
        """Look at something else: ``batch``, ``project``, or ``id``, which may be either.

        Raises
        ------
        UnknownBatchError, UnknownProjectError
            There is no such batch or project; the views stay where they are.
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
    """Empty as long as somebody works.

    Attributes
    ----------
    queues : list of str
        Queues in which jobs wait for a worker that is not there.
    starting : bool
        Whether a worker is being started.
    can_start : bool
        Whether a button to start one is shown.
    worker : WorkerProcess or None
        The one that was started here; it ends with the kernel.
    """

    _esm = script("worker_notice")
    _css = style()

    queues = traitlets.List(traitlets.Unicode()).tag(sync=True)
    starting = traitlets.Bool(False).tag(sync=True)
    can_start = traitlets.Bool(True).tag(sync=True)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.can_start = self.actions
        self.worker: WorkerProcess | None = None
        self._work = Background(self._say)

    @property
    def ages(self) -> bool:
        """Always: a worker's lease runs out without a word."""
        return True

    def refresh(self) -> None:
        """Look whether jobs wait for a worker."""
        self.queues = [str(queue) for queue in queues_without_worker()]

    def _start_one(self, _message: Message) -> None:
        """Start a worker, in a thread: it takes a few seconds."""
        self.starting = True
        self._work.run(self._start, before="", after=self._started)

    def _start(self) -> str:
        self.worker = start_worker()
        return ""

    def _started(self) -> None:
        self.starting = False
        self.wanted()

    def _say(self, text: str, urgent: bool) -> None:
        self.notice = text

    refreshed = False  # once the worker is there
    verbs: ClassVar = {"start": _start_one}
