"""A worker started from a notebook, as a child process."""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from photoqueue.client.observe import as_queue
from photoqueue.errors import ConfigurationError, NoWorkerError
from photoqueue.files import explained, make_private, open_private
from photoqueue.installation import Installation, current, settings_in_use
from photoqueue.queue import workers
from photoqueue.records.hooks import HasCard
from photoqueue.settings import Concurrency
from photoqueue.worker.identity import host_key

#: Workers that this process has started, also those that have ended.
started: Final[list[WorkerProcess]] = []
_START_SECONDS: Final = 60.0
_SHOWN_LOG_LINES: Final = 15


class WorkerProcess(HasCard):
    """A worker that runs as a child of this process and stops when it ends.

    Attributes
    ----------
    pid : int
        Its process id.
    log : pathlib.Path
        Its log file.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    @property
    def running(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    def stop(self, timeout: float | None = None) -> None:
        """Stop the worker: it finishes its running jobs, and hands back the others.

        Raises
        ------
        subprocess.TimeoutExpired
            It did not end within ``timeout`` seconds. Default is no limit; a worker ends soon
            after its grace period.
        """
        if self.running:
            self._process.terminate()
        self._process.wait(timeout)
        if self._process.stdin is not None:
            self._process.stdin.close()
        atexit.unregister(self.stop)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<WorkerProcess {self.pid}>"


def start_worker(
    *, queue: str | None = None, concurrency: int | str | None = None
) -> WorkerProcess:
    """Start a worker as a child process; returns once it takes jobs.

    Parameters
    ----------
    queue
        The queue to work on; default is all queues with a known handler.
    concurrency
        Processes per queue, each with one job at a time: a number, or a range such as ``"2-8"``
        that scales with the number of waiting jobs. Default is ``QUEUE_CONCURRENCY``.

    Returns
    -------
    WorkerProcess
        ``stop()`` stops it. It also stops when this process ends, even by a crash.

    Raises
    ------
    ConfigurationError
        ``concurrency`` is neither a number nor a range from at least 1.
    NoWorkerError
        It did not start; the message holds the end of its log.

    Examples
    --------
    >>> worker = start_worker()  # doctest: +SKIP
    >>> worker.stop()  # doctest: +SKIP
    """
    settings = settings_in_use()
    command = [sys.executable, "-m", "photoqueue", "worker", "--end-with-stdin"]
    if queue is not None:
        command += ["--queue", as_queue(queue)]
    if concurrency is not None:
        try:
            command += ["--concurrency", str(Concurrency.of(concurrency))]
        except ValueError as exc:
            raise ConfigurationError(f"concurrency: {exc}") from None
    logs = settings.home / "logs"
    log = logs / f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.log"
    with explained("The worker's log cannot be written"):
        make_private(logs)
        output = open_private(log, "a")
    with output:
        process = subprocess.Popen(
            command,
            # Nothing is written to it: the worker stops when it is closed.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **settings.to_environment()},
            start_new_session=True,
        )
    worker = WorkerProcess(process, log)
    started.append(worker)
    atexit.register(worker.stop)
    try:
        # It loads its modules while the servers start.
        _wait_until_ready(current(), worker)
    except BaseException:
        worker.stop()
        raise
    return worker


def _wait_until_ready(installation: Installation, worker: WorkerProcess) -> None:
    deadline = time.monotonic() + _START_SECONDS
    here = host_key()
    while not workers.worker_runs(installation.database, pid=worker.pid, host_key=here):
        if not worker.running or time.monotonic() > deadline:
            state = "did not start in time" if worker.running else "ended at once"
            lines = worker.log.read_text(encoding="utf-8", errors="replace").splitlines()
            shown = "\n".join(lines[-_SHOWN_LOG_LINES:])
            raise NoWorkerError(f"The worker {state}. Its log, {worker.log}, ends:\n{shown}")
        time.sleep(0.05)
