from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, Strategy, add_up
from photoqueue.records.results import FoundItem, InventoryResult, PhotoResult

CATALOGUE = Catalogue.load()


def thing(
    key: str | None = "chair",
    *,
    name: str = "thing",
    category: str = "furniture",
    volume: float | None = None,
    dismountable: bool = False,
) -> FoundItem:
    return FoundItem(
        name=name, category=category, dismountable=dismountable, key=key, volume=volume
    )


def photo(
    photo_id: str,
    *items: FoundItem,
    room: str | None = "salon",
    room_type: str = "living room",
    sha256: str | None = None,
    certainty: float | None = 0.8,
) -> AnalysedPhoto:
    result = PhotoResult(
        photo_id=photo_id,
        items=items,
        room_type=room_type,
        confidence=0.5,
        room_type_confidence=certainty,
    )
    return AnalysedPhoto(
        photo_id=photo_id, sha256=sha256 or f"content of {photo_id}", room=room, result=result
    )


def counts(result: InventoryResult) -> dict[tuple[str, str], int]:
    """How many of each thing were seen, those that are held back from the sum included."""
    return {
        (line.room, line.key or line.name): line.count + line.held_back for line in result.lines
    }


def test_views_of_a_room_count_the_most_seen_in_one() -> None:
    photos = [
        photo("p1", *[thing("chair")] * 4, thing("sofa_3_seat")),
        photo("p2", *[thing("chair")] * 6),
    ]

    result = add_up("move-1", photos, CATALOGUE)
    summed = add_up("move-1", photos, CATALOGUE, strategy="sum")

    assert counts(result) == {("salon", "chair"): 6, ("salon", "sofa_3_seat"): 1}
    assert counts(summed) == {("salon", "chair"): 10, ("salon", "sofa_3_seat"): 1}
    assert (result.total_items, result.total_volume) == (7, 3.2)  # 6 × 0.25 + 1.7
    assert result.total_volume_min < 3.2 < result.total_volume_max
    assert result.strategy == "max"
    assert result.photo_count == 2
    chairs, sofa = result.lines
    assert (chairs.photos, sofa.photos) == (("p1", "p2"), ("p1",))


def test_rooms_of_different_names_are_never_merged() -> None:
    photos = [
        photo("p1", thing("double_bed"), room="bedroom 1", room_type="bedroom"),
        photo("p2", thing("double_bed"), room="bedroom 2", room_type="bedroom"),
        photo("p3", thing("double_bed"), room="Bedroom 2", room_type="bedroom"),
    ]

    result = add_up("m", photos, CATALOGUE)

    assert result.rooms == ("Bedroom 2", "bedroom 1", "bedroom 2")
    assert result.total_items == 3


def test_photos_without_a_room_are_grouped_by_their_kind() -> None:
    photos = [
        photo("p1", thing("sofa_3_seat"), room=None, room_type="salon"),
        photo("p2", thing("sofa_3_seat"), room=None, room_type="living room"),
        photo("p3", thing("sofa_3_seat"), room="  ", room_type="living_room"),
        photo("p4", thing("bicycle"), room=None, room_type="garage"),
    ]

    english = add_up("m", photos, CATALOGUE)
    french = add_up("m", photos, CATALOGUE, language="fr")

    assert counts(english) == {("living room", "sofa_3_seat"): 1, ("garage", "bicycle"): 1}
    assert french.rooms == ("garage", "salon")
    assert {line.name for line in french.lines} == {"canapé 3 places", "vélo"}


def test_same_content_in_one_room_counts_once_and_is_recorded() -> None:
    photos = [
        photo("p2", thing("chair"), sha256="same"),
        photo("p1", thing("chair"), sha256="same"),
        photo("p3", thing("chair"), sha256="other"),
    ]

    result = add_up("m", photos, CATALOGUE, strategy="sum")

    assert result.total_items == 2
    assert result.duplicate_photos == {"p2": "p1"}
    assert result.photo_count == 2
    assert result.lines[0].photos == ("p1", "p3")


def test_same_content_in_two_rooms_counts_in_both() -> None:
    photos = [
        photo("p1", thing("chair"), sha256="same", room="salon"),
        photo("p2", thing("chair"), sha256="same", room="dining room"),
    ]

    result = add_up("m", photos, CATALOGUE)

    assert result.total_items == 2
    assert result.duplicate_photos == {}


