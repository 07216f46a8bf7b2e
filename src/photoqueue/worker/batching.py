"""Short jobs that a process takes together, and what happens when one of them is long.

A long job is taken alone. Of jobs that take a few milliseconds, what surrounds them costs more
than they do, and they are taken together: as many as the last ones say will be done
within :data:`PLANNED_SECONDS`. One that takes longer after all must not keep the others
waiting: what has not begun after :data:`LONGEST_SECONDS` is given back (:class:`GiveBack`).
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

#: Seconds within which jobs that are taken together are to be done.
PLANNED_SECONDS: Final = 0.02
#: Seconds after which they are held up. Longer, so that a busy machine is not taken for a long
#: job: what is given back is taken alone from then on.
LONGEST_SECONDS: Final = 0.05
#: Seconds between two looks at a process that has taken jobs together.
_LOOK_SECONDS: Final = 0.01


class Hand:
    """The jobs that a process has: one, or several that were taken together.

    Not safe for several threads at once: its owner has a lock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filled = 0.0
        self._began = 0.0
        self._next = 1
        self._done: list[Done] = []
        #: Messages of jobs that are to be claimed alone, one after another.
        self._aside: deque[Message] = deque()
        #: Jobs to begin, most urgent first.
        self.to_begin: deque[Claim] = deque()
        #: The job that the process is at.
        self.at: Claim | None = None
        #: Whether the jobs were taken together, and would cost nothing if they were lost.
        self.together = False
        #: When the claim of the jobs was sent and answered, in nanoseconds of the epoch.
        self.asked_ns = self.filled_ns = 0

    def fill(self, claims: Sequence[Claim], *, together: bool, asked_ns: int = 0) -> None:
        """Take jobs in."""
        self.to_begin.extend(claims)
        self.together = together and bool(claims)
        self._filled = self._clock()
        self.asked_ns, self.filled_ns = asked_ns, time.time_ns()

    def begin(self) -> Claim | None:
        """Begin the next job; None where there is none."""
        self.at = self.to_begin.popleft() if self.to_begin else None
        self._began = self._clock()
        return self.at

    @property
    def seconds(self) -> float:
        """For how long the process has been at its job."""
        return self._clock() - self._began

    def end(self, done: Done | None) -> None:
        """End the job; its result is to be recorded, where it has one."""
        self.at = None
        if done is not None:
            self._done.append(done)

    def take_done(self) -> list[Done]:
        """Hand out what is to be recorded, by job id, which is the order of locking."""
        done, self._done = self._done, []
        return sorted(done, key=lambda one: one.claim.job_id)

    def put_down(self) -> list[Claim]:
        """Hand out what is not begun; what the process is at is its only job from now on."""
        given = list(self.to_begin)
        self.to_begin.clear()
        self.together = False
        return given

    def put_aside(self, messages: Iterable[Message]) -> None:
        """Keep messages of jobs that are to be claimed alone."""
        self._aside.extend(messages)

    def next_message(self) -> Message | None:
        """Hand out the next message that was put aside."""
        return self._aside.popleft() if self._aside else None

    def take_messages(self) -> list[Message]:
        """Hand out all messages that were put aside."""
        messages = list(self._aside)
        self._aside.clear()
        return messages

    @property
    def can_hold_up(self) -> bool:
        """Whether others may come to wait for the job that the process is at."""
        return self.together or bool(self._aside)

    def is_held_up(self) -> bool:
        """Whether others wait for a job that should have been done by now."""
        return self.can_hold_up and self._clock() - self._filled > LONGEST_SECONDS

    def next_number(self, done: Sequence[Done]) -> int:
        """Tell how many jobs to take after these: at most twice as many as the last time."""
        longest = max((one.seconds for one in done), default=PLANNED_SECONDS)
        room = PLANNED_SECONDS / max(longest, PLANNED_SECONDS / MOST_JOBS)
        self._next = max(1, min(2 * self._next, int(room)))
        return self._next


class GiveBack:
    """Gives back what waits behind a job that takes longer than planned.

    A thread looks at the hand every few milliseconds, as long as others may come to wait.

    Parameters
    ----------
    lock : threading.Lock
        Of the hand and of the slot.
    record : callable
        Records what is done.
    kept : callable
        Told the one job that the process still has, or None.
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
        """Watch the hand from now on, if that is needed; the caller has the lock."""
        if not self._hand.can_hold_up:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="give-back", daemon=True)
            self._thread.start()
        self._wanted.set()

    def run_if_due(self) -> None:
        """Give back what waits for too long; the caller has the lock.

        For a job in whose course no other thread could run, so that the watch came too late.
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
        """Return whether to look again."""
        with self._lock:
            if not self._hand.is_held_up():
                return self._hand.can_hold_up
            try:
                self._run()
            except Exception:
                # The jobs wait for the longer one then, which harms nothing else.
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
