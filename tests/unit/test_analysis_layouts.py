from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photoqueue.engines.contract import Hint
from photoqueue.engines.detector import Detector
from photoqueue.engines.layouts import (
    AuthorsExport,
    QueriesExport,
    RawYolox,
    choose_layout,
    fitted_size,
    letterbox,
    squash,
)
from photoqueue.engines.model_registry import ModelEntry
from photoqueue.engines.session import Port, Signature
from photoqueue.engines.vocabulary import class_names, label_list
from photoqueue.errors import ModelError
from photoqueue.inventory.catalogue import Catalogue
from tests.models import (
    YOLOX_CELLS_64,
    authors_model,
    classifier_model,
    transformers_model,
    yolox_model,
)

CHAIR, COUCH, BED = 56, 57, 59  # positions in COCO
RED_ISH = Image.new("RGB", (200, 100), (204, 102, 51))  # 0.8, 0.4, 0.2


def detector(file: Path, **options: Any) -> Detector:
    return Detector(ModelEntry(name=file.stem, path=file), catalogue=Catalogue.load(), **options)


def logits(*rows: dict[int, float], classes: int = 80) -> np.ndarray:
    values = np.full((len(rows), classes), -20.0)
    for row, wanted in enumerate(rows):
        for index, logit in wanted.items():
            values[row, index] = logit
    return values


def yolox_raw(cells: dict[int, tuple[float, float, float, float, float, int, float]]) -> np.ndarray:
    raw = np.zeros((YOLOX_CELLS_64, 85), np.float32)
    for cell, (x, y, log_w, log_h, objectness, index, score) in cells.items():
        raw[cell, :5] = x, y, log_w, log_h, objectness
        raw[cell, 5 + index] = score
    return raw


def test_authors_export_gives_boxes_scores_and_labels_back(tmp_path: Path) -> None:
    file = authors_model(
        tmp_path / "m.onnx",
        boxes=[[0.1, 0.2, 0.5, 0.6], [0.5, 0.5, 1.25, 0.75]],
        scores=[0.6, 0.9],
        labels=[COUCH, BED],
    )

    found = detector(file).detect(Image.new("RGB", (300, 700)))

    assert [(d.label, d.score) for d in found] == [("bed", 0.9), ("couch", 0.6)]
    assert found[0].box == pytest.approx((0.5, 0.5, 1.0, 0.75))  # clipped to the picture
    assert found[1].box == pytest.approx((0.1, 0.2, 0.5, 0.6))


def test_authors_export_of_objects365_is_told_by_its_labels(tmp_path: Path) -> None:
    desk = 1 + label_list("objects365").index("Desk")
    nightstand = 1 + label_list("objects365").index("Nightstand")
    file = authors_model(
        tmp_path / "m.onnx",
        boxes=[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]],
        scores=[0.9, 0.8],
        labels=[desk, nightstand],
    )

    items = detector(file).analyse(RED_ISH, Hint()).items

    assert [item.key for item in items] == ["desk", "nightstand"]


def test_authors_export_sees_rgb_in_0_to_1(tmp_path: Path) -> None:
    file = authors_model(
        tmp_path / "m.onnx",
        boxes=[[0, 0, 0.2, 0.2], [0.4, 0.4, 0.6, 0.6], [0.8, 0.8, 1, 1]],
        scores=None,  # the means of the three channels
        labels=[CHAIR, COUCH, BED],
    )

    found = detector(file).detect(RED_ISH, threshold=0.0)

    assert {d.label: d.score for d in found} == pytest.approx(
        {"chair": 0.8, "couch": 0.4, "bed": 0.2}, abs=1e-3
    )


def test_transformers_export_gives_boxes_and_scores_back(tmp_path: Path) -> None:
    file = transformers_model(
        tmp_path / "m.onnx",
        logits=logits({COUCH: 0.0, CHAIR: -1.0}, {BED: 2.0}, {CHAIR: -3.0}),
        boxes=[[0.3, 0.4, 0.4, 0.4], [0.75, 0.5, 0.5, 0.5], [0.5, 0.5, 0.1, 0.1]],
    )

    found = detector(file).detect(Image.new("RGB", (300, 700)))

    assert [d.label for d in found] == ["bed", "couch"]  # the last one scores 0.05
    assert [d.score for d in found] == pytest.approx([0.8808, 0.5], abs=1e-4)
    assert found[0].box == pytest.approx((0.5, 0.25, 1.0, 0.75))
    assert found[1].box == pytest.approx((0.1, 0.2, 0.5, 0.6))


@pytest.mark.parametrize(("classes", "offset"), [(366, 1), (365, 0)])
def test_transformers_export_of_objects365_minds_the_none_class(
    tmp_path: Path, classes: int, offset: int
) -> None:
    couch = label_list("objects365").index("Couch") + offset
    file = transformers_model(
        tmp_path / "m.onnx",
        logits=logits({couch: 3.0}, {0: 4.0}, classes=classes),
        boxes=[[0.5, 0.5, 0.4, 0.4], [0.2, 0.2, 0.1, 0.1]],
    )

    labels = [d.label for d in detector(file).detect(RED_ISH)]

    # Index 0 means nothing in one kind of model, and a person in the other.
    assert labels == (["Couch"] if offset else ["Person", "Couch"])


