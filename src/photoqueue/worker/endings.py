"""Beginning and end of attempts: failures from exceptions, log lines, records in the broker."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from photoqueue.errors import (
    BrokerUnavailableError,
    EngineUnavailableError,
    PermanentError,
    RateLimitedError,
    ThrottledError,
)
from photoqueue.queue.broker.retention import RETENTION, Finished
from photoqueue.queue.ledger import Claim, Ended, Failure
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState

if TYPE_CHECKING:
    from photoqueue.queue.broker.queues import Broker

logger = logging.getLogger(__name__)

#: Longest ``Retry-After`` of a server that is respected, in seconds: a day.
_LONGEST_WAIT: Final = 24 * 3600.0
#: Jobs that took at least this long (milliseconds) are recorded in the broker at once; records of
#: shorter jobs are sent together with a later fetch of messages.
_PROMPT_MS: Final = 20.0


def describe(error: BaseException, calls: Sequence[AiCall] = ()) -> Failure:
    """Turn an exception into the record of a failed attempt.

    A :class:`~photoqueue.errors.PermanentError` fails the job at once. Everything else (time-outs,
    network errors, a full disk, a bug in an engine) is retried, after a
    :class:`~photoqueue.errors.RateLimitedError` not earlier than it says.
    """
    wait = error.seconds if isinstance(error, RateLimitedError) else 0.0
    return Failure(
        error_type=type(error).__name__,
        message=str(error) or f"{type(error).__name__} without a message",
        traceback="".join(traceback.format_exception(error)),
        permanent=isinstance(error, PermanentError | EngineUnavailableError),
        not_before_ms=round(min(max(wait, 0.0), _LONGEST_WAIT) * 1000),
        # These calls cost money: a job that is rate-limited again and again must not go on for
        # ever.
        costs_nothing=isinstance(error, ThrottledError) and not calls,
    )


def log_fields(claim: Claim) -> dict[str, object]:
    """Return the log fields that identify a job."""
    fields: dict[str, object] = {"queue": claim.queue, "job": claim.job_id}
    # Job data of the user's own job types need not have the contract's names.
    subjects = (("photo", "photoId"), ("project", "projectId"), ("project", "project_id"))
    for name, key in subjects:
        if key in claim.payload:
            return {**fields, name: claim.payload[key]}
    return fields


def span_attributes(claim: Claim) -> dict[str, str | int]:
    """Return the span attributes that identify an attempt."""
    return {
        "photoqueue.queue": str(claim.queue),
        "photoqueue.job": str(claim.job_id),
        "photoqueue.key": claim.job_key,
        "photoqueue.attempt": claim.attempt,
        "photoqueue.wait_ms": round(claim.wait_ms),
    }


def end_fields(claim: Claim, ended: Ended) -> dict[str, object]:
    """Return the log fields that say how an attempt ended."""
    return {"duration_ms": round(ended.duration_ms, 1), "attempts": claim.attempt}


class Endings:
    """Reports how attempts of one process begin and end, to its log and to the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        #: Records of short jobs that have not been sent to the broker yet.
        self._unsent: list[Finished] = []

    def began(self, claim: Claim) -> None:
        """Log that an attempt has begun."""
        fields = {**log_fields(claim), "attempt": claim.attempt, "wait_ms": round(claim.wait_ms)}
        logger.info("started", extra={"fields": fields})

    def completed(self, claim: Claim, ended: Ended | None, *, began: bool) -> None:
        """Log a completed job and keep its record.

        Parameters
        ----------
        ended
            None if the result came too late.
        began : bool
            Whether :meth:`began` was called. Jobs that are taken together get one log line each.
        """
        if ended is None:
            self._log_too_late(claim)
            return
        waited = {} if began else {"wait_ms": round(claim.wait_ms)}
        fields = {**log_fields(claim), **waited, **end_fields(claim, ended)}
        logger.info("completed", extra={"fields": fields})
        self._keep_record(claim, ended)

    def failed(self, claim: Claim, ended: Ended | None, failure: Failure, *, delay_ms: int) -> None:
        """Log a failed attempt and keep its record.

        Parameters
        ----------
        ended
            None if the failure came too late.
        delay_ms : int
            Milliseconds until the job is retried, if it is.
        """
        if ended is None:
            self._log_too_late(claim)
            return
        self._keep_record(claim, ended)
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

    def take_records(self) -> list[Finished]:
        """Remove and return the records that have not been sent."""
        unsent, self._unsent = self._unsent, []
        return unsent

    def send_records(self) -> None:
        """Send the records that have not been sent."""
        unsent = self.take_records()
        try:
            self._broker.keep_record(*unsent)
        except BrokerUnavailableError as exc:
            # The tracking table has these jobs; the records in Redis are a convenience.
            logger.debug("no record kept of %d jobs: %s", len(unsent), exc)

    def _keep_record(self, claim: Claim, ended: Ended) -> None:
        """Record an ended job in the broker; the record of a short job is sent later."""
        if ended.state not in RETENTION:
            return
        self._unsent.append(
            Finished(
                queue=claim.queue,
                job_id=str(claim.job_id),
                state=ended.state,
                attempts=claim.attempt,
                duration_ms=ended.duration_ms,
                photo_id=claim.payload.get("photoId"),
            )
        )
        if ended.state is not JobState.COMPLETED or ended.duration_ms > _PROMPT_MS:
            self.send_records()

    def _log_too_late(self, claim: Claim) -> None:
        logger.warning(
            "result discarded: the job was cancelled or taken over",
            extra={"fields": {**log_fields(claim), "attempt": claim.attempt}},
        )
