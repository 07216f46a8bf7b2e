"""Sample homes: what their truth says, and what is said when it is wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from photoqueue.errors import ConfigurationError, UnreadablePhotoError
from photoqueue.evaluation import evaluate, match
from photoqueue.evaluation.truth import AnnotatedPhoto, TrueBox, read_truth
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.samples import SAMPLE_HOME, read_home, sample_hashes
from tests.conftest import REPOSITORY
from tests.homes import SeeingEngine, truth, write_home


def photos_of(folder: Path) -> list[AnnotatedPhoto]:
    rooms = read_truth(folder, Catalogue.load()).rooms
    return [photo for room in rooms for photo in room.photos]


def test_home_of_the_package_is_small_and_complete() -> None:
    home = read_home(SAMPLE_HOME)
    files = [file for file in SAMPLE_HOME.rglob("*") if file.is_file()]

    views = [view for room in home.rooms for view in room.views]
    assert len(views) == 4
    assert {SAMPLE_HOME / view.photo for view in views} == {*files} - {SAMPLE_HOME / "truth.json"}
    assert sum(file.stat().st_size for file in files) <= 600_000
    assert home.true_things().total() == home.total_items


def test_photos_of_all_sample_homes_are_known() -> None:
    files = [*SAMPLE_HOME.rglob("*.jpg"), *(REPOSITORY / "data" / "samples").rglob("*.jpg")]
    assert len(files) > 30
    assert {sha256(file.read_bytes()).hexdigest() for file in files} == sample_hashes()


def test_homes_of_a_folder_are_read_in_order(tmp_path: Path) -> None:
    write_home(tmp_path, truth("home-2"))
    write_home(tmp_path, truth("home-1"))
    (tmp_path / "notes").mkdir()

    told = read_truth(tmp_path, Catalogue.load())

    assert [f"{room.home}/{room.name}" for room in told.rooms] == [
        *("home-1/living room", "home-1/kitchen"),
        *("home-2/living room", "home-2/kitchen"),
    ]
    assert read_truth(tmp_path / "home-2", Catalogue.load()).rooms == told.rooms[2:]


def test_photos_of_a_home_know_their_room_and_boxes(tmp_path: Path) -> None:
    photos = photos_of(write_home(tmp_path))

    assert [photo.name for photo in photos][::3] == [
        "home-1/living room/view-1.jpg",
        "home-1/kitchen/view-1.jpg",
    ]
    assert photos[0].boxes is not None
    assert photos[0].boxes[0] == TrueBox("sofa_3_seat", (0.1, 0.4, 0.5, 0.8))
    assert photos[3].room_type == "kitchen"  # "cuisine" in the file
    assert all(photo.file.is_file() for photo in photos)


@pytest.mark.parametrize(
    ("box", "visible", "counts"),
    [
        ((0.1, 0.1, 0.3, 0.3), 0.3, True),
        ((0.1, 0.1, 0.3, 0.3), 0.29, False),  # hidden
        ((0.1, 0.1, 0.119, 0.3), 1.0, False),  # narrow
        ((0.1, 0.1, 0.3, 0.119), 1.0, False),  # low
    ],
)
def test_what_hardly_shows_need_not_be_found(
    tmp_path: Path, box: tuple[float, ...], visible: float, counts: bool
) -> None:
    told = truth()
    told["rooms"][0]["views"][0]["boxes"][0].update(box=box, visible=visible)

    assert (photos_of(write_home(tmp_path, told))[0].boxes or ())[0].counts is counts


def test_engine_that_sees_everything_is_right_on_all_counts(tmp_path: Path) -> None:
    done = evaluate(SeeingEngine(), write_home(tmp_path))

    assert done.precision == done.recall == done.f1 == done.room_type_accuracy == 1.0
    assert done.classes.loc["armchair", "truths"] == 4


def test_doubtful_thing_is_neither_right_nor_wrong() -> None:
    truths = [TrueBox("chair", (0, 0, 0.5, 0.5)), TrueBox("chair", (0.5, 0, 1, 1), counts=False)]
    seen = [
        ("chair", (0.5, 0.0, 1.0, 1.0)),  # the doubtful one
        ("chair", (0.0, 0.0, 0.5, 0.5)),
        ("desk", (0.5, 0.0, 1.0, 1.0)),  # not what is there
        ("chair", (0.2, 0.8, 0.215, 0.9)),  # too small to judge
    ]

    matched = match(truths, seen, smallest=0.02)

    assert matched.right == ["chair"]
    assert matched.counted == ["chair", "desk"]


def test_doubtful_thing_does_not_take_a_finding_from_one_that_counts() -> None:
    box = (0.0, 0.0, 0.5, 0.5)
    truths = [TrueBox("chair", box, counts=False), TrueBox("chair", box)]

    assert match(truths, [("chair", box)]).right == ["chair"]


# -- wrong files


def _break(place: str, value: Any) -> dict[str, Any]:
    told: dict[str, Any] = truth()
    *steps, last = [int(step) if step.isdigit() else step for step in place.split("/")]
    target: Any = told
    for step in steps:
        target = target[step]
    target[last] = value
    return told


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("rooms/0/items/1/volume", -1, r"rooms\[0\]\.items\[1\]\.volume: .*greater"),
        ("rooms/1/views/0/boxes/2/box", [0, 0, 1], r"rooms\[1\]\.views\[0\]\.boxes\[2\]\.box"),
        (
            "rooms/0/views/1/boxes/0/box",
            [0.5, 0, 0.2, 1],
            r"rooms\[0\]\.views\[1\]\.boxes\[0\]: the box is empty",
        ),
        ("rooms/0/views/1/boxes/0/visible", 2, r"rooms\[0\]\.views\[1\]\.boxes\[0\]\.visible"),
        ("rooms/0/views/1/boxes/0/id", "x9", r"rooms\[0\]: .*view-2\.jpg shows 'x9'"),
        ("rooms/0/views/1/boxes/0/key", "chair", r"'chair', but .* it is 'sofa_3_seat'"),
        ("rooms/0/views", [], r"rooms\[0\]\.views"),
        ("totalItems", 7, r"the file: totalItems is 7, the rooms hold 6"),
        ("totalVolume", 99.0, r"totalVolume is 99\.0, the items have \d"),
        ("rooms", "none", r"rooms: "),
    ],
)
def test_wrong_truth_names_file_and_place(
    tmp_path: Path, place: str, value: Any, said: str
) -> None:
    home = write_home(tmp_path)
    (home / "truth.json").write_text(json.dumps(_break(place, value)))

    with pytest.raises(ConfigurationError, match=said) as caught:
        read_truth(tmp_path, Catalogue.load())
    assert str(home / "truth.json") in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '{"home": 1}'])
def test_file_that_is_no_truth_is_named(tmp_path: Path, content: str) -> None:
    home = write_home(tmp_path)
    (home / "truth.json").write_text(content)

    with pytest.raises(ConfigurationError, match=r"truth\.json"):
        read_truth(tmp_path, Catalogue.load())


def test_many_problems_are_not_all_listed(tmp_path: Path) -> None:
    told = truth()
    for room in told["rooms"]:
        for item in room["items"]:
            item["volume"] = "large"
    home = write_home(tmp_path)
    (home / "truth.json").write_text(json.dumps(told))

    with pytest.raises(ConfigurationError, match=r"and \d more"):
        read_truth(tmp_path, Catalogue.load())


def test_folder_without_homes_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"truth\.json"):
        read_truth(tmp_path, Catalogue.load())


def test_missing_view_is_named(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    (home / "kitchen" / "view-1.jpg").unlink()

    with pytest.raises(UnreadablePhotoError, match=r"view-1\.jpg"):
        evaluate(SeeingEngine(), home)
