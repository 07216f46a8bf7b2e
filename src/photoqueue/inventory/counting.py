"""How many of each thing a room holds, by strategy.

``max``
    The most seen in one view: several views of a room show the same chairs.
``sum``
    All views together, for callers whose photos do not overlap.
``match``
    Findings of different views that seem to be one thing are linked and count once: never fewer
    than ``max``, never more than ``sum``. Things beyond ``max`` count only if they were seen with
    enough certainty.

**Doubtful kinds.** A sofa with two seats in one view and three in another would count twice in a
maximum by kind. So ``max`` and ``match`` group kinds into a *family* if findings of different views
relate them (:func:`related`: the engine is undecided between them, or they are easily confused and
look the same). A family holds no more things than its views show. Its kinds share them in
proportion to what was seen: number of views and score. Kinds that one view shows side by side are
both kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from photoqueue.inventory.copies import item_order, likeness, look_alike
from photoqueue.inventory.views import Sighting, same_kind
from photoqueue.inventory.volumes import Thing
from photoqueue.records.base import Strategy
from photoqueue.records.results import FoundItem

#: Agreement on the kind (0…1) from which two findings of different kinds may be one thing: for
#: kinds that are easily confused, and for others. Weak engines are undecided between armchair and
#: potted plant, too; trusting them would merge many things into one.
_SOME_DOUBT: Final = 0.2
_GREAT_DOUBT: Final = 0.35
#: Visual similarity (0…1) that suffices for kinds that are easily confused, even if the engine is
#: certain.
_SAME_LOOK: Final = 0.85
#: Strength (0…1) below which findings are two things.
_LEAST_STRENGTH: Final = 0.35
#: Weight of visual similarity against that of the neighbours.
_LOOK_WEIGHT: Final = 0.85


def related(some: Sighting, other: Sighting) -> bool:
    """Whether two findings may be of one kind of thing, judging by the engine."""
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
    """Group the findings of one family of kinds: one group per thing.

    Repeatedly joins the two groups that fit best until none fit. Groups are compared by the mean
    strength over all pairs of their findings; groups that share a view never fit.

    Parameters
    ----------
    sightings : sequence of Sighting
        Of several views, in a deterministic order.
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
    """Return how likely each pair is one thing; −∞ if it cannot be."""
    fit = np.full((len(sightings), len(sightings)), -np.inf)
    for a, some in enumerate(sightings):
        for b, other in enumerate(sightings[:a]):
            if some.view != other.view and related(some, other):
                # If all else is equal, findings of one kind are joined first.
                agreement = 0.5 + 0.5 * same_kind(some, other)
                fit[a, b] = fit[b, a] = agreement * strength(some, other)
    return fit


def strength(some: Sighting, other: Sighting) -> float:
    """Return how likely two findings of different views are one thing, 0…1."""
    look = likeness(some.item.appearance, other.item.appearance)
    if look is None:
        return 1.0
    company = _company(some.beside, other.beside)
    if company is None:
        return look
    return _LOOK_WEIGHT * look + (1 - _LOOK_WEIGHT) * company


def _company(some: Mapping[Thing, float], other: Mapping[Thing, float]) -> float | None:
    """Return how similar the neighbours of two findings are, 0…1; ``None`` if unknown."""
    things = some.keys() | other.keys()
    most = sum(max(some.get(thing, 0.0), other.get(thing, 0.0)) for thing in things)
    if not most:
        return None
    return sum(min(some.get(thing, 0.0), other.get(thing, 0.0)) for thing in things) / most


