"""Persons and hours of a move, from volume, things and the access at each end.

Movers publish few figures, and no measured ones. Those here are the averages of American movers
who do: movingbusiness.net (two persons move 700 lb an hour from door to door, three 1,000, four
1,200, five 1,400; one packs 20 ft³ an hour) and paynefreemoving.com (+20 % for each floor of
stairs, +25 % with a lift, +20 % for each further 50 ft on foot, 15 min for each thing taken apart;
unloading takes three quarters of loading). At 7 lb per ft³, 700 lb are 2.8 m³, 0.7 person-hours
per m³: 0.4 to load and 0.3 to unload. A German mover's 2.5 to 3 m³ an hour for two
(umzugsfirma-movario.de) agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.weights import persons_to_carry
from photoqueue.records.estimates import Access, Terms
from photoqueue.records.results import InventoryResult

#: Person-hours per m³ at the foot of the vehicle.
LOADING: Final = 0.4
UNLOADING: Final = 0.3
PACKING: Final = 1.75
#: Person-hours to take one thing apart, and to put it together again.
_APART: Final = 0.25
#: Shares by which access lengthens the work.
_FLOOR: Final = 0.20
_LIFT: Final = 0.25
_STEP: Final = 0.20  # for each further _METRES beyond the first
_METRES: Final = 15.0
_NARROW: Final = 0.15  # estimated
#: How many persons' work a crew does: larger ones stand in each other's way.
_PACE: Final = {1: 1.14, 2: 2.0, 3: 2.86, 4: 3.43, 5: 4.0}
_PACE_OF_MORE: Final = 0.57
#: m³ up to which two and three persons do.
_CREWS: Final = ((20.0, 2), (40.0, 3))
_LARGEST_CREW: Final = 4
#: Floors of stairs for furniture from which a crew has three persons.
_MANY_FLOORS: Final = 2
_QUARTER: Final = 4
#: km/h at which km become hours; estimated.
SPEED: Final = 50.0


@dataclass(frozen=True)
class Burden:
    """What is carried."""

    #: m³ that one person carries at a time, cartons included, and m³ that needs more.
    small: float
    large: float
    #: Things that are taken apart, and persons for the heaviest thing.
    apart: int
    heaviest: int

    @property
    def volume(self) -> float:
        """All m³."""
        return self.small + self.large

    def scaled(self, volume: float) -> Burden:
        """Return the same things with another total volume."""
        share = volume / self.volume if self.volume else 0.0
        return Burden(share * self.small, share * self.large, self.apart, self.heaviest)


def burden_of(inventory: InventoryResult, catalogue: Catalogue, cartons: float) -> Burden:
    """Return what is carried: the things of an inventory, and cartons of so many m³."""
    moved = [(one, persons_to_carry(one, catalogue)) for one in inventory.lines if one.count]
    # Exact sums: the last digit of others depends on the order of the lines.
    small = math.fsum([cartons, *(line.volume for line, persons in moved if persons == 1)])
    apart = math.fsum(line.count * (line.dismount_probability or 0.0) for line, _ in moved)
    return Burden(
        small=small,
        large=max(inventory.total_volume + cartons - small, 0.0),
        apart=math.floor(round(apart, 6) + 0.5),
        heaviest=max((persons for _, persons in moved), default=0),
    )


def crew_parts(burden: Burden, access: tuple[Access, ...]) -> tuple[int, int, int]:
    """Return the persons that volume, heaviest thing and stairs need each; the largest counts."""
    volume = round(burden.volume, 6)
    by_volume = next((persons for limit, persons in _CREWS if volume <= limit), _LARGEST_CREW)
    floors = max(abs(end.floor) if end.lift != "furniture" else 0 for end in access)
    return by_volume, burden.heaviest, 3 if burden.large and floors >= _MANY_FLOORS else 1


def surcharges(burden: Burden, end: Access) -> dict[str, float]:
    """Return by which shares of its time access lengthens carrying: stairs, lift, distance, narrow.

    Small things use any lift, large ones only a lift that furniture fits in.
    """
    by_lift = 0.0
    if end.floor and end.lift != "none" and burden.volume:
        lifted = burden.volume if end.lift == "furniture" else burden.small
        by_lift = lifted / burden.volume
    shares = {
        "stairs": _FLOOR * abs(end.floor) * (1 - by_lift),
        "lift": _LIFT * by_lift,
        "distance": _STEP * max(end.distance - _METRES, 0.0) / _METRES,
        "narrow": _NARROW * end.narrow,
    }
    return {name: share for name, share in shares.items() if share}


def pace_of(crew: int) -> float:
    """Return how many persons' work a crew does."""
    most = max(_PACE)
    return _PACE.get(crew) or _PACE[most] + _PACE_OF_MORE * (crew - most)


def carrying_hours(burden: Burden, end: Access, base: float, crew: int) -> float:
    """Return the hours in which a crew loads or unloads, in quarters."""
    factor = 1 + sum(surcharges(burden, end).values())
    return quarters((base * burden.volume * factor + _APART * burden.apart) / pace_of(crew))


def packing_hours(cartons: float, crew: int) -> float:
    """Return the hours in which a crew fills cartons of so many m³, in quarters."""
    return quarters(PACKING * cartons / crew)


def quarters(hours: float) -> float:
    """Round up to a quarter of an hour."""
    return math.ceil(round(hours * _QUARTER, 6)) / _QUARTER


def drives(loads: int) -> int:
    """Return the drives between the homes: there with each load, and back for the next."""
    return max(2 * loads - 1, 0)


def one_way(terms: Terms) -> float:
    """Return the hours of one drive between the homes, as given or from km; 0 if not known."""
    return (terms.km or 0.0) / SPEED if terms.driving_hours is None else terms.driving_hours
