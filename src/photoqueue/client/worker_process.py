"""A worker beside the notebook."""

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
from photoqueue.installation import Installation, current
from photoqueue.queue import workers
from photoqueue.records.hooks import HasCard
from photoqueue.settings import Concurrency
from photoqueue.worker.identity import host_key

_START_SECONDS: Final = 60.0
_SHOWN_LOG_LINES: Final = 15


class WorkerProcess(HasCard):
    """A worker that runs beside this process, and ends with it at the latest.

    Attributes
    ----------
    pid : int
        Its process id.
    log : pathlib.Path
        Where it writes its log.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self, timeout: float | None = None) -> None:
        """Let it finish its jobs and end; unfinished ones are handed back, not lost.

        Raises
        ------
        subprocess.TimeoutExpired
            It did not end within ``timeout`` seconds; left out, it gets the time it needs:
            at most its own grace period and a moment.
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
    """Start a worker beside this process; returns once it takes jobs.

    Parameters
    ----------
    queue
        Only this queue; all whose job types are known when left out.
    concurrency
        Processes per queue, each with one job at a time: a number, or a range such as ``"2-8"``,
        of which there are as many as there is work for. ``QUEUE_CONCURRENCY`` when left out.

    Returns
    -------
    WorkerProcess
        ``stop()`` ends it. It ends by itself when this process does, however that ends.

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
    installation = current()
    command = [sys.executable, "-m", "photoqueue", "worker", "--end-with-stdin"]
    if queue is not None:
        command += ["--queue", as_queue(queue)]
    if concurrency is not None:
        try:
            command += ["--concurrency", str(Concurrency.of(concurrency))]
        except ValueError as exc:
            raise ConfigurationError(f"concurrency: {exc}") from None
    logs = installation.settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            # Never written: its end tells the worker that this process is gone.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **installation.settings.to_environment()},
            start_new_session=True,
        )
    worker = WorkerProcess(process, log)
    atexit.register(worker.stop)
    try:
        _wait_until_ready(installation, worker)
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
