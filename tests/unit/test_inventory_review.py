"""When a line asks a person to look at it, and what else it carries."""

from __future__ import annotations

from typing import Any

import pytest

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, add_up
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


def test_unknown_thing_is_said() -> None:
    assert reason([seen(None)]) == "not in the catalogue"
    assert reason([seen("from_a_newer_catalogue")]) == "not in the catalogue"


def test_doubtful_kind_is_named_in_the_language_asked_for() -> None:
    sofa = seen("sofa_3_seat", alternatives={"sofa_2_seat": 0.4, "armchair": 0.1})
    assert reason([sofa]) == "may be two-seat sofa"
    assert reason([sofa], language="fr") == "may be canapé 2 places"
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

    chairs, totem = lines(*views, strategy="llm", listed=listed)

    assert (chairs.count, chairs.photos) == (2, ("p0", "p1"))
    assert chairs.reason == "2 in all photos together, 1 in the one that shows most"
    assert (totem.count, totem.volume, totem.photos) == (1, 0.4, ())
    assert totem.reason == "not in the catalogue; seen only in all photos together"


def test_room_that_was_not_listed_is_an_error() -> None:
    with pytest.raises(ValueError, match="salon"):
        lines([seen()], strategy="llm", listed={"kitchen": []})