def test_things_outside_the_catalogue_keep_their_own_volume() -> None:
    photos = [
        photo(
            "p1",
            thing(None, name="Totem", category="art", volume=0.3, dismountable=True),
            thing(None, name="totem", category="art", volume=0.1),
            thing(None, name="gadget", category="toys"),
            thing("from_a_newer_catalogue", name="hammock", volume=0.2),
        )
    ]

    result = add_up("m", photos, CATALOGUE)

    by_name = {line.name: line for line in result.lines}
    totem = by_name["Totem"]
    assert (totem.count, totem.volume_min, totem.volume, totem.volume_max) == (2, 0.2, 0.6, 0.6)
    assert totem.dismountable
    assert by_name["gadget"].volume == 0
    assert (by_name["hammock"].key, by_name["hammock"].volume) == ("from_a_newer_catalogue", 0.2)


def test_catalogue_decides_over_what_the_engine_said() -> None:
    wrong = thing("double_bed", name="cama", category="misc", volume=99.0)

    (line,) = add_up("m", [photo("p1", wrong)], CATALOGUE).lines

    assert (line.name, line.category, line.volume) == ("double bed", "furniture", 2.0)
    assert line.dismountable


def test_kind_of_a_room_is_what_its_photos_are_surest_of() -> None:
    photos = [
        photo("p1", thing(), room="room 1", room_type="kitchen", certainty=0.6),
        photo("p2", thing(), room="room 1", room_type="dining room", certainty=0.5),
        photo("p3", thing(), room="room 1", room_type="dining room", certainty=0.4),
        photo("p4", thing(), room="room 1", room_type="other", certainty=None),
    ]

    assert add_up("m", photos, CATALOGUE).lines[0].room_type == "dining room"


def test_project_without_photos_is_an_inventory_of_nothing() -> None:
    result = add_up("move-1", [], CATALOGUE, missing=["p9", "p1", "p9"])

    assert json.loads(result.to_json()) == {
        "projectId": "move-1",
        "totalItems": 0,
        "totalVolume": 0,
        "rooms": [],
        "totalVolumeMin": 0,
        "totalVolumeMax": 0,
        "strategy": "max",
        "lines": [],
        "photoCount": 0,
        "missingPhotos": ["p1", "p9"],
        "duplicatePhotos": {},
        "engines": [],
        "warnings": [],
    }


def test_room_in_which_nothing_was_found_is_still_a_room() -> None:
    result = add_up("m", [photo("p1", room="cellar")], CATALOGUE)

    assert (result.rooms, result.total_items, result.photo_count) == (("cellar",), 0, 1)


def test_volumes_are_free_of_float_dust() -> None:
    photos = [photo(f"p{i}", thing("double_mattress"), room=f"r{i}") for i in range(3)]

    text = add_up("m", photos, CATALOGUE).to_json()

    assert '"totalVolume":2.1,' in text  # 0.7 + 0.7 + 0.7 is 2.0999999999999996


#: Four looks; the first two are much alike.
_LOOKS = ("80" * 24, "84" * 24, "20" * 24, "c0" * 12 + "08" * 12)


@st.composite
def _findings(draw: st.DrawFn) -> FoundItem:
    """Draw a thing of the catalogue as a detector finds it, or as a plain engine names it."""
    item = thing(draw(st.sampled_from(["chair", "desk", "sofa_3_seat", "bicycle"])))
    if draw(st.booleans()):
        return item
    left = draw(st.integers(0, 6)) / 10
    return item.model_copy(
        update={
            "score": draw(st.sampled_from([0.0, 0.2, 0.45, 0.9])),
            "box": (left, 0.2, left + 0.3, 0.7),
            "appearance": draw(st.sampled_from([None, *_LOOKS])),
        }
    )


_things = st.one_of(
    _findings(),
    st.builds(
        lambda name, volume: thing(None, name=name, volume=volume),
        st.sampled_from(["totem", "Totem", "gadget"]),
        st.one_of(st.none(), st.floats(0, 3)),
    ),
)


