"""Which things a room holds, and which findings show each of them, by strategy.

Every finding shows exactly one thing. The count of a kind is its number of things; what a strategy
does not count is a thing with a reason.

``max``
    The most seen in one view: several views of a room show the same chairs.
``sum``
    All views together, for callers whose photos do not overlap.
``match``
    Findings of different views that seem to be one thing are linked and count once: never fewer
    than ``max``, never more than ``sum``. Things beyond ``max`` count only if they were seen with
    enough certainty.

What an engine listed that saw all photos of the room together is counted by :func:`count_listed`.

**Doubtful kinds.** A sofa with two seats in one view and three in another would count twice in a
maximum by kind. So ``max`` and ``match`` group kinds into a *family* if findings of different views
relate them (:func:`related`: the engine is undecided between them, or they are easily confused and
look the same). A family holds no more things than its views show. Its kinds share them in
proportion to what was seen: number of views and score. Kinds that one view shows side by side are
both kept.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from photoqueue.inventory.copies import item_order, likeness, look_alike
from photoqueue.inventory.links import NO_LINKS, Links
from photoqueue.inventory.views import Sighting, same_kind
from photoqueue.inventory.volumes import Kind
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
    if some.kind == other.kind:
        return True
    if some.view == other.view:
        return False
    confused = look_alike(some.kind.key, other.kind.key)
    doubtful = same_kind(some, other) >= (_SOME_DOUBT if confused else _GREAT_DOUBT)
    if not confused and not doubtful:
        return False
    look = likeness(some.item.appearance, other.item.appearance)
    if doubtful:
        return look is None or look >= _LEAST_STRENGTH
    return look is not None and look >= _SAME_LOOK


def things_among(
    sightings: Sequence[Sighting], bound: Sequence[Sequence[Sighting]] = ()
) -> list[list[Sighting]]:
    """Group the findings of one family of kinds: one group per thing.

    Repeatedly joins the two groups that fit best until none fit. Groups are compared by the mean
    strength over all pairs of their findings; groups that share a view never fit.

    Parameters
    ----------
    sightings : sequence of Sighting
        Of several views, in a deterministic order.
    bound : sequence of sequence of Sighting
        Findings of which a person said that they are one thing; more may join them.
    """
    free = _without(sightings, bound)
    groups = [*map(list, bound), *([sighting] for sighting in free)]
    sizes = np.array([len(group) for group in groups], dtype=float)
    fit = _strengths([sighting for group in groups for sighting in group])
    starts = np.cumsum([0, *sizes[:-1]]).astype(int)
    fit = np.add.reduceat(np.add.reduceat(fit, starts, 0), starts, 1)
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


def _company(some: Mapping[Kind, float], other: Mapping[Kind, float]) -> float | None:
    """Return how similar the neighbours of two findings are, 0…1; ``None`` if unknown."""
    kinds = some.keys() | other.keys()
    most = sum(max(some.get(kind, 0.0), other.get(kind, 0.0)) for kind in kinds)
    if not most:
        return None
    return sum(min(some.get(kind, 0.0), other.get(kind, 0.0)) for kind in kinds) / most


#: Certainty (0…1) that a thing beyond the maximum of one view needs: 1 − Π(1 − score) over its
#: findings.
_CERTAIN_ENOUGH: Final = 0.5
_MILLE: Final = 1000
#: Number of views from which it matters that a thing was seen in only one.
_SEVERAL_VIEWS: Final = 3
#: Score below which the best finding of a thing is doubtful: from about 0.5, detectors are right
#: more often than wrong (:mod:`photoqueue.engines.detector`).
_LOW_SCORE: Final = 0.5
#: The same for a thing that only one of several views shows.
_LOW_SCORE_ALONE: Final = 0.7


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing of a room, and what shows it."""

    kind: Kind
    #: Its findings, at most one in each view; some may be named as another kind of its family.
    sightings: tuple[Sighting, ...] = ()
    #: What an engine says of it that saw all photos of the room together.
    listed: FoundItem | None = None
    #: How many views there are, where only one of several shows it; else 0.
    alone_of: int = 0
    #: Whether a person said that it is one thing: with these findings, or by itself.
    bound: bool = False
    #: Whether a person said that it does not move.
    stays: bool = False
    #: Whether a person said something of what shows it: it is there, and is what it is called.
    settled: bool = False
    #: Why it does not count, a text of :mod:`photoqueue.phrases`; empty if it does.
    left_out: str = ""

    @property
    def moves(self) -> bool:
        """Whether it is there and moves; it may be unsure."""
        return not self.left_out and not self.stays

    @property
    def items(self) -> list[FoundItem]:
        """All that shows it."""
        return [*([self.listed] if self.listed else []), *(one.item for one in self.sightings)]

    @property
    def score(self) -> float:
        """The best score of what shows it, 0…1; 1 if the engine gives none."""
        return max((one.score for one in self.items if one.score is not None), default=1.0)

    @property
    def doubtful(self) -> bool:
        """Whether it was seen with so little certainty that it may not be there."""
        return self.score < (_LOW_SCORE_ALONE if self.alone_of else _LOW_SCORE)

    @property
    def unsure(self) -> bool:
        """Whether only one of several views shows it, with little certainty.

        A motorcycle that one of ten photos shows is a toy or a picture more often than not.
        """
        return bool(self.alone_of) and not self.settled and self.score < _LOW_SCORE


