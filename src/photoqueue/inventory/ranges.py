"""Range in which the volume of a move lies in 8 of 10 moves.

The volume is drawn :data:`_DRAWS` times; the range lies between two quantiles of the draws. They
vary

* what movers count: one factor for the whole move, as a mover's table is high or low for most
  things at once, and one for each kind of thing. Independent factors for single things would
  cancel, and the range would come out too narrow;
* what the engine got wrong in rooms that nobody has reviewed: a line may not be there, and more is
  there than was found (:data:`ACCURACIES`).

What a person set or accepted, and all of reviewed rooms, varies by the first alone. What was
measured with how many cases is in ``docs/explanation/accuracy.md``.

Each factor depends on the kind of thing or the room that it is for, and on nothing else. So the
order of lines and rooms does not matter, equal inventories have equal ranges (with one version of
NumPy), and one more thing never lowers an end of a range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from photoqueue.errors import PayloadError
from photoqueue.inventory.volumes import Kind
from photoqueue.records.results import FOR_TRYING_OUT, SHARE, InventoryLine, InventoryResult

_DRAWS: Final = 1000
_SEED: Final = 8
#: Standard deviations from the usual figure of several tables to the lowest and to the highest, and
#: the part of the variance (0…1) that all figures of one table share: from 239 figures for 58
#: things in 8 tables of movers (variance between tables 0.14 to 0.19, within them 0.29 to 0.41).
_ENDS: Final = 1.4
_OF_MOVE: Final = 0.3
#: Smallest logarithm of usual by lowest, and of highest by usual: what one table alone names, or an
#: engine, is no surer than the surest quarter of the things that several name.
_LEAST_SPREAD: Final = 0.2


class Accuracy(NamedTuple):
    """How right the lists of an engine are, by volume, 0…1."""

    #: How much of what it lists in a room is there.
    precision: float
    #: How much of what is there it lists.
    recall: float
    measured: bool = True


#: By model: the built-in one on a sample home of 6 rooms, the others on 22 photos of rooms.
ACCURACIES: Final = {
    "photoqueue-rooms-1": Accuracy(0.87, 0.86),
    "deimv2_hgnetv2_femto_coco": Accuracy(0.69, 0.52),
    "deimv2_hgnetv2_atto_coco": Accuracy(0.54, 0.40),
    "yolox_nano": Accuracy(0.65, 0.36),
}
#: The built-in model on those photos.
_TRIED_OUT: Final = Accuracy(0.12, 0.26)
#: A model that nobody has measured is taken to invent as much as the best on photos does, and to
#: miss from nothing to so many times as much: with the measured models taken for such, moves were
#: in the range as often as with their own figures.
_NOT_MEASURED: Final = ACCURACIES["deimv2_hgnetv2_femto_coco"]._replace(measured=False)
_MOST_MISSED: Final = 1.5
#: m³ that a room has on average beyond what is in proportion to what was found: from 9 photos in
#: which nothing was found.
_ROOM: Final = 0.15
#: How much of what was held back is there: both desks of the photos, an eighth of the volume on the
#: sample homes.
_HELD_BACK: Final = 0.3

Draws = npt.NDArray[np.float64]
#: What a factor is for.
_Of = Literal["move", "kind", "there", "missed", "recall"]


@dataclass(frozen=True, slots=True)
class Range:
    """Ends and usual value of a quantity of a move, such as its volume in m³."""

    low: float
    usual: float
    high: float
    #: Share of moves, 0…1, in which it lies between the ends.
    share: float = SHARE


def move_range(
    inventory: InventoryResult,
    *,
    room: str | None = None,
    share: float = SHARE,
    each: Callable[[InventoryLine], tuple[float, float, float]] | None = None,
    unseen: float = 1.0,
) -> Range:
    """Return the range of a quantity of a move, or of one of its rooms.

    Parameters
    ----------
    inventory : InventoryResult
    room : str, optional
        Default is the whole move. Neither end of a room's range is above that of the move.
    share : float
        Share of moves, between 0 and 1. A larger one gives a range that contains the smaller one's.
    each : callable, optional
        Lowest, usual and highest value of one thing of a line; default is its volume in m³.
    unseen : float
        How much of the quantity 1 m³ has of things that the engine missed.

    Returns
    -------
    Range
        ``usual`` is the sum of the lines, and always within the ends.

    Raises
    ------
    PayloadError
        The share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise PayloadError(f"share is {share!r:.40}; give a number between 0 and 1, such as 0.8.")
    reviewed: Collection[str] = inventory.reviewed_rooms or ()
    accuracy = _accuracy(inventory)
    more = accuracy.precision * (1 / accuracy.recall - 1)
    part = 1.0 if accuracy.measured else _MOST_MISSED * _uniform("recall")
    missed = dict.fromkeys(set(inventory.rooms).difference(reviewed), _ROOM * unseen)
    total, usual = np.zeros(_DRAWS), 0.0
    drawn_once = cache(_drawn)  # a kind of thing is in many rooms
    for name, kind, line in sorted(
        (
            (line.room, _name_of(line), line)
            for line in inventory.lines
            if room in (None, line.room)
        ),
        key=lambda entry: entry[:2],
    ):
        low, one, high = (each or _volume_of_one)(line)
        usual += line.count * one
        certain = line.corrected and low == high  # a person gave the volume
        drawn = drawn_once(kind, low, one, high, least=0.0 if certain else _LEAST_SPREAD)
        if line.corrected or name in reviewed:
            total += line.count * drawn
            continue
        sure = min(line.settled, line.count)
        there = _uniform("there", name, kind)
        total += (sure + (line.count - sure) * (there < accuracy.precision)) * drawn
        total += line.held_back * drawn * (there < _HELD_BACK)
        missed[name] = missed.get(name, 0.0) + (line.count - sure) * one * more
    for name in sorted(missed):
        if room in (None, name):
            total += missed[name] * part * _exponential("missed", name)
    total.sort()
    outside = math.floor((1 - share) / 2 * _DRAWS)
    low, high = float(total[outside]), float(total[-1 - outside])
    return Range(min(low, usual), usual, max(high, usual), share)


