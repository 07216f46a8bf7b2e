"""What is known about photos of one's own, and what is said when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from photoqueue.engines.contract import Analysis, Hint, Item
from photoqueue.errors import ConfigurationError
from photoqueue.evaluation import Evaluation, evaluate
from photoqueue.evaluation.truth import Truth, read_truth
from photoqueue.inventory.catalogue import Catalogue
from tests.homes import SeeingEngine, truth, write_home

CATALOGUE = Catalogue.load()


def coco(**changes: Any) -> dict[str, Any]:
    """Two photos of a bedroom and one of a kitchen, as an annotation tool writes them."""
    return {
        "info": {"description": "ours"},
        "images": [
            {"id": 1, "file_name": "bedroom/1.png", "width": 100, "height": 50},
            {"id": 2, "file_name": "bedroom/2.png", "width": 100, "height": 50},
            {"id": 3, "file_name": "k.png", "width": 50, "height": 50, "room": "kitchen",
             "room_type": "cuisine"},
        ],
        "categories": [{"id": 7, "name": "double_bed"}, {"id": 8, "name": "chairs"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [0, 0, 50, 50], "iscrowd": 0},
            {"id": 2, "image_id": 2, "category_id": 7, "bbox": [50, 0, 50, 50]},
            {"id": 3, "image_id": 2, "category_id": 8, "bbox": [0, 25, 10, 25]},
            {"id": 4, "image_id": 3, "category_id": 8, "bbox": [0, 25, 10, 25]},
        ],
        **changes,
    }  # fmt: skip


def folder_of(path: Path, told: Any, file: str = "annotations.json") -> Path:
    path.mkdir(exist_ok=True)
    for image in coco()["images"]:
        picture = path / image["file_name"]
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (image["width"], image["height"]), "white").save(picture)
    (path / file).parent.mkdir(exist_ok=True)
    (path / file).write_text(told if isinstance(told, str) else json.dumps(told))
    return path


def read(path: Path, told: Any) -> Truth:
    return read_truth(folder_of(path, told), CATALOGUE)


@pytest.mark.parametrize("file", ["annotations.json", "annotations/instances_default.json"])
def test_coco_of_an_annotation_tool_gives_rooms_boxes_and_things(tmp_path: Path, file: str) -> None:
    found = read_truth(folder_of(tmp_path, coco(), file), CATALOGUE)

    bedroom, kitchen = found.rooms
    assert [room.name for room in found.rooms] == ["bedroom", "kitchen"]
    # Of each kind the most that one photo shows: two views of a bed are one bed.
    assert [thing.key for thing in bedroom.things or ()] == ["double_bed", "chair"]
    assert [thing.key for thing in bedroom.photos[1].things or ()] == ["double_bed", "chair"]
    assert (bedroom.photos[1].boxes or ())[1].box == (0, 0.5, 0.1, 1)
    assert kitchen.photos[0].room_type == "kitchen"  # "cuisine" in the file
    assert found.judged is None  # all categories are things of the catalogue
    assert found.left_out == ()


def test_files_written_on_windows_are_read(tmp_path: Path) -> None:
    told = coco()
    told["images"][0]["file_name"] = "bedroom\\1.png"
    folder = folder_of(tmp_path / "coco", coco())
    for encoding in ("utf-8-sig", "utf-16"):
        (folder / "annotations.json").write_text(json.dumps(told), encoding=encoding)
        assert [room.name for room in read_truth(folder, CATALOGUE).rooms] == ["bedroom", "kitchen"]
    home = write_home(tmp_path)
    text = (home / "truth.json").read_text()
    told = text.replace("living room/view-1.jpg", r"living room\\view-1.jpg")
    assert told != text
    (home / "truth.json").write_text(told, encoding="utf-8-sig")
    (room, _) = read_truth(home, CATALOGUE).rooms
    assert room.photos[0].file == home / "living room" / "view-1.jpg"


def test_classes_of_a_vocabulary_judge_only_what_they_name(tmp_path: Path) -> None:
    objects = [{"id": 7, "name": "Cabinet/shelf"}, {"id": 8, "name": "Person"}]
    found = read(tmp_path, coco(categories=objects))

    assert found.judged is not None
    assert found.judged["wardrobe_2_door"] == found.judged["bookcase"] == "sideboard"
    assert found.judged["corner_sofa"] == "sofa_3_seat"
    assert [box.key for box in found.rooms[0].photos[1].boxes or ()] == ["sideboard"]
    assert found.rooms[0].things is None  # such boxes are not all that is there


def test_classes_that_the_catalogue_knows_by_another_name_are_classes(tmp_path: Path) -> None:
    furniture = [{"id": 7, "name": "bed"}, {"id": 8, "name": "chair"}]
    found = read(tmp_path, coco(categories=furniture))

    assert found.judged is not None
    assert found.judged["single_bed"] == found.judged["king_size_bed"] == found.judged["double_bed"]
    assert [box.key for box in found.rooms[0].photos[1].boxes or ()] == ["double_bed", "chair"]
    # Keys of the catalogue are what they say.
    furniture[0]["name"] = "double_bed"
    assert read(tmp_path, coco(categories=furniture)).judged is None


def test_list_of_things_beside_annotations_gives_volumes(tmp_path: Path) -> None:
    classes = [{"id": 7, "name": "bed"}, {"id": 8, "name": "person"}]
    folder = folder_of(tmp_path, coco(categories=classes))
    (folder / "things.csv").write_text(
        "file,things\nbedroom/1.png,single_bed rug\nbedroom/2.png,\nk.png,desk\n"
    )

    bedroom, kitchen = read_truth(folder, CATALOGUE).rooms

    assert sum(thing.volume for thing in bedroom.things or ()) == pytest.approx(1.2 + 0.2)
    assert [thing.key for thing in kitchen.things or ()] == ["desk"]


def test_list_of_things_names_only_photos_that_are_annotated(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, coco())
    (folder / "things.csv").write_text("file,things\nkitchen.png,desk\n")
    with pytest.raises(ConfigurationError, match=r"things\.csv needs file,things .*kitchen\.png"):
        read_truth(folder, CATALOGUE)


def test_two_homes_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    write_home(tmp_path)
    (tmp_path / "home-1").rename(tmp_path / "copy")
    write_home(tmp_path)
    with pytest.raises(ConfigurationError, match=r"living room/view-1.jpg is listed 2 times"):
        read_truth(tmp_path, CATALOGUE)


def test_pictures_of_which_nothing_is_said_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, coco())
    (folder / "@eaDir").mkdir()
    for file in ("bedroom/new.jpg", "bedroom/scan", "@eaDir/small.jpg"):
        Image.new("RGB", (9, 9)).save(folder / file, "JPEG")

    assert read_truth(folder, CATALOGUE).left_out == ("bedroom/new.jpg", "bedroom/scan")


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in coco().items() if name != key}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("", "cannot be used: Expecting value"),
        ("[3]", "cannot be used: "),
        ("3", "cannot be used: the file: Input should be"),
        (without("categories"), "cannot be used: categories: Field required"),
        (coco(images=[]), "images: Tuple should have at least 1 item"),
        (coco(categories=[{"id": 7, "name": "double_bed"}]), "image 2 and the category 8"),
        (
            coco(categories=[{"id": 7, "name": "wardobe"}, {"id": 8, "name": "chair"}]),
            r"no thing called 'wardobe'.* Did you mean '.*wardrobe",
        ),
        (
            coco(annotations=[{"image_id": 9, "category_id": 7, "bbox": [0, 0, 1, 1]}]),
            "image 9 and the category 7",
        ),
        (
            coco(annotations=[{"image_id": 1, "category_id": 7, "bbox": [60, 0, 50, 50]}]),
            r"bedroom/1.png reaches beyond its 100 × 50 pixels: \[60.0, 0.0, 50.0, 50.0\] \(left",
        ),
        (
            coco(annotations=[{"image_id": 1, "category_id": 7, "bbox": [60, 0, 0, 50]}]),
            "bedroom/1.png is empty or outside",
        ),
        (
            coco(annotations=[{"image_id": 1, "category_id": 7, "bbox": [60, 0, 50]}]),
            r"annotations\[0\].bbox\[3\]: Field required",
        ),
        ([{"file": "k.png", "width": 5, "height": 5}], "it lacks 'boxes'"),
        (coco(images=2 * coco()["images"]), "bedroom/1.png is listed 2 times"),
    ],
)  # fmt: skip
def test_wrong_annotations_get_one_sentence_with_the_place(
    tmp_path: Path, told: Any, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read(tmp_path, told)
    assert str(tmp_path / "annotations.json") in str(caught.value)


def test_folder_without_truth_or_with_two_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no truth\.json or annotations\.json"):
        read_truth(tmp_path, CATALOGUE)
    folder_of(tmp_path, coco(), "one.json")
    folder_of(tmp_path, coco(), "two.json")
    with pytest.raises(ConfigurationError, match="2 JSON files"):
        read_truth(tmp_path, CATALOGUE)


def test_annotations_of_a_picture_that_was_turned_are_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, coco())
    Image.new("RGB", (50, 100)).save(folder / "bedroom" / "1.png")

    with pytest.raises(ConfigurationError, match=r"1\.png is 0.50 times as wide .* as 2.00"):
        evaluate(Bed(), folder)


# -- homes of one's own


def home_of(path: Path, **room: Any) -> Path:
    told = truth()
    told["rooms"] = [{**told["rooms"][1], **room}]
    del told["totalItems"], told["totalVolume"]
    return write_home(path, told)


def test_home_of_ones_own_needs_neither_ids_nor_volumes_nor_boxes(tmp_path: Path) -> None:
    items = [{"key": "fridge"}, {"key": "chair", "count": 2}, {"key": "crate", "volume": 0.2}]
    home = home_of(tmp_path, items=items)
    told = json.loads((home / "truth.json").read_text())
    del told["rooms"][0]["views"][0]["boxes"]
    (home / "truth.json").write_text(json.dumps(told))

    (kitchen,) = read_truth(home, CATALOGUE).rooms

    assert [thing.key for thing in kitchen.things or ()] == [
        *("refrigerator", "chair", "chair", "crate")
    ]
    assert sum(thing.volume for thing in kitchen.things or ()) == pytest.approx(1.0 + 0.5 + 0.2)
    assert (kitchen.photos[0].boxes, kitchen.photos[0].things) == (None, None)
    done = evaluate(SeeingEngine(), home)
    assert done.recall != done.recall  # there are no boxes to compare
    assert done.rooms.loc["home-1/kitchen", "true_volume"] == 1.7


def test_unknown_thing_without_a_volume_is_named(tmp_path: Path) -> None:
    home = home_of(tmp_path, items=[{"key": "wardobe"}])
    told = json.loads((home / "truth.json").read_text())
    told["rooms"][0]["views"][0]["boxes"] = []
    (home / "truth.json").write_text(json.dumps(told))

    with pytest.raises(ConfigurationError, match=r"no thing called 'wardobe'"):
        read_truth(home, CATALOGUE)


# -- figures


class Bed:
    """Sees a double bed on the left of everything but kitchens."""

    name, model = "bed", "1"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        if hint.photo_id == "k.png":
            return Analysis(room_type="bedroom")
        bed = Item(name="bed", category="furniture", key="double_bed", box=(0, 0, 0.5, 1))
        return Analysis(items=(bed,), room_type="bedroom")


@pytest.fixture
def done(tmp_path: Path) -> Evaluation:
    return evaluate(Bed(), folder_of(tmp_path, coco()))


def test_errors_in_cubic_metres_do_not_cancel(done: Evaluation) -> None:
    # photos: 2 of 2, 2 of 2.25, 0 of 0.25 m³; rooms: 2 of 2.25 and 0 of 0.25 m³
    assert done.photos["volume"].tolist() == [2.0, 2.0, 0.0]
    assert done.photo_error == pytest.approx(0.5 / 3)
    assert done.photo_error_share == pytest.approx(0.5 / 4.5)
    assert done.room_error == pytest.approx(0.25)
    assert done.volume_error == pytest.approx(-0.5 / 2.5)
    shown = done.classes[["truths", "right", "true_volume", "volume"]]
    assert shown.loc["double_bed"].tolist() == [2, 1, 2.0, 2.0]
    assert shown.loc["chair"].tolist() == [2, 0, 0.5, 0.0]


def test_intervals_resample_rooms_and_are_the_same_each_time(
    done: Evaluation, tmp_path: Path
) -> None:
    # The bedroom has 1 of 3 boxes right, the kitchen 0 of 1: of two rooms drawn, 1 in 4 draws is
    # the kitchen twice, and 1 in 4 the bedroom twice.
    assert done.intervals["recall"] == (0.0, round(1 / 3, 4))
    assert done.intervals["room_type_accuracy"][0] <= done.room_type_accuracy
    assert done.intervals == evaluate(Bed(), tmp_path).intervals


def test_what_the_truth_does_not_say_has_no_figure(tmp_path: Path) -> None:
    one_room = coco(categories=[{"id": 7, "name": "bed"}, {"id": 8, "name": "person"}])
    one_room["images"], one_room["annotations"] = (
        one_room["images"][:2],
        [note for note in one_room["annotations"] if note["image_id"] < 3],
    )
    done = evaluate(Bed(), folder_of(tmp_path, one_room))

    bed = done.classes.loc["double_bed"]
    assert bed["recall"] == 0.5 and bed[["volume", "true_volume"]].isna().all()
    # One room does not say how rooms differ.
    low, high = done.intervals["recall"]
    assert done.recall == 0.5 and low != low and high != high
