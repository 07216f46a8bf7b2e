"""Workers of one host, as many as there is work for."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from photoqueue.client.observe import Stats, stats
from photoqueue.client.system import list_workers, runs_here
from photoqueue.errors import ConfigurationError, PhotoqueueError
from photoqueue.faces.http.scaling import Limits, Load, decide
from photoqueue.words import JobType

logger = logging.getLogger(__name__)

#: Exit status of a worker that cannot work as configured.
_EXIT_CONFIGURATION: Final = 78
#: Seconds beyond their own grace period that workers get to end.
_EXTRA_GRACE: Final = 10.0
#: Seconds before workers are started again after one that ended by itself soon after its start.
_PAUSE_SECONDS: Final = 5.0
_SHORT_LIFE: Final = 5.0
#: Seconds for which a worker counts as starting.
_START_SECONDS: Final = 60.0


class Fleet:
    """The worker processes of an autoscaler.

    They end with it, however it ends: its end of a pipe tells them.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "photoqueue", "worker", "--end-with-stdin"]
        self._command += arguments
        self._workers: list[tuple[subprocess.Popen[bytes], float]] = []
        self._draining: list[subprocess.Popen[bytes]] = []
        self._not_before = 0.0

    @property
    def size(self) -> int:
        """Workers that run and do not drain."""
        return len(self._workers)

    def starting(self, ready: Collection[int]) -> int:
        """Count the workers that are not among those that take jobs, given by process id.

        One that takes very long to start is not waited for.
        """
        lately = time.monotonic() - _START_SECONDS
        return sum(
            process.pid not in ready and started > lately for process, started in self._workers
        )

    def reap(self) -> None:
        """Take leave of workers that have ended.

        Raises
        ------
        ConfigurationError
            A worker cannot work as configured, so that another one could not either.
        """
        self._draining = [process for process in self._draining if not _ended(process)]
        for entry in list(self._workers):
            process, started = entry
            if not _ended(process):
                continue
            self._workers.remove(entry)
            _log("worker ended by itself", pid=process.pid, status=process.returncode)
            if process.returncode == _EXIT_CONFIGURATION:
                raise ConfigurationError(
                    "A worker cannot work as configured; the reason is in its log above. Correct "
                    "it and start again."
                )
            if time.monotonic() - started < _SHORT_LIFE:
                self._not_before = time.monotonic() + _PAUSE_SECONDS

    def resize(self, wanted: int) -> None:
        """Start workers, or let the newest ones finish their jobs and end."""
        while self.size > wanted:
            process, _ = self._workers.pop()
            process.terminate()
            self._draining.append(process)
            _log("worker drains", pid=process.pid, workers=self.size)
        while self.size < wanted and time.monotonic() >= self._not_before:
            process = subprocess.Popen(
                self._command,
                # Never written: its end tells the worker that this process is gone.
                stdin=subprocess.PIPE,
                # Ctrl-C is for this process, which tells them.
                start_new_session=True,
            )
            self._workers.append((process, time.monotonic()))
            _log("worker started", pid=process.pid, workers=self.size)

    def end(self, grace_seconds: float, hurry: Callable[[], bool]) -> None:
        """Let all workers finish their jobs and end; return when they have.

        Parameters
        ----------
        grace_seconds
            After these they are killed; their jobs are recovered by whoever works next.
        hurry
            Whether they are to hand back their jobs at once.
        """
        self.resize(0)
        deadline = time.monotonic() + grace_seconds + _EXTRA_GRACE
        hurried = False
        while self._draining and time.monotonic() < deadline:
            if hurry() and not hurried:
                hurried = True
                for process in self._draining:
                    process.terminate()
            time.sleep(0.05)
            self.reap()
        for process in self._draining:
            process.kill()
            process.wait()
            _close(process)


class Autoscaler:
    """Starts and stops workers by what waits.

    Parameters
    ----------
    arguments
        Given to each ``photoqueue worker``.
    queues
        What they work on.
    slots
        Jobs that one of them does at a time.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        queues: Sequence[JobType],
        slots: int,
        limits: Limits,
        interval_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._fleet = Fleet(arguments)
        self._queues = tuple(queues)
        self._slots = slots
        self._limits = limits
        self._interval = interval_seconds
        self._grace = grace_seconds
        self._spare_since: float | None = None
        self._stop_signals = 0
        self._stopping = threading.Event()
        self._told = False

    def run(self) -> None:
        """Scale until SIGTERM or SIGINT, then end the workers; a second signal hurries them.

        Raises
        ------
        ConfigurationError
            The workers cannot work as configured.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self._stopping.is_set():
                self._fleet.reap()
                self._round()
                self._stopping.wait(self._interval)
        finally:
            self._fleet.end(self._grace, lambda: self._stop_signals > 1)
        _log("ended", pid=os.getpid())

    def _round(self) -> None:
        try:
            load = self._load(stats())
            self._told = False
        except PhotoqueueError as exc:
            # The workers there are wait for the servers; more would not help.
            if not self._told:
                logger.warning("not scaling: %s", exc)
                self._told = True
            self._fleet.resize(max(self._fleet.size, self._limits.fewest))
            return
        decision = decide(load, self._limits, now=time.monotonic(), spare_since=self._spare_since)
        self._spare_since = decision.spare_since
        self._fleet.resize(decision.workers)

    def _load(self, counted: Stats) -> Load:
        queues = [counted[queue] for queue in self._queues]
        # What waits for a batch or in a paused queue asks for nobody.
        ready = [q for q in queues if q.oldest_waiting_s is not None and not q.paused]
        running = {
            worker.pid
            for worker in list_workers()
            if worker.state == "running" and runs_here(worker)
        }
        return Load(
            waiting=sum(queue.waiting for queue in ready),
            active=sum(queue.active for queue in queues),
            oldest_s=max((queue.oldest_waiting_s or 0.0 for queue in ready), default=0.0),
            workers=self._fleet.size,
            slots=self._slots,
            starting=self._fleet.starting(running),
        )

    def _on_signal(self, *_: object) -> None:
        self._stop_signals += 1
        self._stopping.set()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is None:
        return False
    _close(process)
    return True


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _log(event: str, **fields: object) -> None:
    logger.info(event, extra={"fields": fields})