@st.composite
def some_photos(draw: st.DrawFn) -> list[AnalysedPhoto]:
    number = draw(st.integers(0, 6))
    return [
        photo(
            f"p{i}",
            *draw(st.lists(_things, max_size=5)),
            room=draw(st.sampled_from([None, "salon", "bedroom"])),
            room_type=draw(st.sampled_from(["salon", "living room", "bedroom", "attic"])),
            sha256=draw(st.sampled_from(["a", "b", "c", f"own {i}"])),
            certainty=draw(st.one_of(st.none(), st.integers(0, 4).map(lambda n: n / 4))),
        )
        for i in range(number)
    ]


_strategies: st.SearchStrategy[Strategy] = st.sampled_from(["max", "sum", "match"])


@given(some_photos(), _strategies, st.randoms())
def test_order_of_the_photos_does_not_matter(photos: Any, strategy: Any, random: Random) -> None:
    shuffled = list(photos)
    random.shuffle(shuffled)

    assert add_up("m", photos, CATALOGUE, strategy=strategy) == add_up(
        "m", shuffled, CATALOGUE, strategy=strategy
    )


@given(some_photos(), _strategies)
def test_totals_are_the_sums_of_the_lines(photos: list[AnalysedPhoto], strategy: Strategy) -> None:
    result = add_up("m", photos, CATALOGUE, strategy=strategy)

    assert result.total_items == sum(line.count for line in result.lines)
    assert result.total_volume == round(sum(line.volume for line in result.lines), 3)
    assert result.total_volume_min <= result.total_volume <= result.total_volume_max
    assert all(seen > 0 for seen in counts(result).values())
    assert all(line.photos for line in result.lines)
    assert {line.room for line in result.lines} <= set(result.rooms)
    assert result.photo_count + len(result.duplicate_photos) == len(photos)


@given(some_photos())
def test_max_is_never_above_match_nor_match_above_sum(photos: list[AnalysedPhoto]) -> None:
    most, matched, all_of_them = (
        counts(add_up("m", photos, CATALOGUE, strategy=strategy))
        for strategy in ("max", "match", "sum")
    )

    assert most.keys() == matched.keys() == all_of_them.keys()
    assert all(most[line] <= matched[line] <= all_of_them[line] for line in most)


@given(some_photos(), some_photos(), st.sampled_from(["max", "sum"]))
def test_more_photos_never_lower_a_count(
    photos: list[AnalysedPhoto], more: list[AnalysedPhoto], strategy: Strategy
) -> None:
    before = add_up("m", photos, CATALOGUE, strategy=strategy)
    after = add_up("m", photos + more, CATALOGUE, strategy=strategy)

    assert not Counter(_by_key(before)) - Counter(_by_key(after))
    assert sum(counts(before).values()) <= sum(counts(after).values())
    # What one of a thing takes up is certain only where the catalogue says it.
    assert _catalogued_volume(before) <= _catalogued_volume(after) + 1e-9


@given(some_photos().filter(bool), _strategies)
def test_duplicate_photo_changes_nothing_but_its_record(
    photos: list[AnalysedPhoto], strategy: Strategy
) -> None:
    first = photos[0]
    again = AnalysedPhoto(photo_id="z", sha256=first.sha256, room=first.room, result=first.result)

    before = add_up("m", photos, CATALOGUE, strategy=strategy)
    after = add_up("m", [*photos, again], CATALOGUE, strategy=strategy)

    assert "z" in after.duplicate_photos
    assert after.lines == before.lines
    assert (after.total_items, after.total_volume) == (before.total_items, before.total_volume)
    assert after.photo_count == before.photo_count


def _catalogued_volume(result: InventoryResult) -> float:
    return sum(
        known.volume_usual * (line.count + line.held_back)
        for line in result.lines
        if line.key and (known := CATALOGUE.by_key(line.key))
    )


def _by_key(result: InventoryResult) -> dict[tuple[str, str], int]:
    """Counts by room and thing; a name may be written in capitals once more is known."""
    return {
        key: count
        for (room, name), count in counts(result).items()
        if (key := (room, name.casefold()))
    }


@pytest.mark.parametrize("language", ["en", "fr"])
def test_lines_come_by_room_category_and_name(language: str) -> None:
    photos = [
        photo("p1", thing("potted_plant"), thing("refrigerator"), thing("desk"), thing("chair"))
    ]

    lines = add_up("m", photos, CATALOGUE, language=language).lines

    expected = ["chair", "desk"] if language == "en" else ["desk", "chair"]  # bureau, chaise
    assert [line.key for line in lines] == [*expected, "refrigerator", "potted_plant"]
