"""The processes of a worker: starting, scaling, watching and ending them."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawValue
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.errors import EXIT_CONFIGURATION
from photoqueue.words import JobType, Outcome
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.child import EXIT_CUT_OFF, Assignment, end_family, run_child
from photoqueue.worker.template import Template, thrifty

if TYPE_CHECKING:
    from photoqueue.installation import Installation
    from photoqueue.queue.workers import Backlog
    from photoqueue.settings import Concurrency, Settings
    from photoqueue.worker.logs import LogFormat

logger = logging.getLogger(__name__)

#: A process that dies sooner than this (seconds), never having been ready, is restarted with a
#: delay.
_SHORT_LIFE_SECONDS: Final = 5.0
_MAX_RESTART_DELAY_SECONDS: Final = 30.0
#: Seconds between looks whether a process that was just started takes jobs.
_LOOK_SECONDS: Final = 0.03
#: Seconds for which a process that is not ready counts as starting, so that no more are started.
_START_SECONDS: Final = 60.0
#: A job that has waited this long (seconds) calls for one more process.
_LONG_WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The work in a queue, and the processes for it."""

    #: Jobs that could start, and processes that are working on one.
    waiting: int
    active: int
    #: Longest time that the next waiting jobs have waited, in seconds.
    oldest_s: float
    #: Processes that take jobs or are starting.
    processes: int
    #: Those of them that do not take jobs yet.
    starting: int = 0


def decide(
    demand: Demand,
    limits: Concurrency,
    *,
    idle_seconds: float,
    now: float,
    spare_since: float | None,
) -> tuple[int, float | None]:
    """Decide how many processes a queue should have.

    Scaling up is immediate, but at most doubles the number, and waits until new processes take
    jobs: starting takes seconds, and the queue may be empty by then. Scaling down is one process at
    a time, after fewer have been enough for a while, because starting and stopping processes costs
    time.

    Parameters
    ----------
    idle_seconds
        How long fewer processes must have been enough.
    now
        Seconds of a monotonic clock.
    spare_since
        The second value that the last decision returned.

    Returns
    -------
    tuple
        The number of processes, and since when fewer would be enough.
    """
    there, wanted = demand.processes, demand.waiting + demand.active
    if there < limits.least:
        return limits.least, None
    if demand.waiting > there or (demand.waiting and demand.oldest_s > _LONG_WAIT_SECONDS):
        grown = min(max(wanted, there + 1), 2 * there, limits.most)
        return there if demand.starting else max(grown, there), None
    if max(wanted, limits.least) >= there:
        return there, None
    since = now if spare_since is None else spare_since
    # After one process is removed, the full idle time must pass before the next.
    return (there, since) if now - since < idle_seconds else (there - 1, now)


class Child:
    """A process, with what the supervisor knows of it."""

    def __init__(
        self, queue: JobType, slot: int, process: BaseProcess, board: StatusBoard, pipe: Connection
    ) -> None:
        self.queue = queue
        self.slot = slot
        self.process = process
        self.board = board
        #: Kept open and never written to: the process sees its end when the supervisor dies.
        self.pipe = pipe
        self.started = time.monotonic()
        #: Asked to finish its job and end, because the queue has too many processes.
        self.draining = False
        #: Why the supervisor ended it, if it did.
        self.ended_for: tuple[Outcome, str] | None = None
        #: A job (identified by its start time) that no longer belongs to the process, and the
        #: number of rounds in which that was seen.
        self.lost_job = (0.0, 0)

    @property
    def idle(self) -> bool:
        """Whether it takes jobs and is not working on one."""
        return self.board.ready and not self.board.busy_since

    @property
    def starting(self) -> bool:
        """Whether it was started a moment ago and does not take jobs yet."""
        return not self.board.ready and time.monotonic() - self.started < _SHORT_LIFE_SECONDS

    @property
    def status(self) -> str:
        """How the process ended."""
        code = self.process.exitcode
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"signal {-code} ({signal.Signals(-code).name})"
        closed = ": the engine had closed descriptors that are not its own"
        return f"status {code}{closed if code == EXIT_CUT_OFF else ''}"

    @property
    def misconfigured(self) -> bool:
        """Whether it ended because of its configuration; a new process would end too."""
        return self.process.exitcode == EXIT_CONFIGURATION

    @property
    def loss(self) -> tuple[Outcome, str]:
        """Outcome and reason to record for the attempt that it was working on."""
        return self.ended_for or (
            Outcome.WORKER_LOST,
            f"its process ended with {self.status}",
        )

    def drain(self) -> None:
        """Ask it to finish its jobs and end."""
        self.draining = True
        self.process.terminate()

    def kill(self, outcome: Outcome, reason: str) -> None:
        """Kill the process and its engine's; its job is recovered when it is reaped."""
        self.ended_for = (outcome, reason)
        self.end()

    def end(self) -> None:
        """Kill the process, if it runs, and what its engine has started."""
        if self.process.pid is not None:
            end_family(self.process.pid)


