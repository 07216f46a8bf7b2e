"""Waiting for jobs: no busy loop, and no waiting for a worker that is not there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from photoqueue.errors import NoWorkerError, ResultTimeoutError
from photoqueue.installation import Installation
from photoqueue.models import JobState, JobType
from photoqueue.tracking import liveness

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.25
_WORKER_CHECK_SECONDS: Final = 1.0
#: Seconds at first in which a short job may end: only it is looked at, whatever that costs.
_QUICK_SECONDS: Final = 0.05
#: A look at a large batch takes a while; looking costs at most this share of the time.
_SHARE_OF_LOOKING: Final = 0.1

Counts = Mapping[JobState, int]


class Watch:
    """Looks at jobs again and again until they have ended.

    Parameters
    ----------
    queues
        Tells which queues must have a worker for the jobs to end.
    count
        Counts the jobs by state.
    what
        The jobs, as messages name them.
    timeout
        Seconds after which to give up; never when None.
    report
        Told the counts at each look.
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
    ) -> None:
        self._installation = installation
        self._queues = queues
        self._count = count
        self._what = what
        self._timeout = timeout
        self._report = report
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._pause = _FIRST_PAUSE
        self._quick_until = self._next_check = time.monotonic() + _QUICK_SECONDS
        self._last: Counts | None = None
        self._told_paused = False
        #: When a worker was last seen; a long wait outlasts the moment between two of them.
        self._seen_at = float("-inf")

    def wait(self) -> None:
        """Wait until the jobs have ended.

        Raises
        ------
        NoWorkerError
            No live worker will take the jobs.
        ResultTimeoutError
            They did not end in time; they go on running.
        """
        while (pause := self._look()) is not None:
            time.sleep(pause)

    async def wait_async(self) -> None:
        """Wait as :meth:`wait` does, without holding the event loop or a thread."""
        while (pause := await asyncio.to_thread(self._look)) is not None:
            await asyncio.sleep(pause)

    def _look(self) -> float | None:
        """Look once; return the seconds until the next look, None when all have ended."""
        start = time.monotonic()
        counts = self._count()
        self._report(counts)
        if all(state.finished for state, number in counts.items() if number):
            return None
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise ResultTimeoutError(
                f"{self._what} did not finish within {self._timeout:g} s "
                f"({_described(counts)}). It goes on running: wait again, or look with poll()."
            )
        if now >= self._next_check:
            self._check_workers(counts)
            self._next_check = now + _WORKER_CHECK_SECONDS
        # Quick while things move, so that one short job is not waited for longer than it
        # takes; calm while they do not.
        moved = counts != self._last
        self._last = counts
        self._pause = _FIRST_PAUSE if moved else min(self._pause * 1.3, _LONGEST_PAUSE)
        least = 0.0 if now < self._quick_until else (now - start) / _SHARE_OF_LOOKING
        pause = max(self._pause, least)
        return pause if self._deadline is None else max(min(pause, self._deadline - now), 0.0)

    def _check_workers(self, counts: Counts) -> None:
        settings, database = self._installation.settings, self._installation.database
        for queue in self._queues():
            status = liveness.queue_status(database, queue, settings.lease_seconds)
            # A worker that is draining still finishes what runs.
            finishing = status.draining if counts.get(JobState.ACTIVE) else 0
            if status.live + finishing:
                self._seen_at = time.monotonic()
            elif time.monotonic() - self._seen_at > settings.lease_seconds:
                raise NoWorkerError(
                    f"{self._what} cannot finish: no worker for {queue} is running "
                    f"({_described(counts)}). The jobs are safe. Start a worker with "
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


def _described(counts: Counts) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in JobState if counts.get(state))
