"""The range of a volume: what widens it, what does not matter, and what it never does."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.errors import ConfigurationError, PayloadError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.lines import with_lines, with_range
from photoqueue.inventory.ranges import Range, move_range
from photoqueue.records.results import (
    FOR_TRYING_OUT,
    EngineUse,
    InventoryLine,
    InventoryResult,
    range_note,
    share_words,
)
from tests.homes import truth, write_home
from tools.comparison import compare
from tools.ranges import read_tables

CATALOGUE = Catalogue.load()
KEYS = ("chair", "sofa_3_seat", "wardrobe_2_door", "stool", "rug", "desk")


def line(
    key: str | None = "chair", count: int = 1, room: str = "salon", **given: object
) -> InventoryLine:
    known = CATALOGUE.by_key(key or "")
    low, usual, high = (
        (known.volume_low, known.volume_usual, known.volume_high) if known else (0.4, 0.4, 0.4)
    )
    return InventoryLine.model_validate(
        {
            "room": room,
            "room_type": "other",
            "key": key,
            "name": key or "totem",
            "category": "furniture",
            "count": count,
            "dismountable": False,
            "volume": usual * count,
            "volume_min": low * count,
            "volume_max": high * (count + int(str(given.get("held_back", 0)))),
            "photos": (),
            **given,
        }
    )


def inventory(*lines: InventoryLine, reviewed: bool = False, **given: object) -> InventoryResult:
    rooms = tuple(sorted({one.room for one in lines}))
    return InventoryResult.model_validate(
        {
            "project_id": "m",
            "total_items": 0,
            "total_volume": 0.0,
            "total_volume_min": 0.0,
            "total_volume_max": 0.0,
            "rooms": rooms,
            "strategy": "max",
            "lines": lines,
            "photo_count": 1,
            "engines": (EngineUse(engine="detector", model="deimv2_hgnetv2_femto_coco", photos=1),),
            "reviewed_rooms": dict.fromkeys(rooms, "mia") if reviewed else None,
            **given,
        }
    )


def width(found: Range) -> float:
    return found.high - found.low


_lines = st.lists(
    st.builds(
        line,
        st.sampled_from([*KEYS, None]),
        st.integers(0, 4),
        st.sampled_from(["salon", "bedroom 1", "cellar"]),
        held_back=st.integers(0, 2),
        settled=st.integers(0, 3),
        corrected=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: (one.room, one.key),
)
_inventories = st.builds(
    lambda lines, reviewed: inventory(*lines, reviewed=reviewed), _lines, st.booleans()
)
_shares = st.floats(0.01, 0.99)


@given(_inventories, _shares, _shares)
def test_wider_share_contains_the_narrower_one(
    result: InventoryResult, one: float, other: float
) -> None:
    inner, outer = (move_range(result, share=share) for share in sorted((one, other)))
    assert outer.low <= inner.low <= inner.usual <= inner.high <= outer.high


@given(_inventories, st.randoms(use_true_random=False))
def test_order_of_rooms_and_lines_does_not_matter(result: InventoryResult, random: Random) -> None:
    lines, rooms = list(result.lines), list(result.rooms)
    random.shuffle(lines)
    random.shuffle(rooms)
    shuffled = result.model_copy(update={"lines": tuple(lines), "rooms": tuple(rooms)})
    assert move_range(shuffled) == move_range(result)


@given(_inventories, st.data(), _shares)
def test_one_more_thing_never_lowers_an_end(
    result: InventoryResult, data: st.DataObject, share: float
) -> None:
    room = data.draw(st.sampled_from([*result.rooms, "attic"]))
    key = data.draw(st.sampled_from(KEYS))
    lines = [one for one in result.lines if (one.room, one.key) != (room, key)]
    same = next((one for one in result.lines if (one.room, one.key) == (room, key)), None)
    held, by_person = (same.held_back, same.corrected) if same else (0, data.draw(st.booleans()))
    settled = same.settled if same else data.draw(st.integers(0, 1))
    count = same.count if same else 0
    if same and not count:
        return  # what is held back alone is taken at its largest; counted, at its usual volume
    longer = line(key, count + 1, room, held_back=held, corrected=by_person, settled=settled)
    more = result.model_copy(
        update={
            "lines": (*lines, longer),
            "rooms": tuple(sorted({*result.rooms, room})),
        }
    )
    before, after = move_range(result, share=share), move_range(more, share=share)
    assert before.low <= after.low
    assert before.high <= after.high
    assert before.usual < after.usual


@given(_inventories)
def test_range_of_a_room_is_nowhere_above_that_of_the_move(result: InventoryResult) -> None:
    move = move_range(result)
    rooms = [move_range(result, room=room) for room in result.rooms]
    for of_room in rooms:
        assert of_room.low <= move.low + 1e-9
        assert of_room.high <= move.high + 1e-9
    assert sum(one.usual for one in rooms) == pytest.approx(move.usual)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(PayloadError, match=r"between 0 and 1, such as 0\.8"):
        move_range(inventory(line()), share=share)


def test_empty_inventory_has_no_volume() -> None:
    assert move_range(inventory()) == Range(0.0, 0.0, 0.0)


def test_things_vary_together_and_not_one_by_one() -> None:
    one = move_range(inventory(line(), reviewed=True))
    many = move_range(inventory(*(line(room=f"room {n}") for n in range(16)), reviewed=True))
    mixed = move_range(inventory(*map(line, KEYS), reviewed=True))
    # Sixteen chairs of one move are all large or all small; independent ones would be a quarter.
    assert width(many) == pytest.approx(16 * width(one))
    # Different kinds share a part: less wide than one kind, and wider than independent ones.
    alone = [width(move_range(inventory(line(key), reviewed=True))) for key in KEYS]
    assert sum(w * w for w in alone) ** 0.5 < 0.95 * width(mixed) < 0.95 * sum(alone)


def test_review_leaves_the_spread_of_the_catalogue_alone() -> None:
    lines = [line(key, 2) for key in KEYS]
    found, seen = move_range(inventory(*lines)), move_range(inventory(*lines, reviewed=True))
    by_person = (one.model_copy(update={"corrected": True}) for one in lines)
    assert width(seen) < width(move_range(inventory(*by_person))) < width(found)
    assert found.usual == seen.usual
    # Things that a person accepted are there, and call for no others that were missed.
    accepted = move_range(inventory(*(line(key, 2, settled=2) for key in KEYS)))
    one_of_two = move_range(inventory(*(line(key, 2, settled=1) for key in KEYS)))
    assert width(accepted) < width(one_of_two) < width(found)
    # An engine that is right less often has a wider one; a reviewed room does not ask which.
    better = (EngineUse(engine="builtin", model="photoqueue-rooms-1", photos=1),)
    assert width(move_range(inventory(*lines, engines=better))) < width(found)
    assert move_range(inventory(*lines, engines=better, reviewed=True)) == seen


def test_model_tried_on_real_photos_is_not_taken_to_be_right() -> None:
    lines = [line(key, 2) for key in KEYS]
    use = (EngineUse(engine="builtin", model="photoqueue-rooms-1", photos=2),)
    samples = move_range(inventory(*lines, engines=use))
    tried = move_range(inventory(*lines, engines=use, warnings=(f"{FOR_TRYING_OUT} (1 of 2)",)))
    assert tried.low < 0.7 * samples.low


def test_engine_that_nobody_measured_may_miss_little_or_much() -> None:
    lines = [line(key, 2, room=room) for key in KEYS for room in ("salon", "office")]
    unknown = (EngineUse(engine="detector", model="unheard-of", photos=2),)
    known = (EngineUse(engine="detector", model="deimv2_hgnetv2_femto_coco", photos=2),)
    open_, told = (
        with_range(with_lines(inventory(engines=use), tuple(lines))) for use in (unknown, known)
    )
    # Things of the list are as sure to be there, and how much it lacks is not known.
    assert open_.total_volume_min < told.total_volume_min
    assert open_.total_volume_min < 0.9 * open_.total_volume
    assert (range_note(open_), range_note(inventory())) == ("", "")


def test_range_that_lies_on_one_side_says_so() -> None:
    one = inventory(line()).model_copy(update={"total_volume": 10.0})
    below = one.model_copy(update={"total_volume_min": 4.0, "total_volume_max": 10.2})
    assert range_note(below, "fr").startswith("Le modèle invente plus")
    above = one.model_copy(update={"total_volume_min": 9.8, "total_volume_max": 15.0})
    assert range_note(above).startswith("The engine misses more than it invents: expect more")
    both = one.model_copy(update={"total_volume_min": 9.0, "total_volume_max": 12.0})
    assert range_note(both) == ""


def test_room_without_findings_may_hold_something_until_it_is_reviewed() -> None:
    unseen = inventory().model_copy(update={"rooms": ("cellar",)})
    assert move_range(unseen).high > 0
    reviewed = unseen.model_copy(update={"reviewed_rooms": {"cellar": "mia"}})
    assert move_range(reviewed).high == 0


def test_volume_that_a_person_gave_is_certain_and_that_of_an_engine_is_not() -> None:
    given = inventory(line(None, corrected=True), reviewed=True)
    assert move_range(given) == Range(0.4, 0.4, 0.4)
    found = move_range(inventory(line(None), reviewed=True))
    assert found.low < 0.4 < found.high


def test_other_quantities_vary_as_the_volume_does() -> None:
    lines = [line(key, 2) for key in KEYS]

    def kilograms(one: InventoryLine) -> tuple[float, float, float]:
        return tuple(100 * v / one.count for v in (one.volume_min, one.volume, one.volume_max))  # type: ignore[return-value]  # three of them

    weight = move_range(inventory(*lines), each=kilograms, unseen=100.0)
    volume = move_range(inventory(*lines))
    assert (weight.low, weight.high) == pytest.approx((100 * volume.low, 100 * volume.high))


def test_totals_of_an_inventory_are_the_range_in_eight_of_ten_moves() -> None:
    result = inventory(*(line(key, 2) for key in KEYS))
    counted = with_range(with_lines(result, result.lines))
    between = move_range(result, share=0.8)
    assert counted.total_volume_min == round(between.low, 3)
    assert counted.total_volume_max == round(between.high, 3)
    assert counted.volume_between.endswith(" m³ in 8 of 10 moves")
    assert share_words(0.95) == "in 95 of 100 moves"
    assert share_words(0.8, "fr") == "dans 8 déménagements sur 10"


def test_evaluation_counts_how_often_ranges_hold_what_is_there(tmp_path: Path) -> None:
    for name in ("home-1", "home-2"):
        write_home(tmp_path / "samples", truth(name))
    movers = tmp_path / "movers.csv"
    head = "item_en,item_fr,A,B,C,D,E,F,G,H\n"
    # One mover counts a sofa so large that no range holds it.
    movers.write_text(f"{head}sofa 3-seat,canapé 3 places,40,,,,,,,1.7\n")

    done = compare([], samples=tmp_path / "samples", tables=movers)
    alone = compare([], samples=tmp_path / "samples")

    assert [one.home for one in done.ranges] == ["home-1", "home-2"]
    for one, without in zip(done.ranges, alone.ranges, strict=True):
        assert (one.engine, one.usual) == ("reviewed", one.true_volume)
        assert (one.move_cases, one.move_held) == (9, 8)
        assert (without.move_cases, without.move_held) == (1, 1)
        assert one.room_held < one.room_cases == 9 * without.room_cases


def test_movers_tables_that_cannot_be_read_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "movers.csv").write_text("thing,volume\nsofa,1\n")
    with pytest.raises(ConfigurationError, match=r"movers\.csv cannot be read"):
        read_tables(tmp_path / "movers.csv", CATALOGUE)