@dataclass(frozen=True, kw_only=True)
class Count:
    """The things of one kind in a room."""

    kind: Kind
    things: tuple[Thing, ...]
    #: All kinds that the room has things of.
    of_room: Set[Kind] = frozenset()

    @property
    def number(self) -> int:
        """How many move; some may be unsure."""
        return sum(thing.moves for thing in self.things)

    @cached_property
    def sightings(self) -> list[Sighting]:
        """The findings of all its things."""
        return [found for thing in self.things for found in thing.sightings]

    @property
    def listed(self) -> list[FoundItem]:
        """What an engine listed that saw all photos of the room together."""
        return [thing.listed for thing in self.things if thing.listed is not None]

    @cached_property
    def items(self) -> list[FoundItem]:
        """The findings that were named as this kind."""
        return [*self.listed, *(s.item for s in self.sightings if s.kind == self.kind)]

    @property
    def rivals(self) -> list[Kind]:
        """Other kinds that its findings were named as, and that the room has no thing of."""
        return sorted({s.kind for s in self.sightings} - self.of_room - {self.kind}, key=_name)


#: A kind, and a rank: the n-th surest finding of the kind in each view; below 0 for things that a
#: person bound.
_Place = tuple[Kind, int]


def count_listed(
    listed: Iterable[FoundItem], sightings: Sequence[Sighting], links: Links = NO_LINKS
) -> list[Count]:
    """Count the findings of an engine that saw all photos of a room together.

    The findings of single photos are evidence: those that no listed thing explains do not count,
    and are shown. What a person bound counts in any case.
    """
    things: dict[_Place, FoundItem] = {}
    for item in sorted(listed, key=item_order):
        kind = Kind.of(item)
        things[kind, sum(one == kind for one, _ in things)] = item
    bound, alone, free = _by_links(sightings, links)
    ranked = _by_rank(free)
    shown = {place: list(ranked.get(place, ())) for place in things}
    of_persons = set()
    for nth, group in enumerate(bound, start=1):
        same = [place for place in things if place[0] == group[0].kind and place not in of_persons]
        place = same[0] if same else (group[0].kind, -nth)
        shown[place] = list(group)
        of_persons.add(place)
    left = _share_out(ranked, shown)
    reason = "in single photos, but not in the list of all photos together"
    return _counts(
        [
            *(
                Thing(
                    kind=place[0],
                    sightings=tuple(found),
                    listed=things.get(place),
                    bound=place in of_persons,
                )
                for place, found in shown.items()
            ),
            *alone,
            *(
                Thing(kind=kind, sightings=tuple(found), left_out=reason)
                for (kind, _), found in left.items()
            ),
        ],
        links,
    )


