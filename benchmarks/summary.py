"""Medians and spreads of repeated measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """What repeated measurements of one thing come to; nothing is left out of it.

    Attributes
    ----------
    low, high : float
        The least and the greatest of them.
    number : int
        How many there are.
    """

    median: float
    low: float
    high: float
    number: int

    @property
    def spread(self) -> float:
        """From the least to the greatest, as a share of the median; 0 when that is 0."""
        return (self.high - self.low) / abs(self.median) if self.median else 0.0

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.low)}–{figure(self.high)})"


def summarise(values: Sequence[float]) -> Summary:
    """Sum up measurements.

    Raises
    ------
    ValueError
        There are none, or one of them is not a number.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"Cannot sum up {list(values)!r}: give at least one finite number.")
    return Summary(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed (nearest rank).

    Raises
    ------
    ValueError
        There are no values, or ``percent`` is not in 0…100.
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(f"No {percent:g} % of {len(values)} values: give some, and 0…100.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def figure(value: float) -> str:
    """Write a figure as people read it: three digits that count, thousands apart."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table, in columns that line up."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    ruler = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([line(head), ruler, *map(line, rows)])
