"""What differs between two inventories."""

from __future__ import annotations

import pytest

from photoqueue import compare
from photoqueue.errors import PayloadError
from photoqueue.inventory.changes import InventoryChanges, changes_between, signed
from photoqueue.inventory.lines import with_lines
from photoqueue.records.results import InventoryLine, InventoryResult
from tests.unit.test_ranges import inventory, line


def listing(*lines: InventoryLine, **given: object) -> InventoryResult:
    result = inventory(*lines, **given)  # type: ignore[arg-type]  # any field
    return with_lines(result, result.lines)


BEFORE = listing(
    line("chair", 4),
    line("sofa_3_seat"),
    line("rug", room="bedroom"),
    line("stool", 0, held_back=1),
    line(None, 1),
)
AFTER = listing(
    line("chair", 6),
    line("sofa_2_seat"),
    line("rug", room="bedroom", corrected=True),
    line("stool", 2),
    line(None, 1, volume=0.6),
)


def test_what_came_went_and_changed_is_told_with_its_volume() -> None:
    found = changes_between(BEFORE, AFTER)

    told = {
        one.key or one.name: (one.change, one.count_before, one.count_after)
        for one in found.changes
    }
    assert told == {
        "chair": ("changed", 4, 6),
        "sofa_3_seat": ("went", 1, 0),
        "sofa_2_seat": ("came", 0, 1),
        "stool": ("came", 0, 2),
        "totem": ("changed", 1, 1),
    }
    assert (found.items, found.volume) == (4, 0.1)  # 2 × 0.25 + 2 × 0.05 − 1.7 + 1 + 0.2
    assert found.volume == round(AFTER.total_volume - BEFORE.total_volume, 3)
    assert repr(found) == "<InventoryChanges m: 2 came, 1 went, 2 changed; +4 things, +0.10 m³>"
    frame = found.to_frame()
    assert list(frame["change"]) == [one.change for one in found.changes]
    assert (frame["volume_after"] - frame["volume_before"]).sum() == pytest.approx(0.1)


def test_changes_the_other_way_are_the_opposite() -> None:
    there, back = changes_between(BEFORE, AFTER), changes_between(AFTER, BEFORE)
    assert (back.items, back.volume) == (-there.items, -there.volume)
    assert "+" not in back.words


def test_inventories_that_are_equal_say_so() -> None:
    found = changes_between(BEFORE, BEFORE)
    assert (found.changes, found.items, found.volume) == ((), 0, 0.0)
    assert repr(found) == "<InventoryChanges m: nothing changed>"
    assert list(found.to_frame().columns)[:3] == ["room", "name", "change"]


def test_rooms_are_compared_by_name() -> None:
    found = changes_between(listing(line("chair")), listing(line("chair", room="salon 2")))
    assert [(one.room, one.change) for one in found.changes] == [
        ("salon", "went"),
        ("salon 2", "came"),
    ]
    assert found.items == 0


def test_repr_of_two_long_names_is_one_short_line() -> None:
    other = AFTER.model_copy(update={"project_id": "another\n" * 20})
    shown = repr(changes_between(BEFORE, other))
    assert "\n" not in shown
    assert len(shown) <= 90


def test_card_escapes_names_and_says_how_many_more() -> None:
    many = listing(*(line(None, name=f"<b>{n}</b>", category="misc") for n in range(250)))
    html = changes_between(listing(), many)._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;1&lt;/b&gt;" in html
    assert "… and 50 changes more" in html


def test_json_has_the_names_of_the_contract() -> None:
    found = changes_between(BEFORE, AFTER)
    assert '"countBefore":4' in found.to_json()
    assert InventoryChanges.model_validate_json(found.to_json()) == found


def test_compare_takes_inventories_and_refuses_what_is_none() -> None:
    assert compare(BEFORE, AFTER) == changes_between(BEFORE, AFTER)
    with pytest.raises(PayloadError, match=r"42 is no inventory\. Give the result"):
        compare(BEFORE, 42)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(1.2, 2, "+1.20"), (-3, 0, "-3"), (0, 0, "0"), (0.001, 2, "0.00"), (1000, 0, "+1,000")],
)
def test_differences_have_their_sign(value: float, decimals: int, written: str) -> None:
    assert signed(value, decimals) == written
