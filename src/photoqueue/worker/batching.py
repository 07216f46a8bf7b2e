"""Short jobs claimed and recorded together, and what happens when one of them is long.

For a job of a few milliseconds, the claim and the record cost more than the work. So a process
takes several short jobs at once: as many as should finish within :data:`PLANNED_SECONDS`, judged by
the jobs before. Long jobs are taken one at a time. When a job of a group takes longer than
:data:`LONGEST_SECONDS`, the jobs that have not begun are given back (:class:`GiveBack`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from photoqueue.errors import BrokerUnavailableError
from photoqueue.queue.ledger import Claim, Done
from photoqueue.words import Message
from photoqueue.worker.board import MOST_JOBS

if TYPE_CHECKING:
    from photoqueue.queue.broker.queues import Broker
    from photoqueue.worker.slot import Slot

logger = logging.getLogger(__name__)

#: Time in which jobs that are taken together should finish, in seconds.
PLANNED_SECONDS: Final = 0.02
#: Time after which the jobs not begun are given back, in seconds. Longer than planned, so that a
#: busy machine is not mistaken for a long job: jobs that were given back are then taken alone.
LONGEST_SECONDS: Final = 0.05
#: Seconds between two checks of a process that has taken jobs together.
_LOOK_SECONDS: Final = 0.01


class Hand:
    """The jobs that a process has claimed: one, or several that were taken together.

    Not thread-safe: the owner holds a lock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filled = 0.0
        self._began = 0.0
        self._next = 1
        self._done: list[Done] = []
        #: Messages of jobs that are to be claimed one at a time.
        self._aside: deque[Message] = deque()
        #: Jobs to begin, most urgent first.
        self.to_begin: deque[Claim] = deque()
        #: The job that the process is working on.
        self.at: Claim | None = None
        #: Whether the jobs were taken together; a job of a group that is lost costs no attempt.
        self.together = False
        #: When the claim was sent and answered, in nanoseconds since the epoch.
        self.asked_ns = self.filled_ns = 0

    def fill(self, claims: Sequence[Claim], *, together: bool, asked_ns: int = 0) -> None:
        """Add claimed jobs."""
        self.to_begin.extend(claims)
        self.together = together and bool(claims)
        self._filled = self._clock()
        self.asked_ns, self.filled_ns = asked_ns, time.time_ns()

    def begin(self) -> Claim | None:
        """Begin and return the next job; None if there is none."""
        self.at = self.to_begin.popleft() if self.to_begin else None
        self._began = self._clock()
        return self.at

    @property
    def seconds(self) -> float:
        """Return how long the process has worked on its current job."""
        return self._clock() - self._began

    def end(self, done: Done | None) -> None:
        """End the current job and keep its result, if any, for recording."""
        self.at = None
        if done is not None:
            self._done.append(done)

    def take_done(self) -> list[Done]:
        """Remove and return the results to record, in the order of locking: by job id."""
        done, self._done = self._done, []
        return sorted(done, key=lambda one: one.claim.job_id)

    def put_down(self) -> list[Claim]:
        """Remove and return the jobs that have not begun."""
        given = list(self.to_begin)
        self.to_begin.clear()
        self.together = False
        return given

    def put_aside(self, messages: Iterable[Message]) -> None:
        """Keep messages of jobs that are to be claimed one at a time."""
        self._aside.extend(messages)

    def next_message(self) -> Message | None:
        """Remove and return the next message that was put aside."""
        return self._aside.popleft() if self._aside else None

    def take_messages(self) -> list[Message]:
        """Remove and return all messages that were put aside."""
        messages = list(self._aside)
        self._aside.clear()
        return messages

    @property
    def can_hold_up(self) -> bool:
        """Whether other jobs could have to wait for the current job."""
        return self.together or bool(self._aside)

    def is_held_up(self) -> bool:
        """Whether other jobs are waiting for a current job that has taken too long."""
        return self.can_hold_up and self._clock() - self._filled > LONGEST_SECONDS

    def next_number(self, done: Sequence[Done]) -> int:
        """Return how many jobs to take next: at most twice as many as the last time."""
        longest = max((one.seconds for one in done), default=PLANNED_SECONDS)
        room = PLANNED_SECONDS / max(longest, PLANNED_SECONDS / MOST_JOBS)
        self._next = max(1, min(2 * self._next, int(room)))
        return self._next


class GiveBack:
    """Gives back jobs that wait behind one that takes longer than planned.

    A thread checks the hand every few milliseconds while other jobs could have to wait.

    Parameters
    ----------
    lock : threading.Lock
        Protects the hand and the slot.
    record : callable
        Records finished jobs.
    kept : callable
        Called with the one job that the process keeps, or None.
    """

    def __init__(
        self,
        hand: Hand,
        lock: threading.Lock,
        slot: Slot,
        broker: Broker,
        *,
        record: Callable[[Sequence[Done]], object],
        kept: Callable[[Claim | None], None],
    ) -> None:
        self._hand = hand
        self._lock = lock
        self._slot = slot
        self._broker = broker
        self._record = record
        self._kept = kept
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self) -> None:
        """Start the watching thread if it is needed; the caller holds the lock."""
        if not self._hand.can_hold_up:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="give-back", daemon=True)
            self._thread.start()
        self._wanted.set()

    def run_if_due(self) -> None:
        """Give back jobs that have waited too long; the caller holds the lock.

        Needed after a job during which no other thread could run, so that the watch came too late.
        """
        if self._hand.is_held_up():
            self._run()

    def _watch(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            time.sleep(_LOOK_SECONDS)
            while self._look():
                time.sleep(_LOOK_SECONDS)

    def _look(self) -> bool:
        """Check once; return whether to check again."""
        with self._lock:
            if not self._hand.is_held_up():
                return self._hand.can_hold_up
            try:
                self._run()
            except Exception:
                # The jobs then wait for the long one; nothing else is affected.
                logger.exception("jobs that wait behind another were not given back")
            return False

    def _run(self) -> None:
        messages: list[Message] = []
        if self._hand.together:
            self._record(self._hand.take_done())
            waiting, at = self._hand.put_down(), self._hand.at
            messages += self._slot.give_back(waiting, kept=at, seconds=self._hand.seconds)
            self._kept(at)
        messages += self._hand.take_messages()
        with contextlib.suppress(BrokerUnavailableError):  # recovery announces them
            self._broker.enqueue(messages)
