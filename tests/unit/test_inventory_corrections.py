"""What a person corrects, put into an inventory."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.correcting import as_photographed, corrected
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.records.results import (
    Correction,
    FoundItem,
    InventoryLine,
    InventoryResult,
    PhotoResult,
)

CATALOGUE = Catalogue.load()
NOW = datetime(2026, 11, 25, tzinfo=UTC)
_ids = itertools.count(1)


def inventory(**rooms: list[str | FoundItem]) -> InventoryResult:
    photos = [
        AnalysedPhoto(
            photo_id=f"p-{room}",
            sha256=room,
            room=room,
            result=PhotoResult(
                photo_id=f"p-{room}",
                items=tuple(
                    FoundItem(name=item, category="furniture", dismountable=False, key=item)
                    if isinstance(item, str)
                    else item
                    for item in items
                ),
                room_type="bedroom",
                confidence=0.5,
            ),
        )
        for room, items in rooms.items()
    ]
    return add_up("m1", photos, CATALOGUE)


def correction(room: str, key: str | None, count: int, **values: Any) -> Correction:
    return Correction.model_validate(
        {
            "correction_id": next(_ids),
            "project_id": "m1",
            "room": room,
            "key": key,
            "name": key,
            "category": "furniture",
            "count": count,
            "user_id": "ana",
            "created_at": NOW,
            **values,
        }
    )


def line(result: InventoryResult, room: str, key: str) -> InventoryLine:
    (found,) = [entry for entry in result.lines if (entry.room, entry.key) == (room, key)]
    return found


def test_count_is_set_and_what_the_photos_said_stays_beside_it() -> None:
    base = inventory(salon=["chair", "chair"])

    result = corrected(base, [correction("salon", "chair", 6)], CATALOGUE)

    chairs = line(result, "salon", "chair")
    assert (chairs.count, chairs.seen_count, chairs.corrected) == (6, 2, True)
    assert (chairs.volume_min, chairs.volume, chairs.volume_max) == (0.84, 1.5, 1.8)
    assert (result.total_items, result.total_volume) == (6, 1.5)
    assert chairs.photos == ("p-salon",)
    assert not chairs.review
    assert chairs.reason == "corrected by ana; the photos show 2"


def test_thing_is_added_and_taken_off() -> None:
    base = inventory(salon=["chair", "desk"])
    made = [correction("salon", "upright_piano", 1), correction("salon", "desk", 0)]

    result = corrected(base, made, CATALOGUE, language="fr")

    piano = line(result, "salon", "upright_piano")
    assert (piano.name, piano.count, piano.seen_count, piano.volume) == ("piano droit", 1, 0, 1.2)
    assert (piano.photos, piano.room_type) == ((), "bedroom")
    desk = line(result, "salon", "desk")
    assert (desk.count, desk.seen_count, desk.volume, desk.volume_max) == (0, 1, 0.0, 0.0)
    assert result.total_items == 2


def test_volume_and_taking_apart_can_be_said() -> None:
    base = inventory(salon=["chair"])
    made = [correction("salon", "chair", 2, volume=0.7, dismountable=True)]

    chairs = line(corrected(base, made, CATALOGUE), "salon", "chair")

    assert (chairs.volume_min, chairs.volume, chairs.volume_max) == (1.4, 1.4, 1.4)
    assert (chairs.dismountable, chairs.dismount_probability) == (True, 1.0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_is_held_back_counts_once_a_person_says_so(count: int) -> None:
    doubtful = FoundItem(
        name="moto", category="misc", dismountable=False, key="motorcycle", score=0.4
    )
    photos = [
        AnalysedPhoto(
            photo_id=f"p{number}",
            sha256=str(number),
            room="garage",
            result=PhotoResult(
                photo_id=f"p{number}", items=items, room_type="garage", confidence=0.5
            ),
        )
        for number, items in enumerate([(doubtful,), (), ()])
    ]
    held = add_up("m1", photos, CATALOGUE)
    assert line(held, "garage", "motorcycle").held_back == 1

    result = corrected(held, [correction("garage", "motorcycle", count)], CATALOGUE)

    moto = line(result, "garage", "motorcycle")
    assert (moto.count, moto.held_back, moto.review) == (count, 0, False)
    assert (moto.volume, moto.volume_max) == (1.8 * count, 2.5 * count)
    assert moto.photos == line(held, "garage", "motorcycle").photos
    assert corrected(result, [], CATALOGUE) == corrected(held, [], CATALOGUE)


def test_what_is_held_back_keeps_what_the_engine_said_of_it() -> None:
    kiln = FoundItem(name="kiln", category="misc", dismountable=True, score=0.4, volume=1.5)
    base = inventory(cellar=[kiln])
    (seen,) = base.lines
    held = seen.model_copy(update={"count": 0, "held_back": 1, "volume": 0.0, "volume_min": 0.0})
    base = base.model_copy(update={"lines": (held,)})

    two = correction("cellar", None, 2, name="kiln", category="misc")
    (kilns,) = corrected(base, [two], CATALOGUE).lines

    assert (kilns.volume_min, kilns.volume, kilns.volume_max) == (3.0, 3.0, 3.0)
    assert (kilns.count, kilns.dismountable, kilns.held_back) == (2, True, 0)


def test_thing_of_ones_own_in_a_room_of_ones_own() -> None:
    base = inventory(salon=["chair"])
    made = [correction("cellar", None, 3, name="Totem", category="art", volume=0.5)]

    result = corrected(base, made, CATALOGUE)

    assert result.rooms == ("cellar", "salon")
    totem = result.lines[0]
    assert (totem.name, totem.category, totem.count, totem.volume) == ("Totem", "art", 3, 1.5)


def test_thing_that_the_catalogue_lacks_is_known_by_its_name() -> None:
    totem = FoundItem(name="Totem", category="art", dismountable=False, volume=0.3)
    made = [correction("salon", None, 4, name="totem ", category="art")]

    (found,) = corrected(inventory(salon=[totem]), made, CATALOGUE).lines

    assert (found.name, found.count, found.seen_count, found.volume) == ("Totem", 4, 1, 1.2)


def test_newest_correction_of_a_thing_holds_until_it_is_taken_back() -> None:
    base = inventory(salon=["chair"])
    first, second = correction("salon", "chair", 3), correction("salon", "chair", 5)

    assert line(corrected(base, [second, first], CATALOGUE), "salon", "chair").count == 5
    undone = second.model_copy(update={"undone_at": NOW})
    assert line(corrected(base, [first, undone], CATALOGUE), "salon", "chair").count == 3


def test_correction_outlives_the_line_that_it_was_made_for() -> None:
    made = [correction("salon", "chair", 3), correction("salon", "desk", 0)]

    result = corrected(inventory(salon=["bicycle"]), made, CATALOGUE)

    assert {entry.key: entry.count for entry in result.lines} == {"bicycle": 1, "chair": 3}


def test_same_thing_in_another_room_is_left_alone() -> None:
    base = inventory(salon=["chair"], kitchen=["chair"])
    result = corrected(base, [correction("kitchen", "chair", 4)], CATALOGUE)
    assert line(result, "salon", "chair") == line(base, "salon", "chair")


def test_old_result_without_the_new_fields_can_be_corrected() -> None:
    stored = {
        "projectId": "m1",
        "totalItems": 2,
        "totalVolume": 0.5,
        "rooms": ["salon"],
        "totalVolumeMin": 0.4,
        "totalVolumeMax": 0.6,
        "strategy": "max",
        "photoCount": 1,
        "lines": [
            {
                "room": "salon",
                "roomType": "salon",
                "name": "chair",
                "key": "chair",
                "category": "furniture",
                "count": 2,
                "dismountable": False,
                "volume": 0.5,
                "volumeMin": 0.4,
                "volumeMax": 0.6,
                "photos": ["p1"],
            }
        ],
    }
    base = InventoryResult.model_validate(stored)
    result = corrected(base, [correction("salon", "chair", 1)], CATALOGUE)
    assert (result.total_items, result.total_volume) == (1, 0.25)
    assert result.total_volume_min <= 0.25 < result.total_volume_max


_keys = st.sampled_from(["chair", "desk", "bicycle", "single_bed"])
_rooms = st.sampled_from(["salon", "kitchen", "cellar"])
_made = st.lists(
    st.builds(
        lambda room, key, count, volume, undone: correction(
            room, key, count, volume=volume, undone_at=NOW if undone else None
        ),
        _rooms,
        _keys,
        st.integers(0, 5),
        st.sampled_from([None, 0.0, 0.35]),
        st.booleans(),
    ),
    max_size=6,
)
_base = st.dictionaries(
    st.sampled_from(["salon", "kitchen"]), st.lists(_keys, max_size=5), max_size=2
).map(lambda rooms: inventory(**rooms))


@given(_base, _made, _made, st.randoms())
def test_corrections_can_be_put_in_anew_and_taken_out(
    base: Any, made: Any, later: Any, random: Random
) -> None:
    once = corrected(base, made, CATALOGUE)
    shuffled = list(made)
    random.shuffle(shuffled)

    assert corrected(base, shuffled, CATALOGUE) == once
    assert corrected(once, made, CATALOGUE) == once
    assert corrected(once, later, CATALOGUE) == corrected(base, later, CATALOGUE)
    assert as_photographed(once) == base
    stored = InventoryResult.model_validate_json(once.to_json())
    assert corrected(stored, [], CATALOGUE) == base
    assert once.total_items == sum(entry.count for entry in once.lines)
    assert {entry.room for entry in once.lines} <= set(once.rooms)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_totals_follow_a_correction(count: int) -> None:
    base = inventory(salon=["chair", "desk"])
    result = corrected(base, [correction("salon", "desk", count)], CATALOGUE)
    assert result.total_volume == pytest.approx(0.25 + 0.67 * count)
