"""An estimate of a move: volume, weight, cartons, loads, persons, hours and price.

Pure functions on an inventory. Volumes of the catalogue are those of the loaded thing, so there is
no packing factor; what stays takes no room, but its contents do. An estimate is not a quote.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from operator import mul
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from photoqueue.errors import PayloadError
from photoqueue.inventory import labour
from photoqueue.inventory.cartons import cartons_of
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.estimate_words import GROUND, Basis, Words, notes_of, working_of
from photoqueue.inventory.ranges import move_range
from photoqueue.inventory.volumes import LORRIES
from photoqueue.inventory.weights import DEFAULT_DENSITY, weight_of_one
from photoqueue.records.estimates import (
    CartonLine,
    Estimate,
    Hours,
    Price,
    PriceLine,
    Quantity,
    Rates,
    Terms,
    Vehicle,
    VehicleLoads,
)
from photoqueue.records.results import InventoryResult

#: Currencies whose smallest coin is not a hundredth: digits behind the point.
_DIGITS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def terms_of(given: Mapping[str, Any]) -> Terms:
    """Check what a person gives for an estimate.

    Raises
    ------
    PayloadError
        A name is unknown, a figure is missing or out of its range, or figures contradict each
        other; the message names each.
    """
    try:
        terms = Terms.model_validate(dict(given))
    except ValidationError as exc:
        told = "; ".join(dict.fromkeys(filter(None, map(_problem, exc.errors()))))
        raise PayloadError(f"There is no estimate with these figures: {told}.") from None
    names = [vehicle.name for vehicle in vehicles_of(terms)]
    rates = terms.rates
    for name, times in Counter(names).items():
        if times > 1:
            raise PayloadError(f"There are {times} vehicles {name!r}. Give each its own name.")
    for name in (*filter(None, [terms.vehicle]), *(rates.per_load if rates else ())):
        if name not in names:
            raise PayloadError(
                f"There is no vehicle {name!r:.80}. Use one of {', '.join(names)}, or give it in "
                "vehicles, with its volume and payload."
            )
    if rates and (problem := _contradiction(rates, terms)):
        raise PayloadError(f"There is no price with these rates: {problem}.")
    return terms


def _problem(error: Any) -> str:
    """Return what is wrong, and where, by the names of Python."""
    names, given = [str(part) for part in error["loc"]], error["input"]
    if names[0] == "cartons":  # a number or a dict: of the two, what was meant
        if names[1].startswith("dict") != isinstance(given, dict) and len(names) == 2:
            return ""
        del names[1]
    place = ".".join(re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower() for name in names)
    told = "" if error["type"] == "missing" else f" (given: {given!r:.40})"
    what = error["msg"][0].lower() + error["msg"][1:].replace("tuple", "list")
    if error["type"] == "string_pattern_mismatch":
        what = "give the three letters of ISO 4217, such as EUR"
    return f"{place}: {what}{told}"


def _contradiction(rates: Rates, terms: Terms) -> str:
    if (rates.per_hour is None) == (rates.per_m3 is None):
        return "give either per_hour, for one person, or per_m3"
    if rates.per_hour is not None and rates.per_packed_carton is not None:
        return "per_packed_carton goes with per_m3, as hours include packing"
    if rates.per_m3 is not None and rates.per_packed_carton is None and terms.packing != "self":
        return f"packing={terms.packing!r} by the m³ needs per_packed_carton"
    return "per_km needs km, from home to home" if rates.per_km and terms.km is None else ""


def vehicles_of(terms: Terms) -> tuple[Vehicle, ...]:
    """Return the vehicles of the company, or usual ones."""
    return terms.vehicles or tuple(
        Vehicle(name=lorry.name_en, volume=lorry.cubic_metres, payload=lorry.payload)
        for lorry in LORRIES
    )


def estimate_of(
    inventory: InventoryResult,
    catalogue: Catalogue,
    terms: Terms | None = None,
    *,
    lang: str = "en",
) -> Estimate:
    """Estimate a move.

    Parameters
    ----------
    inventory : InventoryResult
        As reviewed.
    catalogue : Catalogue
    terms : Terms, optional
        What a person gives, from :func:`terms_of`.
    lang : str
        ``en`` or ``fr``: language of the texts.

    Raises
    ------
    PayloadError
        There is no such room as cartons are given for, or no price for a load of the vehicle.
    """
    terms = terms or Terms()
    for room in terms.cartons if isinstance(terms.cartons, dict) else ():
        if room not in inventory.rooms:
            raise PayloadError(
                f"There is no room {room!r:.60} to give cartons for. The inventory has "
                f"{', '.join(inventory.rooms) or 'none'}."
            )
    words = Words(lang, terms.units)
    cartons = cartons_of(inventory, catalogue, given=terms.cartons, lang=lang)
    packed = [] if terms.packing == "self" else cartons
    if terms.packing == "fragile":
        packed = [one for one in cartons if one.fragile]

    def sums(of: Sequence[CartonLine], figure: str = "") -> Quantity:
        """Add up cartons, or a figure of the catalogue of each."""
        item = catalogue.by_key
        each = [getattr(item(one.key), figure, 0.0) if figure else 1 for one in of]
        ends = ([getattr(one, end) for one in of] for end in ("low", "usual", "high"))
        return Quantity.of(math.fsum(map(mul, numbers, each)) for numbers in ends)

    things, boxed = volumes_of(inventory), sums(packed, "volume_usual")
    boxes, contents = sums(cartons, "volume_usual"), sums(cartons, "weight_usual")
    found = move_range(inventory, each=weight_of_one(catalogue), unseen=DEFAULT_DENSITY)
    goods = Quantity.of((found.low, found.usual, found.high), 1)
    volume, weight = things + boxes, goods + contents
    loads = tuple(_loads(vehicle, volume, weight) for vehicle in vehicles_of(terms))
    driven = next(
        (one for one in loads if one.vehicle.name == terms.vehicle),
        min(loads, key=lambda one: (one.loads, one.vehicle.volume, one.vehicle.payload)),
    )
    burden = labour.burden_of(inventory, catalogue, boxes.usual)
    crew_parts = labour.crew_parts(burden, terms.access or GROUND)
    crew = terms.crew or max(crew_parts)
    trips = (driven.loads, driven.loads, driven.loads_high)
    ends = [
        _End(full, count, trip, crew, _hours(terms, burden.scaled(full), inside, crew, trip))
        for full, inside, count, trip in zip(
            volume.ends, boxed.ends, sums(packed).ends, trips, strict=True
        )
    ]
    estimate = Estimate(
        project_id=inventory.project_id,
        lang=lang,
        units=terms.units,
        made_by=inventory.made_by,
        things=things,
        cartons=cartons,
        carton_count=sums(cartons),
        volume=volume,
        weight=weight,
        loads=loads,
        vehicle=driven.vehicle.name,
        crew=crew,
        packing=terms.packing,
        hours=ends[1].hours,
        price=_price(terms, terms.rates, words, driven.vehicle, ends) if terms.rates else None,
        working=(),
    )
    told = Basis(estimate, inventory, terms, burden, crew_parts, boxed.usual, goods.usual, driven)
    return estimate.model_copy(
        update={"working": tuple(working_of(told, words)), "notes": tuple(notes_of(told, words))}
    )


class _End(NamedTuple):
    """A move at the low, the usual or the high end of its range."""

    #: m³ to load.
    volume: float
    #: Cartons that the carrier packs.
    packed: float
    loads: int
    crew: int
    hours: Hours


def volumes_of(inventory: InventoryResult) -> Quantity:
    """Return the volume of the things of an inventory, in m³."""
    of = inventory
    return Quantity(low=of.total_volume_min, usual=of.total_volume, high=of.total_volume_max)


def _loads(vehicle: Vehicle, volume: Quantity, weight: Quantity) -> VehicleLoads:
    def times(amount: float, capacity: float) -> int:
        return math.ceil(round(amount / capacity, 6))

    by_volume = times(volume.usual, vehicle.volume)
    by_weight = times(weight.usual, vehicle.payload)
    return VehicleLoads(
        vehicle=vehicle,
        by_volume=by_volume,
        by_weight=by_weight,
        loads=max(by_volume, by_weight),
        loads_high=max(times(volume.high, vehicle.volume), times(weight.high, vehicle.payload)),
    )


def _hours(terms: Terms, burden: labour.Burden, boxed: float, crew: int, loads: int) -> Hours:
    loading, unloading = terms.access or GROUND
    parts = {
        "packing": labour.packing_hours(boxed, crew),
        "loading": labour.carrying_hours(burden, loading, labour.LOADING, crew),
        "driving": labour.quarters(labour.drives(loads) * labour.one_way(terms)),
        "unloading": labour.carrying_hours(burden, unloading, labour.UNLOADING, crew),
    }
    return Hours(**parts, total=sum(parts.values()))


def _price(
    terms: Terms, rates: Rates, words: Words, vehicle: Vehicle, ends: Sequence[_End]
) -> Price:
    lines = [tuple(_price_lines(terms, rates, words, vehicle, end)) for end in ends]
    nets = [sum((line.amount for line in of), Decimal(0)) for of in lines]
    vats = [_coins(net * rates.vat / 100, rates.currency) for net in nets]
    return Price(
        currency=rates.currency,
        lines=lines[1],
        net=nets[1],
        vat_rate=rates.vat,
        vat=vats[1],
        total=nets[1] + vats[1],
        total_low=nets[0] + vats[0],
        total_high=nets[2] + vats[2],
    )


def _price_lines(
    terms: Terms, rates: Rates, words: Words, vehicle: Vehicle, end: _End
) -> Iterator[PriceLine]:
    """Return the lines of a price; those of nothing are left out."""
    if rates.per_load and vehicle.name not in rates.per_load:
        raise PayloadError(
            f"There is no price for a load of {vehicle.name!r}. Give it in per_load, or "
            f"choose one of {', '.join(rates.per_load)} with vehicle."
        )
    hours, packed, drives = end.hours, int(end.packed), labour.drives(end.loads)
    worked = hours.total - hours.packing
    # key, unit price, factors
    charged: list[tuple[str, Decimal | None, tuple[float, ...]]] = [
        ("packing", rates.per_hour, (end.crew, hours.packing)),
        ("work", rates.per_hour, (end.crew, worked)),
        ("door to door", rates.per_m3, (round(end.volume, 2),)),
        ("packed", rates.per_packed_carton, (packed,)),
        ("material", rates.per_carton, (packed,)),
        ("km", rates.per_km, (drives, terms.km or 0)),
        ("load", rates.per_load.get(vehicle.name), (end.loads,)),
    ]
    for key, rate, factors in charged:
        amount = math.prod((Decimal(str(one)) for one in factors), start=rate or Decimal(0))
        if amount:
            yield PriceLine(
                key=key,
                what=words.text(f"{key}.what", vehicle=words.vehicle(vehicle)),
                formula=words.product(key, rate or Decimal(0), rates.currency, factors),
                amount=_coins(amount, rates.currency),
            )


def _coins(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-_DIGITS.get(currency, 2)), ROUND_HALF_UP)
