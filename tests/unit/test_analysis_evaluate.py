from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from photoqueue.engines.contract import Analysis, Hint, Item
from photoqueue.errors import ConfigurationError, UnreadablePhotoError
from photoqueue.evaluation import evaluate, match
from photoqueue.evaluation.truth import TrueBox


class Scripted:
    """Finds what it was told, by photo id."""

    name = "scripted"
    model = "none"

    def __init__(self, script: dict[str, Analysis]) -> None:
        self.script = script

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        assert image.mode == "RGB"
        return self.script[hint.photo_id]


def item(key: str, box: tuple[float, float, float, float] | None, score: float = 0.9) -> Item:
    return Item(name=key, category="furniture", key=key, box=box, score=score)


def annotate(folder: Path, *entries: dict[str, Any]) -> Path:
    for entry in entries:
        Image.new("RGB", (entry["width"], entry["height"])).save(folder / entry["file"])
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


BEDROOM = {
    "file": "1.png",
    "width": 100,
    "height": 50,
    "room_type": "bedroom",
    "boxes": [
        {"label": "bed", "bbox_xywh": [0, 0, 50, 50]},
        {"label": "chair", "bbox_xywh": [60, 0, 20, 20]},
        {"label": "sink", "bbox_xywh": [80, 40, 10, 10]},
    ],
}
LIVING_ROOM = {
    "file": "2.png",
    "width": 40,
    "height": 40,
    "room_type": "living_room",
    "boxes": [{"label": "couch", "bbox_xywh": [0, 0, 20, 20]}],
}


def test_evaluation_counts_what_is_right(tmp_path: Path) -> None:
    engine = Scripted(
        {
            "1.png": Analysis(
                items=(
                    item("double_bed", (0, 0, 0.5, 0.9)),
                    item("chair", (0.1, 0.1, 0.2, 0.2)),  # elsewhere
                    item("desk", (0.1, 0.1, 0.2, 0.2)),  # no class of COCO: cannot be judged
                    item("chair", None),  # no box: cannot be judged
                ),
                room_type="bedroom",
            ),
            "2.png": Analysis(room_type="salon"),
        }
    )

    done = evaluate(engine, annotate(tmp_path, BEDROOM, LIVING_ROOM))

    # truths: bed, chair, couch (a sink is not moved); found: bed, chair; right: bed
    assert done.precision == pytest.approx(1 / 2)
    assert done.recall == pytest.approx(1 / 3)
    assert done.f1 == pytest.approx(2 / 5)
    assert done.room_type_accuracy == 1.0  # "salon" is a living room
    assert done.ms_per_photo >= 0
    counts = done.classes[["truths", "found", "right"]].T.to_dict("list")
    assert counts == {"chair": [1, 1, 0], "double_bed": [1, 1, 1], "sofa_3_seat": [1, 0, 0]}
    assert math.isnan(done.classes.loc["sofa_3_seat", "precision"])
    assert done.photos.loc["1.png", ["truths", "found", "right"]].tolist() == [2, 2, 1]
    assert repr(done) == "Evaluation('none': precision 0.50, recall 0.33, F1 0.40)"


def test_room_accuracy_ignores_photos_without_a_known_room(tmp_path: Path) -> None:
    unknown = {key: value for key, value in BEDROOM.items() if key != "room_type"}
    engine = Scripted({"1.png": Analysis(), "2.png": Analysis(room_type="kitchen")})

    done = evaluate(engine, annotate(tmp_path, unknown, LIVING_ROOM))

    assert done.room_type_accuracy == 0.0
    assert math.isnan(done.precision)


def test_match_uses_each_truth_once_and_the_best_score_first() -> None:
    truths = [TrueBox("chair", (0, 0, 0.5, 0.5))]

    assert match(truths, [("chair", (0, 0, 0.5, 0.5)), ("chair", (0, 0, 0.5, 0.5))]).right == [
        "chair"
    ]


def test_match_needs_half_the_overlap_and_the_same_key() -> None:
    truths = [TrueBox("chair", (0, 0, 1, 1))]

    assert match(truths, [("chair", (0, 0, 1, 0.5))]).right == ["chair"]
    assert match(truths, [("chair", (0, 0, 1, 0.49))]).right == []
    assert match(truths, [("desk", (0, 0, 1, 1))]).right == []


def test_best_score_chooses_first(tmp_path: Path) -> None:
    engine = Scripted(
        {
            "2.png": Analysis(
                items=(
                    item("sofa_3_seat", (0, 0, 0.5, 0.3), score=0.4),
                    item("sofa_3_seat", (0, 0, 0.5, 0.5), score=0.8),
                )
            )
        }
    )

    assert evaluate(engine, annotate(tmp_path, LIVING_ROOM)).precision == 0.5


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '[{"file": "1.png"}]', '[{"file": 1, "boxes": [3]}]']
)
def test_unusable_annotations_name_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "annotations.json").write_text(content)

    with pytest.raises(ConfigurationError, match=r"annotations\.json"):
        evaluate(Scripted({}), tmp_path)


def test_folder_without_annotations_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"annotations\.json"):
        evaluate(Scripted({}), tmp_path)


def test_missing_picture_is_named(tmp_path: Path) -> None:
    annotate(tmp_path, LIVING_ROOM)
    (tmp_path / "2.png").unlink()

    with pytest.raises(UnreadablePhotoError, match=r"2\.png"):
        evaluate(Scripted({}), tmp_path)
