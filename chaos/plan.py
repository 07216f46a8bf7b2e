"""The order of the faults: chosen at random, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

#: How often each fault comes, beside the others.
WEIGHTS: Final = {
    "kill child": 5,
    "kill template": 1,
    "kill worker": 3,
    "kill supervisor": 2,
    "kill all workers": 1,
    "stop worker": 2,
    "freeze worker": 1,
    "restart Redis": 1,
    "kill Redis": 1,
    "empty Redis": 2,
    "restart PostgreSQL": 1,
    "kill PostgreSQL": 1,
    "cut connections": 2,
    "cut statements": 4,
    "fill disk": 1,
    "forge messages": 1,
    "poison": 2,
    "move clock": 1,
}


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
    fault: str
    pause: float
    seed: int


def steps(seed: int, faults: Sequence[str] | None = None) -> Iterator[Step]:
    """Go through the faults of a seed, without an end; every one comes once before any repeats.

    Faults that are not in :data:`WEIGHTS` weigh as much as the rarest there.
    """
    chance = random.Random(seed)
    names = list(WEIGHTS if faults is None else faults)
    weights = [WEIGHTS.get(name, 1) for name in names]
    number = 0
    first = names[:]
    chance.shuffle(first)
    while True:
        name = first.pop() if first else chance.choices(names, weights)[0]
        yield Step(number, name, chance.uniform(0.1, 1.0), chance.getrandbits(32))
        number += 1
