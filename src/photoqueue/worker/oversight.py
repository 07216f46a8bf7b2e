"""What the processes of a worker hold by the table, compared with what they say they do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.words import Outcome
from photoqueue.worker.unclaimed import Unclaimed

if TYPE_CHECKING:
    from photoqueue.queue.ledger import Ledger
    from photoqueue.queue.workers import Renewal
    from photoqueue.worker.crew import Crew
    from photoqueue.worker.recovery import Recovery

#: Rounds that a process may be at a job which is not its own any more.
_LOST_JOB_ROUNDS: Final = 2
#: Seconds at a job after which a process has given back what waits behind it, or cannot: many
#: times what it takes for that.
_HELD_UP_SECONDS: Final = 1.0


class Oversight:
    """Looks after the processes of one worker, each time that it renews its lease."""

    def __init__(self, *, crew: Crew, ledger: Ledger, recovery: Recovery, worker_id: UUID) -> None:
        self._crew = crew
        self._ledger = ledger
        self._recovery = recovery
        self._worker_id = worker_id
        self._unclaimed = Unclaimed()

    def compare(self, renewal: Renewal) -> None:
        """Do one round.

        Raises
        ------
        ServiceError
            A server is away; the next round does what this one could not.
        """
        self._attend(renewal)
        self._free_waiting(renewal)
        self._recover_unclaimed(renewal)

    def _attend(self, renewal: Renewal) -> None:
        """Pass on what is paused, and free processes whose job was taken from them."""
        held = {(one.slot, one.job_id) for one in renewal.held}
        for child in self._crew.children:
            child.board.set_paused(str(child.queue) in renewal.paused)
            since = child.board.busy_since
            if not since or (child.slot, child.board.at) in held:
                child.lost_job = (0.0, 0)
                continue
            job, rounds = child.lost_job
            child.lost_job = (since, rounds + 1 if job == since else 1)
            # A process between its record and its next job looks like this for a moment;
            # the same job seen so in several rounds was cancelled or taken over.
            if child.lost_job[1] > _LOST_JOB_ROUNDS:
                child.kill(Outcome.CANCELLED, "its job was cancelled or taken over")

    def _free_waiting(self, renewal: Renewal) -> None:
        """Give back what waits behind a job of a process that does not come to do it itself.

        Code in C can keep all threads of Python from running. When it lets them, the process
        begins nothing more of what it had taken together. Recovery announces what is given back.
        """
        for child in self._crew.children:
            at, since = child.board.at, child.board.busy_since
            waiting = [
                one.job_id for one in renewal.held if one.slot == child.slot and one.job_id != at
            ]
            seconds = time.monotonic() - since
            if at is not None and since and waiting and seconds > _HELD_UP_SECONDS:
                self._ledger.give_back(
                    waiting, kept=at, seconds=seconds, worker_id=self._worker_id, slot=child.slot
                )

    def _recover_unclaimed(self, renewal: Renewal) -> None:
        """Deliver again what a process holds without knowing of it."""
        for one in self._unclaimed.find(renewal.held, self._crew.children):
            self._recovery.take_back(
                self._ledger.recover(
                    [self._worker_id],
                    outcome=Outcome.WORKER_LOST,
                    message="its process never heard that it had it",
                    only=(one.job_id, one.attempt),
                )
            )