class Crew:
    """All processes of one worker, for all of its queues."""

    def __init__(
        self,
        installation: Installation,
        worker_id: UUID,
        *,
        settings: Settings,
        concurrency: Concurrency,
        log_format: LogFormat,
        template: Template | None = None,
    ) -> None:
        self._installation = installation
        self._settings = settings
        self._worker_id = worker_id
        self._concurrency = concurrency
        self._log_format = log_format
        self._template = template
        # Not fork: a child must not inherit connections, threads or the state of an engine.
        self._context = multiprocessing.get_context("spawn")
        self._slots = 0
        self._restart_at: list[tuple[float, JobType]] = []
        self._failed_starts = 0
        self._spare_since: dict[JobType, float | None] = {}
        self.children: list[Child] = []

    def add(self, queue: JobType) -> None:
        """Start one more process for a queue; later, if the machine has no room for it now."""
        try:
            self.start(queue)
        except OSError as exc:
            logger.warning("no process can be started (%s); trying again", exc)
            self._start_later(queue)

    def start(self, queue: JobType) -> None:
        """Start one more process for a queue."""
        if self._template is not None:
            try:
                self._start(queue, self._template.process)
                return
            except OSError as exc:
                logger.warning(
                    "the template process cannot be used (%s): processes are spawned from now on, "
                    "which takes longer",
                    exc,
                )
                self._template.close()
                self._template = None
        self._start(queue, self._context.Process)

    def _start(self, queue: JobType, make: Callable[..., BaseProcess]) -> None:
        # Slot, board and pipe are new at each try: one that failed may have left a process.
        self._slots += 1
        board = RawValue(StatusBoard)
        board.held = any(child.board.asked for child in self.children)
        reader, writer = self._context.Pipe(duplex=False)
        assignment = Assignment(
            settings=self._settings,
            endpoints=self._installation.endpoints,
            namespace=self._installation.namespace,
            queue=queue,
            worker_id=self._worker_id,
            slot=self._slots,
            processes=self._concurrency.most,
            log_format=self._log_format,
        )
        process = make(
            target=run_child,
            args=(assignment, board, reader),
            name=f"photoqueue-{queue}-{self._slots}",
        )
        try:
            with thrifty():
                process.start()
        except BaseException:
            writer.close()  # ends a process that nobody will know
            raise
        finally:
            reader.close()
        self.children.append(Child(queue, self._slots, process, board, writer))

    def of(self, queue: JobType) -> list[Child]:
        """Return the processes of a queue; safe to call from another thread."""
        return [child for child in tuple(self.children) if child.queue == queue]

    def has_ready(self, queue: JobType) -> bool:
        """Whether a process of the queue takes jobs."""
        return any(child.board.ready for child in self.of(queue))

    def scale(self, queue: JobType, backlog: Backlog) -> None:
        """Start processes for the jobs waiting in a queue, or drain one that is idle."""
        now = time.monotonic()
        children = self.of(queue)
        staying = [child for child in children if not child.draining]
        delayed = sum(due == queue for _, due in self._restart_at)
        starting = sum(
            not child.board.ready and now - child.started < _START_SECONDS for child in staying
        )
        demand = Demand(
            waiting=backlog.waiting,
            active=sum(child.board.busy_since > 0 for child in staying),
            oldest_s=backlog.oldest_s,
            processes=len(staying) + delayed,
            starting=starting + delayed,
        )
        processes, self._spare_since[queue] = decide(
            demand,
            self._concurrency,
            idle_seconds=self._settings.idle_seconds,
            now=now,
            spare_since=self._spare_since.get(queue),
        )
        change = processes - demand.processes
        # Draining can take long; until the process has ended there is no room for another.
        for _ in range(min(change, self._concurrency.most - len(children) - delayed)):
            self.start(queue)
            _log("process added", queue, self.children[-1], len(self.of(queue)))
        idle = [child for child in staying if child.idle]
        if change < 0 and idle and len(staying) == len(children):
            idle[-1].drain()
            _log("process drains", queue, idle[-1], len(staying) - 1)

    def sleep(self, seconds: float) -> None:
        """Sleep until a process ends, or one that was started takes jobs; at most this long."""
        deadline = time.monotonic() + seconds
        starting = [child for child in self.children if child.starting]
        sentinels = [child.process.sentinel for child in self.children]
        while (left := deadline - time.monotonic()) > 0:
            looks = self._give_turn() or starting
            ended = wait(sentinels, timeout=min(left, _LOOK_SECONDS) if looks else left)
            if ended or any(child.board.ready for child in starting):
                return

    def _give_turn(self) -> bool:
        """Let jobs that ask for it run one at a time, alone; return whether there are any."""
        asking = sorted(
            (child for child in self.children if child.board.asked),
            key=lambda child: (child.board.granted != child.board.asked, child.board.asked),
        )
        others = [child for child in self.children if child not in asking[:1]]
        # Only at a later look: a process that was not held may be about to begin a job.
        alone = all(child.board.held and not child.board.busy_since for child in others)
        for child in self.children:
            child.board.held = bool(asking) and child in others
        if asking and alone:
            asking[0].board.granted = asking[0].board.asked
        return bool(asking)

    def reap(self, *, restart: bool) -> list[Child]:
        """Remove and return processes that have ended, and start replacements."""
        ended = [child for child in self.children if not child.process.is_alive()]
        for child in ended:
            child.process.join()
            child.end()
            child.pipe.close()
            self.children.remove(child)
            if restart and not child.draining and not child.misconfigured:
                self._start_again(child)
        return ended

    def restart_due(self) -> None:
        """Start the processes whose restart delay is over."""
        now = time.monotonic()
        due = [queue for at, queue in self._restart_at if at <= now]
        self._restart_at = [entry for entry in self._restart_at if entry[0] > now]
        for queue in due:
            self.add(queue)

    def ask_to_stop(self) -> None:
        """Ask every process to finish its job and end."""
        for child in self.children:
            child.drain()

    def end(self) -> None:
        """Kill all processes and wait until they are gone."""
        for child in self.children:
            child.end()
        for child in self.children:
            child.process.join()
            child.pipe.close()
        self.children.clear()

    def _start_again(self, child: Child) -> None:
        """Replace a process that ended; delay that if it ended before it was ready."""
        lived = time.monotonic() - child.started
        if child.board.ready or lived > _SHORT_LIFE_SECONDS:
            self._failed_starts = 0
            self.add(child.queue)
        else:
            self._start_later(child.queue)

    def _start_later(self, queue: JobType) -> None:
        self._failed_starts += 1
        delay = min(2.0**self._failed_starts, _MAX_RESTART_DELAY_SECONDS)
        self._restart_at.append((time.monotonic() + delay, queue))


def _log(event: str, queue: JobType, child: Child, processes: int) -> None:
    fields = {"queue": queue, "pid": child.process.pid, "processes": processes}
    logger.info(event, extra={"fields": fields})
