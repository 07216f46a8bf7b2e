"""Estimates of a move: what a person gives, and the figures with their working.

Volumes are in m³, weights in kg, distances in m, whatever :attr:`Estimate.units` the texts and
the lines of working are written in. Money is :class:`~decimal.Decimal`, in JSON a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field

from photoqueue.format import counted, number, one_line, volume
from photoqueue.records.base import Record
from photoqueue.records.hooks import HasCard

if TYPE_CHECKING:
    import pandas as pd

#: Whether there is a lift, and whether furniture fits in it: cartons and chairs fit in a small one.
Lift = Literal["none", "small", "furniture"]
#: What the carrier packs: nothing, what is fragile, or everything.
Packing = Literal["self", "fragile", "full"]
Units = Literal["metric", "imperial"]

Cartons = Annotated[int, Field(ge=0, le=5000)]
Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4)]


class Given(Record):
    """Something that a person gives; a name that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


class Access(Given):
    """The way between the vehicle and the home at one end of a move."""

    #: 0 is the ground floor, -1 the first basement.
    floor: int = Field(default=0, ge=-5, le=60)
    lift: Lift = "none"
    #: Metres on foot from the vehicle to the door of the building.
    distance: float = Field(default=0, ge=0, le=500)
    #: Whether stairs, doors or the street are narrow.
    narrow: bool = False


class Vehicle(Given):
    """A vehicle of the company."""

    name: str = Field(min_length=1, max_length=80)
    #: m³ that can be loaded.
    volume: float = Field(ge=0.1, le=200)
    #: kg that can be loaded.
    payload: float = Field(ge=1, le=40_000)


class Rates(Given):
    """What a company charges, without tax: either by the hour or by the m³, and extras."""

    #: ISO 4217, such as EUR.
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    #: VAT in per cent.
    vat: Decimal = Field(ge=0, le=100)
    #: One person for one hour.
    per_hour: Money | None = None
    #: One m³ from door to door, without packing.
    per_m3: Money | None = None
    #: One vehicle for one km.
    per_km: Money = Decimal(0)
    #: One load of each vehicle, by its name.
    per_load: dict[str, Money] = Field(default_factory=dict)
    #: Material of one carton that the carrier brings.
    per_carton: Money = Decimal(0)
    #: Packing of one carton; only by the m³, as hours include it.
    per_packed_carton: Money | None = None


class Terms(Given):
    """All that a person gives for an estimate."""

    #: At the end where it is loaded, and where it is unloaded; ``None`` is not known.
    access: tuple[Access, Access] | None = None
    rates: Rates | None = None
    #: One's own vehicles; none: usual lorries.
    vehicles: tuple[Vehicle, ...] = ()
    #: Name of the one that drives; ``None`` takes the smallest that needs one load.
    vehicle: str | None = None
    #: Cartons with those that photos show: of the move, or by room; ``None`` estimates them.
    cartons: Cartons | dict[str, Cartons] | None = None
    packing: Packing = "self"
    #: Persons; ``None`` derives them from volume, heaviest thing and stairs.
    crew: int | None = Field(default=None, ge=1, le=20)
    #: One way, from home to home.
    driving_hours: float | None = Field(default=None, ge=0, le=100)
    km: float | None = Field(default=None, ge=0, le=10_000)
    units: Units = "metric"


class Quantity(Record):
    """A figure with its range."""

    low: float
    usual: float
    high: float

    @classmethod
    def of(cls, ends: Iterable[float], digits: int = 3) -> Quantity:
        """Return the quantity with these ends, low, usual and high, rounded."""
        low, usual, high = (round(end, digits) for end in ends)
        return cls(low=low, usual=usual, high=high)

    @property
    def ends(self) -> tuple[float, float, float]:
        """Low, usual and high."""
        return self.low, self.usual, self.high

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity.of(map(sum, zip(self.ends, other.ends, strict=True)))


class CartonLine(Record):
    """Cartons of one kind that one room still needs."""

    room: str
    room_type: str
    #: Catalogue key: ``box_standard``, ``box_books`` or ``box_wardrobe``.
    key: str
    #: Whole numbers of cartons, after those that photos show.
    low: int
    usual: int
    high: int
    #: Whether dishes and glass are in them.
    fragile: bool = False
    #: Cartons of the kind that photos of the room show: they are among the things.
    seen: int = 0
    #: Whether a person gave the number.
    given: bool = False
    #: What the number was made of, in words.
    formula: str


class VehicleLoads(Record):
    """How often one vehicle drives if it takes the whole move."""

    vehicle: Vehicle
    by_volume: int
    by_weight: int
    #: The larger of the two.
    loads: int
    #: The same for the high ends of volume and weight.
    loads_high: int


class Hours(Record):
    """Hours on the clock of the whole crew."""

    packing: float
    loading: float
    driving: float
    unloading: float
    total: float


class Working(Record):
    """One figure of an estimate and how it was made."""

    #: What the figure is, in one word that does not change: ``volume``, ``cartons`` …
    key: str
    what: str
    #: In words.
    formula: str
    #: Figure and range in ``unit``; the range is missing where there is none.
    figure: float
    low: float | None = None
    high: float | None = None
    #: ``m³``, ``ft³``, ``kg``, ``lb``, ``h``, ``persons``; empty for a bare number.
    unit: str = ""
    #: Where figures and formula come from.
    source: str


class PriceLine(Record):
    """One line of a price; ``amount`` is rounded to the smallest coin."""

    key: str
    what: str
    formula: str
    amount: Decimal


class Price(Record):
    """A price: the sum of its rounded lines, VAT, and both together."""

    currency: str
    lines: tuple[PriceLine, ...]
    net: Decimal
    #: Per cent.
    vat_rate: Decimal
    vat: Decimal
    total: Decimal
    #: The total at the low and at the high end of the volume.
    total_low: Decimal
    total_high: Decimal


class Estimate(Record, HasCard):
    """Volume, weight, cartons, loads, hours and price of a move; an estimate, not a quote."""

    project_id: str
    #: Language of the texts: ``en`` or ``fr``.
    lang: str
    #: Units of the texts and of the lines of working.
    units: Units
    #: The engines and models that listed the things.
    made_by: str
    #: m³ of the things in the list, cartons that photos show included.
    things: Quantity
    cartons: tuple[CartonLine, ...]
    #: Cartons still to be packed, all rooms.
    carton_count: Quantity
    #: m³ to load: things and cartons.
    volume: Quantity
    #: kg to load.
    weight: Quantity
    #: For each vehicle, as if it took the move alone.
    loads: tuple[VehicleLoads, ...] = ()
    #: Name of the vehicle that hours and price are for; ``None`` if no vehicle was given.
    vehicle: str | None = None
    #: Persons.
    crew: int
    packing: Packing
    hours: Hours
    #: ``None`` without rates.
    price: Price | None = None
    working: tuple[Working, ...]
    #: What was assumed and what is missing, a sentence each.
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the lines of working as a DataFrame, one row each."""
        import pandas as pd

        rows = [line.model_dump() for line in self.working]
        return pd.DataFrame(rows, columns=list(Working.model_fields))

    def __repr__(self) -> str:
        price = f", {self.price.total} {self.price.currency}" if self.price else ""
        return (
            f"<Estimate {one_line(self.project_id, 20)}: {volume(self.volume.usual)}, "
            f"{number(self.weight.usual)} kg, {counted(round(self.carton_count.usual), 'carton')}"
            f"{price}>"
        )
