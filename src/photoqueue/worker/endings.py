"""How attempts begin and end: the meaning of an exception, log lines, records in the broker."""

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

#: Longest wait that a server is believed, in seconds: a day.
_LONGEST_WAIT: Final = 24 * 3600.0
#: Milliseconds of work after which the record of a job is sent to the broker at once; that of
#: a shorter job goes along with taking the ones after the next.
_PROMPT_MS: Final = 20.0


def describe(error: BaseException, calls: Sequence[AiCall] = ()) -> Failure:
    """Turn an exception into the record of a failed attempt.

    A :class:`~photoqueue.errors.PermanentError` ends the job at once; everything else
    (time-outs, network errors, a full disk, a bug in an engine) is tried again, after a
    :class:`~photoqueue.errors.RateLimitedError` not earlier than it says.
    """
    wait = error.seconds if isinstance(error, RateLimitedError) else 0.0
    return Failure(
        error_type=type(error).__name__,
        message=str(error) or f"{type(error).__name__} without a message",
        traceback="".join(traceback.format_exception(error)),
        permanent=isinstance(error, PermanentError | EngineUnavailableError),
        not_before_ms=round(min(max(wait, 0.0), _LONGEST_WAIT) * 1000),
        # Calls were paid for: a job that never gets the turns it needs to its end must not go
        # on for ever.
        costs_nothing=isinstance(error, ThrottledError) and not calls,
    )


def log_fields(claim: Claim) -> dict[str, object]:
    """Return the fields that name a job."""
    fields: dict[str, object] = {"queue": claim.queue, "job": claim.job_id}
    # Job data of one's own types need not have the contract's names.
    subjects = (("photo", "photoId"), ("project", "projectId"), ("project", "project_id"))
    for name, key in subjects:
        if key in claim.payload:
            return {**fields, name: claim.payload[key]}
    return fields


def span_attributes(claim: Claim) -> dict[str, str | int]:
    """Return the attributes that name an attempt."""
    return {
        "photoqueue.queue": str(claim.queue),
        "photoqueue.job": str(claim.job_id),
        "photoqueue.key": claim.job_key,
        "photoqueue.attempt": claim.attempt,
        "photoqueue.wait_ms": round(claim.wait_ms),
    }


def end_fields(claim: Claim, ended: Ended) -> dict[str, object]:
    """Return the fields that say how an attempt ended."""
    return {"duration_ms": round(ended.duration_ms, 1), "attempts": claim.attempt}


class Endings:
    """Reports how the attempts of one process begin and end, to its log and to the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        #: Records of short jobs that the broker has not been sent yet.
        self._unsent: list[Finished] = []

    def began(self, claim: Claim) -> None:
        """Log that an attempt has begun."""
        fields = {**log_fields(claim), "attempt": claim.attempt, "wait_ms": round(claim.wait_ms)}
        logger.info("started", extra={"fields": fields})

    def completed(self, claim: Claim, ended: Ended | None, *, began: bool) -> None:
        """Log a job that has completed, and keep its record.

        Parameters
        ----------
        ended
            None where the result came too late.
        began : bool
            Whether :meth:`began` was called. Of jobs that are taken together there is one line.
        """
        if ended is None:
            self._log_too_late(claim)
            return
        waited = {} if began else {"wait_ms": round(claim.wait_ms)}
        fields = {**log_fields(claim), **waited, **end_fields(claim, ended)}
        logger.info("completed", extra={"fields": fields})
        self._keep_record(claim, ended)

    def failed(self, claim: Claim, ended: Ended | None, failure: Failure, *, delay_ms: int) -> None:
        """Log an attempt that has failed, and keep its record.

        Parameters
        ----------
        ended
            None where the failure came too late.
        delay_ms : int
            Milliseconds before the job is tried again, if it is.
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
        """Return the records that have not been sent, for somebody else to send."""
        unsent, self._unsent = self._unsent, []
        return unsent

    def send_records(self) -> None:
        """Send the records that have not been sent."""
        unsent = self.take_records()
        try:
            self._broker.keep_record(*unsent)
        except BrokerUnavailableError as exc:
            # The tracking table has the jobs; the records in Redis are a convenience.
            logger.debug("no record kept of %d jobs: %s", len(unsent), exc)

    def _keep_record(self, claim: Claim, ended: Ended) -> None:
        """Keep a record of an ended job in the broker; that of a short job is sent later."""
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
