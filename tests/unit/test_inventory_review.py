"""When a line asks a person to look at it, and what else it carries."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from photoqueue.faces.cli.views import inventory_table
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.export import export_inventory
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.inventory.wording import Wording
from photoqueue.records.results import FoundItem, InventoryLine, PhotoResult

CATALOGUE = Catalogue.load()


def seen(key: str | None = "chair", **values: Any) -> FoundItem:
    return FoundItem(
        name=key or "totem", category="furniture", dismountable=False, key=key, **values
    )


def lines(*views: list[FoundItem], **options: Any) -> list[InventoryLine]:
    photos = [
        AnalysedPhoto(
            photo_id=f"p{number}",
            sha256=f"content {number}",
            room="salon",
            result=PhotoResult(
                photo_id=f"p{number}", items=tuple(items), room_type="salon", confidence=0.5
            ),
        )
        for number, items in enumerate(views)
    ]
    return list(add_up("m", photos, CATALOGUE, **options).lines)


def reason(*views: list[FoundItem], **options: Any) -> str | None:
    (line,) = lines(*views, **options)
    assert line.review is (line.reason is not None)
    return line.reason


def test_plain_line_asks_for_nothing() -> None:
    assert reason([seen(score=0.9)], [seen(score=0.6)]) is None
    assert reason([seen()] * 4, [seen()] * 3) is None


def test_little_certainty_is_said() -> None:
    assert reason([seen(score=0.34)], [seen(score=0.41)]) == "seen with little certainty (0.41)"


def test_thing_in_one_of_several_photos_must_be_surer() -> None:
    alone = [seen(score=0.6)], [], []
    assert reason(*alone) == "seen in one of 3 photos only and with little certainty (0.60)"
    assert reason([seen(score=0.8)], [], []) is None


def test_each_doubtful_thing_of_a_line_is_counted_however_sure_the_others_are() -> None:
    sure, doubtful = seen(score=0.95), seen(score=0.2)
    assert reason([sure, doubtful]) == "1 of 2: seen with little certainty (0.20)"
    assert reason([sure, seen(score=0.3), doubtful]) == (
        "2 of 3: seen with little certainty (0.20)"
    )
    assert reason([sure, doubtful], language="fr") == "1 sur 2 : vu avec peu de certitude (0,20)"


def test_second_thing_that_another_photo_is_sure_of_is_not_doubtful() -> None:
    assert reason([seen(score=0.95), seen(score=0.2)], [seen(score=0.9), seen(score=0.8)]) is None


def test_doubtful_thing_in_one_of_several_photos_is_said_beside_sure_ones() -> None:
    table = seen("chair", score=0.9)
    told = reason([table, table, seen("chair", score=0.6)], [table, table], [table, table])
    assert told == "1 of 3: seen in one of 3 photos only and with little certainty (0.60)"


def test_photos_that_do_not_overlap_need_not_agree() -> None:
    assert reason([seen(score=0.6)], [], [], strategy="sum") is None
    told = reason([seen(score=0.9)], [seen(score=0.2)], [], strategy="sum")
    assert (told or "").startswith("1 of 2: seen with little certainty (0.20)")


def test_kind_of_each_thing_is_looked_at_by_itself() -> None:
    sure = seen("sofa_3_seat", score=0.9)
    doubtful = seen("sofa_3_seat", score=0.9, alternatives={"sofa_2_seat": 0.4})
    assert reason([sure, sure, doubtful]) == "1 of 3: may be two-seat sofa"


def test_unknown_thing_is_said() -> None:
    assert reason([seen(None)]) == "not in the catalogue"
    assert reason([seen("from_a_newer_catalogue")]) == "not in the catalogue"


def test_doubtful_kind_is_named_in_the_language_asked_for() -> None:
    sofa = seen("sofa_3_seat", alternatives={"sofa_2_seat": 0.4, "armchair": 0.1})
    assert reason([sofa]) == "may be two-seat sofa"
    assert reason([sofa], language="fr") == "peut-être canapé 2 places"
    assert reason([seen("sofa_3_seat", alternatives={"sofa_2_seat": 0.2})]) is None


def test_kind_that_gave_way_is_named_and_its_photos_are_listed() -> None:
    (line,) = lines(
        [seen("sofa_3_seat", score=0.9, alternatives={"sofa_2_seat": 0.3})],
        [seen("sofa_2_seat", score=0.6, alternatives={"sofa_3_seat": 0.3})],
    )
    assert (line.key, line.count, line.photos) == ("sofa_3_seat", 1, ("p0", "p1"))
    assert line.reason == "taken for two-seat sofa in another photo"


def test_views_that_disagree_are_said() -> None:
    assert reason([seen()] * 6, [seen()] * 2) == "6 in one photo, 2 at most in the others"
    red, blue = "50806090c0" * 4 + "00000000", "b0d040" * 8
    matched = reason([seen(appearance=red)], [seen(appearance=blue)], strategy="match")
    assert matched == "1 in the photo that shows most, 2 over all"


@pytest.mark.parametrize(("key", "probability"), [("double_bed", 0.95), ("chair", 0.4)])
def test_line_carries_how_often_such_a_thing_is_taken_apart(key: str, probability: float) -> None:
    (line,) = lines([seen(key)])
    assert line.dismount_probability == probability
    assert line.dismountable is (probability >= 0.5)


def test_for_an_unknown_thing_the_engine_says_whether_it_is_taken_apart() -> None:
    item = seen(None).model_copy(update={"dismountable": True})
    assert lines([item])[0].dismount_probability == 1.0
    assert lines([seen(None)])[0].dismount_probability == 0.0


# -- what an engine lists that looked at all photos of a room


def test_listed_things_count_and_single_photos_are_the_evidence() -> None:
    views = [seen(), seen("desk")], [seen()]
    listed = {"salon": [seen(), seen(), seen(None, volume=0.4)]}

    chairs, desk, totem = lines(*views, strategy="llm", listed=listed)

    assert (chairs.count, chairs.photos) == (2, ("p0", "p1"))
    assert chairs.reason == "2 in all photos together, 1 in the one that shows most"
    assert (totem.count, totem.volume, totem.photos) == (1, 0.4, ())
    assert totem.reason == "not in the catalogue; seen only in all photos together"
    assert (desk.count, desk.held_back, desk.volume, desk.photos) == (0, 1, 0.0, ("p0",))
    assert desk.reason == (
        "1 not counted: in single photos, but not in the list of all photos together"
    )


def test_room_that_was_not_listed_is_counted_in_its_photos_and_named() -> None:
    result = add_up("m", [analysed(0, seen())], CATALOGUE, strategy="llm", listed={"kitchen": []})
    assert [(line.key, line.count) for line in result.lines] == [("chair", 1)]
    assert result.warnings == ("room: counted in single photos, as no model has listed it",)


# -- large things that hardly anything speaks for


def held(*views: list[FoundItem], **options: Any) -> tuple[int, int, str | None]:
    (line,) = lines(*views, **options)
    return line.count, line.held_back, line.reason


def test_large_doubtful_thing_in_one_of_several_photos_is_held_back_and_shown() -> None:
    (line,) = lines([seen("motorcycle", score=0.4)], [], [])

    assert (line.count, line.held_back, line.photos) == (0, 1, ("p0",))
    assert (line.volume, line.volume_min, line.volume_max) == (0.0, 0.0, 2.5)
    assert line.review
    assert line.reason == (
        "1 not counted: seen in one of 3 photos only and with little certainty (0.40)"
    )


@pytest.mark.parametrize("strategy", ["max", "match"])
def test_only_the_one_too_many_is_held_back(strategy: str) -> None:
    table = seen("dining_table", score=0.9, box=(0.1, 0.1, 0.3, 0.3))
    second = seen("dining_table", score=0.4, box=(0.6, 0.6, 0.9, 0.9))
    (line,) = lines([table, second], [table], [table], strategy=strategy)

    assert (line.count, line.held_back) == (1, 1)
    assert (line.volume, line.volume_max) == (1.15, 3.0)
    assert (line.reason or "").startswith("1 not counted: ")


@pytest.mark.parametrize(
    "views",
    [
        ([seen("motorcycle", score=0.4)], []),  # of two photos, one says as much as the other
        ([seen("motorcycle", score=0.6)], [], []),  # sure enough
        ([seen("motorcycle", score=0.4)], [seen("motorcycle", score=0.3)], []),  # in two photos
        ([seen("chair", score=0.4)], [], []),  # small
        ([seen("motorcycle")], [], []),  # an engine without scores is not unsure
    ],
)
def test_other_things_count(views: tuple[list[FoundItem], ...]) -> None:
    assert held(*views)[:2] == (1, 0)


def test_photos_that_do_not_overlap_hold_nothing_back() -> None:
    views = [seen("motorcycle", score=0.4)], [], []
    assert held(*views, strategy="sum")[:2] == (1, 0)


def test_large_thing_that_the_catalogue_lacks_is_held_back_too() -> None:
    (line,) = lines([seen(None, score=0.4, volume=1.5)], [], [])
    assert (line.count, line.held_back, line.volume, line.volume_max) == (0, 1, 0.0, 1.5)
    assert line.volume_of_one == 1.5


def test_totals_count_what_is_held_back_only_in_the_range() -> None:
    photos = [analysed(0, seen("motorcycle", score=0.4), seen("chair")), analysed(1), analysed(2)]
    inventory = add_up("m", photos, CATALOGUE)

    assert (inventory.total_items, inventory.total_volume) == (1, 0.25)
    sure = add_up("m", [analysed(0, seen("chair")), analysed(1), analysed(2)], CATALOGUE)
    assert sure.total_volume_min <= inventory.total_volume_min <= 0.25
    assert inventory.total_volume_max > sure.total_volume_max + 1  # a motorcycle has 1.8 m³


def analysed(number: int, *items: FoundItem, kind: str = "salon") -> AnalysedPhoto:
    return AnalysedPhoto(
        photo_id=f"p{number}",
        sha256=f"content {number}",
        room="room",
        result=PhotoResult(photo_id=f"p{number}", items=items, room_type=kind, confidence=0.5),
    )


@pytest.mark.parametrize("kind", ["office", "bureau", "Home office 2"])
@pytest.mark.parametrize("strategy", ["max", "sum", "match"])
def test_office_without_a_table_has_a_likely_desk_that_is_not_counted(
    kind: str, strategy: Any
) -> None:
    inventory = add_up("m", [analysed(0, seen(), kind=kind)], CATALOGUE, strategy=strategy)

    _chair, desk = inventory.lines
    assert (desk.key, desk.count, desk.held_back, desk.photos) == ("desk", 0, 1, ())
    assert (desk.volume, desk.volume_max) == (0.0, 1.0)
    assert desk.reason == "1 not counted: a desk is likely in an office without a table"
    assert inventory.total_items == 1


@pytest.mark.parametrize(
    ("table", "kind"),
    [("desk", "office"), ("dining_table", "office"), ("kitchen_table", "bureau"), (None, "salon")],
)
def test_desk_is_not_supposed_where_a_table_stands_or_nobody_works(
    table: str | None, kind: str
) -> None:
    inventory = add_up("m", [analysed(0, seen(table or "chair"), kind=kind)], CATALOGUE)
    assert [line.held_back for line in inventory.lines] == [0]


def test_desk_is_not_supposed_with_a_catalogue_that_has_none() -> None:
    others = Catalogue(item for item in CATALOGUE.items if item.key != "desk")
    inventory = add_up("m", [analysed(0, seen(), kind="office")], others)
    assert [line.key for line in inventory.lines] == ["chair"]


def test_range_shows_the_doubt_about_the_kind() -> None:
    (sure,) = lines([seen("sofa_2_seat", score=0.9)])
    (doubtful,) = lines([seen("sofa_2_seat", score=0.9, alternatives={"sofa_3_seat": 0.4})])
    assert (sure.volume_min, sure.volume_max) == (0.91, 2.0)
    assert (doubtful.volume, doubtful.volume_min, doubtful.volume_max) == (1.0, 0.91, 3.0)


def test_boxes_taken_for_one_thing_are_said() -> None:
    bed = seen("double_bed", score=0.9, box=(0, 0, 1, 1), merged=((0.1, 0.1, 0.5, 0.9),))
    assert reason([bed]) == "2 boxes taken for one thing"


def test_what_is_held_back_shows_in_card_file_and_shell(tmp_path: Path) -> None:
    photos = [analysed(0, seen("motorcycle", score=0.4), seen("chair")), analysed(1), analysed(2)]
    inventory = add_up("m", photos, CATALOGUE)
    file = export_inventory(inventory, "csv", tmp_path / "i.csv", Wording("en", CATALOGUE))
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(inventory_table(inventory))

    why = "1 not counted: seen in one of 3 photos only and with little certainty (0.40)"
    assert why in file.read_text(encoding="utf-8-sig")
    assert why in console.export_text()
    assert "1 not counted" in inventory._repr_html_()
    assert why in inventory.to_json()
