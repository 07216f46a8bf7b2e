"""Recovery: finds jobs that nobody carries any more, and delivers them again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.broker.retention import Finished
from photoqueue.errors import BrokerUnavailableError
from photoqueue.models import JobState, JobType, Outcome
from photoqueue.tracking.ledger import Ledger, Recovered
from photoqueue.tracking.register import Host, Register
from photoqueue.worker.identity import is_alive

if TYPE_CHECKING:
    from photoqueue.broker.broker import Broker

logger = logging.getLogger(__name__)

#: Jobs announced in one round trip.
_PAGE: Final = 1000
#: Advisory lock of the worker that recovers for all; one at a time is enough.
_RECOVERY_LOCK: Final = 0x7068_6F74_6F72


class Recovery:
    """Looks for lost jobs, on behalf of one worker.

    Parameters
    ----------
    lease_seconds : float
        A worker that was not seen for this long has lost its jobs.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        register: Register,
        broker: Broker,
        worker_id: UUID,
        host: Host,
        lease_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._register = register
        self._broker = broker
        self._worker_id = worker_id
        self._host = host
        self._lease_seconds = lease_seconds

    def run(self) -> None:
        """Do one round.

        Raises
        ------
        ServiceError
            A server is away; the next round does what this one could not.
        """
        self._recover_neighbours()
        if not self._lead():
            return
        try:
            lost = self._register.expired(self._lease_seconds)
            if lost:
                self.take_back(
                    self._ledger.recover(
                        lost,
                        outcome=Outcome.WORKER_LOST,
                        message=f"its worker was not seen for {self._lease_seconds:g} s",
                    )
                )
            self._ledger.release_blocked()
            self._register.forget()
            for queue in JobType:
                self._announce_waiting(queue)
            self._announce_delayed()
            self._broker.trim_records()
        finally:
            self._ledger.run("SELECT pg_advisory_unlock(%(key)s)", {"key": _RECOVERY_LOCK})

    def take_back(self, jobs: Sequence[Recovered]) -> None:
        """Log recovered jobs and deliver them again at once."""
        for job in jobs:
            fields = {
                "queue": job.message.queue,
                "job": job.message.job_id,
                "photo": job.photo_id,
                "attempts": job.attempts,
            }
            if job.state is JobState.FAILED:
                logger.error("failed: its last attempt was lost", extra={"fields": fields})
            else:
                logger.warning("recovered", extra={"fields": fields})
        try:
            self._broker.enqueue(job.message for job in jobs if job.state is JobState.WAITING)
            for job in jobs:
                if job.state is JobState.FAILED:
                    self._broker.keep_record(
                        Finished(
                            queue=job.message.queue,
                            job_id=str(job.message.job_id),
                            state=job.state,
                            attempts=job.attempts,
                            duration_ms=0.0,
                            photo_id=job.photo_id,
                        )
                    )
        except BrokerUnavailableError as exc:
            logger.warning("recovered jobs wait for the broker: %s", exc)

    def _recover_neighbours(self) -> None:
        """Take back at once what dead workers of this very host were doing."""
        dead = [
            worker_id
            for worker_id, pid, started in self._register.neighbours(
                self._worker_id, self._host.key
            )
            if not is_alive(pid, started)
        ]
        if dead:
            self.take_back(
                self._ledger.recover(dead, outcome=Outcome.WORKER_LOST, message="its worker died")
            )
            self._register.stop(dead)

    def _lead(self) -> bool:
        """Whether it is this worker that recovers for all now."""
        rows = self._ledger.run(
            "SELECT pg_try_advisory_lock(%(key)s) AS leads", {"key": _RECOVERY_LOCK}
        )
        return bool(rows[0]["leads"])

    def _announce_waiting(self, queue: JobType) -> None:
        """Ring for waiting jobs whose message may be lost.

        The head of the table's queue is what workers should be taking now. Announcing a
        job whose message is there changes nothing. Only where none of a whole page
        was there (Redis was emptied, or was away at submission) is the rest looked at.
        """
        last = None
        while True:
            page = self._ledger.due_waiting(queue, after=last, limit=_PAGE)
            added = self._broker.enqueue(page)
            if added < _PAGE:
                return
            last = page[-1]

    def _announce_delayed(self) -> None:
        """Ring for retries whose back-off is over."""
        self._broker.enqueue(self._ledger.due_delayed(limit=_PAGE))
