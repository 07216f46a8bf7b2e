"""An estimate of a project, in Python and in the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

import photoqueue
from photoqueue import estimate, review, submit_inventory
from photoqueue.errors import ConfigurationError, NotFoundError, PayloadError, UnknownProjectError
from photoqueue.installation import Installation
from tests.integration.conftest import Run
from tests.integration.test_review import LEFT, RIGHT, Move, seen

RATES = """
[rates]
currency = "EUR"
vat = 20
per_hour = 34.90
"""


@pytest.fixture
def move(installation: Installation) -> Move:
    """A salon with a sofa and a bookcase; added up."""
    made = Move(installation)
    made.analyse("s1", seen("sofa_3_seat", LEFT), seen("bookcase", RIGHT))
    made.bench(submit_inventory("m1"))
    return made


def test_estimate_counts_on_the_inventory_with_all_edits(move: Move) -> None:
    before = estimate("m1", lang="en")
    assert before.things.usual == pytest.approx(2.48)
    reader = review("m1", user_id="ana")
    items = reader.items().set_index("name")["item_id"]
    reader.stays(items["bookcase"])
    after = estimate("m1", lang="en")
    assert after.things.usual == pytest.approx(1.7)
    assert after.cartons == before.cartons  # its books move
    reader.add("s1", "piano")
    assert estimate("m1").crew == 3


def test_estimate_needs_a_project_that_was_added_up(installation: Installation) -> None:
    with pytest.raises(UnknownProjectError, match="m1"):
        estimate("m1")
    Move(installation).analyse("s1", seen("chair"))
    with pytest.raises(NotFoundError, match=r"submit_inventory\('m1'\)"):
        estimate("m1")
    with pytest.raises(PayloadError, match="floor"):  # before anything is read
        estimate("no such move", access=[{"floor": 400}, {}])
    with pytest.raises(ConfigurationError, match="'de'"):
        estimate("m1", lang="de")


def test_shell_shows_the_working_and_the_price(move: Move, run: Run, tmp_path: Path) -> None:
    rates, ends = tmp_path / "rates.toml", tmp_path / "m1.toml"
    rates.write_text(RATES)
    ends.write_text("km = 10\n[[access]]\nfloor = 2\n[[access]]\n")

    shown = run("estimate", "m1", "--terms", rates, "--terms", ends, "--lang", "en")
    told = run("estimate", "m1", "--terms", rates, "--units", "imperial", "--json")

    assert shown.code == 0
    assert "Estimate of m1, not a quote" in shown.out
    assert "stairs +40 %" in shown.out
    price = photoqueue.estimate(
        "m1",
        rates={"currency": "EUR", "vat": 20, "per_hour": "34.90"},
        km=10,
        access=[{"floor": 2}, {}],
    ).price
    assert price is not None
    assert str(price.total) in shown.out
    assert "Access was not given" not in shown.err
    assert (told.json["units"], told.json["price"]["currency"]) == ("imperial", "EUR")


def test_shell_names_what_is_wrong_with_the_terms(move: Move, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "terms.toml"
    for text, told in (
        ("flor = 3", "'flor', which is unknown. Use access, rates"),
        ("access = [", "terms.toml cannot be read"),
        ("[[access]]\nfloor = 400\n[[access]]", "access.0.floor"),
        ("[rates]\nper_hour = 30", "rates.currency: field required"),
    ):
        file.write_text(text)
        shown = run("estimate", "m1", "--terms", file)
        assert shown.code != 0
        assert told in shown.err
        assert "Traceback" not in shown.err