def test_transformers_export_sees_rgb_in_0_to_1(tmp_path: Path) -> None:
    file = transformers_model(
        tmp_path / "m.onnx",
        logits=logits({CHAIR: 0.0}, {COUCH: 0.0}, {BED: 0.0}),
        boxes=[[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], [0.9, 0.9, 0.2, 0.2]],
        add_channel_means=True,
        fixed_size=True,
    )

    found = {d.label: d.score for d in detector(file).detect(RED_ISH, threshold=0.0)}

    expected = {"chair": 0.8, "couch": 0.4, "bed": 0.2}
    for label, mean in expected.items():
        assert found[label] == pytest.approx(1 / (1 + np.exp(-mean)), abs=1e-3)


def test_yolox_decodes_the_grid_and_undoes_the_letterbox(tmp_path: Path) -> None:
    # A picture of 200 × 100 fills 64 × 32 of the 64 × 64 frame.
    raw = yolox_raw(
        {
            # stride 8, column 2, row 1: centre (20, 12), 16 × 8 input pixels
            10: (0.5, 0.5, np.log(2), 0.0, 0.9, CHAIR, 1.0),
            # stride 16, column 1, row 1: centre (24, 16), 32 × 16
            64 + 5: (0.5, 0.0, np.log(2), 0.0, 0.8, COUCH, 0.5),
            # stride 32, column 1, row 0: centre (48, 16), 32 × 32
            80 + 1: (0.5, 0.5, 0.0, 0.0, 1.0, BED, 0.7),
        }
    )
    found = detector(yolox_model(tmp_path / "m.onnx", raw)).detect(RED_ISH)

    boxes = {d.label: d.box for d in found}
    assert [(d.label, d.score) for d in found] == [
        ("chair", pytest.approx(0.9)),
        ("bed", pytest.approx(0.7)),
        ("couch", pytest.approx(0.4)),
    ]
    assert boxes["chair"] == pytest.approx((12 / 64, 8 / 32, 28 / 64, 16 / 32), abs=1e-4)
    assert boxes["couch"] == pytest.approx((8 / 64, 8 / 32, 40 / 64, 24 / 32), abs=1e-4)
    assert boxes["bed"] == pytest.approx((32 / 64, 0, 1, 1), abs=1e-4)


def test_yolox_sees_bgr_in_0_to_255_and_grey_padding(tmp_path: Path) -> None:
    raw = yolox_raw(
        {
            0: (0, 0, 0, 0, 0.0, CHAIR, 1.0),
            1: (0, 0, 0, 0, 0.0, COUCH, 1.0),
            2: (0, 0, 0, 0, 0.0, BED, 1.0),
        }
    )
    file = yolox_model(tmp_path / "m.onnx", raw, add_channel_means=True)

    found = {d.label: d.score for d in detector(file).detect(RED_ISH, threshold=0.01)}

    half_grey = 114 / 255 / 2
    assert found == pytest.approx(
        {
            "chair": 0.1 + half_grey,  # channel 0: blue
            "couch": 0.2 + half_grey,
            "bed": 0.4 + half_grey,  # channel 2: red
        },
        abs=1e-3,
    )


def test_letterbox_keeps_the_proportions() -> None:
    frame = letterbox(Image.new("RGB", (100, 200), (255, 0, 0)), (64, 64))

    assert frame.shape == (1, 3, 64, 64)
    assert frame[0, :, 60, 10].tolist() == [0, 0, 255]
    assert frame[0, :, 10, 40].tolist() == [114, 114, 114]


@pytest.mark.parametrize("picture", [(1, 5000), (5000, 1), (1, 1), (640, 480)])
def test_letterbox_fits_every_shape(picture: tuple[int, int]) -> None:
    width, height = fitted_size(picture, (416, 416))

    assert 1 <= width <= 416
    assert 1 <= height <= 416
    assert 416 in (width, height)


def test_squash_fills_the_whole_input() -> None:
    picture = Image.new("RGB", (100, 50), (0, 0, 255))

    assert squash(picture, (32, 64)).shape == (1, 3, 64, 32)
    assert squash(picture, (32, 64))[0, 2].min() == 1.0


