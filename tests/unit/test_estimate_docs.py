"""The example of the documentation, worked by hand, is what the code calculates."""

from __future__ import annotations

import math
import re
import tomllib
from decimal import ROUND_HALF_UP, Decimal

import pytest

from photoqueue import Estimate
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.estimating import estimate_of, terms_of
from tests.conftest import REPOSITORY
from tests.inventories import inventory, line

PAGE = (REPOSITORY / "docs/how-to/estimate.md").read_text(encoding="utf-8")
SHIPPED = Catalogue.load()
CARTONS = {
    "standard": ("box_standard", False),
    "standard, with dishes": ("box_standard", True),
    "books": ("box_books", False),
    "wardrobe": ("box_wardrobe", False),
}


def rows(header: str) -> list[list[str]]:
    """Return the cells of the table with this first row."""
    table = PAGE.split(f"\n| {header} |\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def by_hand(text: str) -> Decimal | None:
    """Calculate what a cell says; ``None`` if it is words."""
    if re.search(r"[^-\d\s.+×÷()%]", text):
        return None
    python = re.sub(r"(\d+(?:\.\d+)?)", r"Decimal('\1')", text)
    python = python.replace("×", "*").replace("÷", "/").replace("%", "/ 100")
    result = eval(python, {"Decimal": Decimal})
    assert isinstance(result, Decimal)
    return result


@pytest.fixture(scope="module")
def made() -> Estimate:
    toml = PAGE.split("```toml\n", 1)[1].split("```", 1)[0]
    things = [
        line(thing, int(count), room=room, room_type=room, stays=int(stays or 0))
        for room, thing, count, stays, _, _ in rows(
            "room | thing | count | stays | m³ of one | kg of one"
        )
    ]
    terms = terms_of(tomllib.loads(toml, parse_float=Decimal))
    return estimate_of(inventory(*things), SHIPPED, terms)


def test_things_are_those_of_the_catalogue() -> None:
    for _, key, _, _, volume, weight in rows(
        "room | thing | count | stays | m³ of one | kg of one"
    ):
        item = SHIPPED.by_key(key)
        assert item is not None
        assert (item.volume_usual, item.weight_usual) == (float(volume), float(weight)), key


def test_cartons_are_those_worked_by_hand(made: Estimate) -> None:
    found = {(one.room, one.key, one.fragile): one.usual for one in made.cartons}
    told = rows("room | cartons | by hand | number")
    assert len(told) == len(found)
    for room, kind, worked, number in told:
        assert found[(room, *CARTONS[kind])] == int(number)
        assert (by_hand(worked) or Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP) == int(number)


def test_figures_are_those_worked_by_hand(made: Estimate) -> None:
    found = {one.what: (one.figure, one.unit) for one in made.working}
    told = rows("figure | by hand | result")
    assert {what for what, _, _ in told} == set(found) - {"cartons still to be packed"}
    for what, worked, result in told:
        number, _, unit = result.partition(" ")
        assert found[what][0] == float(number), what
        assert found[what][1].replace("persons", "") == unit, what
        exact = by_hand(worked)
        if exact is not None and unit == "h":
            assert math.ceil(exact * 4) / Decimal(4) == Decimal(number), what
        elif exact is not None:
            assert exact == Decimal(number), what


def test_access_lengthens_the_work_as_worked_by_hand(made: Estimate) -> None:
    for key, base in (("loading", "0.4"), ("unloading", "0.3")):
        (formula,) = (one.formula for one in made.working if one.key == key)
        (factor,) = re.findall(r"per m³ × ([\d.]+)", formula)
        (worked,) = (worked for what, worked, _ in rows("figure | by hand | result") if what == key)
        exact = by_hand(f"({base} × 14.30 × {factor} + 7 × 0.25) ÷ 2.86")
        assert by_hand(worked) == pytest.approx(exact, abs=Decimal("0.002")), key


def test_price_is_that_worked_by_hand_to_the_cent(made: Estimate) -> None:
    price = made.price
    assert price is not None
    found = {one.what: one.amount for one in price.lines}
    found |= {"net": price.net, "VAT": price.vat, "total": price.total}
    told = rows("line | by hand | EUR")
    assert [what for what, _, _ in told] == list(found)
    for what, worked, amount in told:
        assert str(found[what]) == amount, what
        exact = by_hand(worked)
        assert exact is not None
        assert exact.quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(amount), what
