"""The supervisor: starts the processes of a worker, watches them, and recovers lost jobs."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Final

from photoqueue.errors import EngineUnavailableError, ServiceError
from photoqueue.models import JobType, Outcome
from photoqueue.tracking.ids import new_uuid
from photoqueue.tracking.ledger import Ledger
from photoqueue.tracking.register import Register, Renewal
from photoqueue.worker.child import EXIT_CONFIGURATION, Assignment, Board, run_child
from photoqueue.worker.identity import this_host
from photoqueue.worker.logs import LogFormat
from photoqueue.worker.recovery import Recovery

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from photoqueue.installation import Installation

logger = logging.getLogger(__name__)

#: A process that dies sooner than this without having been ready is not started again at once.
_SHORT_LIFE_SECONDS: Final = 5.0
_MAX_RESTART_DELAY_SECONDS: Final = 30.0
#: Rounds of the supervisor that a process may be at a job which is not its own any more.
_LOST_JOB_ROUNDS: Final = 2


class _Child:
    """A process, and what the supervisor remembers of it."""

    def __init__(self, queue: JobType, slot: int, process: SpawnProcess, board: Board) -> None:
        self.queue = queue
        self.slot = slot
        self.process = process
        self.board = board
        self.started = time.monotonic()
        #: Why the supervisor ended it, if it did.
        self.ended_for: tuple[Outcome, str] | None = None
        #: The job (by its start) that turned out not to be its own, and for how many rounds.
        self.lost_job = (0.0, 0)

    def kill(self, outcome: Outcome, reason: str) -> None:
        """End the process at once; its job is recovered when it is reaped."""
        self.ended_for = (outcome, reason)
        self.process.kill()


class Supervisor:
    """One worker: ``concurrency`` processes for each of its queues."""

    def __init__(
        self,
        installation: Installation,
        queues: Sequence[JobType],
        *,
        concurrency: int,
        log_format: LogFormat = "text",
    ) -> None:
        self._installation = installation
        self._settings = installation.settings
        self._queues = tuple(queues)
        self._concurrency = concurrency
        self._log_format = log_format
        self._context = multiprocessing.get_context("spawn")
        self._host = this_host()
        self.worker_id = new_uuid()
        self._ledger = Ledger(installation.database, name="photoqueue supervisor")
        self._register = Register(self._ledger)
        self._recovery = Recovery(
            ledger=self._ledger,
            register=self._register,
            broker=installation.broker,
            worker_id=self.worker_id,
            host=self._host,
            lease_seconds=self._settings.lease_seconds,
        )
        self._round_seconds = min(1.0, self._settings.lease_seconds / 5)
        self._children: list[_Child] = []
        self._pipes: dict[int, Connection] = {}
        self._slots = 0
        self._restart_at: list[tuple[float, JobType]] = []
        self._failed_starts = 0
        #: Ended processes whose job could not be recovered yet, PostgreSQL being away.
        self._unrecovered: list[tuple[int, Outcome, str]] = []
        self._stop_signals = 0
        self._failure: Exception | None = None
        self._told_unreachable = False
        self._running = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain.

        Raises
        ------
        EngineUnavailableError
            The processes cannot work as configured; what is wrong is in the log.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._register.add(
            self.worker_id,
            self._host,
            queues=self._queues,
            concurrency=self._concurrency,
            engine=self._settings.engine,
        )
        for queue in self._queues:
            for _ in range(self._concurrency):
                self._start(queue)
        try:
            while not self._stop_signals and self._failure is None:
                self._round()
                self._sleep(self._round_seconds)
            self._drain()
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Drain as after SIGTERM; a second call hands everything back at once."""
        self._stop_signals += 1

    def _on_signal(self, *_: object) -> None:
        self.stop()

    def _start(self, queue: JobType) -> None:
        self._slots += 1
        board = Board()
        reader, writer = self._context.Pipe(duplex=False)
        assignment = Assignment(
            settings=self._settings,
            endpoints=self._installation.endpoints,
            queue=queue,
            worker_id=self.worker_id,
            slot=self._slots,
            processes=self._concurrency,
            log_format=self._log_format,
        )
        process = self._context.Process(
            target=run_child,
            args=(assignment, board, reader),
            name=f"photoqueue-{queue}-{self._slots}",
        )
        process.start()
        reader.close()
        # Kept open and never written: its end is how the process notices ours.
        self._pipes[self._slots] = writer
        self._children.append(_Child(queue, self._slots, process, board))

    def _sleep(self, seconds: float) -> None:
        """Sleep, but attend at once to a process that ends."""
        wait([child.process.sentinel for child in self._children], timeout=seconds)
        self._reap()

    def _round(self) -> None:
        """Renew the lease, watch the processes, recover what is lost."""
        self._end_overdue()
        try:
            renewal = self._register.renew(
                self.worker_id, state="running" if self._ready() else "starting"
            )
            if not renewal.registered:
                self._enter_again()
            self._recover_ended()
            self._attend(renewal)
            self._recovery.run()
            self._told_unreachable = False
        except ServiceError as exc:
            if not self._told_unreachable:
                logger.warning("%s", exc)
                self._told_unreachable = True
        self._restart_due()
        if not self._running and self._ready():
            self._running = True
            logger.info(
                "worker ready",
                extra={
                    "fields": {
                        "queues": ",".join(self._queues),
                        "processes": len(self._children),
                        "engine": self._settings.engine,
                        "worker": self.worker_id,
                    }
                },
            )

    def _ready(self) -> bool:
        """Whether each queue has a process that takes jobs."""
        return all(
            any(child.board.ready for child in self._children if child.queue is queue)
            for queue in self._queues
        )

    def _enter_again(self) -> None:
        """Enter the register again: the row is gone, with the tables or by pruning."""
        self._register.add(
            self.worker_id,
            self._host,
            queues=self._queues,
            concurrency=self._concurrency,
            engine=self._settings.engine,
        )

    def _attend(self, renewal: Renewal) -> None:
        """Pass on what is paused, and free processes whose job was taken from them."""
        for child in self._children:
            child.board.set_paused(str(child.queue) in renewal.paused)
            since = child.board.busy_since
            if not since or child.slot in renewal.slots:
                child.lost_job = (0.0, 0)
                continue
            job, rounds = child.lost_job
            child.lost_job = (since, rounds + 1 if job == since else 1)
            # A process between its record and its next job looks like this for a moment;
            # the same job seen so in several rounds was cancelled or taken over.
            if child.lost_job[1] > _LOST_JOB_ROUNDS:
                child.kill(Outcome.CANCELLED, "its job was cancelled or taken over")

    def _end_overdue(self) -> None:
        limit = self._settings.job_timeout_seconds
        for child in self._children:
            since = child.board.busy_since
            if since and time.monotonic() - since > limit:
                child.kill(
                    Outcome.TIMEOUT,
                    f"ran longer than {limit:g} s (PHOTOQUEUE_JOB_TIMEOUT_SECONDS)",
                )

    def _reap(self) -> None:
        """Take leave of ended processes, recover their jobs, and start others."""
        for child in [child for child in self._children if not child.process.is_alive()]:
            child.process.join()
            self._children.remove(child)
            self._pipes.pop(child.slot).close()
            code = child.process.exitcode
            if code == EXIT_CONFIGURATION:
                self._failure = EngineUnavailableError(
                    f"The {child.queue} processes cannot work as configured; the reason is in "
                    "the log above. Correct it and start the worker again."
                )
            if code != 0:
                outcome, reason = child.ended_for or (
                    Outcome.WORKER_LOST,
                    f"its process ended with {_exit_name(code)}",
                )
                self._unrecovered.append((child.slot, outcome, reason))
                logger.warning(
                    "process ended",
                    extra={
                        "fields": {
                            "queue": child.queue,
                            "pid": child.process.pid,
                            "status": _exit_name(code),
                            "reason": reason,
                        }
                    },
                )
            if not self._stop_signals and self._failure is None:
                self._start_again(child)
        with suppress(ServiceError):
            self._recover_ended()

    def _start_again(self, child: _Child) -> None:
        """Start a process in place of one that ended; wait if it cannot even start."""
        lived = time.monotonic() - child.started
        if child.board.ready or lived > _SHORT_LIFE_SECONDS:
            self._failed_starts = 0
            self._start(child.queue)
            return
        self._failed_starts += 1
        delay = min(2.0**self._failed_starts, _MAX_RESTART_DELAY_SECONDS)
        self._restart_at.append((time.monotonic() + delay, child.queue))

    def _restart_due(self) -> None:
        now = time.monotonic()
        due = [queue for at, queue in self._restart_at if at <= now]
        self._restart_at = [entry for entry in self._restart_at if entry[0] > now]
        for queue in due:
            self._start(queue)

    def _recover_ended(self) -> None:
        """Recover the jobs of ended processes, as soon as PostgreSQL can be reached."""
        while self._unrecovered:
            slot, outcome, reason = self._unrecovered[0]
            self._recovery.take_back(
                self._ledger.recover([self.worker_id], outcome=outcome, message=reason, slot=slot)
            )
            self._unrecovered.pop(0)

    def _drain(self) -> None:
        """Let running jobs finish within the grace period."""
        logger.info("draining", extra={"fields": {"grace_seconds": self._settings.grace_seconds}})
        deadline = time.monotonic() + self._settings.grace_seconds
        for child in self._children:
            child.process.terminate()
        while self._children and time.monotonic() < deadline and self._stop_signals < 2:
            self._end_overdue()
            with suppress(ServiceError):
                self._register.renew(self.worker_id, state="draining")
            self._sleep(min(self._round_seconds, max(deadline - time.monotonic(), 0.0)))

    def _end(self) -> None:
        """End what still runs, hand its jobs back, and sign off."""
        for child in self._children:
            child.process.kill()
        for child in self._children:
            child.process.join()
        try:
            self._recover_ended()
            self._recovery.take_back(self._ledger.release(self.worker_id))
            self._register.stop([self.worker_id])
        except ServiceError as exc:
            # The lease runs out instead, and another worker recovers the jobs.
            logger.warning("signing off failed: %s", exc)
        logger.info("stopped", extra={"fields": {"worker": self.worker_id, "pid": os.getpid()}})
        self._ledger.close()


def _exit_name(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {-code} ({signal.Signals(-code).name})"
    return f"status {code}"