@pytest.mark.parametrize(
    ("layout", "signature"),
    [
        (
            AuthorsExport,
            Signature(
                (Port("images", (None, 3, 416, 416)), Port("orig_target_sizes", (None, 2))),
                (
                    Port("labels", (None, None)),
                    Port("boxes", (None, None, 4)),
                    Port("scores", (None, None)),
                ),
            ),
        ),
        (
            QueriesExport,
            Signature(
                (Port("pixel_values", (None, None, None, None)),),
                (Port("logits", (None, 300, 366)), Port("pred_boxes", (None, 300, 4))),
            ),
        ),
        (
            QueriesExport,
            Signature(
                (Port("input", (1, 3, 384, 384)),),
                (Port("dets", (1, 300, 4)), Port("labels", (1, 300, 91))),
            ),
        ),
        (
            RawYolox,
            Signature((Port("x", (1, 3, 416, 416)),), (Port("y", (1, 3549, 85)),)),
        ),
    ],
)
def test_layout_is_chosen_from_the_signature(layout: type, signature: Signature) -> None:
    assert isinstance(choose_layout(signature, Path("any.onnx")), layout)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((1, 84, 8400), "another YOLO, transposed"),
        ((1, 10647, 85), "three anchors in each cell"),
        ((1, 3549), "rank 2"),
        ((1, None, 85), "no known number of cells"),
    ],
)
def test_other_yolo_outputs_are_refused(shape: tuple[int | None, ...], why: str) -> None:
    signature = Signature((Port("images", (1, 3, 416, 416)),), (Port("output", shape),))

    with pytest.raises(ModelError, match="layout that the detector does not know"):
        choose_layout(signature, Path("yolo.onnx"))


def test_model_of_another_layout_is_refused_with_what_it_has(tmp_path: Path) -> None:
    file = classifier_model(tmp_path / "classifier.onnx")

    with pytest.raises(ModelError) as error:
        detector(file)

    for part in (str(file), "picture[1, 3, 32, 32]", "probabilities[1, 10]", "YOLOX", "D-FINE"):
        assert part in str(error.value)


OWN_NAMES = ("input", "labels", "dets")
DFINE_NAMES = ("pixel_values", "logits", "pred_boxes")
#: Categories of COCO by their own numbers.
COCO_CHAIR, COCO_BED, COCO_TV = 62, 65, 72


@pytest.mark.parametrize("names", [OWN_NAMES, DFINE_NAMES])
def test_rf_detr_has_sparse_classes_and_pixels_of_imagenet(
    tmp_path: Path, names: tuple[str, str, str]
) -> None:
    file = transformers_model(
        tmp_path / "m.onnx",
        logits=logits({COCO_CHAIR: 0.0}, {COCO_BED: 0.0}, {COCO_TV: 0.0}, classes=91),
        boxes=[[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], [0.9, 0.9, 0.2, 0.2]],
        add_channel_means=True,
        fixed_size=True,
        names=names,
    )

    found = {d.label: d for d in detector(file).detect(RED_ISH, threshold=0.0)}

    # RED_ISH is 0.8, 0.4, 0.2: less the mean, by the deviation of each channel
    means = [(0.8 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    expected = [1 / (1 + math.exp(-mean)) for mean in means]
    assert [found[label].score for label in ("chair", "bed", "tv")] == pytest.approx(
        expected, abs=3e-3
    )
    assert found["chair"].box == pytest.approx((0.0, 0.0, 0.2, 0.2))


def test_numbers_that_coco_leaves_out_mean_nothing() -> None:
    names = class_names(91)
    assert names is not None
    assert [name for name in names.names if name] == list(label_list("coco"))
    assert (names.name(0), names.name(1), names.name(12), names.name(90)) == (
        *(None, "person", None, "toothbrush"),
    )


@pytest.mark.parametrize(("family", "red"), [("dfine", 0.8), ("rfdetr", (0.8 - 0.485) / 0.229)])
def test_model_of_ones_own_classes_says_which_pixels_it_wants(
    tmp_path: Path, family: Any, red: float
) -> None:
    file = transformers_model(
        tmp_path / "m.onnx",
        logits=logits({0: 0.0}, {1: 0.0}, {2: 0.0}, classes=3),
        boxes=[[0.1, 0.1, 0.2, 0.2]] * 3,
        add_channel_means=True,
        fixed_size=True,
    )
    (tmp_path / "names.txt").write_text("chair\ndesk\nstool\n")
    entry = ModelEntry(name="m", path=file, classes=tmp_path / "names.txt")

    with pytest.raises(ModelError, match=r"may be D-FINE or RF-DETR.*family = 'dfine' or 'rfdetr'"):
        Detector(entry, catalogue=Catalogue.load())
    told = entry.model_copy(update={"family": family})
    found = Detector(told, catalogue=Catalogue.load()).detect(RED_ISH, threshold=0.0)
    score = next(one.score for one in found if one.label == "chair")
    assert score == pytest.approx(1 / (1 + math.exp(-red)), abs=3e-3)


def test_model_of_an_unknown_number_of_classes_is_refused(tmp_path: Path) -> None:
    file = transformers_model(
        tmp_path / "m.onnx", logits=logits({0: 1.0}, classes=7), boxes=[[0.5, 0.5, 0.1, 0.1]]
    )

    with pytest.raises(ModelError, match="tells 7 classes apart"):
        detector(file)


@pytest.mark.parametrize("content", [b"just some text\n", b"", bytes(range(256)) * 8])
def test_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(content)

    with pytest.raises(ModelError, match=r"broken\.onnx is not an ONNX model"):
        detector(file)


def test_vocabularies_have_their_published_sizes() -> None:
    assert len(label_list("coco")) == 80
    assert len(label_list("objects365")) == 365
    names = class_names(366)
    assert names is not None
    assert names.names[:2] == (None, "Person")
    assert class_names(90) is None
