"""One worker process as the tracking table knows it; waits while PostgreSQL is unavailable."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from photoqueue.errors import DatabaseUnavailableError, PhotoqueueError
from photoqueue.queue.ledger import Claim, Done, Ended, Failure, Ledger
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobType, Message

logger = logging.getLogger(__name__)

#: Seconds between attempts to reach PostgreSQL while it is unavailable.
_RECONNECT_SECONDS: Final = 0.5
_T = TypeVar("_T")


def until_reached(statement: Callable[[], _T]) -> tuple[_T, bool]:
    """Run a statement; while PostgreSQL is unavailable, wait and run it again.

    Returns
    -------
    tuple
        The result, and whether a connection broke on the way: an earlier try may then have been
        committed. The statements are fenced, so that repeating them changes nothing.
    """
    disturbed = False
    while True:
        try:
            return statement(), disturbed
        except DatabaseUnavailableError as exc:
            if not disturbed:
                logger.warning("waiting for PostgreSQL: %s", exc)
                disturbed = True
            time.sleep(_RECONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Slot:
    """Claims, records and gives back the jobs of one process.

    A statement whose answer was lost with its connection may have been committed. What it claimed
    is then looked up: no other worker would ever take a job that a live worker seems to hold.
    """

    ledger: Ledger
    queue: JobType
    worker_id: UUID
    slot: int

    def claim(self, job_id: UUID) -> list[Claim]:
        """Claim a job; empty if it cannot be claimed."""
        claim, disturbed = until_reached(
            lambda: self.ledger.claim(job_id, self.queue, worker_id=self.worker_id, slot=self.slot)
        )
        if claim is None and disturbed:
            return self._held([job_id])
        return [] if claim is None else [claim]

    def complete_and_claim(
        self, done: Sequence[Done], next_jobs: Sequence[UUID], *, together: bool
    ) -> tuple[list[Ended | None], list[Claim]]:
        """Record results and claim the next jobs; see :meth:`Ledger.complete_and_claim`."""
        (ended, claims), disturbed = until_reached(
            lambda: self.ledger.complete_and_claim(
                done,
                next_jobs=next_jobs,
                queue=self.queue,
                worker_id=self.worker_id,
                slot=self.slot,
                together=together,
            )
        )
        if disturbed and len(claims) < len(next_jobs):
            claims = self._held(next_jobs)
        return ended, claims

    def give_back(
        self, claims: Sequence[Claim], *, kept: Claim | None, seconds: float
    ) -> list[Message]:
        """Give back jobs that were claimed together with ``kept``; see :meth:`Ledger.give_back`."""
        messages, _ = until_reached(
            lambda: self.ledger.give_back(
                [claim.job_id for claim in claims],
                kept=None if kept is None else kept.job_id,
                seconds=seconds,
                worker_id=self.worker_id,
                slot=self.slot,
            )
        )
        return messages

    def fail(
        self, claim: Claim, failure: Failure, *, delay_ms: int, calls: Sequence[AiCall]
    ) -> Ended | None:
        """Record a failure or a rate limit; None if the job no longer belongs to this process."""
        ledger = self.ledger
        if failure.costs_nothing:
            return until_reached(lambda: ledger.postpone(claim, failure, delay_ms=delay_ms))[0]
        try:
            return until_reached(
                lambda: ledger.fail(claim, failure, delay_ms=delay_ms, calls=calls)
            )[0]
        except PhotoqueueError as exc:
            # Invalid data about AI calls must not prevent the failure from being recorded.
            logger.warning("job=%s AI calls not recorded: %s", claim.job_id, exc)
            return until_reached(lambda: ledger.fail(claim, failure, delay_ms=delay_ms))[0]

    def _held(self, job_ids: Sequence[UUID]) -> list[Claim]:
        claims, _ = until_reached(
            lambda: self.ledger.held(job_ids, worker_id=self.worker_id, slot=self.slot)
        )
        return sorted(claims, key=lambda claim: job_ids.index(claim.job_id))
