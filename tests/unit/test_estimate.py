"""Estimates: what decides loads, persons and hours, prices to the cent, and bad input."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue import Estimate
from photoqueue.errors import PayloadError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.estimate_words import Words
from photoqueue.inventory.estimating import estimate_of, terms_of
from photoqueue.records.estimates import Quantity
from photoqueue.records.results import FOR_TRYING_OUT, EngineUse, InventoryLine
from tests.inventories import inventory, line

SHIPPED = Catalogue.load()
VAN = {"name": "van", "volume": 20, "payload": 900}
LORRY = {"name": "lorry", "volume": 40, "payload": 4000}
HOURLY = {"currency": "EUR", "vat": "20", "per_hour": "34.90"}
BY_VOLUME = {"currency": "EUR", "vat": "20", "per_m3": "45.05", "per_packed_carton": "3.10"}


def made(*lines: InventoryLine, lang: str = "en", **given: Any) -> Estimate:
    return estimate_of(inventory(*lines), SHIPPED, terms_of(given), lang=lang)


def flat() -> list[InventoryLine]:
    """Two rooms: 9.46 m³ of things, 2.10 m³ of cartons."""
    bedroom = {"room": "bedroom", "room_type": "chambre"}
    return [
        line("sofa_3_seat", 1),
        line("armchair", 2),
        line("bookcase", 2),
        line("tv_unit", 1),
        line("chair", 4),
        line("double_bed", 1, **bedroom),
        line("wardrobe_2_door", 1, **bedroom),
        line("nightstand", 2, **bedroom),
    ]


# -- volume, loads


def test_figures_are_rounded_as_those_of_the_inventory() -> None:
    half = Quantity(low=16.935, usual=16.935, high=16.935)
    shown = Words("en", "metric").line("things", half, "m³", "list", share="")
    assert (shown.low, shown.figure, shown.high) == (16.94, 16.94, 16.94)


def test_one_person_is_one() -> None:
    (crew,) = (one for one in made(line("chair", 1), crew=1).working if one.key == "crew")
    assert (crew.figure, crew.unit) == (1, "person")


def test_what_stays_takes_no_room_but_its_contents_do() -> None:
    sofa = line("sofa_3_seat", 2)
    without, staying = made(sofa), made(sofa, line("wardrobe_3_door", 0, stays=2))
    assert staying.things == without.things
    assert staying.weight.usual - without.weight.usual < 200  # cartons, not wardrobes
    assert staying.carton_count.usual > without.carton_count.usual
    assert staying.volume.usual > without.volume.usual


def test_too_heavy_for_one_load_of_a_van_that_is_large_enough() -> None:
    own = line(None, 1, volume=17.0, name="goods", category="unknown")  # 100 kg/m³
    found = made(own, vehicles=[VAN, LORRY], cartons=0)
    van, lorry = found.loads
    assert (van.by_volume, van.by_weight, van.loads) == (1, 2, 2)
    assert (lorry.by_volume, lorry.by_weight, lorry.loads) == (1, 1, 1)
    assert found.vehicle == "lorry"


def test_vehicle_that_is_just_full_needs_one_load() -> None:
    own = line(None, 1, volume=9.0, name="goods", category="unknown")
    assert made(own, vehicles=[{**VAN, "volume": 9.0}], cartons=0).loads[0].loads == 1


def test_chosen_vehicle_drives_and_goes_back_between_loads() -> None:
    many = line("sofa_3_seat", 20)  # 34 m³
    found = made(many, vehicles=[VAN, LORRY], vehicle="van", driving_hours=1)
    assert (found.vehicle, found.loads[0].loads) == ("van", 2)
    assert found.hours.driving == 3


def test_nothing_to_move_costs_nothing() -> None:
    found = made(rates={**HOURLY, "per_load": {"van": 90}}, vehicles=[VAN], km=10)
    assert (found.volume.usual, found.hours.total, found.loads[0].loads) == (0, 0, 0)
    assert found.price is not None
    assert found.price.total == Decimal("0.00")


# -- persons and hours


@pytest.mark.parametrize(
    ("lines", "access", "persons"),
    [
        ([line("chair", 4)], None, 2),
        ([line("sofa_3_seat", 13)], None, 3),  # 22.1 m³
        ([line("sofa_3_seat", 25)], None, 4),
        ([line("upright_piano", 1)], None, 3),
        ([line("sofa_3_seat", 1)], [{"floor": 2}, {}], 3),
        ([line("sofa_3_seat", 1)], [{}, {"floor": 4, "lift": "small"}], 3),
        ([line("sofa_3_seat", 1)], [{"floor": 4, "lift": "furniture"}, {"floor": 1}], 2),
        ([line("sofa_3_seat", 1)], [{"floor": -2}, {}], 3),
    ],
)
def test_persons_follow_from_volume_heaviest_thing_and_stairs(
    lines: list[InventoryLine], access: Any, persons: int
) -> None:
    assert made(*lines, access=access).crew == persons


def hours(*ends: dict[str, Any]) -> tuple[float, float]:
    found = made(*flat() * 3, access=list(ends), crew=2).hours
    return found.loading, found.unloading


def test_each_end_of_the_move_has_its_own_access() -> None:
    ground = hours({}, {})
    assert hours({"floor": 3}, {})[0] > ground[0]
    assert hours({"floor": 3}, {})[1] == ground[1]
    assert hours({}, {"floor": 3})[1] > ground[1]
    assert ground[1] < ground[0]  # unloading is faster


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ({"floor": 5, "lift": "furniture"}, {"floor": 5, "lift": "small"}),
        ({"floor": 5, "lift": "small"}, {"floor": 5}),
        ({"floor": 1}, {"floor": 2}),
        ({"distance": 15}, {"distance": 60}),
        ({}, {"narrow": True}),
    ],
)
def test_worse_access_takes_longer(easier: dict[str, Any], harder: dict[str, Any]) -> None:
    assert hours(easier, {})[0] < hours(harder, {})[0]


def test_lift_at_the_ground_floor_changes_nothing() -> None:
    assert hours({"lift": "small"}, {}) == hours({}, {})


@pytest.mark.parametrize("rates", [HOURLY, BY_VOLUME])
def test_who_packs_changes_hours_and_material_never_the_volume(rates: dict[str, str]) -> None:
    kitchen = line("kitchen_table", 5, room="kitchen", room_type="kitchen")
    terms = {"rates": {**rates, "per_carton": "2.20"}, "vehicles": [VAN]}
    own, fragile, full = (
        made(*flat(), kitchen, packing=packing, **terms) for packing in ("self", "fragile", "full")
    )
    assert own.volume == fragile.volume == full.volume
    assert own.weight == fragile.weight == full.weight
    assert own.cartons == fragile.cartons == full.cartons
    assert (own.hours.packing, fragile.hours.packing) == (0, 0.5)
    assert full.hours.packing > 1
    material = [
        sum(one.amount for one in found.price.lines if one.key == "material")
        for found in (own, fragile, full)
    ]
    assert material == [0, Decimal("11.00"), Decimal("2.20") * int(full.carton_count.usual)]


def test_hours_of_driving_come_from_hours_or_from_km() -> None:
    assert made(*flat(), km=100).hours.driving == 2
    assert made(*flat(), km=100, driving_hours=1.5).hours.driving == 1.5
    assert made(*flat()).hours.driving == 0
    assert any("driving" in note for note in made(*flat()).notes)


# -- price


def test_lines_are_rounded_and_then_summed() -> None:
    found = made(*flat(), rates=HOURLY, vehicles=[VAN], packing="full", crew=3).price
    assert found is not None
    # 3 × 1.25 h × 34.90 = 130.875; 3 × (2.25 + 1.75) h × 34.90 = 418.80
    assert [str(one.amount) for one in found.lines] == ["130.88", "418.80"]
    assert [str(sum_) for sum_ in (found.net, found.vat, found.total)] == [
        "549.68",
        "109.94",
        "659.62",
    ]


def test_price_by_volume_has_no_hours_in_it() -> None:
    near, far = (
        made(*flat(), rates=BY_VOLUME, vehicles=[VAN], access=[{"floor": floor}, {}]).price
        for floor in (0, 9)
    )
    assert near == far
    assert near is not None
    (door_to_door,) = near.lines
    assert door_to_door.formula == "11.56 m³ × 45.05 EUR"
    assert door_to_door.amount == Decimal("520.78")


@pytest.mark.parametrize(
    ("currency", "total"), [("EUR", "520.78"), ("JPY", "521"), ("KWD", "520.778")]
)
def test_smallest_coin_is_that_of_the_currency(currency: str, total: str) -> None:
    rates = {**BY_VOLUME, "currency": currency, "vat": 0}
    found = made(*flat(), rates=rates, vehicles=[VAN]).price
    assert found is not None
    assert str(found.total) == total


def test_without_rates_there_is_no_price_and_that_is_said() -> None:
    found = made(*flat())
    assert found.price is None
    assert "No rates were given: there is no price." in found.notes
    assert "Sans tarifs, il n'y a pas de prix." in made(*flat(), lang="fr").notes


def test_notes_say_what_the_inventory_leaves_open() -> None:
    open_ = inventory(*flat()).model_copy(
        update={
            "lines": (line("sofa_3_seat", 0).model_copy(update={"held_back": 2}),),
            "reviewed_rooms": {"salon": "ana"},
            "missing_photos": ("p7",),
            "warnings": (FOR_TRYING_OUT,),
            "engines": (EngineUse(engine="builtin", model="rooms", photos=1),),
        }
    )
    found = estimate_of(open_, SHIPPED)
    assert found.made_by == "builtin rooms"
    assert found.notes[:4] == (
        "Things were listed by the built-in model: for trying out only.",
        "Rooms that nobody has reviewed: 1 of 2.",
        "Doubtful things that are not counted: 2.",
        "Photos that are not in it: 1.",
    )
    reviewed = open_.model_copy(update={"reviewed_rooms": {"salon": "ana", "bedroom": "ana"}})
    assert not any("reviewed" in note for note in estimate_of(reviewed, SHIPPED).notes)


# -- texts and JSON


def test_every_text_is_in_both_languages_and_units() -> None:
    kitchen = line("kitchen_table", 5, room="kitchen", room_type="kitchen")
    access = [{"floor": 3, "lift": "small", "distance": 40, "narrow": True}, {}]
    rates = {**HOURLY, "per_km": 1, "per_carton": 1, "per_load": {"van": 1}}
    for lang in ("en", "fr"):
        for units in ("metric", "imperial"):
            terms = {"rates": rates, "access": access, "km": 5, "packing": "full"}
            found = made(*flat(), kitchen, vehicles=[VAN], units=units, lang=lang, **terms)
            assert {one.unit for one in found.working} >= (
                {"m³", "kg"} if units == "metric" else {"ft³", "lb"}
            )
            assert found.volume == made(*flat(), kitchen).volume  # always m³
            told = [text for one in found.working for text in (one.what, one.formula, one.source)]
            assert all(told)
            assert not any("{" in text for text in told)


def test_french_numbers_and_names_of_usual_lorries() -> None:
    working = made(*flat(), lang="fr").working
    (volume,) = (one for one in working if one.key == "volume")
    assert volume.formula.startswith("9,46 m³ d'objets + 2,1 m³ de cartons")
    assert "voyages de fourgon" in [one.what for one in working]


def test_json_has_the_names_of_the_contract_and_money_as_text() -> None:
    told = json.loads(made(*flat(), rates=HOURLY, vehicles=[VAN]).to_json())
    assert {"projectId", "cartonCount", "hours", "working", "notes"} < set(told)
    assert isinstance(told["price"]["total"], str)
    assert Estimate.model_validate(told).crew == told["crew"]


# -- bad input


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"access": [{"floor": 400}, {}]}, r"access\.0\.floor: .*less than or equal to 60 .*400"),
        ({"access": [{}]}, r"access\.1: field required"),
        ({"access": "third floor"}, r"access: input should be a valid list"),
        ({"access": [{"flor": 3}, {}]}, r"access\.0\.flor: extra inputs are not permitted"),
        ({"access": [{"lift": "big"}, {}]}, r"access\.0\.lift: .*'none', 'small' or 'furniture'"),
        ({"rates": {**HOURLY, "per_hour": -1}}, r"rates\.per_hour: .*greater than or equal to 0"),
        ({"rates": {**HOURLY, "per_hour": "NaN"}}, r"rates\.per_hour: .*finite"),
        ({"rates": {"vat": 20, "per_hour": 30}}, r"rates\.currency: field required"),
        ({"rates": {"currency": "EUR", "per_hour": 30}}, r"rates\.vat: field required"),
        ({"rates": {**HOURLY, "currency": "euro"}}, r"currency: .*ISO 4217, such as EUR .*'euro'"),
        ({"rates": {"currency": "EUR", "vat": 20}}, "give either per_hour, for one person, or"),
        ({"rates": {**HOURLY, "per_m3": 40}}, "give either per_hour, for one person, or"),
        ({"rates": {**HOURLY, "per_packed_carton": 3}}, "as hours include packing"),
        (
            {"rates": {"currency": "EUR", "vat": 0, "per_m3": 40}, "packing": "full"},
            "packing='full' by the m³ needs per_packed_carton",
        ),
        ({"rates": {**HOURLY, "per_km": 1}}, "per_km needs km"),
        ({"rates": {**HOURLY, "per_load": {"bus": 1}}}, "no vehicle 'bus'. Use one of van, large"),
        ({"vehicles": [VAN], "vehicle": "bus"}, "no vehicle 'bus'. Use one of van, or give it"),
        ({"vehicles": [VAN, VAN]}, "There are 2 vehicles 'van'"),
        ({"vehicles": [{"name": "van", "volume": 20}]}, r"vehicles\.0\.payload: field required"),
        ({"vehicles": [{**VAN, "volume": 0}]}, r"vehicles\.0\.volume: .*greater than or equal to"),
        ({"vehicles": [{**VAN, "payload": 1e-300}]}, r"vehicles\.0\.payload: .*greater than or"),
        ({"cartons": -1}, r"figures: cartons: .*greater than or equal to 0 \(given: -1\)\.$"),
        ({"cartons": {"salon": -1}}, r"figures: cartons\.salon: .*greater than or equal to 0"),
        ({"cartons": "many"}, r"figures: cartons: .*integer.*\(given: 'many'\)\.$"),
        ({"crew": 0}, "crew: .*greater than or equal to 1"),
        ({"km": float("nan")}, "km: .*finite"),
        ({"km": -3}, "km: .*greater than or equal to 0"),
        ({"packing": "some"}, "packing: .*'self', 'fragile' or 'full'"),
        ({"units": "stone"}, "units: .*'metric' or 'imperial'"),
    ],
)
def test_bad_input_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(PayloadError, match=told):
        made(*flat(), **given)


def test_cartons_for_an_unknown_room_name_the_rooms() -> None:
    with pytest.raises(PayloadError, match=r"no room 'attic'.*bedroom, salon"):
        made(*flat(), cartons={"attic": 3})


def test_vehicle_without_a_price_is_named() -> None:
    rates = {**HOURLY, "per_load": {"van": 90}}
    with pytest.raises(PayloadError, match=r"no price for a load of 'lorry'.*choose one of van"):
        made(*flat(), vehicles=[VAN, LORRY], rates=rates, vehicle="lorry")


def test_crew_that_is_too_small_for_the_heaviest_thing_is_noted() -> None:
    notes = made(line("upright_piano", 1), crew=2).notes
    assert "The heaviest thing needs 3 persons; the crew is 2." in notes


def test_two_thousand_lines_are_estimated() -> None:
    keys = [item.key for item in SHIPPED.items]
    many = [
        line(keys[n % len(keys)], 1 + n % 3, room=f"room {n // 20}", room_type="bedroom")
        for n in range(2000)
    ]
    found = made(*many, rates=HOURLY)
    assert len({one.room for one in found.cartons}) == 100
    assert found.price is not None


# -- properties

KEYS = ["sofa_3_seat", "chair", "wardrobe_2_door", "bookcase", "upright_piano", "double_bed"]
things = st.lists(
    st.builds(
        lambda key, room, count: line(key, count, room=room, room_type=room),
        st.sampled_from(KEYS),
        st.sampled_from(["living room", "kitchen", "bedroom", "boudoir"]),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda one: (one.room, one.key),
)
accesses = st.builds(
    lambda floor, lift, distance, narrow: {
        "floor": floor,
        "lift": lift,
        "distance": distance,
        "narrow": narrow,
    },
    st.integers(-2, 12),
    st.sampled_from(["none", "small", "furniture"]),
    st.floats(0, 200),
    st.booleans(),
)
terms = st.fixed_dictionaries(
    {
        "access": st.tuples(accesses, accesses),
        "rates": st.sampled_from([HOURLY, BY_VOLUME]),
        "packing": st.sampled_from(["self", "fragile", "full"]),
        "crew": st.integers(1, 8),
        "km": st.integers(0, 300),
    }
)
FULL = {"per_km": "0.90", "per_carton": "2.20", "per_load": {"van": "90"}}


def priced(lines: list[InventoryLine], given: dict[str, Any]) -> Decimal:
    price = made(*lines, **{**given, "rates": {**given["rates"], **FULL}, "vehicles": [VAN]}).price
    assert price is not None
    return price.total


@given(things, things, terms)
def test_more_volume_never_costs_less_at_fixed_crew_and_vehicle(
    some: list[InventoryLine], more: list[InventoryLine], given: dict[str, Any]
) -> None:
    rooms = {(one.room, one.key) for one in some}
    added = [one for one in more if (one.room, one.key) not in rooms]
    assert priced(some, given) <= priced([*some, *added], given)


@given(things, terms, st.randoms(use_true_random=False))
def test_order_of_rooms_and_lines_does_not_matter(
    lines: list[InventoryLine], given: dict[str, Any], shuffle: random.Random
) -> None:
    mixed = list(lines)
    shuffle.shuffle(mixed)
    catalogue_order = estimate_of(inventory(*lines), SHIPPED, terms_of(given))
    base = inventory(*lines)
    rooms = list(base.rooms)
    shuffle.shuffle(rooms)
    turned = base.model_copy(update={"lines": tuple(mixed), "rooms": tuple(rooms)})
    assert estimate_of(turned, SHIPPED, terms_of(given)) == catalogue_order


@given(things, terms)
def test_ends_are_in_order(lines: list[InventoryLine], given: dict[str, Any]) -> None:
    found = made(*lines, **given)
    for of in (found.things, found.carton_count, found.volume, found.weight):
        assert of.low <= of.usual <= of.high
    assert found.price is not None
    assert found.price.total_low <= found.price.total <= found.price.total_high