#: Certainty (0…1) that a thing beyond the maximum of one view needs: 1 − Π(1 − score) over its
#: findings.
_CERTAIN_ENOUGH: Final = 0.5
_MILLE: Final = 1000
#: Number of views from which it matters that a thing was seen in only one.
SEVERAL_VIEWS: Final = 3
#: Score below which the best finding of a thing is doubtful: from about 0.5, detectors are right
#: more often than wrong (:mod:`photoqueue.engines.detector`).
LOW_SCORE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many of one kind of thing a room holds, and the evidence."""

    thing: Thing
    number: int
    #: Its findings, including those that were named as another kind of its family.
    sightings: tuple[Sighting, ...] = ()
    #: Kinds of its family that were replaced by it.
    rivals: tuple[Thing, ...] = ()
    #: The findings of an engine that saw all photos of the room together.
    listed: tuple[FoundItem, ...] = ()
    #: How many of them only one of several views shows, with little certainty; a line holds them
    #: back if they are large.
    unsure: int = 0
    #: Why it is here, if nothing shows it.
    note: str = ""

    @property
    def items(self) -> list[FoundItem]:
        """The findings that were named as this kind."""
        seen = [found.item for found in self.sightings if found.thing == self.thing]
        return [*self.listed, *seen]


def count_listed(listed: Iterable[FoundItem], sightings: Sequence[Sighting]) -> list[Count]:
    """Count the findings of an engine that saw all photos of a room together.

    The findings of single photos serve as evidence only.
    """
    seen = _by_thing(sightings)
    things: dict[Thing, list[FoundItem]] = {}
    for item in sorted(listed, key=item_order):
        things.setdefault(Thing.of(item), []).append(item)
    return [
        Count(
            thing=thing,
            number=len(items),
            sightings=tuple(seen.get(thing, ())),
            listed=tuple(items),
        )
        for thing, items in things.items()
    ]


def count(sightings: Sequence[Sighting], strategy: Strategy, *, views: int = 0) -> list[Count]:
    """Count the things of a room.

    Parameters
    ----------
    sightings : sequence of Sighting
        Everything that the views of the room show.
    strategy : {"max", "sum", "match"}
    views : int
        Pictures of the room, also those that show nothing.
    """
    if strategy == "sum":
        seen = _by_thing(sightings)
        return [Count(thing=t, number=len(s), sightings=tuple(s)) for t, s in seen.items()]
    counts = []
    for family in _families(sightings):
        shares = _matched(family) if strategy == "match" else _most(family)
        counts += _counts(family, shares)
    return [replace(one, unsure=_unsure(one)) if views >= SEVERAL_VIEWS else one for one in counts]


def _unsure(count: Count) -> int:
    """Count the things that one view alone shows, with little certainty.

    The n-th of a kind is shown by the views that show at least n. A motorcycle that one of ten
    photos shows is a toy or a picture more often than not.
    """
    scores: defaultdict[int, list[float]] = defaultdict(list)
    for found in count.sightings:
        scores[found.view].append(found.certainty)
    by_view = [sorted(view, reverse=True) for view in scores.values()]
    nth = [[view[n] for view in by_view if len(view) > n] for n in range(count.number)]
    return sum(len(found) == 1 and found[0] < LOW_SCORE for found in nth)


def _families(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Group the findings into families of kinds; unrelated kinds form their own."""
    kinds = _by_thing(sightings)
    family = {thing: {thing} for thing in kinds}
    for a, b in _pairs(list(kinds)):
        if family[a] is not family[b] and any(
            related(some, other) for some in kinds[a] for other in kinds[b]
        ):
            joined = family[a] | family[b]
            for thing in joined:
                family[thing] = joined
    parts: dict[int, list[Sighting]] = {}
    for sighting in sightings:
        parts.setdefault(id(family[sighting.thing]), []).append(sighting)
    return list(parts.values())


def _most(family: Sequence[Sighting]) -> Counter[Thing]:
    """Distribute the largest count of one view among the kinds of a family."""
    per_view: defaultdict[tuple[int, Thing], list[int]] = defaultdict(list)
    for sighting in family:
        per_view[sighting.view, sighting.thing].append(_mille(sighting))
    # Weight of the n-th thing of a kind: its score in each view that shows that many.
    weights: Counter[tuple[Thing, int]] = Counter()
    for (_, thing), scores in per_view.items():
        for nth, score in enumerate(sorted(scores, reverse=True)):
            weights[thing, nth] += score
    order = {thing: number for number, thing in enumerate(sorted(_by_thing(family), key=_name))}
    ranked = sorted(weights, key=lambda entry: (-weights[entry], entry[1], order[entry[0]]))
    return Counter(thing for thing, _ in ranked[: _largest_view(family)])


def _matched(family: Sequence[Sighting]) -> Counter[Thing]:
    """Count the things of a family by linking its findings."""
    things = sorted(things_among(family), key=_certainty, reverse=True)
    certain = sum(_certainty(thing) >= _CERTAIN_ENOUGH for thing in things)
    number = max(certain, _largest_view(family))
    return Counter(_kind_of(thing) for thing in things[:number])


def _counts(family: Sequence[Sighting], shares: Counter[Thing]) -> list[Count]:
    """Return the counts of a family; findings of kinds without a share go to the first kind."""
    kinds = _by_thing(family)
    first = max(shares, key=lambda thing: (sum(map(_mille, kinds[thing])), _name(thing)))
    gone = sorted((thing for thing in kinds if thing not in shares), key=_name)
    counts = []
    for thing, number in shares.items():
        lent = gone if thing is first else []
        found = [sighting for kind in (thing, *lent) for sighting in kinds[kind]]
        counts.append(Count(thing=thing, number=number, sightings=tuple(found), rivals=tuple(lent)))
    return counts


def _kind_of(thing: Sequence[Sighting]) -> Thing:
    """Return the kind with the largest weight in a group of findings."""
    weight: Counter[Thing] = Counter()
    for sighting in thing:
        weight[sighting.thing] += _mille(sighting)
    return max(weight, key=lambda kind: (weight[kind], _name(kind)))


def _certainty(thing: Sequence[Sighting]) -> float:
    """Return the certainty that a thing exists, 0…1, taking its findings as independent."""
    doubt = 1.0
    for sighting in thing:
        doubt *= 1.0 - sighting.certainty
    return round(1.0 - doubt, 6)


def _largest_view(family: Iterable[Sighting]) -> int:
    return max(Counter(sighting.view for sighting in family).values())


def _by_thing(sightings: Iterable[Sighting]) -> dict[Thing, list[Sighting]]:
    kinds: dict[Thing, list[Sighting]] = {}
    for sighting in sightings:
        kinds.setdefault(sighting.thing, []).append(sighting)
    return kinds


def _pairs(things: Sequence[Thing]) -> Iterable[tuple[Thing, Thing]]:
    return ((a, b) for number, a in enumerate(things) for b in things[:number])


def _mille(sighting: Sighting) -> int:
    """Return the score in thousandths: integers add up the same in any order."""
    return max(1, round(sighting.certainty * _MILLE))


def _name(thing: Thing) -> tuple[str, str, str]:
    return thing.key or "", thing.name, thing.category
