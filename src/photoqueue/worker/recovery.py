"""Recovery: finds jobs that no worker holds and no message announces, and delivers them again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.errors import BrokerUnavailableError, PhotoqueueError
from photoqueue.posting import Receiver
from photoqueue.queue.broker.retention import Finished
from photoqueue.queue.ledger import Ledger, Recovered
from photoqueue.queue.tally import WORKER_PATIENCE, WORKER_ROWS, counting
from photoqueue.queue.webhooks import send_due
from photoqueue.queue.workers import Host, Register
from photoqueue.words import JobState, JobType, Outcome, job_type
from photoqueue.worker.identity import is_alive

if TYPE_CHECKING:
    from photoqueue.installation import Installation
    from photoqueue.queue.database import Database
    from photoqueue.queue.workers import Renewal

logger = logging.getLogger(__name__)

#: Jobs announced in one round trip, and round trips per queue and round. Limited, so that a queue
#: of a million jobs does not keep a worker from renewing its lease.
_PAGE: Final = 1000
_PAGES_A_ROUND: Final = 20
#: Seconds between two rounds that drop the broker's old records.
_TIDY_SECONDS: Final = 60.0
#: Seconds between two deletions of old worker records.
_FORGET_SECONDS: Final = 3600.0
#: Seconds between two updates of the job statistics, and after an error in the background.
_AGAIN_SECONDS: Final = 10.0


class SideTask:
    """Does something in a thread of its own, with connections of its own.

    A lock, a slow statement, a server that hangs or an error there must not keep the worker from
    renewing its lease or recovering jobs.

    Parameters
    ----------
    work
        Returns for how many seconds it need not be called again.
    problem
        What does not happen for now, if it raises an error.
    """

    def __init__(self, work: Callable[[], float], problem: str) -> None:
        self._work = work
        self._problem = problem
        self._thread: threading.Thread | None = None
        self._work_at = 0.0
        self._warned = False

    def start(self) -> None:
        """Start working, unless it is running or was done just now."""
        if time.monotonic() < self._work_at or (self._thread and self._thread.is_alive()):
            return
        # A daemon thread, so that a worker that ends does not wait for it.
        self._thread = threading.Thread(target=self._run, name=self._problem, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        seconds = _AGAIN_SECONDS
        try:
            seconds = self._work()
            self._warned = False
        except Exception as exc:
            # Nothing is lost: it is done later.
            if not self._warned:
                expected = isinstance(exc, PhotoqueueError)
                logger.warning(
                    "%s for now: %s", self._problem, exc, exc_info=None if expected else exc
                )
                self._warned = True
        self._work_at = time.monotonic() + seconds


class Counting:
    """Counts new history rows, so that a scrape of the metrics has little left to count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forget_at = 0.0

    def __call__(self) -> float:
        """Count a page of rows."""
        with counting(self._database, patience=WORKER_PATIENCE) as tally:
            more = tally.advance(most=WORKER_ROWS)
        if time.monotonic() > self._forget_at:
            with counting(self._database) as tally:
                tally.forget()
            self._forget_at = time.monotonic() + _FORGET_SECONDS
        return 0.0 if more else _AGAIN_SECONDS


