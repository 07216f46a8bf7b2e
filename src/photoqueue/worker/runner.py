"""A job from message to record: claim it, do the work, record how it ended.

:meth:`Runner.run` shows the whole sequence. Short jobs are claimed and recorded several at a time;
see :mod:`.batching`. When reading this module, assume one job at a time. :class:`Endings` tells the
log and the broker what happened.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue import tracing
from photoqueue.errors import (
    BrokerUnavailableError,
    EngineUnavailableError,
    PermanentError,
    PhotoqueueError,
    RateLimitedError,
    ThrottledError,
)
from photoqueue.queue.broker.retention import RETENTION, Finished
from photoqueue.queue.ledger import Claim, Done, Ended, Failure, Ledger
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState, JobType, Message
from photoqueue.worker.batching import GiveBack, Hand
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.slot import Slot

if TYPE_CHECKING:
    from photoqueue.jobs.handling import Handler
    from photoqueue.queue.broker.queues import Broker
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)

#: Longest ``Retry-After`` of a server that is respected, in seconds: a day.
_LONGEST_WAIT: Final = 24 * 3600.0
#: Jobs that took at least this long (milliseconds) are recorded in the broker at once; records of
#: shorter jobs are sent together with a later fetch of messages.
_PROMPT_MS: Final = 20.0
#: Seconds between looks whether a job's turn has come.
_TURN_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that ended with an exception, before that is recorded."""

    claim: Claim
    error: BaseException
    calls: Sequence[AiCall]
    #: Time that it ran, in seconds.
    seconds: float


