"""The working of an estimate, in English and French: each figure with its formula and source."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from photoqueue.format import french, number, rounded
from photoqueue.inventory import labour
from photoqueue.inventory.volumes import LORRIES
from photoqueue.inventory.weights import KG_PER_LB
from photoqueue.phrases import phrase
from photoqueue.records.estimates import (
    Access,
    Estimate,
    Price,
    Quantity,
    Terms,
    Units,
    Vehicle,
    VehicleLoads,
    Working,
)
from photoqueue.records.results import FOR_TRYING_OUT, InventoryResult, range_note, share_words

M3_PER_FT3: Final = 0.028316846592
#: Access that nobody described: the ground floor, near the vehicle.
GROUND: Final = (Access(), Access())


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class Words:
    """Writes the texts of an estimate in one language and in one system of units."""

    def __init__(self, lang: str, units: Units) -> None:
        self.lang = lang
        self.metric = units == "metric"

    def text(self, name: str, **values: object) -> str:
        """Return a text by its name, with values filled in."""
        return _texts()[name][self.lang].format(**values)

    def number(self, value: float | Decimal, decimals: int = 2) -> str:
        """Write a number; zeros at its end are left out."""
        text = number(float(value), decimals)
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return french(text) if self.lang == "fr" else text

    def convert(self, value: float, unit: str) -> tuple[float, str]:
        """Return m³ or kg in the units of the estimate."""
        if self.metric:
            return rounded(value, 2 if unit == "m³" else 0), unit
        if unit == "m³":
            return rounded(value / M3_PER_FT3, 1), "ft³"
        return rounded(value / KG_PER_LB, 0), "lb"

    def measure(self, value: float, unit: str) -> str:
        """Write m³ or kg in the units of the estimate."""
        figure, unit = self.convert(value, unit)
        return f"{self.number(figure)} {unit}"

    def hours_per(self, hours: float) -> str:
        """Write person-hours per m³, or per 100 ft³."""
        rate, per = (hours, "m³") if self.metric else (hours * 100 * M3_PER_FT3, "100 ft³")
        return self.text("person-hours", rate=self.number(rate), per=per)

    def product(self, key: str, rate: Decimal, currency: str, factors: tuple[float, ...]) -> str:
        """Write the formula of a line of a price: ``3 persons × 7.5 h × 38 EUR``."""
        units = self.text(f"{key}.units").split("|")
        parts = [self.counted(n, unit) for n, unit in zip(factors, units, strict=True)]
        # With two digits, as sums of money are written, or with those that it has.
        price = f"{rate.normalize():f}" if rate % 1 else f"{rate:.0f}"
        price += "0" * (price[-2:-1] == ".") if "." in price else ""
        return " × ".join([*parts, f"{french(price) if self.lang == 'fr' else price} {currency}"])

    def price_rows(self, price: Price) -> Iterator[tuple[str, str, str]]:
        """Give what, how and amount of each line of a price, of net, VAT and total."""

        def money(amount: Decimal) -> str:
            return french(str(amount)) if self.lang == "fr" else str(amount)

        for line in price.lines:
            yield line.what, line.formula, money(line.amount)
        yield phrase(self.lang, "net"), "", money(price.net)
        yield phrase(self.lang, "VAT"), f"{money(price.vat_rate)} %", money(price.vat)
        ends = {"low": money(price.total_low), "high": money(price.total_high)}
        how = phrase(self.lang, "{low} to {high} at the ends of the volume", **ends)
        yield "total", how, money(price.total)

    def counted(self, count: float, noun: str) -> str:
        """Write a number and what is counted; ``noun`` may be ``singular/plural``."""
        one, _, more = noun.partition("/")
        few = count < 2 if self.lang == "fr" else count == 1
        return f"{self.number(count)} {one if few or not more else more}"

    def vehicle(self, vehicle: Vehicle) -> str:
        """Return the name of a vehicle; usual ones are translated."""
        usual = {(one.name_en, one.cubic_metres): one.name(self.lang) for one in LORRIES}
        return usual.get((vehicle.name, vehicle.volume), vehicle.name)

    def line(
        self,
        key: str,
        figure: float | Quantity,
        unit: str,
        source: str,
        how: str = "",
        **values: object,
    ) -> Working:
        """Return a line of working; a text of the formula has the name ``how``, else the key's."""
        ranged = isinstance(figure, Quantity)
        ends = figure.ends if isinstance(figure, Quantity) else (figure, figure, figure)
        if unit in ("m³", "kg"):
            (low, shown), (usual, _), (high, _) = (self.convert(end, unit) for end in ends)
        else:
            (low, usual, high), shown = ends, unit
        return Working(
            key=key,
            what=self.text(f"{key}.what", **values),
            formula=self.text(how or f"{key}.how", **values),
            low=low if ranged else None,
            figure=usual,
            high=high if ranged else None,
            unit=shown,
            source=self.text(source),
        )