class Recovery:
    """Finds and redelivers lost jobs, on behalf of one worker.

    Parameters
    ----------
    lease_seconds : float
        A worker that was not seen for this long loses its jobs.
    """

    def __init__(
        self,
        installation: Installation,
        ledger: Ledger,
        *,
        worker_id: UUID,
        host: Host,
        lease_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._register = Register(ledger)
        self._broker = installation.broker
        self._counting = SideTask(Counting(installation.database), "history is not counted")
        self._webhooks = SideTask(self._send_webhooks, "no webhook is sent")
        self._installation = installation
        self._worker_id = worker_id
        self._host = host
        self._lease_seconds = lease_seconds
        #: Whether the broker was unavailable in this round; further calls would only wait again.
        self._broker_away = False
        self._tidy_at = self._forget_at = 0.0
        #: When PostgreSQL last answered, by our clock and its own; and up to when nobody's lease
        #: counts as expired.
        self._heard_at: tuple[float, float] | None = None
        self._lenient_until = 0.0
        #: Whether the last round led and did all of it.
        self.led = False

    def run(self, renewal: Renewal) -> None:
        """Do one round; one worker leads and announces the jobs of queues that are not paused.

        Raises
        ------
        ServiceError
            A server is unavailable; the next round does what this one could not.
        """
        self._broker_away = self.led = False
        look = self._register.look(self._worker_id, self._host.key, self._lease_seconds)
        # Every worker does this; fencing makes that safe. If only one did, its host could die while
        # PostgreSQL still considers it alive.
        dead = [one for one, pid, started in look.neighbours if not is_alive(pid, started)]
        self._recover(dead, "its worker died")
        if dead:
            self._register.stop(dead)
        if self._leases_hold(look.clock):
            self._recover(look.expired, f"its worker was not seen for {self._lease_seconds:g} s")
        self._counting.start()
        if look.unblocked:
            self._broker.enqueue(self._ledger.release_blocked())
        if renewal.leads:
            if look.webhooks:
                self._webhooks.start()
            self._lead(look.due, renewal.queues)
            self.led = True

    def _lead(self, due: Sequence[str], queues: Sequence[str]) -> None:
        """Announce jobs of the queues ``due``, and tidy up those of all ``queues``."""
        for queue in map(job_type, due):
            self._announce_waiting(queue)
            self._broker.enqueue(self._ledger.due_delayed(queue, limit=_PAGE))
        now = time.monotonic()
        if now > self._tidy_at:
            self._broker.trim_records(queues)
            self._tidy_at = now + _TIDY_SECONDS
        if now > self._forget_at:
            self._register.forget()
            self._forget_at = now + _FORGET_SECONDS

    def _send_webhooks(self) -> float:
        receiver = Receiver.of(self._installation.settings, "webhook_url")
        send_due(self._installation.database, receiver)
        return 0.0

    def _leases_hold(self, clock: float) -> bool:
        """Whether workers could renew their leases by the clock of PostgreSQL.

        Not while it was away or frozen, or when its clock was set. After that each gets one lease
        period to do so, as after a restart of PostgreSQL.
        """
        now, limit = time.monotonic(), self._lease_seconds
        passed = [
            at - before for at, before in zip((now, clock), self._heard_at or (), strict=False)
        ]
        if any(abs(seconds) > limit for seconds in passed):
            self._lenient_until = now + limit
        self._heard_at = now, clock
        return now >= self._lenient_until

    def take_back(self, jobs: Sequence[Recovered]) -> None:
        """Log recovered jobs and redeliver them at once."""
        for job in jobs:
            subject = {"project": job.job_key} if job.photo_id is None else {"photo": job.photo_id}
            fields = {
                "queue": job.message.queue,
                "job": job.message.job_id,
                **subject,
                "duration_ms": round(job.duration_ms, 1),
                "attempts": job.attempts,
            }
            if job.state is JobState.FAILED:
                logger.error("failed: its last attempt was lost", extra={"fields": fields})
            else:
                logger.warning("recovered", extra={"fields": fields})
        if self._broker_away:
            return
        try:
            self._deliver_again(jobs)
        except BrokerUnavailableError as exc:
            self._broker_away = True
            logger.warning("recovered jobs wait for the broker: %s", exc)

    def _deliver_again(self, jobs: Sequence[Recovered]) -> None:
        self._broker.enqueue(job.message for job in jobs if job.state is JobState.WAITING)
        failed = [
            Finished(
                queue=job.message.queue,
                job_id=str(job.message.job_id),
                state=job.state,
                attempts=job.attempts,
                duration_ms=job.duration_ms,
                photo_id=job.photo_id,
            )
            for job in jobs
            if job.state is JobState.FAILED
        ]
        self._broker.keep_record(*failed)

    def _recover(self, workers: Sequence[UUID], message: str) -> None:
        if workers:
            recovered = self._ledger.recover(workers, outcome=Outcome.WORKER_LOST, message=message)
            self.take_back(recovered)

    def _announce_waiting(self, queue: JobType) -> None:
        """Announce waiting jobs whose message may be lost.

        Checks the head of the queue in the table, which workers should be taking now. Announcing a
        job whose message exists adds nothing. The next page is checked only if no job of a whole
        page had a message (Redis was emptied, or was unavailable at submission); later jobs are
        checked when they reach the head.
        """
        last = None
        for _ in range(_PAGES_A_ROUND):
            page = self._ledger.due_waiting(queue, after=last, limit=_PAGE)
            if self._broker.enqueue(page) < _PAGE:
                return
            last = page[-1]
