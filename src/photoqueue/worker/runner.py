"""One job from claim to record: take it, do it, write down how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from photoqueue.broker.retention import RETENTION, Finished
from photoqueue.errors import BrokerUnavailableError, DatabaseUnavailableError
from photoqueue.models import JobState, JobType
from photoqueue.tracking.ledger import AiCall, Claim, Ended, Ledger
from photoqueue.worker.failures import describe

if TYPE_CHECKING:
    from photoqueue.broker.broker import Broker
    from photoqueue.settings import Settings
    from photoqueue.worker.handlers import Handler

logger = logging.getLogger(__name__)

#: Seconds between tries to reach a PostgreSQL that is away.
_RECONNECT_SECONDS: Final = 0.5
_T = TypeVar("_T")


class Runner:
    """Runs jobs one after another in one process of a worker.

    Parameters
    ----------
    slot : int
        Which process of the worker this is.
    busy : callable
        Told True when a job was taken and False when it is off this runner's hands.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        broker: Broker,
        settings: Settings,
        handlers: Mapping[JobType, Handler],
        worker_id: UUID,
        slot: int,
        busy: Callable[[bool], None],
    ) -> None:
        self._ledger = ledger
        self._broker = broker
        self._settings = settings
        self._handlers = handlers
        self._worker_id = worker_id
        self._slot = slot
        self._busy = busy

    def run(self, job_id: UUID) -> Ended | None:
        """Do a job; None when there was nothing to do, or its end was not ours to write."""
        claim = _until_reached(
            lambda: self._ledger.claim(job_id, worker_id=self._worker_id, slot=self._slot)
        )
        if claim is None:
            logger.debug("job=%s nothing to claim", job_id)
            return None
        self._busy(True)
        try:
            ended = self._attempt(claim)
        finally:
            self._busy(False)
        if ended is not None:
            self._keep_record(claim, ended)
        return ended

    def _attempt(self, claim: Claim) -> Ended | None:
        fields = _log_fields(claim)
        logger.info(
            "started",
            extra={"fields": {**fields, "attempt": claim.attempt, "wait_ms": round(claim.wait_ms)}},
        )
        calls: list[AiCall] = []
        try:
            result = self._handlers[claim.queue](claim, calls)
            ended = _until_reached(lambda: self._ledger.complete(claim, result, calls))
        # An engine that calls sys.exit() has failed its photo, not ended the worker. A
        # result that PostgreSQL refuses is a failure of the attempt like any other.
        except (Exception, SystemExit) as exc:
            return self._fail(claim, exc, calls)
        if ended is None:
            self._log_too_late(claim)
        else:
            logger.info("completed", extra={"fields": {**fields, **_end_fields(claim, ended)}})
        return ended

    def _fail(self, claim: Claim, error: BaseException, calls: list[AiCall]) -> Ended | None:
        failure = describe(error)
        # Which retry comes next follows from how much of the budget is left, so that a
        # job that a person started anew waits like a new one.
        left = claim.max_attempts - claim.attempt
        delay_ms = self._settings.retry_delay_ms(self._settings.max_retries - left + 1)
        ended = _until_reached(
            lambda: self._ledger.fail(claim, failure, delay_ms=delay_ms, calls=calls)
        )
        if ended is None:
            self._log_too_late(claim)
            return None
        fields = {
            **_log_fields(claim),
            **_end_fields(claim, ended),
            "error": f"{failure.error_type}: {failure.message}",
        }
        if ended.state is JobState.DELAYED:
            logger.warning("retrying", extra={"fields": {**fields, "retry_in_ms": delay_ms}})
        else:
            logger.error("failed", extra={"fields": fields})
        return ended

    def _keep_record(self, claim: Claim, ended: Ended) -> None:
        if ended.state not in RETENTION:
            return
        try:
            self._broker.keep_record(
                Finished(
                    queue=claim.queue,
                    job_id=str(claim.job_id),
                    state=ended.state,
                    attempts=claim.attempt,
                    duration_ms=ended.duration_ms,
                    photo_id=claim.payload.get("photoId"),
                )
            )
        except BrokerUnavailableError as exc:
            # The tracking table has the job; the record in Redis is a convenience.
            logger.debug("job=%s no record kept: %s", claim.job_id, exc)

    def _log_too_late(self, claim: Claim) -> None:
        logger.warning(
            "result discarded: the job was cancelled or taken over",
            extra={"fields": {**_log_fields(claim), "attempt": claim.attempt}},
        )


def _until_reached(statement: Callable[[], _T]) -> _T:
    """Run a statement; while PostgreSQL is away, wait and run it again.

    The statements are fenced: one that was committed before its connection broke
    changes nothing the second time.
    """
    told = False
    while True:
        try:
            return statement()
        except DatabaseUnavailableError as exc:
            if not told:
                logger.warning("waiting for PostgreSQL: %s", exc)
                told = True
            time.sleep(_RECONNECT_SECONDS)


def _log_fields(claim: Claim) -> dict[str, object]:
    fields: dict[str, object] = {"queue": claim.queue, "job": claim.job_id}
    if claim.queue is JobType.PHOTO_ANALYZE:
        fields["photo"] = claim.payload.get("photoId")
    else:
        fields["project"] = claim.payload.get("projectId")
    return fields


def _end_fields(claim: Claim, ended: Ended) -> dict[str, object]:
    return {"duration_ms": round(ended.duration_ms, 1), "attempts": claim.attempt}
