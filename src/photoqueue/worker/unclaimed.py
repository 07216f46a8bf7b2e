"""Jobs that a process holds by the table and does not know of.

A claim can reach PostgreSQL after the process that sent it has given the connection up: the
job then belongs to a process that never heard the answer, of a worker that lives and renews its
lease, and nobody would ever take it up. It is told from a job that is being done by what its
process says: which jobs it has, and since when it is sure of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from photoqueue.queue.workers import Held

if TYPE_CHECKING:
    from photoqueue.worker.crew import Child


class Unclaimed:
    """Remembers what processes held, from one round of the supervisor to the next.

    Parameters
    ----------
    clock
        Monotonic seconds, the same clock as that of the boards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: When each was first seen, and whether its process has denied it since.
        self._seen: dict[Held, tuple[float, bool]] = {}

    def find(self, held: Iterable[Held], children: Sequence[Child]) -> list[Held]:
        """Return what its process does not know of.

        A process that became sure of having other jobs, or none, after it was seen to hold
        this one is done with it, or never began; where the table, asked again after that,
        still says so, it never began. One that has ended knows of nothing: what it held was
        recovered then, but for a claim that was committed only after that.
        """
        now = self._clock()
        boards = {child.slot: child.board for child in children}
        seen, found = {}, []
        for one in held:
            board = boards.get(one.slot)
            first, denied_before = self._seen.get(one, (now, False))
            # First when, then which: the process writes them the other way round.
            denied = board is None or (board.settled_at > first and one.job_id not in board.job_ids)
            if denied and denied_before:
                found.append(one)
            else:
                seen[one] = (first, denied)
        self._seen = seen
        return found
