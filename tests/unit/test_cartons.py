"""Cartons that a home needs: from its rooms and furniture, less those that are seen."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.inventory.cartons import CONTENTS, KINDS, LOOSE, cartons_of, spread
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import ROOM_TYPES
from photoqueue.records.estimates import CartonLine
from photoqueue.records.results import InventoryLine
from tests.inventories import inventory, line

SHIPPED = Catalogue.load()
ROOMS = {"salon": "living room", "kitchen": "cuisine", "bedroom 1": "bedroom", "x": "boudoir"}
lines = st.lists(
    st.builds(
        lambda key, room, count, stays: line(
            key, count, room=room, room_type=ROOMS[room], stays=stays
        ),
        st.sampled_from([*CONTENTS, *KINDS, "sofa_3_seat", "chair"]),
        st.sampled_from(list(ROOMS)),
        st.integers(0, 4),
        st.integers(0, 1),
    ),
    max_size=12,
    unique_by=lambda one: (one.room, one.key),
)


def cartons(*of: InventoryLine, **options: object) -> list[CartonLine]:
    return list(cartons_of(inventory(*of), SHIPPED, **options))


def total(found: list[CartonLine]) -> tuple[int, int, int]:
    return tuple(sum(getattr(one, end) for one in found) for end in ("low", "usual", "high"))


def test_every_kind_of_room_and_every_piece_of_furniture_is_known() -> None:
    assert set(LOOSE) == set(ROOM_TYPES)
    assert {key for key in CONTENTS if SHIPPED.by_key(key) is None} == set()


def test_kitchen_needs_cartons_for_fitted_cupboards_half_of_them_with_dishes() -> None:
    table = line("kitchen_table", 5, room="kitchen", room_type="cuisine")  # 3.6 m³: medium
    found = cartons(table)
    assert [(one.key, one.fragile, one.low, one.usual, one.high) for one in found] == [
        ("box_standard", False, 2, 5, 8),
        ("box_standard", True, 2, 5, 8),
    ]


@pytest.mark.parametrize(
    ("sofas", "cartons_", "size"), [(1, 3, "small"), (2, 4, "medium"), (5, 6, "large")]
)
def test_larger_rooms_have_more_loose_things(sofas: int, cartons_: int, size: str) -> None:
    (found,) = cartons(line("sofa_3_seat", sofas))  # 4 × 0.7, 1 or 1.4
    assert found.usual == cartons_
    assert found.formula.startswith(f"{size} room")


def test_glass_and_dishes_are_fragile() -> None:
    dining = {"room": "dining", "room_type": "dining room"}
    cabinet, sideboard = line("display_cabinet", 1), line("sideboard", 1, **dining)
    found = {(one.room, one.fragile): one.formula for one in cartons(cabinet, sideboard)}
    assert found == {
        ("salon", False): "small room 2.8",
        ("salon", True): "display cabinet 5.6",
        ("dining", False): "small room 0.7",
        ("dining", True): "small room 0.7 + sideboard 4.7",
    }


def test_furniture_adds_what_it_holds() -> None:
    sofas = line("sofa_3_seat", 2)
    shelves = line("bookcase", 2)  # 2 × 0.78 m³ × 25 % ÷ 0.04 m³ = 9.75
    before, after = cartons(sofas), cartons(sofas, shelves)
    assert after[:1] == before
    books = after[1]
    assert (books.key, books.low, books.usual, books.high) == ("box_books", 4, 10, 15)
    assert books.formula == "bookcase 9.8"


def test_furniture_that_stays_is_emptied_all_the_same() -> None:
    moving = total(cartons(line("sofa_3_seat", 2), line("bookcase", 2)))
    staying = total(cartons(line("sofa_3_seat", 2), line("bookcase", 0, stays=2)))
    assert moving == staying


def test_cartons_that_are_seen_are_subtracted_in_their_room_first() -> None:
    rooms = [
        line("sofa_3_seat", 2),
        line("double_bed", 2, room="bedroom", room_type="bedroom"),
    ]
    packed = line("box_standard", 3, room="bedroom", room_type="bedroom")
    before = {one.room: one.usual for one in cartons(*rooms)}
    after = {one.room: one for one in cartons(*rooms, packed)}
    assert (before["bedroom"], after["bedroom"].usual) == (3, 0)
    assert after["salon"].usual == before["salon"]
    assert (after["bedroom"].seen, after["bedroom"].formula) == (3, "medium room 3, less 3 seen")


def test_more_seen_than_the_room_needs_are_subtracted_elsewhere() -> None:
    rooms = [
        line("sofa_3_seat", 2),
        line("double_bed", 2, room="bedroom", room_type="bedroom"),
        line("box_standard", 5, room="bedroom", room_type="bedroom"),
    ]
    assert {one.room: one.usual for one in cartons(*rooms)} == {"bedroom": 0, "salon": 2}
    many = line("box_standard", 500, room="bedroom", room_type="bedroom")
    assert total(cartons(*rooms[:2], many)) == (0, 0, 0)


def test_own_figure_of_the_move_wins_and_counts_those_that_are_seen() -> None:
    rooms = [line("sofa_3_seat", 2), line("box_standard", 5), line("bookcase", 2)]
    found = cartons(*rooms, given=40)
    assert total(found) == (35, 35, 35)
    assert all(one.given for one in found)
    assert {one.formula for one in found} == {
        "your figure, 40 in all, less 5 seen",
        "your figure, 40 in all",
    }
    assert total(cartons(*rooms, given=3)) == (0, 0, 0)


def test_own_figure_of_a_room_leaves_the_others() -> None:
    rooms = [line("sofa_3_seat", 2), line("double_bed", 2, room="bedroom", room_type="bedroom")]
    before = {one.room: one for one in cartons(*rooms)}
    after = {one.room: one for one in cartons(*rooms, given={"salon": 12})}
    assert (after["salon"].low, after["salon"].usual, after["salon"].high) == (12, 12, 12)
    assert after["bedroom"] == before["bedroom"]


def test_formulas_are_in_french_too() -> None:
    found = cartons(line("sofa_3_seat", 2), line("bookcase", 2), lang="fr")
    assert [one.formula for one in found] == ["pièce moyenne 4", "bibliothèque 9,8"]


@given(lines)
def test_order_of_lines_and_rooms_does_not_matter(of: list[InventoryLine]) -> None:
    mixed = list(of)
    random.Random(7).shuffle(mixed)
    assert cartons(*mixed) == cartons(*of)


@given(lines)
def test_range_is_in_order_and_seen_cartons_never_add(of: list[InventoryLine]) -> None:
    found = cartons(*of)
    assert all(0 <= one.low <= one.usual <= one.high for one in found)
    unseen = [one.model_copy(update={"count": 0}) if one.key in KINDS else one for one in of]
    assert all(map(int.__le__, total(found), total(cartons(*unseen))))


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 1e4), min_size=1, max_size=20))
def test_spread_gives_all_and_in_proportion(number: int, shares: list[float]) -> None:
    parts = spread(number, shares)
    assert sum(parts) == number
    exact = [number * share / sum(shares) for share in shares]
    assert all(abs(part - one) < 1.001 for part, one in zip(parts, exact, strict=True))
