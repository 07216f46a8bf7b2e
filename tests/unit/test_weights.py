"""What the things of an inventory weigh."""

from __future__ import annotations

import pytest

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.weights import persons_to_carry, weight_of_one, weight_words
from photoqueue.records.results import InventoryLine
from tests.inventories import inventory, line

SHIPPED = Catalogue.load()
one = weight_of_one(SHIPPED)


def test_thing_of_the_catalogue_has_its_weight() -> None:
    sofa = SHIPPED.find("sofa")
    found = one(line("sofa_3_seat", 2))
    assert found == (sofa.weight_low, sofa.weight_usual, sofa.weight_high)


def test_thing_whose_volume_a_person_set_weighs_in_proportion() -> None:
    assert one(line("sofa_3_seat", 2, volume=3.4)) == pytest.approx((84, 152, 286))


@pytest.mark.parametrize(
    ("category", "kilograms", "persons"),
    [("furniture", 100, 2), ("appliance", 200, 3), ("x", 200, 3)],
)
def test_thing_that_the_catalogue_lacks_weighs_by_volume_and_category(
    category: str, kilograms: float, persons: int
) -> None:
    own = line(None, 1, volume=2.0, name="kiln", category=category)
    assert one(own) == (kilograms, kilograms, kilograms)
    assert persons_to_carry(own, SHIPPED) == persons


def test_thing_that_is_held_back_has_the_weight_of_the_catalogue() -> None:
    held = line("sofa_3_seat", 0).model_copy(update={"volume_max": 3.0, "held_back": 1})
    assert one(held)[1] == SHIPPED.find("sofa").weight_usual


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        ([], {}, "about 0 kg"),
        ([line("chair", 6)], {}, "about 70 kg"),
        ([line("upright_piano", 8)], {}, "about 1.8 t"),
        ([line("upright_piano", 8)], {"lang": "fr"}, "environ 1,8 t"),
        ([line("chair", 6, stays=2)], {}, "about 70 kg"),  # what stays is not loaded
    ],
)
def test_weight_in_words(lines: list[InventoryLine], options: dict[str, str], words: str) -> None:
    assert weight_words(inventory(*lines), SHIPPED, **options) == words
