"""The supervisor: renews a worker's lease, watches its processes, and recovers lost jobs."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from photoqueue.engines.model_registry import pull_command
from photoqueue.engines.registry import choose_engine
from photoqueue.errors import EngineUnavailableError, PhotoqueueError, ServiceError
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.workers import Backlog, Held, Register
from photoqueue.words import JobType, Outcome
from photoqueue.worker.crew import Child, Crew
from photoqueue.worker.health import Pulse
from photoqueue.worker.identity import this_host
from photoqueue.worker.logs import LogFormat
from photoqueue.worker.recovery import Recovery

if TYPE_CHECKING:
    from photoqueue.installation import Installation
    from photoqueue.queue.workers import Renewal
    from photoqueue.settings import Concurrency
    from photoqueue.worker.template import Template

logger = logging.getLogger(__name__)

#: Rounds that a process may be working on a job that no longer belongs to it.
_LOST_JOB_ROUNDS: Final = 2
#: Seconds into a job by which a process has given back the jobs waiting behind it, if it can.
_HELD_UP_SECONDS: Final = 1.0


class Unclaimed:
    """Finds jobs that the table assigns to a process that does not know of them.

    A claim can reach PostgreSQL after the process that sent it has dropped the connection. The job
    then belongs to a process that never got the answer, of a live worker that renews its lease, so
    no other worker would ever take it. The process's board tells it apart from a running job: it
    shows which jobs the process has, and since when.

    Parameters
    ----------
    clock
        Monotonic seconds, the same clock as that of the boards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: When each job was first seen, and whether its process has since reported not to have it.
        self._seen: dict[Held, tuple[float, bool]] = {}

    def find(self, held: Iterable[Held], children: Sequence[Child]) -> list[Held]:
        """Return the jobs that their processes do not know of.

        If a process updated its board without this job after the table first assigned it, it has
        finished the job or never got it; if the table, queried again, still assigns it, the process
        never got it. A process that has ended knows of no jobs: what it held was recovered when it
        ended, unless the claim was committed later.
        """
        now = self._clock()
        boards = {child.slot: child.board for child in children}
        seen, found = {}, []
        for one in held:
            board = boards.get(one.slot)
            first, denied_before = self._seen.get(one, (now, False))
            # Time first, then jobs: the process writes them in the opposite order.
            denied = board is None or (board.settled_at > first and one.job_id not in board.job_ids)
            if denied and denied_before:
                found.append(one)
            else:
                seen[one] = (first, denied)
        self._seen = seen
        return found


