"""Boxes that can only be one thing count once, and nothing of them is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from photoqueue.engines.boxes import joined
from photoqueue.engines.contract import Hint, Item
from photoqueue.engines.detector import Detector
from photoqueue.engines.model_registry import ModelEntry
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.records.base import Box
from tests.models import authors_model

CATALOGUE = Catalogue.load()


def item(key: str, *box: float, score: float = 0.8, **doubts: float) -> Item:
    known = CATALOGUE.by_key(key)
    assert known is not None
    x0, y0, x1, y1 = box
    return Item(
        name=key,
        category=known.category,
        key=key,
        label=key,
        score=score,
        box=(x0, y0, x1, y1),
        alternatives=doubts,
    )


WHOLE: Box = (0.1, 0.3, 0.9, 0.9)
PART: Box = (0.15, 0.35, 0.5, 0.85)


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("double_bed", "single_bed"),
        ("sofa_3_seat", "sofa_2_seat"),
        ("corner_sofa", "sofa_bed"),
        ("dining_table", "desk"),
        ("garden_table", "garden_table"),
        ("potted_plant", "potted_plant"),
    ],
)
@pytest.mark.parametrize("surer", ["whole", "part"])
def test_box_in_another_of_its_family_is_one_thing(whole: str, part: str, surer: str) -> None:
    scores = {"whole": 0.4, "part": 0.4, surer: 0.7}
    found = joined(
        [item(part, *PART, score=scores["part"]), item(whole, *WHOLE, score=scores["whole"])]
    )

    (one,) = found
    # The larger box shows all of it; that there is one is as sure as the surest says.
    assert (one.key, one.box, one.score, one.merged) == (whole, WHOLE, 0.7, (PART,))


@pytest.mark.parametrize(
    ("behind", "before"),
    [
        ("sofa_3_seat", "armchair"),  # another thing in front of it
        ("double_bed", "sofa_2_seat"),
        ("chair", "chair"),
        ("wardrobe_3_door", "chest_of_drawers"),
        ("dining_table", "potted_plant"),
        ("bookcase", "shelf_unit"),
    ],
)
def test_things_of_no_common_family_stand_before_each_other(behind: str, before: str) -> None:
    assert len(joined([item(behind, *WHOLE), item(before, *PART)])) == 2


def test_things_side_by_side_are_two() -> None:
    beds = [item("single_bed", 0.1, 0.4, 0.4, 0.9), item("single_bed", 0.45, 0.4, 0.8, 0.9)]
    assert joined(beds) == beds


def test_box_around_two_surer_things_is_a_group_and_goes() -> None:
    left = item("sofa_2_seat", 0.1, 0.4, 0.45, 0.9, score=0.7)
    right = item("sofa_2_seat", 0.5, 0.4, 0.85, 0.9, score=0.6)
    both = item("corner_sofa", 0.1, 0.4, 0.87, 0.9, score=0.5)

    found = joined([left, right, both])

    assert [one.box for one in found] == [left.box, right.box]
    assert [box for one in found for box in one.merged] == [both.box]
    sure = joined([left, right, item("corner_sofa", 0.1, 0.4, 0.87, 0.9, score=0.9)])
    assert [one.key for one in sure] == ["corner_sofa"]


def test_two_pieces_of_furniture_cannot_fill_one_box() -> None:
    couch = item("sofa_3_seat", 0.1, 0.4, 0.8, 0.9, score=0.6)
    bed = item("double_bed", 0.1, 0.4, 0.82, 0.9, score=0.4)

    (one,) = joined([bed, couch])

    assert (one.key, one.score, one.merged) == ("sofa_3_seat", 0.6, (bed.box,))
    assert one.alternatives == {"double_bed": 0.4}
    # A television and a picture of that size are no furniture: either may hang there.
    assert len(joined([item("television", *WHOLE), item("picture_frame", *WHOLE)])) == 2


def test_what_may_be_a_sofa_is_in_the_family_of_sofas() -> None:
    seat = item("armchair", *PART, score=0.4, sofa_2_seat=0.3)
    assert len(joined([item("sofa_3_seat", *WHOLE), seat])) == 1


def test_findings_without_boxes_or_scores_are_left_alone() -> None:
    bare = [Item(name="bed", category="furniture", key="double_bed")] * 2
    assert joined(bare) == bare
    assert joined([]) == []


def test_detector_keeps_the_boxes_that_it_took_for_one(tmp_path: Path) -> None:
    file = authors_model(
        tmp_path / "m.onnx",
        boxes=[[0.1, 0.3, 0.9, 0.9], [0.15, 0.35, 0.5, 0.85], [0.0, 0.0, 0.1, 0.2]],
        scores=[0.6, 0.5, 0.9],
        labels=[59, 59, 58],
    )
    engine = Detector(ModelEntry(name="m", path=file), catalogue=CATALOGUE)

    plant, bed = engine.analyse(Image.new("RGB", (200, 100)), Hint()).items

    assert plant.merged == ()
    assert bed.label == "bed"
    assert bed.merged == (pytest.approx((0.15, 0.35, 0.5, 0.85)),)
