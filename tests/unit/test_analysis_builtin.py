"""The engine that comes with the package: it works with what is installed, and says its doubts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photoqueue.engines.builtin import WEIGHTS, BuiltinEngine, build_builtin
from photoqueue.engines.contract import Engine, Hint
from photoqueue.engines.registry import load_engine
from photoqueue.errors import ModelError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import OTHER, ROOM_TYPES
from photoqueue.settings import Settings
from tests.models import classifier_model


@pytest.fixture(scope="module")
def engine() -> BuiltinEngine:
    return BuiltinEngine(catalogue=Catalogue.load())


def view(name: str) -> Image.Image:
    file = Path(__file__).parents[2] / "data" / "samples" / name
    return Image.open(file).convert("RGB")


def test_model_is_small_enough_to_ship() -> None:
    assert WEIGHTS.stat().st_size <= 8_000_000


def test_engine_is_what_a_fresh_machine_gets(tmp_path: Path) -> None:
    engine = load_engine(Settings(home=tmp_path))

    assert isinstance(engine, Engine)
    assert (engine.name, engine.model) == ("builtin", "photoqueue-rooms-1")


def test_classes_and_rooms_are_words_of_the_catalogue(engine: BuiltinEngine) -> None:
    catalogue = Catalogue.load()

    assert all(catalogue.by_key(key) for key in engine.classes)
    assert set(engine.rooms) <= set(ROOM_TYPES)


@pytest.mark.parametrize("colour", ["black", "white", "grey"])
def test_picture_of_one_colour_shows_nothing(engine: BuiltinEngine, colour: str) -> None:
    analysis = engine.analyse(Image.new("RGB", (640, 480), colour), Hint())

    assert (analysis.items, analysis.confidence, analysis.room_type) == ((), 0.0, OTHER)


@pytest.mark.parametrize("size", [(1, 1), (4000, 30), (30, 4000), (320, 240)])
def test_pictures_of_any_shape_are_analysed(engine: BuiltinEngine, size: tuple[int, int]) -> None:
    analysis = engine.analyse(Image.new("RGB", size, (200, 180, 160)), Hint())

    assert analysis.room_type in {*ROOM_TYPES, OTHER}


def test_callers_kind_of_room_comes_back(engine: BuiltinEngine) -> None:
    analysis = engine.analyse(Image.new("RGB", (320, 240)), Hint(room_type="salon"))

    assert (analysis.room_type, analysis.room_type_confidence) == ("salon", 1.0)


def test_names_follow_the_language(engine: BuiltinEngine) -> None:
    picture = view("harbour-view/bedroom 2/view-1.jpg")

    french = {item.name for item in engine.analyse(picture, Hint(language="fr")).items}

    assert "lit 1 place" in french


@pytest.mark.parametrize(
    ("size", "scale"),
    [((640, 480), (1, 1)), ((960, 480), (1, 1.5)), ((480, 640), (16 / 9, 1)), ((32, 24), (1, 1))],
)
def test_boxes_are_fractions_of_the_picture_not_of_its_padding(
    engine: BuiltinEngine, size: tuple[int, int], scale: tuple[float, float]
) -> None:
    _, factors = engine._look(engine._fitted(Image.new("RGB", size)))

    assert factors.tolist() == pytest.approx([*scale, *scale])


def test_doubts_are_probabilities_of_other_things(engine: BuiltinEngine) -> None:
    row = np.zeros(len(engine.classes), np.float32)
    two, three = (engine.classes.index(key) for key in ("sofa_2_seat", "sofa_3_seat"))
    row[two], row[three], row[(two + 5) % len(row)] = 0.3, 0.6, 0.01

    assert engine._doubts(three, row) == {"sofa_2_seat": pytest.approx(1 / 3, abs=1e-3)}


def test_one_sofa_of_two_readings_is_one_item(engine: BuiltinEngine) -> None:
    scores = np.zeros((2, len(engine.classes)), np.float32)
    scores[0, engine.classes.index("sofa_2_seat")] = 0.8
    scores[1, engine.classes.index("sofa_3_seat")] = 0.9
    boxes = np.array([[0.1, 0.1, 0.6, 0.6], [0.11, 0.1, 0.6, 0.6]], np.float32)

    assert [item.key for item in engine._items(scores, boxes, "en")] == ["sofa_3_seat"]


def test_threshold_of_the_settings_wins(tmp_path: Path) -> None:
    picture = view("maple-street/living room/view-1.jpg")
    strict = build_builtin(Settings(home=tmp_path, score_threshold=0.999))
    loose = build_builtin(Settings(home=tmp_path, score_threshold=0.05))

    assert not strict.analyse(picture, Hint()).items
    assert len(loose.analyse(picture, Hint()).items) > 5


def test_model_without_its_description_is_refused(tmp_path: Path) -> None:
    file = classifier_model(tmp_path / "other.onnx")

    with pytest.raises(ModelError, match=r"other\.onnx.*Install photoqueue again"):
        BuiltinEngine(catalogue=Catalogue.load(), file=file)


def test_damaged_file_is_refused_with_advice_that_helps(tmp_path: Path) -> None:
    file = tmp_path / "cut.onnx"
    file.write_bytes(WEIGHTS.read_bytes()[:1000])

    with pytest.raises(ModelError, match=r"cut\.onnx.*Install photoqueue again") as error:
        BuiltinEngine(catalogue=Catalogue.load(), file=file)
    assert "PHOTOQUEUE_MODEL" not in str(error.value)


def test_things_that_a_catalogue_lacks_are_left_out() -> None:
    items = [item for item in Catalogue.load().items if item.key != "sofa_2_seat"]
    engine = BuiltinEngine(catalogue=Catalogue(items))
    scores = np.zeros((2, len(engine.classes)), np.float32)
    scores[0, engine.classes.index("sofa_2_seat")] = 0.99
    scores[1, engine.classes.index("television")] = 0.99
    boxes = np.array([[0.1, 0.1, 0.4, 0.4], [0.6, 0.6, 0.9, 0.9]], np.float32)

    assert [item.key for item in engine._items(scores, boxes, "en")] == ["television"]


def test_thing_without_extent_is_left_out(engine: BuiltinEngine) -> None:
    scores = np.zeros((1, len(engine.classes)), np.float32)
    scores[0, 0] = 0.99
    box = np.array([[0.5, 0.5, 0.5, 0.5]], np.float32)

    assert engine._items(scores, box, "en") == []
