"""What one process of a worker has in hand, and how many jobs it takes at a time.

A long job is taken alone. Of jobs that take a few milliseconds, what surrounds them costs more
than they do, and they are taken together: as many as the last ones say will be done
within :data:`PLANNED_SECONDS`. One that takes longer after all must not keep the others
waiting: what is not begun after :data:`LONGEST_SECONDS` is given back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from photoqueue.queue.ledger import Claim, Done
from photoqueue.words import Message
from photoqueue.worker.board import MOST_JOBS

#: Seconds within which jobs that are taken together are to be done.
PLANNED_SECONDS: Final = 0.02
#: Seconds after which they are held up. Longer, so that a busy machine is not taken for a long
#: job: what is given back is taken alone from then on.
LONGEST_SECONDS: Final = 0.05
#: Seconds between two looks at a process that has taken jobs together.
_LOOK_SECONDS: Final = 0.01


class Hand:
    """The jobs that a process has; its owner sees to it that one thread at a time uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filled = 0.0
        self._began = 0.0
        self._next = 1
        #: Jobs to begin, most urgent first.
        self.to_begin: deque[Claim] = deque()
        #: The job that the process is at.
        self.at: Claim | None = None
        #: Jobs with a result that is to be recorded.
        self.done: list[Done] = []
        #: Whether the jobs were taken together, and would cost nothing if they were lost.
        self.together = False
        #: Messages of jobs that are to be claimed alone, one after another.
        self.messages: deque[Message] = deque()

    def fill(self, claims: Sequence[Claim], *, together: bool) -> None:
        """Take jobs in."""
        self.to_begin.extend(claims)
        self.together = together and bool(claims)
        self._filled = self._clock()

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
            self.done.append(done)

    def take_done(self) -> list[Done]:
        """Hand out what is to be recorded, by job id, which is the order of locking."""
        done, self.done = self.done, []
        return sorted(done, key=lambda one: one.claim.job_id)

    def put_down(self) -> list[Claim]:
        """Hand out what is not begun; what the process is at is its only job from now on."""
        given = list(self.to_begin)
        self.to_begin.clear()
        self.together = False
        return given

    def take_messages(self) -> list[Message]:
        """Hand out the messages of jobs that are not claimed."""
        messages = list(self.messages)
        self.messages.clear()
        return messages

    @property
    def can_hold_up(self) -> bool:
        """Whether others may come to wait for the job that the process is at."""
        return self.together or bool(self.messages)

    def is_held_up(self) -> bool:
        """Whether others wait for a job that should have been done by now."""
        return self.can_hold_up and self._clock() - self._filled > LONGEST_SECONDS

    def next_number(self, done: Sequence[Done]) -> int:
        """Tell how many jobs to take after these: at most twice as many as the last time."""
        longest = max((one.seconds for one in done), default=PLANNED_SECONDS)
        room = PLANNED_SECONDS / max(longest, PLANNED_SECONDS / MOST_JOBS)
        self._next = max(1, min(2 * self._next, int(room)))
        return self._next


class Watch:
    """A thread that looks after a process while others may come to wait for its job.

    Parameters
    ----------
    look : callable
        Called every few milliseconds; returns False when there is nothing more to look after.
    """

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look after the process from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            time.sleep(_LOOK_SECONDS)
            while self._look():
                time.sleep(_LOOK_SECONDS)