class Basis(NamedTuple):
    """An estimate, and what its figures were made of."""

    estimate: Estimate
    inventory: InventoryResult
    terms: Terms
    burden: labour.Burden
    #: Persons for volume, heaviest thing and stairs.
    crew_parts: tuple[int, int, int]
    #: m³ of the cartons that the carrier packs, and kg of the things.
    boxed: float
    goods: float
    driven: VehicleLoads


def working_of(told: Basis, words: Words) -> Iterator[Working]:
    """Return the lines of working, in the order of the calculation."""
    made, terms, burden, line = told.estimate, told.terms, told.burden, words.line

    def m3(value: float) -> str:
        return words.measure(value, "m³")

    def kg(value: float) -> str:
        return words.measure(value, "kg")

    volume, weight, things = m3(made.volume.usual), kg(made.weight.usual), made.things
    rooms: Counter[str] = Counter()
    for one in made.cartons:
        rooms[one.room] += one.usual
    by_room = ", ".join(f"{room} {count}" for room, count in rooms.items()) or 0
    yield line("things", things, "m³", "list", share=share_words(language=words.lang))
    source = "rooms" if terms.cartons is None else "you"
    yield line("cartons", made.carton_count, "", source, rooms=by_room)
    boxes = m3(made.volume.usual - things.usual)
    yield line("volume", made.volume, "m³", "sum", things=m3(things.usual), cartons=boxes)
    contents = kg(made.weight.usual - told.goods)
    yield line("weight", made.weight, "kg", "catalogue", things=kg(told.goods), cartons=contents)
    source = "own vehicle" if terms.vehicles else "usual vehicle"
    for load in made.loads:
        yield line(
            *("load", load.loads, "", source),
            vehicle=words.vehicle(load.vehicle),
            volume=volume,
            room=m3(load.vehicle.volume),
            by_volume=load.by_volume,
            weight=weight,
            payload=kg(load.vehicle.payload),
            by_weight=load.by_weight,
        )
    persons = words.counted(made.crew, words.text("persons"))
    parts = dict(zip(("by_volume", "heavy", "stairs"), told.crew_parts, strict=True))
    source, how = ("you", "crew.given") if terms.crew else ("crews", "")
    yield line("crew", made.crew, persons.split()[-1], source, how, volume=volume, **parts)
    how = "packing.self" if terms.packing == "self" else ""
    rate = words.hours_per(labour.PACKING)
    given = {"volume": m3(told.boxed), "rate": rate, "crew": persons}
    yield line("packing", made.hours.packing, "h", "pace", how, **given)
    for key, end, base in zip(
        ("loading", "unloading"),
        terms.access or GROUND,
        (labour.LOADING, labour.UNLOADING),
        strict=True,
    ):
        shares = labour.surcharges(burden, end)
        reasons = ", ".join(
            words.text(name, share=words.number(100 * share, 1)) for name, share in shares.items()
        )
        yield line(
            *(key, getattr(made.hours, key), "h", "pace", "carrying.how"),
            volume=volume,
            rate=words.hours_per(base),
            factor=words.number(1 + sum(shares.values()), 3),
            reasons=f" ({reasons})" if reasons else "",
            pieces=burden.apart,
            pace=words.number(labour.pace_of(made.crew)),
            crew=persons,
        )
    by_km = terms.driving_hours is None and terms.km is not None
    loads = told.driven.loads
    yield line(
        *("driving", made.hours.driving, "h", "speed" if by_km else "you"),
        how="" if by_km or terms.driving_hours is not None else "driving.none",
        drives=words.counted(labour.drives(loads), words.text("drives")),
        loads=words.counted(loads, words.text("load.units")),
        hours=words.number(labour.one_way(terms)),
    )
    yield line("hours", made.hours.total, "h", "sum")


def notes_of(told: Basis, words: Words) -> Iterator[str]:
    """Return what was assumed and what is missing."""
    made, terms, driven, found = told.estimate, told.terms, told.driven, told.inventory
    if note := range_note(found, words.lang):
        yield note
    unseen = len(set(found.rooms).difference(found.reviewed_rooms or ()))
    held = sum(line.held_back for line in found.lines)
    vehicle = words.vehicle(driven.vehicle)
    tried = any(warning.startswith(FOR_TRYING_OUT) for warning in found.warnings)
    not_driven = terms.driving_hours is None and terms.km is None
    heavy = told.burden.heaviest
    notes: list[tuple[str, object, dict[str, object]]] = [
        ("for trying out", tried, {}),
        ("not reviewed", unseen, {"count": unseen, "of": len(found.rooms)}),
        ("held back", held, {"count": held}),
        ("missing photos", found.missing_photos, {"count": len(found.missing_photos)}),
        ("no rates", terms.rates is None, {}),
        ("no access", terms.access is None, {}),
        ("no driving", not_driven, {}),
        (
            *("more loads", driven.loads_high > driven.loads),
            {"vehicle": vehicle, "loads": driven.loads_high},
        ),
        ("too few", heavy > made.crew, {"heavy": heavy, "crew": made.crew}),
    ]
    for name, there, values in notes:
        if there:
            yield words.text(name, **values)
