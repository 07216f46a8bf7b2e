"""Hours by hand, from the averages that movers publish."""

from __future__ import annotations

from typing import Any

import pytest

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.labour import (
    LOADING,
    Burden,
    burden_of,
    carrying_hours,
    drives,
    pace_of,
    packing_hours,
    quarters,
    surcharges,
)
from photoqueue.records.estimates import Access
from tests.inventories import inventory, line

HALF = Burden(small=5.0, large=5.0, apart=0, heaviest=2)


@pytest.mark.parametrize(
    ("access", "shares"),
    [
        ({}, {}),
        ({"distance": 15}, {}),
        ({"floor": 3}, {"stairs": 0.6}),
        ({"floor": -1}, {"stairs": 0.2}),
        ({"floor": 7, "lift": "furniture"}, {"lift": 0.25}),
        ({"floor": 4, "lift": "small"}, {"stairs": 0.4, "lift": 0.125}),
        ({"distance": 45}, {"distance": 0.4}),
        ({"narrow": True}, {"narrow": 0.15}),
        ({"lift": "small", "distance": 30}, {"distance": 0.2}),
    ],
)
def test_access_lengthens_the_work(access: dict[str, Any], shares: dict[str, float]) -> None:
    assert surcharges(HALF, Access(**access)) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("crew", "pace"), [(1, 1.14), (2, 2), (3, 2.86), (4, 3.43), (5, 4), (6, 4.57), (8, 5.71)]
)
def test_larger_crews_do_less_each(crew: int, pace: float) -> None:
    assert pace_of(crew) == pytest.approx(pace)
    assert crew == 1 or pace_of(crew) / crew <= pace_of(crew - 1) / (crew - 1)


def test_two_persons_move_100_cubic_feet_an_hour() -> None:
    cubic_metres = 100 * 0.0283168
    whole = sum(base * cubic_metres / pace_of(2) for base in (LOADING, 0.3))
    assert whole == pytest.approx(1, abs=0.01)


def test_hours_are_quarters_and_never_less() -> None:
    assert [quarters(hours) for hours in (0, 0.01, 0.25, 0.26, 1.99)] == [0, 0.25, 0.25, 0.5, 2]
    # (0.4 × 10 m³ + 8 × 15 min) ÷ 2
    assert carrying_hours(Burden(5, 5, 8, 2), Access(), LOADING, 2) == 3
    assert packing_hours(2.0, 2) == 1.75


def test_a_load_goes_there_and_the_vehicle_comes_back_for_the_next() -> None:
    assert [drives(loads) for loads in range(4)] == [0, 1, 3, 5]


def test_burden_has_what_one_person_carries_and_what_is_taken_apart() -> None:
    things = inventory(
        line("chair", 4),  # 1.00 m³ by one person, 4 × 0.4 taken apart
        line("double_bed", 1),  # 2.00 m³ by two, 0.95
        line("wardrobe_2_door", 0, stays=3),  # stays
    )
    assert burden_of(things, Catalogue.load(), 0.5) == Burden(1.5, 2.0, apart=3, heaviest=2)
