"""Jobs that a process holds by the table and does not know of.

A claim can reach PostgreSQL after the process that sent it has given the connection up: the
job then belongs to a process that never heard the answer, of a worker that lives and renews its
lease, and nobody would ever take it up. It is told from a job that is being done by what a
process does between two jobs: it turns to its queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from photoqueue.tracking.register import Held

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
        #: When each was first seen, and when its process had last looked for jobs by then.
        self._seen: dict[Held, tuple[float, float]] = {}

    def find(self, held: Iterable[Held], children: Sequence[Child]) -> list[Held]:
        """Return what its process does not know of.

        A process that has turned to its queue since it was seen to hold a job is done with
        it; where the table, asked again after that, still says so, it never began.
        """
        now = self._clock()
        looked = {child.slot: child.board.looked_at for child in children}
        seen, found = {}, []
        for one in held:
            if one.slot not in looked:
                continue  # its process has ended, which recovers it
            first, looked_before = self._seen.get(one, (now, 0.0))
            if looked_before > first:
                found.append(one)
            else:
                seen[one] = (first, looked[one.slot])
        self._seen = seen
        return found
