"""Bins of durations and of time, as charts of attempts count them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.queue.tables import job_attempts

#: Base of the numbers that several small ones are packed into, and what lies below all bins.
RADIX: Final = 10_000
LOWEST: Final = -1000
#: date_part, since extract() computes in decimals, four times as slow.
RUN_MS: Final[sa.ColumnElement[float]] = sa.func.date_part(
    "epoch", job_attempts.c.ended_at - job_attempts.c.started_at
).op("*", return_type=sa.Double())(1000.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """A logarithmic grid of durations.

    Attributes
    ----------
    per_decade : int
        Bins in each factor of ten.
    shortest_ms : float
        Shorter durations count as this one.
    """

    per_decade: int
    shortest_ms: float

    def bin(self, value: Any) -> sa.ColumnElement[int]:
        """Return the bin of a value; the charts of DataFrames compute the very same."""
        logarithm = sa.func.log(sa.func.greatest(value, sa.cast(self.shortest_ms, sa.Double)))
        place = sa.func.floor(logarithm * sa.cast(self.per_decade, sa.Double) + 1e-9)
        # A missing value is not the shortest one, which greatest() would make of it. Of a run
        # the start is asked for, so that the run is computed once.
        known = job_attempts.c.started_at if value is RUN_MS else value
        return sa.case((known.is_not(None), sa.cast(place, sa.Integer)))

    def within(self, value: Any, bins: Sequence[int]) -> sa.ColumnElement[bool]:
        """Return a condition that all values of some bins meet, and few others."""
        if value is RUN_MS:  # comparing would compute it for each bin
            return self.bin(value).in_(bins)
        return sa.or_(*(self._around(value, place) for place in bins))

    def _around(self, value: Any, place: int) -> sa.ColumnElement[bool]:
        low, high = (10 ** (edge / self.per_decade) for edge in (place, place + 1))
        below: sa.ColumnElement[bool] = value <= high * (1 + 1e-6)
        return (
            below if low <= self.shortest_ms * (1 + 1e-6) else below & (value >= low * (1 - 1e-6))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The value of a rank (from 1) in a bin of a group."""

    group: tuple[Any, ...]
    bin: int
    rank: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Attempts that completed or failed, counted in several ways.

    Attributes
    ----------
    runs : dict
        Whether they failed → bin of the run → how many.
    waits : dict
        Bin of the wait → how many of those that started.
    cells : dict
        Wait and run on the coarser grid of cells → how many completed and failed.
    completed : dict
        Number of the attempt → how many completed.
    """

    runs: dict[bool, dict[int, int]] = field(default_factory=lambda: {False: {}, True: {}})
    waits: dict[int, int] = field(default_factory=dict)
    cells: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    completed: dict[int, int] = field(default_factory=dict)


def summed(pairs: Iterable[tuple[int | None, int]]) -> dict[int, int]:
    """Add counts up by position, in ascending order; those of no position are left out."""
    found: dict[int, int] = {}
    for position, count in pairs:
        if position is not None:
            found[position] = found.get(position, 0) + count
    return dict(sorted(found.items()))


def start_of(moment: Any, seconds: int) -> sa.ColumnElement[Any]:
    """Return the start of the bin of a moment; bins are whole multiples since 1970."""
    return sa.func.date_bin(
        timedelta(seconds=seconds),
        moment,
        sa.text("'epoch'::timestamptz"),
        type_=sa.TIMESTAMP(timezone=True),
    )
