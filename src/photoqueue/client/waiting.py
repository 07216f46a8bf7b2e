"""Waiting for jobs: no busy loop, and no waiting for a worker that is not there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from photoqueue.errors import NoWorkerError, ResultTimeoutError
from photoqueue.installation import Installation
from photoqueue.models import JobState, JobType
from photoqueue.tracking import reads

_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.25
_WORKER_CHECK_SECONDS: Final = 1.0

Counts = Mapping[JobState, int]


def wait_until_finished(
    installation: Installation,
    queues: Callable[[], Collection[JobType]],
    count: Callable[[], Counts],
    *,
    what: str,
    timeout: float | None,
    report: Callable[[Counts], None] = lambda counts: None,
) -> None:
    """Wait until all counted jobs have ended.

    Parameters
    ----------
    queues
        Tells which queues must have a worker for the jobs to end.
    count
        Counts the jobs by state.

    Raises
    ------
    NoWorkerError
        No live worker will take the jobs.
    ResultTimeoutError
        They did not end in time; they go on running.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause, next_check = _FIRST_PAUSE, 0.0
    last: Counts | None = None
    while True:
        counts = count()
        report(counts)
        open_jobs = sum(number for state, number in counts.items() if not state.finished)
        if not open_jobs:
            return
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            raise ResultTimeoutError(
                f"{what} did not finish within {timeout:g} s ({_described(counts)}). It goes on "
                "running: wait again, or look with poll()."
            )
        if now >= next_check:
            _check_workers(installation, queues(), what, counts)
            next_check = now + _WORKER_CHECK_SECONDS
        # Quick while things move, so that one short job is not waited for longer than it
        # takes; calm while they do not.
        pause = _FIRST_PAUSE if counts != last else min(pause * 1.3, _LONGEST_PAUSE)
        last = counts
        time.sleep(pause if deadline is None else max(min(pause, deadline - now), 0.0))


def _check_workers(
    installation: Installation, queues: Collection[JobType], what: str, counts: Counts
) -> None:
    lease = installation.settings.lease_seconds
    for queue in queues:
        if not reads.live_workers(installation.database, queue, lease):
            raise NoWorkerError(
                f"{what} cannot finish: no worker for {queue} is running ({_described(counts)}). "
                "The jobs are safe. Start a worker with photoqueue.start_worker() or, in a "
                "shell, `photoqueue worker`; then wait again."
            )


def _described(counts: Counts) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in JobState if counts.get(state))
