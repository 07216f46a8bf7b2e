"""Percentiles of a histogram whose values lie in the database: exact, and read in few rows.

A histogram tells in which bin a percentile lies and where in it; only the values of that bin
need to be sorted to find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from photoqueue.client.figure_records import Distribution, Percentiles
from photoqueue.queue.figure_bins import Place, summed

_QUANTILES: Final = (0.5, 0.95, 0.99)

#: Position of a bin → how many values are in it.
Counts = Mapping[int, int]


def places_of(group: tuple[Any, ...], counts: Counts) -> list[Place]:
    """Return where the percentiles and the extremes of a histogram are to be found."""
    ranks = {rank for portion in _QUANTILES for rank in _neighbours(portion, _total(counts))}
    ranks |= {0, _total(counts) - 1} if counts else set()
    return [_place(group, counts, rank) for rank in sorted(ranks)]


def percentiles_of(
    group: tuple[Any, ...], counts: Counts, found: Mapping[Place, float]
) -> Percentiles:
    """Interpolate percentiles from the values that stand at their places."""
    total = _total(counts)
    if not total:
        return Percentiles()
    p50, p95, p99 = (_between(group, counts, portion, found) for portion in _QUANTILES)
    return Percentiles(count=total, p50=p50, p95=p95, p99=p99)


def distribution_of(
    group: tuple[Any, ...], counts: Counts, found: Mapping[Place, float], *, wider: int = 1
) -> Distribution:
    """Return a histogram with its percentiles and extremes; so many bins become one."""
    if not counts:
        return Distribution()
    return Distribution(
        bins=tuple(summed((place // wider, count) for place, count in counts.items()).items()),
        percentiles=percentiles_of(group, counts, found),
        least=found[_place(group, counts, 0)],
        most=found[_place(group, counts, _total(counts) - 1)],
    )


def _between(
    group: tuple[Any, ...], counts: Counts, portion: float, found: Mapping[Place, float]
) -> float:
    low, high = _neighbours(portion, _total(counts))
    below, above = (found[_place(group, counts, rank)] for rank in (low, high))
    return below + (above - below) * (portion * (_total(counts) - 1) - low)


def _neighbours(portion: float, total: int) -> Sequence[int]:
    """Return the ranks, from 0, between which a percentile lies."""
    if not total:
        return ()
    low = int(portion * (total - 1))
    return low, min(low + 1, total - 1)


def _place(group: tuple[Any, ...], counts: Counts, rank: int) -> Place:
    before = 0
    for position, count in sorted(counts.items()):
        if rank < before + count:
            return Place(group=group, bin=position, rank=rank - before + 1)
        before += count
    raise ValueError(f"there is no value of rank {rank} among {before}")


def _total(counts: Counts) -> int:
    return sum(counts.values())
