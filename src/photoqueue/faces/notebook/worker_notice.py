"""Says when jobs wait and no worker is there to take them, and starts one."""

from __future__ import annotations

from typing import Any

import traitlets

from photoqueue.client.recent import queues_without_worker
from photoqueue.client.workers import WorkerProcess, start_worker
from photoqueue.faces.notebook.background import Background
from photoqueue.faces.notebook.front_end import script, style
from photoqueue.faces.notebook.view import View


class WorkerNotice(View):
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

    def handle(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Start a worker, in a thread: it takes a few seconds."""
        if message.get("kind") != "start" or not self.actions:
            return
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
