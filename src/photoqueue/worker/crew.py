"""The processes of a worker: started, watched, ended, and started again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.words import JobType, Outcome
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.child import EXIT_CONFIGURATION, Assignment, run_child

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from photoqueue.installation import Installation
    from photoqueue.settings import Settings
    from photoqueue.worker.logs import LogFormat

_MIB: Final = 2**20
_VARIABLES: Final = {
    # OpenBLAS, under numpy, takes as many threads as there are cores, and after each product
    # they spin for a while in wait of another. In two processes on two cores that cost 12 ms a
    # photo, for products that take a tenth of one.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc gives the memory of each large picture back to the system and gets it anew for the
    # next, zeroed, with a fault for each page: 1,100 to 3,400 of them for a photo of 1280 ×
    # 960, 4 to 13 ms. Kept instead: at most so many bytes in a process. (Pillow's own cache of
    # blocks did not help: it cuts the large ones to the size of the small.)
    "MALLOC_MMAP_THRESHOLD_": str(32 * _MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * _MIB),
}


@contextmanager
def thrifty() -> Iterator[None]:
    """Start processes that do not waste the cores; what the operator has set stays."""
    missing = {name: value for name, value in _VARIABLES.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


#: A process that dies sooner than this without having been ready is not started again at once.
_SHORT_LIFE_SECONDS: Final = 5.0
_MAX_RESTART_DELAY_SECONDS: Final = 30.0


class Child:
    """A process, and what the supervisor remembers of it."""

    def __init__(
        self, queue: JobType, slot: int, process: SpawnProcess, board: StatusBoard, pipe: Connection
    ) -> None:
        self.queue = queue
        self.slot = slot
        self.process = process
        self.board = board
        #: Kept open and never written: its end is how the process notices the supervisor's.
        self.pipe = pipe
        self.started = time.monotonic()
        #: Why the supervisor ended it, if it did.
        self.ended_for: tuple[Outcome, str] | None = None
        #: The job (by its start) that turned out not to be its own, and for how many rounds.
        self.lost_job = (0.0, 0)

    def kill(self, outcome: Outcome, reason: str) -> None:
        """End the process at once; its job is recovered when it is reaped."""
        self.ended_for = (outcome, reason)
        self.process.kill()


@dataclass(frozen=True, slots=True)
class Exit:
    """A process that has ended, and what that means for the job it was at."""

    queue: JobType
    slot: int
    pid: int | None
    status: str
    #: Ended by itself, its work done.
    clean: bool
    #: Cannot work as configured: starting it again would not help.
    misconfigured: bool
    #: The job that it was working on, if any.
    at: UUID | None
    outcome: Outcome
    reason: str


class Crew:
    """All processes of one worker, over both queues if it has both."""

    def __init__(
        self,
        installation: Installation,
        worker_id: UUID,
        *,
        settings: Settings,
        concurrency: int,
        log_format: LogFormat,
    ) -> None:
        self._installation = installation
        self._settings = settings
        self._worker_id = worker_id
        self._concurrency = concurrency
        self._log_format = log_format
        # Not fork: a child must not inherit connections, threads or an engine's state.
        self._context = multiprocessing.get_context("spawn")
        self._slots = 0
        self._restart_at: list[tuple[float, JobType]] = []
        self._failed_starts = 0
        self.children: list[Child] = []

    def start(self, queue: JobType) -> None:
        """Start one more process for a queue."""
        self._slots += 1
        board = StatusBoard()
        reader, writer = self._context.Pipe(duplex=False)
        assignment = Assignment(
            settings=self._settings,
            endpoints=self._installation.endpoints,
            namespace=self._installation.namespace,
            queue=queue,
            worker_id=self._worker_id,
            slot=self._slots,
            processes=self._concurrency,
            log_format=self._log_format,
        )
        process = self._context.Process(
            target=run_child,
            args=(assignment, board, reader),
            name=f"photoqueue-{queue}-{self._slots}",
        )
        with thrifty():
            process.start()
        reader.close()
        self.children.append(Child(queue, self._slots, process, board, writer))

    def has_ready(self, queue: JobType) -> bool:
        """Whether a process of the queue takes jobs."""
        return any(child.board.ready for child in self.children if child.queue is queue)

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until a process ends."""
        wait([child.process.sentinel for child in self.children], timeout=seconds)

    def reap(self, *, restart: bool) -> list[Exit]:
        """Take leave of ended processes, and start others in their place."""
        ended = [child for child in self.children if not child.process.is_alive()]
        exits = []
        for child in ended:
            child.process.join()
            child.pipe.close()
            self.children.remove(child)
            exits.append(_exit(child))
            if restart and not exits[-1].misconfigured:
                self._start_again(child)
        return exits

    def restart_due(self) -> None:
        """Start the processes whose delay after a failed start is over."""
        now = time.monotonic()
        due = [queue for at, queue in self._restart_at if at <= now]
        self._restart_at = [entry for entry in self._restart_at if entry[0] > now]
        for queue in due:
            self.start(queue)

    def ask_to_stop(self) -> None:
        """Let each process finish its job and end."""
        for child in self.children:
            child.process.terminate()

    def end(self) -> None:
        """End all processes at once, and wait until they are gone."""
        for child in self.children:
            child.process.kill()
        for child in self.children:
            child.process.join()
            child.pipe.close()
        self.children.clear()

    def _start_again(self, child: Child) -> None:
        """Start a process in place of one that ended; wait if it could not even start."""
        lived = time.monotonic() - child.started
        if child.board.ready or lived > _SHORT_LIFE_SECONDS:
            self._failed_starts = 0
            self.start(child.queue)
            return
        self._failed_starts += 1
        delay = min(2.0**self._failed_starts, _MAX_RESTART_DELAY_SECONDS)
        self._restart_at.append((time.monotonic() + delay, child.queue))


def _exit(child: Child) -> Exit:
    code = child.process.exitcode
    outcome, reason = child.ended_for or (
        Outcome.WORKER_LOST,
        f"its process ended with {_status(code)}",
    )
    return Exit(
        queue=child.queue,
        slot=child.slot,
        pid=child.process.pid,
        status=_status(code),
        clean=code == 0,
        misconfigured=code == EXIT_CONFIGURATION,
        at=child.board.at,
        outcome=outcome,
        reason=reason,
    )


def _status(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {-code} ({signal.Signals(-code).name})"
    return f"status {code}"
