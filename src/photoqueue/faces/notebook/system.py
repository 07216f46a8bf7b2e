"""The system view: queues, workers, servers and engine; pause, resume, start a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar, Final

import traitlets
from pydantic import TypeAdapter

from photoqueue.client.control import pause, resume
from photoqueue.client.observe import stats
from photoqueue.client.system import list_workers, runs_here, system_report
from photoqueue.client.worker_process import start_worker, started
from photoqueue.errors import PhotoqueueError, StateError
from photoqueue.faces.notebook.pages import script, style
from photoqueue.faces.notebook.view import (
    Background,
    LiveView,
    Message,
    Paced,
    Scope,
)
from photoqueue.records.snapshots import QueueStats, Worker

#: Seconds for which the state of servers that answered, the engine and the folders are not read
#: again.
_REPORT_SECONDS: Final = 5.0
_WORKER: Final = TypeAdapter(Worker)


def start_one() -> str:
    """Start a worker, which any view can stop; return what to say of it."""
    worker = start_worker()
    return f"Worker {worker.pid} takes jobs. Its log: {worker.log}"


class SystemView(LiveView):
    """Shows queues, workers, servers and engine of the installation.

    Parameters
    ----------
    scope : Scope or None
        Not used: the installation is one.
    actions : bool
        Whether to allow pausing, resuming, starting and stopping.

    Attributes
    ----------
    work : str
        Progress of starting or stopping one, as text.
    """

    _esm = script("system")
    _css = style("system")

    page = traitlets.Dict().tag(sync=True)
    work = traitlets.Unicode("").tag(sync=True)

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        self._background = Background(self._say)
        self._report = Paced(system_report, least=_REPORT_SECONDS)
        self._trouble = False
        super().__init__(scope, actions=actions, **traits)

    @property
    def ages(self) -> bool:
        """Always true: times since a worker was seen and since a job waits grow."""
        return True

    def refresh(self) -> None:
        """Read everything again; the state of the servers every few seconds.

        Raises
        ------
        ServiceError
            PostgreSQL is unavailable. The servers are still shown, with the reason.
        """
        try:
            queues, workers = stats(), list_workers(lost=True)
        except PhotoqueueError:
            self._trouble = True
            # Earlier data stays on the page, beside the unavailable server.
            self.page = {"queues": [], "workers": [], **self.page, **self._standing()}
            raise
        self.page = {
            **self._standing(),
            "queues": [_queue(queue) for queue in queues.values()],
            "workers": [self._worker(worker) for worker in workers],
        }

    def _standing(self) -> dict[str, Any]:
        """Return what seldom changes; read again soon if something is wrong."""
        report = self._report.of(anew=self._trouble)
        self._trouble = any(server.error for server in report.servers)
        return {
            "home": str(report.home),
            "photoStore": report.photo_store,
            "servers": [asdict(server) for server in report.servers],
            "engine": report.engine,
        }

    def _worker(self, worker: Worker) -> dict[str, Any]:
        own = runs_here(worker) and worker.pid in {mine.pid for mine in started if mine.running}
        return {**_WORKER.dump_python(worker, mode="json"), "own": own}

    def _start(self, message: Message) -> None:
        self._begin("Starting a worker: it builds its engine …", start_one)

    def _stop(self, message: Message) -> None:
        pid = message.get("pid")
        worker = next((own for own in started if own.pid == pid and own.running), None)
        if worker is None:
            raise StateError(f"Worker {pid!r:.20} was not started from here, or has ended.")

        def stop() -> str:
            worker.stop()
            return f"Worker {worker.pid} has ended; unfinished jobs were given back."

        self._begin(f"Worker {worker.pid} finishes its jobs …", stop)

    def _begin(self, words: str, work: Callable[[], str]) -> None:
        """Run a slow action in a thread, so that page and kernel stay responsive."""
        if self._background.busy:
            raise StateError("A worker is being started or stopped already; wait for it.")
        self._background.run(work, before=words, after=self.wanted)

    def _say(self, text: str, urgent: bool) -> None:
        self.work, self.notice = ("", text) if urgent else (text, "")

    verbs: ClassVar = {
        "pause": lambda self, message: pause(str(message.get("queue"))),
        "resume": lambda self, message: resume(str(message.get("queue"))),
        "start-worker": _start,
        "stop-worker": _stop,
    }


def _queue(queue: QueueStats) -> dict[str, Any]:
    return {**asdict(queue), "total": queue.total, "unattended": queue.unattended}
