"""Whether a worker works: it looks at its queues, which is more than that its process exists.

A process of a worker turns to its queue at least once a second, also where nothing waits; one
that is frozen, or hangs in a call that never returns, does not. So "it fetched lately while
work waits" can be told without asking a server: each process has looked at its queue lately or
has been at a job for no longer than the time limit allows, and the supervisor that watches them
has done its round.

Where the servers are away, processes that wait for them are not counted against the worker:
to start it again would not bring them back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from photoqueue.words import JobType

if TYPE_CHECKING:
    from photoqueue.worker.crew import Child, Crew

#: Seconds that a process may take to be ready: to load its model, above all.
START_SECONDS: Final = 120.0
#: Shortest time, in seconds, after which a silence counts: a broker that answers slowly
#: keeps a process for three.
_MIN_SILENCE: Final = 5.0
#: Seconds that the supervisor has to end a process whose job ran out of time.
_OVERTIME: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePulse:
    """How the processes of one queue are.

    Attributes
    ----------
    ready, busy : int
        Processes that take jobs, and those of them that are at one.
    fetched_s : float or None
        Seconds since a process last looked at the queue; None before the first time.
    """

    queue: JobType
    ready: int
    busy: int
    fetched_s: float | None


class Pulse:
    """Tells whether the supervisor and its processes move.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        *,
        queues: Sequence[JobType],
        crew: Crew,
        lease_seconds: float,
        job_timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queues = tuple(queues)
        self._crew = crew
        self._silence = max(lease_seconds, _MIN_SILENCE)
        self._job_limit = job_timeout_seconds + _OVERTIME
        self._clock = clock
        self._beat_at = clock()
        #: When each queue last had a process that takes jobs.
        self._served_at = dict.fromkeys(self._queues, self._beat_at)
        self.servers_away = False

    def beat(self) -> None:
        """Say that the supervisor begins a round."""
        now = self._clock()
        for queue in self._queues:
            if self._crew.has_ready(queue):
                self._served_at[queue] = now
        self._beat_at = now

    def problems(self) -> list[str]:
        """Say what does not move; empty where all is well."""
        now = self._clock()
        found = list(self._stuck(now))
        still = now - self._beat_at
        if still > self._silence:
            found.insert(0, f"the supervisor has not done a round for {still:.0f} s")
        return found

    def queues(self) -> list[QueuePulse]:
        """Tell how the processes of each queue are."""
        now = self._clock()
        found = []
        for queue in self._queues:
            ready = [child for child in self._children(queue) if child.board.ready]
            looks = [child.board.looked_at for child in ready]
            found.append(
                QueuePulse(
                    queue=queue,
                    ready=len(ready),
                    busy=sum(child.board.busy_since > 0 for child in ready),
                    fetched_s=max(now - max(looks), 0.0) if looks else None,
                )
            )
        return found

    def _stuck(self, now: float) -> Iterator[str]:
        for queue in self._queues:
            unserved = now - self._served_at[queue]
            if unserved > START_SECONDS:
                yield f"no process for {queue} has taken jobs for {unserved:.0f} s"
            for child in self._children(queue):
                yield from self._of_child(child, now)

    def _of_child(self, child: Child, now: float) -> Iterator[str]:
        busy_since = child.board.busy_since
        if not child.board.ready or self.servers_away:
            return
        name = f"process {child.process.pid} for {child.queue}"
        if busy_since:
            busy = now - busy_since
            if busy > self._job_limit:
                yield f"{name} has been at one job for {busy:.0f} s"
            return
        silent = now - child.board.looked_at
        if silent > self._silence:
            yield f"{name} has not looked for jobs for {silent:.0f} s"

    def _children(self, queue: JobType) -> list[Child]:
        # A copy: the supervisor's thread starts and ends processes meanwhile.
        return [child for child in tuple(self._crew.children) if child.queue is queue]