def _accuracy(inventory: InventoryResult) -> Accuracy:
    """Return that of the engine that is right least; one that nobody measured comes first."""
    if inventory.strategy == "llm":  # engines are those of single photos
        return _NOT_MEASURED
    tried = any(warning.startswith(FOR_TRYING_OUT) for warning in inventory.warnings)
    accuracies = (
        _TRIED_OUT
        if tried and use.engine == "builtin"
        else ACCURACIES.get(use.model or "", _NOT_MEASURED)
        for use in inventory.engines
    )
    return min(
        accuracies,
        key=lambda one: (one.measured, one.precision * one.recall),
        default=_NOT_MEASURED,
    )


def _volume_of_one(line: InventoryLine) -> tuple[float, float, float]:
    one = line.volume_of_one
    if not line.count:
        return one, one, one
    return line.volume_min / line.count, one, line.volume_max / (line.count + line.held_back)


def _name_of(line: InventoryLine) -> str:
    kind = Kind.named(line.key, line.name, line.category)
    return kind.key or f"{kind.category}/{kind.name}"


def _drawn(kind: str, low: float, usual: float, high: float, *, least: float) -> Draws:
    """Draw one thing of a kind: in its spread below the usual value, and in that above."""
    down = max(math.log(usual / low), least) if 0 < low < usual else least
    up = max(math.log(high / usual), least) if 0 < usual < high else least
    of_kind = math.sqrt(1 - _OF_MOVE) * _normal("kind", kind)
    deviation = math.sqrt(_OF_MOVE) * _normal("move") + of_kind
    drawn: Draws = usual * np.exp(deviation * np.where(deviation < 0, down, up) / _ENDS)
    return drawn


def _generator(of: _Of, *names: str) -> np.random.Generator:
    return np.random.default_rng([_SEED, crc32("\0".join((of, *names)).encode())])


def _kept(draws: Draws) -> Draws:
    draws.setflags(write=False)  # the caches hand out the same array again
    return draws


#: Factors that are kept, 8 kB each: those of a move are asked for again after each edit.
_cached = lru_cache(maxsize=512)


@_cached
def _normal(of: _Of, *names: str) -> Draws:
    return _kept(_generator(of, *names).standard_normal(_DRAWS))


@_cached
def _uniform(of: _Of, *names: str) -> Draws:
    return _kept(_generator(of, *names).random(_DRAWS))


@_cached
def _exponential(of: _Of, *names: str) -> Draws:
    return _kept(_generator(of, *names).standard_exponential(_DRAWS))
