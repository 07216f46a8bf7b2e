"""Jobs from claim to record: take them, do them, write down how they ended."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from photoqueue import tracing
from photoqueue.errors import BrokerUnavailableError, PhotoqueueError
from photoqueue.queue.broker.retention import Finished
from photoqueue.queue.ledger import AiCall, Claim, Done, Ended, Ledger
from photoqueue.words import JobType, Message
from photoqueue.worker.batching import Hand, Watch
from photoqueue.worker.endings import Endings, span_attributes
from photoqueue.worker.slot import Slot

if TYPE_CHECKING:
    from photoqueue.queue.broker.queues import Broker
    from photoqueue.settings import Settings
    from photoqueue.worker.handlers import Handler

logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs one after another in one process of a worker.

    Parameters
    ----------
    slot : int
        Which process of the worker this is.
    busy : callable
        Told the job when the work on it begins, and None when only its record is left.
    following : callable, optional
        Takes messages of the next jobs, without waiting for any, when jobs are about to be
        recorded: the record of the ones and the claim of the others are one statement. Given
        completed jobs, whose records it keeps in the broker, and how many messages to take.
        Raises ``PhotoqueueError`` where it cannot. Without it the runner does one job at a time.
    has : callable, optional
        Told which jobs the process has, each time that this is settled: no claim is under way.
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
        busy: Callable[[UUID | None], None],
        following: Callable[[Sequence[Finished], int], list[Message]] | None = None,
        has: Callable[[Sequence[UUID]], None] = lambda job_ids: None,
    ) -> None:
        self._broker = broker
        self._handler = handler
        self._slot = Slot(ledger, queue, worker_id=worker_id, slot=slot)
        self._busy = busy
        self._take_following = following
        self._has = has
        self._endings = Endings(ledger, broker, settings)
        #: Held by whoever uses the hand or the ledger: the work itself goes on without it.
        self._lock = threading.Lock()
        self._hand = Hand()
        self._watch = Watch(self._look_after)
        self._ended: Ended | None = None
        self._awaited = False
        #: When the last claim was sent, and when it was answered, in nanoseconds of the epoch.
        self._turned = self._held = 0

    def run(self, job_id: UUID, *, awaited: bool = False) -> Ended | None:
        """Do a job, and those that are taken while it is recorded.

        Parameters
        ----------
        awaited : bool
            Its message had to be waited for: there is no other, and its record need not wait
            for a look at the broker.

        Returns
        -------
        Ended or None
            How the last of them ended; None when there was nothing to do, or its end was not
            ours to write.
        """
        self._ended = None
        self._awaited = awaited
        self._turned = time.time_ns()
        with self._lock:
            self._hold(self._slot.claim(job_id), together=False)
            if not self._hand.to_begin:
                logger.debug("job=%s nothing to claim", job_id)
        try:
            while (claim := self._begin()) is not None:
                self._do(claim)
        finally:
            self._endings.send_records()
        return self._ended

    def _begin(self) -> Claim | None:
        with self._lock:
            if self._hand.is_held_up():
                # The watch did not come to it: the job before let no other thread run.
                self._free_waiting()
            return self._hand.begin()

    def _do(self, claim: Claim) -> None:
        with tracing.span(
            "photoqueue.job",
            span_attributes(claim),
            parent=claim.payload.get("traceparent"),
            start_ns=self._turned,
        ) as span:
            tracing.past_span("photoqueue.claim", self._turned, self._held)
            self._attempt(claim)
            with self._lock:
                if not self._hand.to_begin:
                    self._turn()
            if self._ended is not None:
                span.set_attribute("photoqueue.state", str(self._ended.state))

    def _hold(self, claims: Sequence[Claim], *, together: bool) -> None:
        self._hand.fill(claims, together=together)
        self._has([claim.job_id for claim in claims])
        self._held = time.time_ns()
        if self._hand.can_hold_up:
            self._watch.begin()

    def _attempt(self, claim: Claim) -> None:
        """Do the work; what came of it is in the hand then, or recorded as a failure."""
        if not self._hand.together:
            self._endings.began(claim)
        calls: list[AiCall] = []
        try:
            result = self._work(claim, calls)
        # An engine that calls sys.exit() has failed its photo, not ended the worker.
        except (Exception, SystemExit) as exc:
            with self._lock:
                self._fail(claim, exc, calls, self._hand.seconds)
                self._hand.end(None)
            return
        with self._lock:
            self._hand.end(Done(claim, result, calls, seconds=self._hand.seconds))

    def _work(self, claim: Claim, calls: list[AiCall]) -> str:
        self._busy(claim.job_id)
        try:
            with tracing.span("photoqueue.work"):
                return self._handler(claim, calls)
        finally:
            # The time limit is for the work: its record may have to wait for PostgreSQL.
            self._busy(None)

    def _turn(self) -> None:
        """Record what is done, and take what comes next."""
        done = self._hand.take_done()
        together, wanted = self._next_messages(done)
        self._turned = time.time_ns()
        with tracing.span("photoqueue.record"):
            claims = self._record_and_claim(done, wanted, together=together)
        while not claims and self._hand.messages:
            claims = self._slot.claim(self._hand.messages.popleft().job_id)
            together = False
        self._hold(claims, together=together)

    def _next_messages(self, done: Sequence[Done]) -> tuple[bool, list[Message]]:
        """Take the messages of the next jobs; tell whether these may be claimed together.

        A broker that is away must not hold a record up.
        """
        if self._hand.messages:
            return False, [self._hand.messages.popleft()]
        if self._take_following is None or self._awaited:
            return False, []
        # Each span of a job shows its own claim and record: with spans, one at a time.
        count = 1 if tracing.is_on() else self._hand.next_number(done)
        try:
            taken = self._take_following(self._endings.take_records(), count)
        except PhotoqueueError as exc:
            logger.debug("no next job taken: %s", exc)
            return False, []
        # That of a job that is done has come too late to matter. A second one of a job is forged.
        ids = {one.claim.job_id for one in done}
        wanted = {message.job_id: message for message in taken if message.job_id not in ids}
        return len(wanted) > 1, list(wanted.values())

    def _record_and_claim(
        self, done: list[Done], wanted: list[Message], *, together: bool
    ) -> list[Claim]:
        next_jobs = [message.job_id for message in wanted]
        try:
            ended, claims = self._slot.complete_and_claim(done, next_jobs, together=together)
        except PhotoqueueError as exc:
            # A result that PostgreSQL refuses is a failure of its attempt, and of no other.
            self._hand.messages.extend(wanted)
            if len(done) == 1:
                self._fail(done[0].claim, exc, list(done[0].calls), done[0].seconds)
            else:
                for one in done:
                    self._record_and_claim([one], [], together=False)
            return []
        for one, how in zip(done, ended, strict=True):
            self._ended = how
            self._endings.completed(one.claim, how, began=not self._hand.together)
        if together:
            # Jobs that were tried before: one by one, and not together with others.
            taken = {claim.job_id for claim in claims}
            self._hand.messages.extend(one for one in wanted if one.job_id not in taken)
        return claims

    def _look_after(self) -> bool:
        """Free what waits behind a job that takes longer than was thought; see :class:`Watch`."""
        with self._lock:
            if not self._hand.is_held_up():
                return self._hand.can_hold_up
            try:
                self._free_waiting()
            except Exception:
                # The jobs wait for the longer one then, which harms nothing else.
                logger.exception("jobs that wait behind another were not given back")
            return False

    def _free_waiting(self) -> None:
        messages = self._give_back() if self._hand.together else []
        messages += self._hand.take_messages()
        with contextlib.suppress(BrokerUnavailableError):  # recovery announces them
            self._broker.enqueue(messages)

    def _give_back(self) -> list[Message]:
        """Record what is done, and give back what is not begun."""
        self._record_and_claim(self._hand.take_done(), [], together=False)
        waiting, at = self._hand.put_down(), self._hand.at
        messages = self._slot.give_back(waiting, kept=at, seconds=self._hand.seconds)
        self._has([] if at is None else [at.job_id])
        if at is not None:
            self._endings.began(at)
        return messages

    def _fail(
        self, claim: Claim, error: BaseException, calls: list[AiCall], seconds: float
    ) -> None:
        if self._hand.together:
            # It did begin, and costs an attempt.
            self._slot.give_back([], kept=claim, seconds=seconds)
        self._ended = self._endings.failed(claim, error, calls)