def count(
    sightings: Sequence[Sighting], strategy: Strategy, *, views: int = 0, links: Links = NO_LINKS
) -> list[Count]:
    """Count the things of a room.

    Parameters
    ----------
    sightings : sequence of Sighting
        Everything that the views of the room show.
    strategy : {"max", "sum", "match"}
        Decides among the findings of which no person said what they show.
    views : int
        Pictures of the room, also those that show nothing.
    links : Links
        What persons said.

    Returns
    -------
    list of Count
        Each sighting is in exactly one of its things.
    """
    bound, alone, free = _by_links(sightings, links)
    if strategy == "sum":
        things = [Thing(kind=found.kind, sightings=(found,)) for found in free]
        things += [Thing(kind=one[0].kind, sightings=tuple(one), bound=True) for one in bound]
        return _counts([*things, *alone], links)
    combined = _matched if strategy == "match" else _most
    things = []
    for family in _families([*free, *(found for group in bound for found in group)]):
        kinds = {found.kind for found in family}
        of_family = [group for group in bound if group[0].kind in kinds]
        things += combined(family, of_family, links.settled)
    if views >= _SEVERAL_VIEWS:
        things = [
            replace(thing, alone_of=views) if len(thing.sightings) == 1 else thing
            for thing in things
        ]
    return _counts([*things, *alone], links)


def _by_links(
    sightings: Sequence[Sighting], links: Links
) -> tuple[list[list[Sighting]], list[Thing], list[Sighting]]:
    """Divide findings: groups that are one thing, things of their own, and the others."""
    known = {str(found.item.item_id): found for found in sightings}
    bound = []
    for names in links.groups:
        by_view = {known[name].view: known[name] for name in sorted(names) if name in known}
        if len(by_view) > 1:
            bound.append([by_view[view] for view in sorted(by_view)])
    alone = [found for found in sightings if found.item.item_id in links.apart]
    things = [Thing(kind=found.kind, sightings=(found,), bound=True) for found in alone]
    return bound, things, _without(sightings, [*bound, alone])


def _without(sightings: Sequence[Sighting], groups: Iterable[Sequence[Sighting]]) -> list[Sighting]:
    gone = {id(found) for group in groups for found in group}
    return [found for found in sightings if id(found) not in gone]


def _counts(things: Iterable[Thing], links: Links) -> list[Count]:
    kinds: dict[Kind, list[Thing]] = {}
    for thing in things:
        if _any_in(links.settled, thing.sightings):
            thing = replace(thing, settled=True, left_out="")
        if _any_in(links.stays, thing.sightings):
            thing = replace(thing, stays=True)
        kinds.setdefault(thing.kind, []).append(thing)
    return [
        Count(kind=kind, things=tuple(its_things), of_room=kinds.keys())
        for kind, its_things in kinds.items()
    ]


def _any_in(item_ids: Set[str], sightings: Iterable[Sighting]) -> bool:
    return any(found.item.item_id in item_ids for found in sightings)