class Runner:
    """Runs jobs one after another in one process of a worker.

    Parameters
    ----------
    slot : int
        Number of the process within its worker.
    board : StatusBoard, optional
        Where the process reports which jobs it has and which one it is working on.
    following : callable, optional
        Takes messages of the next jobs without waiting, when jobs are about to be recorded, so that
        recording these and claiming those is one statement. Called with the completed jobs, whose
        records it sends to the broker, and the number of messages to take. Raises
        ``PhotoqueueError`` if it fails. Without it the runner does one job at a time.
    clock : callable, optional
        Monotonic seconds, by which jobs are short or long.
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
        board: StatusBoard | None = None,
        following: Callable[[Sequence[Finished], int], list[Message]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._handler = handler
        self._slot = Slot(ledger, queue, worker_id, slot)
        self._board = StatusBoard() if board is None else board
        self._take_messages = following
        self._endings = Endings(broker)
        self._hand = Hand(clock)
        #: Held while the hand or the ledger is used, but not during the work itself.
        self._lock = threading.Lock()
        self._give_back = GiveBack(
            self._hand,
            self._lock,
            self._slot,
            broker,
            record=lambda done: self._record_and_claim(done, []),
            kept=self._only_one_left,
        )

    def run(self, job_id: UUID, *, follow: bool = True) -> Ended | None:
        """Do a job, and the jobs that are claimed when it is recorded.

        Parameters
        ----------
        follow : bool
            Whether to ask the broker for further jobs before this one is recorded.

        Returns
        -------
        Ended or None
            How the last of them ended; None if there was nothing to do, or the job no longer
            belonged to this process.
        """
        ended = None
        with self._lock:
            asked_ns = time.time_ns()
            self._take(self._slot.claim(job_id), asked_ns, together=False)
        try:
            while (claim := self._begin()) is not None:
                with self._span(claim):
                    work = self._work(claim)
                    with self._lock:
                        self._hand.end(work if isinstance(work, Done) else None)
                        if isinstance(work, Failed):
                            ended = self._fail(work)
                        if not self._hand.to_begin:
                            done = self._hand.take_done()
                            messages = self._next_messages(done) if follow else []
                            asked_ns = time.time_ns()
                            recorded, claims = self._record_and_claim(done, messages)
                            self._take(claims, asked_ns, together=len(messages) > 1)
                            ended = recorded[-1] if recorded else ended
                    if ended is not None:
                        tracing.note("photoqueue.state", str(ended.state))
        finally:
            self._endings.send_records()
        return ended

    def _take(self, claims: Sequence[Claim], asked_ns: int, *, together: bool) -> None:
        """Set the jobs in hand; if there are none, claim a job whose message was put aside."""
        while not claims and self._board.takes and (message := self._hand.next_message()):
            asked_ns, together = time.time_ns(), False
            claims = self._slot.claim(message.job_id)
        self._hand.fill(claims, asked_ns=asked_ns, together=together)
        self._board.set_jobs([claim.job_id for claim in claims])
        self._give_back.watch()

    def _begin(self) -> Claim | None:
        """Return the next job in hand; None when all are done."""
        with self._lock:
            self._give_back.run_if_due()
            return self._hand.begin()

    @contextmanager
    def _span(self, claim: Claim) -> Iterator[None]:
        with tracing.span(
            "photoqueue.job",
            span_attributes(claim),
            parent=claim.payload.get("traceparent"),
            start_ns=self._hand.asked_ns,
        ):
            tracing.past_span("photoqueue.claim", self._hand.asked_ns, self._hand.filled_ns)
            yield

    def _work(self, claim: Claim) -> Done | Failed:
        """Do the work of a job."""
        self._wait_for_turn(claim)
        if not self._hand.together:
            self._endings.began(claim)
        calls: list[AiCall] = []
        try:
            with tracing.span("photoqueue.work"):
                result = self._handler(claim, calls)
        # An engine that calls sys.exit() fails its photo; it must not end the worker.
        except (Exception, SystemExit) as exc:
            return Failed(claim, exc, calls, seconds=self._hand.seconds)
        finally:
            # The time limit is for the work; the record may have to wait for PostgreSQL.
            self._board.set_busy(None)
            self._board.asked = 0.0
        return Done(claim, result, calls, seconds=self._hand.seconds)

    def _wait_for_turn(self, claim: Claim) -> None:
        """Wait while another process is alone; or until this one is, if the job asks for that."""
        board = self._board
        if claim.alone:
            board.asked = time.monotonic()
            self._wait(lambda: board.granted == board.asked)
            with self._lock:  # the attempt begins, and costs
                self._slot.give_back([], kept=claim, seconds=0.0)
        # Busy first: the supervisor makes a process wait, and then looks whether it is busy.
        board.set_busy(claim.job_id)
        while board.held:
            board.set_busy(None)
            self._wait(lambda: not board.held)
            board.set_busy(claim.job_id)

    def _wait(self, over: Callable[[], bool]) -> None:
        while not over():
            self._board.set_looked()
            time.sleep(_TURN_SECONDS)

    def _fail(self, work: Failed) -> Ended | None:
        """Record a failure; None when the job no longer belongs to this process."""
        claim = work.claim
        if self._hand.together:
            # The work had begun, so it costs an attempt.
            self._slot.give_back([], kept=claim, seconds=work.seconds)
        failure = describe(work.error, work.calls)
        delay_ms = failure.not_before_ms
        if not failure.costs_nothing:
            delay_ms = max(delay_ms, self._settings.retry_delay_ms(claim.next_retry))
        with tracing.span("photoqueue.record"):
            ended = self._slot.fail(claim, failure, delay_ms=delay_ms, calls=work.calls)
        self._endings.failed(claim, ended, failure, delay_ms=delay_ms)
        return ended

    def _next_messages(self, done: Sequence[Done]) -> list[Message]:
        """Take the messages of the next jobs; several of them are claimed together.

        An unavailable broker must not delay a record.
        """
        if (message := self._hand.next_message()) is not None:
            return [message]
        if self._take_messages is None:
            return []
        # The span of each job shows its own claim and record, so with tracing: one job at a time.
        count = 1 if tracing.is_on() else self._hand.next_number(done)
        try:
            taken = self._take_messages(self._endings.take_records(), count)
        except PhotoqueueError as exc:
            logger.debug("no next job taken: %s", exc)
            return []
        # Drop messages of jobs that are done (too late) and second messages of one job (forged).
        ids = {one.claim.job_id for one in done}
        return list({one.job_id: one for one in taken if one.job_id not in ids}.values())

    def _record_and_claim(
        self, done: Sequence[Done], messages: Sequence[Message]
    ) -> tuple[list[Ended | None], list[Claim]]:
        """Record results and claim the jobs of messages, in one statement."""
        if not done and not messages:
            return [], []
        together = len(messages) > 1
        try:
            with tracing.span("photoqueue.record"):
                recorded, claims = self._slot.complete_and_claim(
                    done, [message.job_id for message in messages], together=together
                )
        except PhotoqueueError as exc:
            # A result that PostgreSQL refuses fails its own attempt and no other.
            self._hand.put_aside(messages)
            if len(done) == 1:
                (one,) = done
                return [self._fail(Failed(one.claim, exc, one.calls, seconds=one.seconds))], []
            return [ended for one in done for ended in self._record_and_claim([one], [])[0]], []
        for one, ended in zip(done, recorded, strict=True):
            self._endings.completed(one.claim, ended, began=not self._hand.together)
        if together:
            # Jobs that were tried before are claimed one by one.
            claimed = {claim.job_id for claim in claims}
            self._hand.put_aside([one for one in messages if one.job_id not in claimed])
        return recorded, claims

    def _only_one_left(self, claim: Claim | None) -> None:
        """Report that the process has only its current job: the others were given back."""
        self._board.set_jobs([] if claim is None else [claim.job_id])
        if claim is not None:
            self._endings.began(claim)


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
        # In this order what is no number is no wait.
        not_before_ms=round(min(_LONGEST_WAIT, max(0.0, wait)) * 1000),
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


class Endings:
    """Reports how attempts of one process begin and end, to its log and to the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        #: Records of short jobs that have not been sent to the broker yet.
        self._unsent: list[Finished] = []

    def began(self, claim: Claim) -> None:
        """Log that an attempt has begun."""
        fields = {**log_fields(claim), "attempt": claim.attempt, "wait_ms": round(claim.wait_ms)}
        if claim.alone:
            fields["alone"] = "as its worker was lost before"
        logger.info("started", extra={"fields": fields})

    def completed(self, claim: Claim, ended: Ended | None, *, began: bool) -> None:
        """Log a completed job and keep its record; ``ended`` is None if it came too late.

        Jobs that are taken together get one log line each: the others :meth:`began`.
        """
        waited: dict[str, object] = {} if began else {"wait_ms": round(claim.wait_ms)}
        self._ended(logging.INFO, "completed", claim, ended, waited)

    def failed(self, claim: Claim, ended: Ended | None, failure: Failure, *, delay_ms: int) -> None:
        """Log a failed attempt and keep its record; ``ended`` is None if it came too late."""
        error: dict[str, object] = {"error": f"{failure.error_type}: {failure.message}"}
        retried = {**error, "retry_in_ms": delay_ms}
        if failure.costs_nothing:
            self._ended(logging.INFO, "postponed", claim, ended, retried)
        elif ended is not None and ended.state is JobState.DELAYED:
            self._ended(logging.WARNING, "retrying", claim, ended, retried)
        else:
            self._ended(logging.ERROR, "failed", claim, ended, error)

    def _ended(
        self, level: int, event: str, claim: Claim, ended: Ended | None, more: dict[str, object]
    ) -> None:
        fields: dict[str, object] = {"attempt": claim.attempt}
        if ended is None:
            level, event = logging.WARNING, "result discarded: the job was cancelled or taken over"
        else:
            fields = {"duration_ms": round(ended.duration_ms, 1), "attempts": claim.attempt, **more}
            self._keep_record(claim, ended)
        logger.log(level, event, extra={"fields": {**log_fields(claim), **fields}})

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
