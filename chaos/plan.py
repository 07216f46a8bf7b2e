"""The order of the faults: chosen at random, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.faults import Fault


@dataclass(frozen=True)
class Step:
    """One fault of a plan.

    Attributes
    ----------
    pause : float
        Seconds of quiet before it.
    seed : int
        Decides what is left to choose within the fault.
    """

    number: int
    fault: Fault
    pause: float
    seed: int


def steps(seed: int, faults: Sequence[Fault]) -> Iterator[Step]:
    """Go through the faults of a seed, without an end; every one comes once before any repeats."""
    chance = random.Random(seed)
    weights = [fault.weight for fault in faults]
    number = 0
    first = list(faults)
    chance.shuffle(first)
    while True:
        fault = first.pop() if first else chance.choices(faults, weights)[0]
        yield Step(number, fault, chance.uniform(0.1, 1.0), chance.getrandbits(32))
        number += 1