def _families(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Group the findings into families of kinds; unrelated kinds form their own."""
    kinds = _by_kind(sightings)
    family = {kind: {kind} for kind in kinds}
    possible = {kind: {key for one in kinds[kind] for key in one.kinds} for kind in kinds}
    for a, b in itertools.combinations(kinds, 2):
        if possible[a].isdisjoint(possible[b]) and not look_alike(a.key, b.key):
            continue  # most pairs, of which none are related
        if family[a] is not family[b] and any(
            related(some, other) for some in kinds[a] for other in kinds[b]
        ):
            joined = family[a] | family[b]
            for kind in joined:
                family[kind] = joined
    parts: dict[int, list[Sighting]] = {}
    for sighting in sightings:
        parts.setdefault(id(family[sighting.kind]), []).append(sighting)
    return list(parts.values())


def _most(
    family: Sequence[Sighting], bound: Sequence[Sequence[Sighting]], settled: Set[str]
) -> list[Thing]:
    """Return as many things as one view of a family shows at most, of its weightiest kinds.

    What a person bound is among them, and may make them more; what a person settled comes first.
    """
    ranked = _by_rank(_without(family, bound))
    order = {kind: number for number, kind in enumerate(sorted(_by_kind(family), key=_name))}

    sure = {place for place, found in ranked.items() if _any_in(settled, found)}

    def weight(place: _Place) -> tuple[bool, int, int, int]:
        return place not in sure, -sum(map(_mille, ranked[place])), place[1], order[place[0]]

    shown = {(group[0].kind, -nth): list(group) for nth, group in enumerate(bound, start=1)}
    others = max(_largest_view(family) - len(bound), 0)
    for place in sorted(ranked, key=weight)[:others]:
        shown[place] = list(ranked[place])
    # There are as many things as findings in any view, so that each finding has a place.
    _share_out(ranked, shown, any_kind=True)
    return [
        Thing(kind=kind, sightings=tuple(found), bound=rank < 0)
        for (kind, rank), found in shown.items()
    ]


def _by_rank(sightings: Sequence[Sighting]) -> dict[_Place, list[Sighting]]:
    """Group the findings by kind and rank: the n-th surest of its kind in each view."""
    per_view: defaultdict[tuple[int, Kind], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        per_view[sighting.view, sighting.kind].append(sighting)
    ranked: defaultdict[_Place, list[Sighting]] = defaultdict(list)
    for (_, kind), found in per_view.items():
        for rank, sighting in enumerate(sorted(found, key=_mille, reverse=True)):
            ranked[kind, rank].append(sighting)
    return dict(ranked)


def _share_out(
    ranked: Mapping[_Place, Sequence[Sighting]],
    shown: dict[_Place, list[Sighting]],
    *,
    any_kind: bool = False,
) -> dict[_Place, list[Sighting]]:
    """Add the findings to the things that they show; return those that show none of them.

    A finding goes to the thing that no finding of its view shows yet and whose findings agree best
    with it; without ``any_kind``, only to one of a kind that looks alike.
    """
    there = {id(found) for things in shown.values() for found in things}
    left: dict[_Place, list[Sighting]] = {}
    for place in sorted(ranked, key=lambda place: (_name(place[0]), place[1])):
        for sighting in ranked[place]:
            if id(sighting) in there:
                continue
            free = [
                thing
                for thing, found in shown.items()
                if all(other.view != sighting.view for other in found)
                and (
                    any_kind
                    or thing[0] == sighting.kind
                    or look_alike(thing[0].key, sighting.kind.key)
                )
            ]
            if free:
                best = max(free, key=lambda thing: _agreement(sighting, shown[thing]))
                shown[best].append(sighting)
            else:
                left.setdefault(place, []).append(sighting)
    return left


def _agreement(sighting: Sighting, found: Sequence[Sighting]) -> float:
    """Return how well a finding fits the best one of a thing, 0…1."""
    return max(
        (same_kind(sighting, other) * strength(sighting, other) for other in found), default=0.0
    )


def _matched(
    family: Sequence[Sighting], bound: Sequence[Sequence[Sighting]], settled: Set[str]
) -> list[Thing]:
    """Return the things of a family by linking its findings."""
    joined = {id(group[0]) for group in bound}

    def certainty(group: Sequence[Sighting]) -> tuple[bool, bool, float]:
        return id(group[0]) in joined, _any_in(settled, group), _certainty(group)

    groups = sorted(things_among(family, bound), key=certainty, reverse=True)
    certain = sum(
        bound_one or sure or share >= _CERTAIN_ENOUGH
        for bound_one, sure, share in map(certainty, groups)
    )
    number = max(certain, _largest_view(family))
    return [
        Thing(
            kind=group[0].kind if id(group[0]) in joined else _kind_of(group, settled),
            sightings=tuple(group),
            bound=id(group[0]) in joined,
            left_out="" if nth < number else "more than one photo shows, with little certainty",
        )
        for nth, group in enumerate(groups)
    ]


def _kind_of(group: Sequence[Sighting], settled: Set[str]) -> Kind:
    """Return the kind with the largest weight in a group of findings: of those settled, if any."""
    weight: Counter[Kind] = Counter()
    for sighting in [found for found in group if found.item.item_id in settled] or group:
        weight[sighting.kind] += _mille(sighting)
    return max(weight, key=lambda kind: (weight[kind], _name(kind)))


def _certainty(group: Sequence[Sighting]) -> float:
    """Return the certainty that a thing exists, 0…1, taking its findings as independent."""
    doubt = 1.0
    for sighting in group:
        doubt *= 1.0 - sighting.certainty
    return round(1.0 - doubt, 6)


def _largest_view(family: Iterable[Sighting]) -> int:
    return max(Counter(sighting.view for sighting in family).values())


def _by_kind(sightings: Iterable[Sighting]) -> dict[Kind, list[Sighting]]:
    kinds: dict[Kind, list[Sighting]] = {}
    for sighting in sightings:
        kinds.setdefault(sighting.kind, []).append(sighting)
    return kinds


def _mille(sighting: Sighting) -> int:
    """Return the score in thousandths: integers add up the same in any order."""
    return max(1, round(sighting.certainty * _MILLE))


def _name(kind: Kind) -> tuple[str, str, str]:
    return kind.key or "", kind.name, kind.category
