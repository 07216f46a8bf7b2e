"""How many workers there should be: a pure function of what waits and of how it was before."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What there is to do, and who does it.

    Attributes
    ----------
    waiting, active : int
        Jobs that could start, and jobs that run.
    oldest_s : float
        Seconds that the oldest of the waiting ones has been waiting.
    workers : int
        Workers that run and do not drain.
    starting : int
        Those of them that do not take jobs yet.
    slots : int
        Jobs that one worker does at a time.
    """

    waiting: int
    active: int
    oldest_s: float
    workers: int
    slots: int
    starting: int = 0

    @property
    def wanted(self) -> int:
        """Workers that would leave no job waiting."""
        return math.ceil((self.waiting + self.active) / self.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Between what the number of workers moves, and how quickly.

    Attributes
    ----------
    fewest, most : int
        Workers.
    wait_seconds : float
        A job that has waited longer asks for one more worker.
    idle_seconds : float
        For how long fewer workers must have been enough before one is let go.
    """

    fewest: int
    most: int
    wait_seconds: float = 10.0
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many workers there should be now, and since when fewer would be enough."""

    workers: int
    spare_since: float | None = None


def decide(load: Load, limits: Limits, *, now: float, spare_since: float | None) -> Decision:
    """Decide how many workers there should be.

    Up at once, to at most twice as many at a time, and no further until those have begun to take
    jobs: that takes them seconds, and what waits may be gone by then. Down one by one, and only
    where fewer have been enough for a while: workers that come and go do no work.

    Parameters
    ----------
    now
        Seconds, of any clock that goes forward.
    spare_since
        That of the last decision.
    """
    if load.workers < limits.fewest:
        return Decision(workers=limits.fewest)
    behind = load.waiting > load.workers * load.slots or (
        load.waiting > 0 and load.oldest_s > limits.wait_seconds
    )
    if behind and load.starting:
        return Decision(workers=load.workers)
    if behind:
        grown = min(max(load.wanted, load.workers + 1), max(2 * load.workers, 1))
        return Decision(workers=min(max(grown, load.workers), max(limits.most, limits.fewest)))
    if load.workers > limits.most:
        return Decision(workers=limits.most)
    if max(load.wanted, limits.fewest) >= load.workers:
        return Decision(workers=load.workers)
    since = now if spare_since is None else spare_since
    if now - since < limits.idle_seconds:
        return Decision(workers=load.workers, spare_since=since)
    # The next one has to be spare for as long again.
    return Decision(workers=load.workers - 1, spare_since=now)
