"""Worker processes as an operator starts them: killed, frozen, stopped, started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from photoqueue import Settings

REPOSITORY = Path(__file__).parents[1]
_START_SECONDS = 90.0
#: Name of the process from which a worker's processes are forked.
TEMPLATE = "pq-template"


@dataclass(eq=False)
class Worker:
    """A worker and its processes."""

    process: subprocess.Popen[bytes]
    log: Path
    arguments: tuple[str, ...]
    settings: Settings
    started: float = field(default_factory=time.time)

    @property
    def pid(self) -> int:
        """Process id of its supervisor, or of what was started before it."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether its supervisor lives."""
        return self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has taken up work."""
        return "worker ready" in self.text

    @property
    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace")

    def family(self) -> list[psutil.Process]:
        """Find all of its processes, the supervisor first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        return []

    def children(self) -> list[psutil.Process]:
        """Find the processes that do its jobs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return children_of(self.pid)
        return []

    def kill_group(self) -> None:
        """Kill all of it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(30)

    def after(self, words: str) -> str:
        """Return the word that follows these in its log; empty if they are not there."""
        return next(iter(self.text.partition(words)[2].split()), "")

    def wait_ready(self) -> None:
        """Wait until it takes jobs (see :meth:`wait_for`)."""
        self.wait_for("worker ready")

    def wait_for(self, words: str) -> None:
        """Wait until its log has some words.

        Raises
        ------
        RuntimeError
            It ended instead, or took too long; the end of its log is shown.
        """
        deadline = time.monotonic() + _START_SECONDS
        while words not in self.text:
            if not self.alive or time.monotonic() > deadline:
                raise RuntimeError(f"It did not start:\n{self.text[-2000:]}")
            time.sleep(0.05)


class Workers:
    """Starts workers, and knows them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._environment = dict(environment)
        self.all: list[Worker] = []

    @property
    def living(self) -> list[Worker]:
        """Those whose supervisor lives."""
        return [worker for worker in self.all if worker.alive]

    def start(
        self,
        settings: Settings,
        arguments: Sequence[str],
        *,
        extra: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Worker:
        """Start a worker, or what else the arguments of photoqueue say.

        Parameters
        ----------
        extra
            More variables of the environment.
        before
            Words before the command, such as those of ``ip netns exec``.
        """
        log = self._folder / f"worker-{len(self.all)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", "photoqueue", *arguments],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    **self._environment,
                    **settings.to_environment(),
                    **(extra or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = Worker(process, log, tuple(arguments), settings)
        self.all.append(worker)
        return worker

    def stop(self) -> None:
        """Tell all to stop, and wait until they have."""
        for worker in self.living:
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate()
        for worker in self.living:
            try:
                worker.process.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill_group()

    def kill(self) -> None:
        """Kill all that is left."""
        for worker in self.all:
            for process in worker.family():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if worker.alive:
                worker.kill_group()


def children_of(pid: int) -> list[psutil.Process]:
    """Find the processes that do a worker's jobs, oldest first: each is named after its queue."""
    found = []
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            named = "-" in child.name() and child.name() != TEMPLATE
            if named and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return sorted(found, key=lambda child: child.create_time())


def template_of(pid: int) -> psutil.Process:
    """Find the process that forks those that do a worker's jobs."""
    # A process that it has just forked has its name for a moment.
    named = [child for child in psutil.Process(pid).children() if child.name() == TEMPLATE]
    return min(named, key=lambda child: child.create_time())


def processes_marked(name: str, value: str) -> list[psutil.Process]:
    """Find the processes that were started with a variable of this value."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(name) == value:
                found.append(process)
    return found