class Supervisor:
    """One worker: the processes of its queues, fixed in number or scaled with the work.

    Parameters
    ----------
    concurrency
        Number of processes of each queue.
    template
        Forks them; without one they are spawned.
    """

    def __init__(
        self,
        installation: Installation,
        queues: Sequence[JobType],
        *,
        concurrency: Concurrency,
        log_format: LogFormat = "text",
        template: Template | None = None,
    ) -> None:
        self.worker_id = new_uuid()
        # Chosen once: processes that start later must use the same engine.
        self._choice = choose_engine(installation.settings)
        self._settings = self._choice.settings
        self._queues = tuple(queues)
        self._concurrency = concurrency
        self._host = this_host()
        self._probe = installation.probe
        self._ledger = Ledger(installation.database, name="photoqueue supervisor")
        self._register = Register(self._ledger)
        self._recovery = Recovery(
            installation,
            self._ledger,
            worker_id=self.worker_id,
            host=self._host,
            lease_seconds=self._settings.lease_seconds,
        )
        self._crew = Crew(
            installation,
            self.worker_id,
            settings=self._settings,
            concurrency=concurrency,
            log_format=log_format,
            template=template,
        )
        self._round_seconds = min(1.0, self._settings.lease_seconds / 5)
        #: Checks of this worker's health; safe to use from another thread.
        self.pulse = Pulse(
            queues=self._queues,
            crew=self._crew,
            lease_seconds=self._settings.lease_seconds,
            job_timeout_seconds=self._settings.job_timeout_seconds,
        )
        self._unclaimed = Unclaimed()
        #: Ended processes whose job could not be recovered yet because PostgreSQL was unavailable.
        self._unrecovered: list[Child] = []
        self._stop_signals = 0
        self._failure: EngineUnavailableError | None = None
        self._warned = False
        self._was_ready = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain.

        Raises
        ------
        EngineUnavailableError
            The processes cannot work as configured; the log says why.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        self._enter()
        self._log_engine()
        for queue in self._queues:
            for _ in range(self._concurrency.least):
                self._crew.add(queue)
        try:
            while not self._stopping:
                self._round()
                self._sleep(self._round_seconds)
            self._drain()
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Drain as after SIGTERM; a second call gives all jobs back at once."""
        self._stop_signals += 1

    @property
    def _stopping(self) -> bool:
        return bool(self._stop_signals) or self._failure is not None

    def _enter(self) -> None:
        self._register.add(
            self.worker_id,
            self._host,
            queues=self._queues,
            concurrency=self._processes() or self._concurrency.least,
            engine=str(self._choice),
        )

    def _processes(self) -> int:
        """Return the number of processes per queue; the largest, if queues differ."""
        return max(len(self._crew.of(queue)) for queue in self._queues)

    def _log_engine(self) -> None:
        """Log which engine ``auto`` chose; warn of the built-in model beside a server database."""
        choice, level, event = self._choice, logging.INFO, "engine chosen"
        fields = {"because": choice.reason, "better": choice.advice}
        if choice.engine == "builtin" and self._settings.database_url is not None:
            level, event = logging.WARNING, f"results are {FOR_TRYING_OUT}"
            fields["better"] = choice.advice or pull_command(self._settings.home)
        elif not choice.reason:
            return
        if PHOTO_ANALYZE in self._queues:
            told = {name: text for name, text in fields.items() if text}
            self._log(level, event, engine=choice.engine, **told)

    def _round(self) -> None:
        """Renew the lease, watch the processes, recover lost jobs."""
        self.pulse.beat()
        self._end_overdue()
        ready = all(self._crew.has_ready(queue) for queue in self._queues)
        try:
            renewal = self._register.renew(
                self.worker_id,
                state="running" if ready else "starting",
                concurrency=self._processes(),
                led=self._recovery.led,
                queues=self._queues if self._concurrency.is_range else (),
                most=self._concurrency.most + 1,
            )
            if not renewal.registered:
                # The row is gone: the tables were dropped, or old workers deleted.
                self._enter()
            self._recover_ended()
            self._pause_and_cancel(renewal)
            self._free_waiting(renewal)
            self._recover_unclaimed(renewal)
            self._recovery.run(renewal)
            self._crew.restart_due()
            for queue in self._queues if self._concurrency.is_range else ():
                waits = Backlog() if queue in renewal.paused else renewal.backlogs[queue]
                self._crew.scale(queue, waits)
            problem = self._probe()["broker"]  # of the tables, the round itself has told
            if problem is not None:
                raise problem.with_traceback(None)
            self._warned = self.pulse.servers_away = False
        except Exception as exc:
            # Whatever goes wrong in a round: the processes have jobs to finish, and the next round
            # may succeed.
            self.pulse.servers_away = isinstance(exc, ServiceError)
            if not self._warned:
                expected = isinstance(exc, ServiceError)
                logger.warning("%s", exc, exc_info=None if expected else exc)
                self._warned = True
        self.pulse.rest()
        if ready and not self._was_ready:
            self._was_ready = True
            self._log(
                logging.INFO,
                "worker ready",
                queues=",".join(self._queues),
                processes=len(self._crew.children),
                engine=str(self._choice),
                worker=self.worker_id,
            )

    def _pause_and_cancel(self, renewal: Renewal) -> None:
        """Tell processes which queues are paused, and kill those whose job was cancelled."""
        held = {(one.slot, one.job_id) for one in renewal.held}
        for child in self._crew.children:
            board = child.board
            board.paused = str(child.queue) in renewal.paused
            since = board.busy_since or board.asked
            # One that waits for its turn has a single job.
            at = [board.at] if board.at else board.job_ids
            if not since or any((child.slot, job) in held for job in at):
                child.lost_job = (0.0, 0)
                continue
            job, rounds = child.lost_job
            child.lost_job = (since, rounds + 1 if job == since else 1)
            # Between a record and the next job, this is normal for a moment. If the same job is
            # seen in several rounds, it was cancelled or taken over.
            if child.lost_job[1] > _LOST_JOB_ROUNDS:
                child.kill(Outcome.CANCELLED, "its job was cancelled or taken over")

    def _free_waiting(self, renewal: Renewal) -> None:
        """Give back jobs that wait behind a long one, where the process cannot do it itself.

        C code can block all Python threads of a process. Afterwards the process skips the other
        jobs that it took together. Recovery announces the jobs that were given back.
        """
        for child in self._crew.children:
            at, since = child.board.at, child.board.busy_since
            waiting = [
                one.job_id for one in renewal.held if one.slot == child.slot and one.job_id != at
            ]
            seconds = time.monotonic() - since
            if at is not None and since and waiting and seconds > _HELD_UP_SECONDS:
                self._ledger.give_back(
                    waiting, kept=at, seconds=seconds, worker_id=self.worker_id, slot=child.slot
                )

    def _recover_unclaimed(self, renewal: Renewal) -> None:
        """Redeliver jobs that are assigned to a process that does not know of them."""
        for one in self._unclaimed.find(renewal.held, self._crew.children):
            self._recovery.take_back(
                self._ledger.recover(
                    [self.worker_id],
                    outcome=Outcome.WORKER_LOST,
                    message="the answer to its claim never reached its process",
                    only=(one.job_id, one.attempt),
                )
            )

    def _sleep(self, seconds: float) -> None:
        """Sleep, but react at once when a process ends."""
        self._crew.sleep(seconds)
        for ended in self._crew.reap(restart=not self._stopping):
            if ended.misconfigured:
                self._failure = EngineUnavailableError(
                    f"The {ended.queue} processes cannot work as configured; the reason is in "
                    "the log above. Correct it and start the worker again."
                )
            # Also a process that ended with status 0: an engine can cause that in the middle of a
            # job.
            self._unrecovered.append(ended)
            if ended.process.exitcode:
                _, reason = ended.loss
                self._log(
                    logging.WARNING,
                    "process ended",
                    queue=ended.queue,
                    pid=ended.process.pid,
                    status=ended.status,
                    reason=reason,
                )
        with suppress(PhotoqueueError):
            self._recover_ended()

    def _end_overdue(self) -> None:
        limit = self._settings.job_timeout_seconds
        for child in self._crew.children:
            since = child.board.busy_since
            if since and time.monotonic() - since > limit:
                child.kill(
                    Outcome.TIMEOUT,
                    f"ran longer than {limit:g} s (PHOTOQUEUE_JOB_TIMEOUT_SECONDS)",
                )

    def _recover_ended(self) -> None:
        """Recover the jobs of ended processes once PostgreSQL is available."""
        while self._unrecovered:
            ended = self._unrecovered[0]
            outcome, reason = ended.loss
            lost = self._ledger.recover(
                [self.worker_id],
                outcome=outcome,
                message=reason,
                slot=ended.slot,
                at=ended.board.at,
            )
            self._recovery.take_back(lost)
            self._unrecovered.pop(0)

    def _drain(self) -> None:
        """Let running jobs finish within the grace period."""
        self._log(logging.INFO, "draining", grace_seconds=self._settings.grace_seconds)
        deadline = time.monotonic() + self._settings.grace_seconds
        self._crew.ask_to_stop()
        while self._crew.children and time.monotonic() < deadline and self._stop_signals < 2:
            self.pulse.beat()
            self._end_overdue()
            with suppress(PhotoqueueError):
                self._register.renew(
                    self.worker_id, state="draining", concurrency=self._processes()
                )
            self._sleep(min(self._round_seconds, max(deadline - time.monotonic(), 0.0)))

    def _end(self) -> None:
        """End what still runs, give its jobs back, and mark this worker as stopped."""
        self._crew.end()
        try:
            self._recover_ended()
            self._recovery.take_back(self._ledger.release(self.worker_id))
            self._register.stop([self.worker_id])
        except PhotoqueueError as exc:
            # The lease expires instead, and another worker recovers the jobs.
            logger.warning("the worker could not be marked as stopped: %s", exc)
        self._log(logging.INFO, "stopped", worker=self.worker_id, pid=os.getpid())
        self._ledger.close()

    def _log(self, level: int, event: str, **fields: object) -> None:
        logger.log(level, event, extra={"fields": fields})
