"""Which findings in several views of a room are one thing.

Two findings may be one thing when they are in different views, of one kind (or of kinds
between which the engine wavers, or which look alike from some side), and nothing speaks
against it: their looks, and what stands beside them. Findings of one view are never one
thing, so a thing has one finding a view at most.

Findings without a look and neighbours to go by count as one thing wherever they may: that
is the maximum over the views, the safe reading of overlapping photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from photoqueue.inventory.likeness import likeness
from photoqueue.inventory.look_alikes import look_alike
from photoqueue.inventory.sightings import Sighting, same_kind
from photoqueue.inventory.volumes import Thing

#: Agreement on the kind, 0…1, from which two findings of different kinds may be one thing:
#: for kinds that are easily confused, and for others. An engine that knows little wavers
#: between armchair and potted plant, too; taken at its word, it would make one thing of many.
_SOME_DOUBT: Final = 0.2
_GREAT_DOUBT: Final = 0.35
#: Look, 0…1, from which that is so for kinds that are easily confused, without any doubt of
#: the engine.
_SAME_LOOK: Final = 0.85
#: Strength, 0…1, below which findings are two things.
_LEAST_STRENGTH: Final = 0.35
#: What a look counts beside the neighbours.
_LOOK_WEIGHT: Final = 0.85


def related(some: Sighting, other: Sighting) -> bool:
    """Whether two findings may be of one kind of thing, for all that the engine says."""
    if some.thing == other.thing:
        return True
    if some.view == other.view:
        return False
    look = likeness(some.item.appearance, other.item.appearance)
    confused = look_alike(some.thing.key, other.thing.key)
    if same_kind(some, other) >= (_SOME_DOUBT if confused else _GREAT_DOUBT):
        return look is None or look >= _LEAST_STRENGTH
    return confused and look is not None and look >= _SAME_LOOK


def things_among(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Group the findings of one family of kinds: one group a thing.

    The pair of groups that fit best are joined, over and over, until none fit: the mean
    strength of all pairs of their findings decides, and groups that share a view never
    fit.

    Parameters
    ----------
    sightings : sequence of Sighting
        Of several views, in an order that depends on nothing but what they are.
    """
    groups = [[sighting] for sighting in sightings]
    fit = _strengths(sightings)
    sizes = np.ones(len(groups))
    while len(groups) > 1:
        mean = fit / np.outer(sizes, sizes)
        np.fill_diagonal(mean, -np.inf)
        best = int(mean.argmax())
        first, second = sorted(divmod(best, len(groups)))
        if not mean.flat[best] >= _LEAST_STRENGTH:
            break
        groups[first] += groups.pop(second)
        sizes[first] += sizes[second]
        fit[first] += fit[second]
        fit[:, first] = fit[first]
        sizes = np.delete(sizes, second)
        fit = np.delete(np.delete(fit, second, 0), second, 1)
    return groups


def _strengths(sightings: Sequence[Sighting]) -> npt.NDArray[np.float64]:
    """Return how much speaks for each pair being one thing; −∞ where they cannot be."""
    fit = np.full((len(sightings), len(sightings)), -np.inf)
    for a, some in enumerate(sightings):
        for b, other in enumerate(sightings[:a]):
            if some.view != other.view and related(some, other):
                # Where all else is equal, findings of one kind find each other first.
                agreement = 0.5 + 0.5 * same_kind(some, other)
                fit[a, b] = fit[b, a] = agreement * strength(some, other)
    return fit


def strength(some: Sighting, other: Sighting) -> float:
    """Return how much speaks for two findings of different views being one thing, 0…1."""
    look = likeness(some.item.appearance, other.item.appearance)
    if look is None:
        return 1.0
    company = _company(some.beside, other.beside)
    if company is None:
        return look
    return _LOOK_WEIGHT * look + (1 - _LOOK_WEIGHT) * company


def _company(some: Mapping[Thing, float], other: Mapping[Thing, float]) -> float | None:
    """Return how far two findings stand beside the same things, 0…1; ``None`` if unknown."""
    things = some.keys() | other.keys()
    most = sum(max(some.get(thing, 0.0), other.get(thing, 0.0)) for thing in things)
    if not most:
        return None
    return sum(min(some.get(thing, 0.0), other.get(thing, 0.0)) for thing in things) / most
