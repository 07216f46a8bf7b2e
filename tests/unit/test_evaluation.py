"""Comparing engines: what is counted, what is left out, what is written."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from photoqueue import Analysis, Hint, Settings
from photoqueue.errors import StorageError, UnreadablePhotoError
from tests.homes import HEIGHT, WIDTH, truth, write_home
from tools import evaluate
from tools.comparison import (
    Comparison,
    Subject,
    available_subjects,
    chosen_subject,
    compare,
    rows,
    write_csv,
)
from tools.inventories import InventoryScore, strategies


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    for name in ("home-1", "home-2"):
        write_home(tmp_path / "samples", truth(name))
    return tmp_path / "samples"


def subject(factory: str) -> Subject:
    return chosen_subject(Settings(engine=factory))


def scores_of(comparison: Comparison, strategy: str) -> dict[str, InventoryScore]:
    return {one.home: one for one in comparison.inventories if one.strategy == strategy}


def test_engine_is_measured_on_homes(homes: Path) -> None:
    done = compare([subject("tests.homes:seeing")], samples=homes)

    (score,) = done.engines
    assert (score.engine, score.model, score.photos) == ("seeing", "colours", "samples")
    assert (score.photo_count, score.truths, score.found, score.right) == (8, 20, 20, 20)
    assert score.f1 == score.room_type_accuracy == 1.0
    assert score.ms_per_photo > 0
    assert [one.key for one in done.classes] == sorted(one.key for one in done.classes)
    assert done.left_out == ()


def test_inventories_are_compared_by_home_and_together(homes: Path) -> None:
    done = compare([subject("tests.homes:seeing")], samples=homes)

    assert {"max", "sum"} <= set(strategies())
    assert {one.strategy for one in done.inventories} == set(strategies())
    most = scores_of(done, "max")
    assert list(most) == ["home-1", "home-2", "all"]
    assert (most["home-1"].items, most["home-1"].true_items) == (6, 6)
    assert most["all"].right_items == most["all"].true_items == 12
    assert most["all"].item_error == most["all"].volume_error == 0.0
    summed = scores_of(done, "sum")["all"]
    # two homes, each of 3 sofas and 4 armchairs over three views, and 3 things in the kitchen
    assert (summed.items, summed.right_items) == (20, 12)
    assert summed.item_error == pytest.approx(8 / 12)
    assert summed.volume == pytest.approx(2 * (3 * 1.7 + 4 * 0.5 + 1.0 + 1.15 + 0.25))


def test_room_is_asked_for_as_a_whole_only_when_wanted(homes: Path) -> None:
    assert scores_of(compare([subject("tests.homes:seeing")], samples=homes), "llm") == {}

    done = compare([subject("tests.homes:seeing")], samples=homes, together=True)

    assert scores_of(done, "llm")["all"].item_error == 0.0


class Blind:
    name, model = "blind", "none"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        return Analysis()


class Moody(Blind):
    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        raise ConnectionError("not today")


def test_engine_that_finds_nothing_has_no_precision_and_an_empty_inventory(
    homes: Path,
) -> None:
    done = compare([subject("tests.unit.test_evaluation:Blind")], samples=homes)

    assert math.isnan(done.engines[0].precision)
    assert done.engines[0].recall == 0.0
    assert {one.item_error for one in done.inventories} == {-1.0}
    assert rows(done.engines)[0]["precision"] is None


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("tests.homes:broken", "no such colours"),
        ("tests.unit.test_evaluation:Moody", "ConnectionError: not today"),
    ],
)
def test_engine_that_fails_is_left_out_and_the_others_go_on(
    homes: Path, factory: str, reason: str
) -> None:
    done = compare([subject(factory), subject("tests.homes:seeing")], samples=homes)

    assert [one.engine for one in done.engines] == ["seeing"]
    (left,) = done.left_out
    assert left.what == factory
    assert reason in left.reason


def test_missing_picture_is_no_fault_of_an_engine(homes: Path) -> None:
    (homes / "home-1" / "kitchen" / "view-1.jpg").unlink()

    with pytest.raises(UnreadablePhotoError, match=r"view-1\.jpg"):
        compare([subject("tests.homes:seeing")], samples=homes)


def test_annotated_photos_are_judged_by_the_classes_they_tell_apart(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    picture = "living room/view-1.jpg"  # a sofa and an armchair
    entry = {
        "file": picture,
        "width": WIDTH,
        "height": HEIGHT,
        "room_type": "living_room",
        "boxes": [
            {"label": "couch", "bbox_xywh": [32, 96, 128, 96]},
            {"label": "chair", "bbox_xywh": [192, 120, 64, 72]},
            {"label": "cup", "bbox_xywh": [0, 0, 5, 5]},
        ],
    }
    (home / "truth.json").unlink()
    (home / "annotations.json").write_text(json.dumps([entry]))

    done = compare([subject("tests.homes:seeing")], annotated=home)

    (score,) = done.engines
    assert (score.photos, score.truths, score.right, score.found) == ("photos", 2, 2, 2)
    assert [one.key for one in done.classes] == ["chair", "sofa_3_seat"]
    assert done.inventories == ()


def test_two_runs_write_the_same_but_for_the_times(homes: Path, tmp_path: Path) -> None:
    written = []
    for run in ("one", "two"):
        done = compare([subject("tests.homes:seeing")], samples=homes)
        files = write_csv(done, tmp_path / run / "deep")
        assert [file.stem for file in files] == ["engines", "classes", "inventories", "ranges"]
        written.append([list(csv.DictReader(file.read_text().splitlines())) for file in files])
    for run in written:
        for row in run[0]:
            assert float(row.pop("ms_per_photo")) > 0
    assert written[0] == written[1]
    assert written[0][2][0]["item_error"] == "0.0"


def test_tables_that_cannot_be_written_name_the_folder(homes: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match=r"file.* another folder"):
        write_csv(compare([subject("tests.homes:seeing")], samples=homes), tmp_path / "file")


def test_models_of_two_folders_count_once_each(tmp_path: Path) -> None:
    first, second = tmp_path / "home" / "models", tmp_path / "beside"
    for folder in (first, second):
        folder.mkdir(parents=True)
    (first / "b.onnx").write_bytes(b"one")
    (second / "a.onnx").write_bytes(b"one")
    (second / "c.onnx").write_bytes(b"two")
    (second / "LICENSE").write_bytes(b"text")

    (tmp_path / "home" / "models.toml").write_text(
        '[models.mine]\npath = "models/b.onnx"\nclasses = "coco"\n'
    )

    own = Settings(home=tmp_path / "home")
    found, left = available_subjects(own, model_folders=[first, second, tmp_path / "none"])

    detectors = [one for one in found if one.settings.engine == "detector"]
    assert [one.label for one in detectors] == ["detector mine", "detector c.onnx"]
    assert {one.settings.threads for one in found} == {1}
    assert left == []


def test_llm_is_asked_only_when_wanted_and_configured() -> None:
    configured = Settings(llm_base_url="http://127.0.0.1:1/v1", llm_model="m")

    silent, _ = available_subjects(configured, model_folders=[])
    assert "llm" not in [one.label for one in silent]
    _, left = available_subjects(Settings(), model_folders=[], llm=True)
    assert [one.what for one in left] == ["llm"]
    assert "PHOTOQUEUE_LLM_MODEL" in left[0].reason
    asked, left = available_subjects(configured, model_folders=[], llm=True)
    assert [one.label for one in asked] == ["builtin", "llm"]
    assert left == []


def test_own_engine_is_compared_too() -> None:
    found, _ = available_subjects(Settings(engine="tests.homes:seeing"), model_folders=[])

    assert found[-1].label == "tests.homes:seeing"


# -- the command


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a checkout with a sample home, and nothing beside it."""
    write_home(tmp_path / "checkout" / "data" / "samples")
    monkeypatch.setattr(evaluate, "CHECKOUT", tmp_path / "checkout")
    monkeypatch.setattr(evaluate, "DATA", tmp_path / "beside")
    monkeypatch.setenv("PHOTOQUEUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PHOTOQUEUE_ENGINE", "tests.homes:seeing")
    app = typer.Typer()
    app.command()(evaluate.main)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_command_shows_engines_and_inventories(
    measure: Callable[..., Result], tmp_path: Path
) -> None:
    shown = measure("--csv", tmp_path / "out", "--by-class")

    assert shown.exit_code == 0, shown.output
    for word in ("seeing", "colours", "samples", "home-1", "6 of 6", "10 of 6", "+67 %"):
        assert word in shown.stdout
    assert "armchair" in shown.stdout
    assert "Left out: photos: there is no" in shown.stdout
    assert "Wrote" in shown.stderr
    assert (tmp_path / "out" / "inventories.csv").is_file()


def test_command_measures_one_engine_on_a_folder_of_homes(
    measure: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "checkout" / "data" / "samples" / "home-1"

    told = json.loads(measure(folder, "--engine", "tests.homes:seeing", "--json").stdout)

    assert [row["engine"] for row in told["engines"]] == ["seeing"]
    assert told["left_out"] == []
    broken = measure("--engine", "tests.homes:broken")
    assert broken.exit_code == 1
    assert "no such colours" in broken.stderr
