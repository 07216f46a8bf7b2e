"""Wait for jobs without a busy loop, and raise if no worker is running."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal, Self

from photoqueue.errors import NoWorkerError, ResultTimeoutError
from photoqueue.installation import Installation
from photoqueue.queue import joining, workers
from photoqueue.words import JobState, JobType

logger = logging.getLogger(__name__)

#: No job that was submitted just now has ended sooner: a look would only take processor time from
#: its worker.
_LEAST_SECONDS: Final = 0.0015
_FIRST_PAUSE: Final = 0.0004
_LONGEST_PAUSE: Final = 0.25
_WORKER_CHECK_SECONDS: Final = 1.0
#: Seconds at the beginning without the limit on polling, as a short job may end soon.
_QUICK_SECONDS: Final = 0.05
#: Largest share of the time that is spent polling: a large batch takes a while to read.
_SHARE_OF_LOOKING: Final = 0.1

Counts = Mapping[JobState, int]


class Watch:
    """Polls jobs until they have ended.

    Parameters
    ----------
    queues
        Returns the queues that must have a worker for the jobs to end.
    count
        Counts the jobs by state.
    what
        Name of the jobs in messages.
    timeout
        Seconds after which to give up; never if None.
    report
        Called with the counts at each poll.
    closed
        Whether no more jobs can come.
    """

    def __init__(
        self,
        installation: Installation,
        queues: Callable[[], Collection[JobType]],
        count: Callable[[], Counts],
        *,
        what: str,
        timeout: float | None,
        report: Callable[[Counts], None] = lambda counts: None,
        closed: Callable[[], bool] = lambda: True,
    ) -> None:
        joining.refuse("Waiting for jobs")
        self._installation = installation
        self._queues = queues
        self._count = count
        self._what = what
        self._timeout = timeout
        self._report = report
        self._is_closed, self._closed = closed, False
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._pause = _FIRST_PAUSE
        self._quick_until = self._next_check = time.monotonic() + _QUICK_SECONDS
        self._last: Counts | None = None
        self._told_paused = False
        #: When a live worker was last seen: a short gap between two workers is no error.
        self._seen_at = float("-inf")

    def wait(self) -> None:
        """Wait until the jobs have ended.

        Raises
        ------
        NoWorkerError
            No live worker will take the jobs.
        ResultTimeoutError
            They did not end in time; they keep running.
        """
        while (pause := self.look()) is not None:
            time.sleep(pause)

    async def wait_async(self) -> None:
        """Wait as :meth:`wait` does, without blocking the event loop or a thread."""
        while (pause := await asyncio.to_thread(self.look)) is not None:
            await asyncio.sleep(pause)

    def look(self) -> float | None:
        """Poll once; return the seconds until the next poll, None if all have ended."""
        start = time.monotonic()
        # Before the jobs: once it is closed, none is added after they were counted.
        self._closed = self._closed or self._is_closed()
        counts = self._count()
        self._report(counts)
        ended = all(state.finished for state, number in counts.items() if number)
        if ended and self._closed:
            return None
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise ResultTimeoutError(
                f"{self._what} did not finish within {self._timeout:g} s "
                f"({summary(counts)}). It keeps running: wait again, or check with poll()."
            )
        if now >= self._next_check and not ended:
            self._check_workers(counts)
            self._next_check = now + _WORKER_CHECK_SECONDS
        # Poll often while the counts change, so that short jobs return at once; else less often.
        moved = counts != self._last
        first, self._last = self._last is None, counts
        self._pause = _FIRST_PAUSE if moved else min(self._pause * 1.15, _LONGEST_PAUSE)
        least = 0.0 if now < self._quick_until else (now - start) / _SHARE_OF_LOOKING
        pause = max(_LEAST_SECONDS if first else self._pause, least)
        return pause if self._deadline is None else max(min(pause, self._deadline - now), 0.0)

    def _check_workers(self, counts: Counts) -> None:
        settings, database = self._installation.settings, self._installation.database
        for queue in self._queues():
            status = workers.queue_status(database, queue, settings.lease_seconds)
            # A draining worker still finishes its running jobs.
            finishing = status.draining if counts.get(JobState.ACTIVE) else 0
            if status.live + finishing:
                self._seen_at = time.monotonic()
            elif time.monotonic() - self._seen_at > settings.lease_seconds:
                raise NoWorkerError(
                    f"{self._what} cannot finish: no worker for {queue} is running "
                    f"({summary(counts)}). The jobs are safe. Start a worker with "
                    "photoqueue.start_worker() or, in a shell, `photoqueue worker`; then wait "
                    "again."
                )
            if status.paused and not self._told_paused:
                logger.warning(
                    "%s waits: queue %s is paused. resume(%r) lets it go on.",
                    self._what,
                    queue,
                    str(queue),
                )
                self._told_paused = True


ProgressStyle = Literal["auto", "widget", "text", "none"]


class Progress:
    """Shows the progress of a batch: this one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        pass

    def update(self, counts: Counts) -> None:
        """Show the counts of the jobs by state."""


def make_progress(style: ProgressStyle, title: str) -> Progress:
    """Make a progress display; ``auto`` depends on where the program runs."""
    if style == "auto":
        style = _fitting_style()
    if style == "widget":
        return WidgetProgress(title)
    if style == "text":
        return TextProgress(title)
    return Progress()


def _fitting_style() -> ProgressStyle:
    if _in_notebook():
        try:
            import ipywidgets  # noqa: F401  # only whether it is there
        except ImportError:
            return "none"
        return "widget"
    return "text" if sys.stderr.isatty() else "none"


def _in_notebook() -> bool:
    """Whether this runs in an IPython kernel; does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def summary(counts: Counts) -> str:
    """Describe the counts: ``497 completed, 3 failed, 12 waiting``."""
    ended = sorted(JobState, key=lambda state: not state.finished)  # what has ended comes first
    return ", ".join(f"{counts[state]} {state}" for state in ended if counts.get(state))


def finished(counts: Counts) -> int:
    """Count the jobs that have ended."""
    return sum(number for state, number in counts.items() if state.finished)


class TextProgress(Progress):
    """A line in the terminal, on standard error."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=None, words="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._bar.stop()

    def update(self, counts: Counts) -> None:
        """Show the counts."""
        total, words = sum(counts.values()), summary(counts)
        self._bar.update(self._task, total=total, completed=finished(counts), words=words)


class WidgetProgress(Progress):
    """A bar with text under the cell; red as soon as a job has failed."""

    def __init__(self, title: str) -> None:
        import ipywidgets

        self._bar = ipywidgets.IntProgress(
            value=0, max=1, description=title, style={"description_width": "initial"}
        )
        self._words = ipywidgets.Label()
        self._box = ipywidgets.HBox([self._bar, self._words])

    def __enter__(self) -> Self:
        from IPython.display import display

        display(self._box)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._bar.bar_style = "danger"
        elif self._bar.bar_style == "":
            self._bar.bar_style = "success"

    def update(self, counts: Counts) -> None:
        """Show the counts; unchanged traits are not sent again."""
        self._bar.max = max(sum(counts.values()), 1)
        self._bar.value = finished(counts)
        self._words.value = summary(counts)
        if counts.get(JobState.FAILED):
            self._bar.bar_style = "danger"
