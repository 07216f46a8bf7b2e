"""One job from claim to record: take it, do it, write down how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue import tracing
from photoqueue.broker.retention import RETENTION, Finished
from photoqueue.errors import (
    BrokerUnavailableError,
    PhotoqueueError,
)
from photoqueue.models import JobState, JobType
from photoqueue.tracking.ledger import AiCall, Claim, Ended, Failure, Ledger
from photoqueue.worker.failures import describe
from photoqueue.worker.job_fields import end_fields, log_fields, span_attributes
from photoqueue.worker.persistence import until_reached

if TYPE_CHECKING:
    from photoqueue.broker.broker import Broker
    from photoqueue.settings import Settings
    from photoqueue.worker.handlers import Handler

logger = logging.getLogger(__name__)

#: Milliseconds of work after which the record of a job is sent to the broker at once; that of
#: a shorter job goes along with taking the one after the next.
_PROMPT_MS: Final = 20.0


class Runner:
    """Runs jobs one after another in one process of a worker.

    Parameters
    ----------
    slot : int
        Which process of the worker this is.
    busy : callable
        Told True when the work on a job begins, and False when only its record is left.
    following : callable, optional
        Takes the message of the next job, without waiting for one, when a job is about to be
        recorded: the record of the one and the claim of the other are one statement. Given
        the record of an earlier job, which it keeps in the broker. Raises
        ``PhotoqueueError`` where it cannot. Without it the runner does one job at a time.
    has : callable, optional
        Told which job the process has, each time that this is settled: no claim is under way.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        broker: Broker,
        settings: Settings,
        queue: JobType,
        handler: Handler,
        worker_id: UUID,
        slot: int,
        busy: Callable[[bool], None],
        following: Callable[[Finished | None], UUID | None] | None = None,
        has: Callable[[UUID | None], None] = lambda job_id: None,
    ) -> None:
        self._ledger = ledger
        self._broker = broker
        self._settings = settings
        self._queue = queue
        self._handler = handler
        self._worker_id = worker_id
        self._slot = slot
        self._busy = busy
        self._take_following = following
        self._has = has
        #: The record of a short job that the broker has not been sent yet.
        self._unsent: Finished | None = None

    def run(self, job_id: UUID) -> Ended | None:
        """Do a job, and those that are taken while it is recorded.

        Returns
        -------
        Ended or None
            How the last of them ended; None when there was nothing to do, or its end was not
            ours to write.
        """
        began = time.time_ns()
        claim, ended = self._claim(job_id), None
        if claim is None:
            logger.debug("job=%s nothing to claim", job_id)
        try:
            while claim is not None:
                self._has(claim.job_id)
                claimed = time.time_ns()
                ended, claim = self._do(claim, began, claimed)
                began = time.time_ns()
        finally:
            unsent, self._unsent = self._unsent, None
            if unsent is not None:
                self._keep_record(unsent)
        return ended

    def _do(self, claim: Claim, began: int, claimed: int) -> tuple[Ended | None, Claim | None]:
        with tracing.span(
            "photoqueue.job",
            span_attributes(claim),
            parent=claim.payload.get("traceparent"),
            start_ns=began,
        ) as span:
            tracing.past_span("photoqueue.claim", began, claimed)
            ended, following = self._attempt(claim)
            if ended is not None:
                span.set_attribute("photoqueue.state", str(ended.state))
                self._note(claim, ended, last=following is None)
        return ended, following

    def _claim(self, job_id: UUID) -> Claim | None:
        ledger, queue, worker_id, slot = self._ledger, self._queue, self._worker_id, self._slot
        claim, disturbed = until_reached(
            lambda: ledger.claim(job_id, queue, worker_id=worker_id, slot=slot)
        )
        if claim is None and disturbed:
            # The claim may have been committed before its connection broke; nobody else
            # would ever take up a job that a live worker seems to hold.
            claim, _ = until_reached(
                lambda: ledger.held(job_id, queue, worker_id=worker_id, slot=slot)
            )
        return claim

    def _attempt(self, claim: Claim) -> tuple[Ended | None, Claim | None]:
        """Do the work and record it; return how it ended, and the next job if one was taken."""
        fields = log_fields(claim)
        logger.info(
            "started",
            extra={"fields": {**fields, "attempt": claim.attempt, "wait_ms": round(claim.wait_ms)}},
        )
        calls: list[AiCall] = []
        next_job: UUID | None = None
        try:
            result = self._work(claim, calls)
            next_job = self._next_message(claim)
            with tracing.span("photoqueue.record"):
                ended, following = self._complete(claim, result, calls, next_job)
        # An engine that calls sys.exit() has failed its photo, not ended the worker. A
        # result that PostgreSQL refuses is a failure of the attempt like any other.
        except (Exception, SystemExit) as exc:
            failed = self._fail(claim, exc, calls)
            return failed, None if next_job is None else self._claim(next_job)
        if ended is None:
            self._log_too_late(claim)
        else:
            logger.info("completed", extra={"fields": {**fields, **end_fields(claim, ended)}})
        return ended, following

    def _next_message(self, claim: Claim) -> UUID | None:
        """Take the message of the next job; a broker that is away must not hold a record up."""
        if self._take_following is None:
            return None
        unsent, self._unsent = self._unsent, None
        try:
            taken = self._take_following(unsent)
        except PhotoqueueError as exc:
            logger.debug("job=%s no next job taken: %s", claim.job_id, exc)
            return None
        # A message of the job itself has come too late to matter.
        return None if taken == claim.job_id else taken

    def _complete(
        self, claim: Claim, result: str, calls: list[AiCall], next_job: UUID | None
    ) -> tuple[Ended | None, Claim | None]:
        ledger, slot = self._ledger, self._slot
        if next_job is None:
            ended, _ = until_reached(lambda: ledger.complete(claim, result, calls))
            return ended, None
        (ended, following), disturbed = until_reached(
            lambda: ledger.complete_and_claim(claim, result, calls, next_job=next_job, slot=slot)
        )
        if following is None and disturbed:
            following, _ = until_reached(
                lambda: ledger.held(next_job, claim.queue, worker_id=claim.worker_id, slot=slot)
            )
        return ended, following

    def _work(self, claim: Claim, calls: list[AiCall]) -> str:
        self._busy(True)
        try:
            with tracing.span("photoqueue.work"):
                return self._handler(claim, calls)
        finally:
            # The time limit is for the work: its record may have to wait for PostgreSQL.
            self._busy(False)

    def _fail(self, claim: Claim, error: BaseException, calls: list[AiCall]) -> Ended | None:
        failure = describe(error)
        if calls:
            # Requests were made, and paid for: a job that never gets the turns it needs to
            # the end must not go on for ever.
            failure = replace(failure, costs_nothing=False)
        delay_ms = failure.not_before_ms
        if not failure.costs_nothing:
            delay_ms = max(delay_ms, self._settings.retry_delay_ms(claim.next_retry))
        with tracing.span("photoqueue.record"):
            ended = self._record_failure(claim, failure, delay_ms, calls)
        if ended is None:
            self._log_too_late(claim)
            return None
        fields = {
            **log_fields(claim),
            **end_fields(claim, ended),
            "error": f"{failure.error_type}: {failure.message}",
        }
        if failure.costs_nothing:
            logger.info("postponed", extra={"fields": {**fields, "retry_in_ms": delay_ms}})
        elif ended.state is JobState.DELAYED:
            logger.warning("retrying", extra={"fields": {**fields, "retry_in_ms": delay_ms}})
        else:
            logger.error("failed", extra={"fields": fields})
        return ended

    def _record_failure(
        self, claim: Claim, failure: Failure, delay_ms: int, calls: list[AiCall]
    ) -> Ended | None:
        if failure.costs_nothing:
            ended, _ = until_reached(
                lambda: self._ledger.postpone(claim, failure, delay_ms=delay_ms)
            )
            return ended
        try:
            ended, _ = until_reached(
                lambda: self._ledger.fail(claim, failure, delay_ms=delay_ms, calls=calls)
            )
        except PhotoqueueError as exc:
            # What the engine says of its calls must not keep its failure off the record.
            logger.warning("job=%s AI calls not recorded: %s", claim.job_id, exc)
            ended, _ = until_reached(lambda: self._ledger.fail(claim, failure, delay_ms=delay_ms))
        return ended

    def _note(self, claim: Claim, ended: Ended, *, last: bool) -> None:
        """Have the broker remember a job that has ended; of short jobs, in a while."""
        if ended.state not in RETENTION:
            return
        finished = Finished(
            queue=claim.queue,
            job_id=str(claim.job_id),
            state=ended.state,
            attempts=claim.attempt,
            duration_ms=ended.duration_ms,
            photo_id=claim.payload.get("photoId"),
        )
        if last or ended.duration_ms > _PROMPT_MS:
            self._keep_record(finished)
        else:
            self._unsent = finished

    def _keep_record(self, finished: Finished) -> None:
        try:
            self._broker.keep_record(finished)
        except BrokerUnavailableError as exc:
            # The tracking table has the job; the record in Redis is a convenience.
            logger.debug("job=%s no record kept: %s", finished.job_id, exc)

    def _log_too_late(self, claim: Claim) -> None:
        logger.warning(
            "result discarded: the job was cancelled or taken over",
            extra={"fields": {**log_fields(claim), "attempt": claim.attempt}},
        )
