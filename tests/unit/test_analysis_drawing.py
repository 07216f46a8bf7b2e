from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from photoqueue import Item
from photoqueue.engines.drawing import CATEGORY_COLOURS, draw_boxes
from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.records.results import FoundItem

GREY = (128, 128, 128)


def grey(width: int = 640, height: int = 480) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def item(box: tuple[float, float, float, float] | None, **more: Any) -> Item:
    return Item(**{"name": "sofa", "category": "furniture", "box": box, "score": 0.9, **more})


def changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    from PIL import ImageChops

    return ImageChops.difference(before, after).getbbox()


def colours(image: Image.Image) -> set[object]:
    return {colour for _, colour in image.getcolors(1 << 20) or []}


def test_box_is_drawn_on_a_copy_in_the_colour_of_its_category() -> None:
    before = grey()

    after = draw_boxes(before, [item((0.25, 0.25, 0.75, 0.75))])

    assert colours(before) == {GREY}
    assert CATEGORY_COLOURS["furniture"] in colours(after)
    left, top, right, bottom = changed(before, after) or (0, 0, 0, 0)
    assert (left, right, bottom) == (round(0.25 * 639), round(0.75 * 639) + 1, 360)
    assert top < 120  # the label lies above the box


def test_every_category_has_a_colour_of_its_own() -> None:
    assert set(CATEGORY_COLOURS) == set(CATEGORIES)
    assert len(set(CATEGORY_COLOURS.values())) == len(CATEGORIES)


def test_label_is_printed_and_grows_with_the_picture() -> None:
    def label_height(width: int, height: int) -> int:
        box = (0.3, 0.5, 0.7, 0.9)
        drawn = draw_boxes(grey(width, height), [item(box)])
        area = changed(grey(width, height), drawn)
        assert area is not None
        return round(box[1] * (height - 1)) - area[1]

    assert label_height(640, 480) >= 12
    assert label_height(1280, 960) == pytest.approx(2 * label_height(640, 480), abs=4)


def test_labels_stay_in_the_picture() -> None:
    before = grey(200, 150)
    name = "a name much longer than the box is wide"

    after = draw_boxes(before, [item((0.9, 0.0, 1.0, 0.1), name=name)])

    assert after.size == before.size
    assert changed(before, after)


def test_labels_of_boxes_in_one_place_do_not_cover_each_other() -> None:
    box = (0.4, 0.4, 0.6, 0.6)
    one = draw_boxes(grey(), [item(box)])
    two = draw_boxes(grey(), [item(box), item(box)])
    four = draw_boxes(grey(), [item(box)] * 4)

    def ink(image: Image.Image) -> int:
        return sum(count for count, colour in image.getcolors(1 << 20) or [] if colour != GREY)

    assert ink(one) < ink(two) < ink(four)


def test_item_without_a_box_is_left_out_and_one_without_a_score_drawn() -> None:
    before = grey()

    assert changed(before, draw_boxes(before, [item(None)])) is None
    unsure = item((0.1, 0.1, 0.2, 0.2), score=None)
    assert changed(before, draw_boxes(before, [unsure]))


def test_items_of_a_result_can_be_drawn_and_boxes_can_be_tiny() -> None:
    found = FoundItem(
        name="étagère", category="nonsense", dismountable=False, box=(0.5, 0.5, 0.5, 0.5)
    )

    assert changed(grey(), draw_boxes(grey(), [found]))
    draw_boxes(Image.new("L", (3, 2)), [found])


def test_boxes_that_were_taken_for_one_thing_are_drawn_thin() -> None:
    sofa = Item(name="sofa", category="furniture", box=(0.1, 0.2, 0.9, 0.9))
    whole = draw_boxes(Image.new("RGB", (640, 480), "white"), [sofa])
    merged = draw_boxes(
        Image.new("RGB", (640, 480), "white"), [replace(sofa, merged=((0.3, 0.5, 0.6, 0.8),))]
    )
    edge = (round(0.3 * 639), round(0.65 * 479))
    assert whole.getpixel(edge) == (255, 255, 255)
    assert merged.getpixel(edge) == CATEGORY_COLOURS["furniture"]
