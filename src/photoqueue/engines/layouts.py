"""Layouts: the input and output formats of detector models.

A layout is chosen from the model's own inputs and outputs, never from its file name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from photoqueue.engines.boxes import Candidates, FloatArray, corners
from photoqueue.engines.session import Port, Signature, picture_size
from photoqueue.errors import ModelError

if TYPE_CHECKING:
    from PIL import Image


class Layout(ABC):
    """The format of a family of models."""

    #: Display name, with the outputs by which it is recognised.
    name: ClassVar[str]
    #: Overlap, 0…1, above which two boxes of one class are one thing.
    nms_iou: ClassVar[float] = 0.6
    #: Whether :meth:`class_count` is read from the outputs, and not guessed.
    counts_classes: ClassVar[bool] = True
    #: Score, 0…1, below which detections are not reported.
    default_threshold: ClassVar[float]

    def __init__(self, picture: Port) -> None:
        #: Width and height of the model's input, in pixels.
        self.size = picture_size(picture)
        self._picture = picture.name

    @classmethod
    @abstractmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it."""

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's inputs, by name, for an RGB picture."""
        return {self._picture: squash(image, self.size)}

    def settle(self, count: int, family: str | None, file: Path) -> None:  # noqa: B027  # most models need nothing more
        """Take in how many classes the model has, and of which family its user says it is.

        Raises
        ------
        ModelError
            What it wants to be fed cannot be told.
        """

    @abstractmethod
    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Return how many classes the model has, from the outputs of a run."""

    @abstractmethod
    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture, before any choice."""


class AuthorsExport(Layout):
    """The authors' own export: the model decodes its boxes itself.

    Inputs ``images`` f32 [N, 3, H, W] and ``orig_target_sizes`` i64 [N, 2] (width,
    height); outputs ``labels`` i64 [N, Q], ``boxes`` [N, Q, 4] (corners, in pixels of the
    given size) and ``scores`` [N, Q].
    """

    name = "DEIMv2/D-FINE (labels, boxes, scores)"
    counts_classes = False
    #: DEIMv2 femto on 22 photos of rooms is 35, 38 and 42 % of the volume wrong at 0.30, 0.35 and
    #: 0.40, and 42, 40 and 39 % on 33 rendered views; F1 on the photos 0.64, 0.74 and 0.71.
    default_threshold = 0.35

    @classmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it."""
        fits = signature.has(
            {
                "images": (None, 3, None, None),
                "orig_target_sizes": (None, 2),
                "labels": (None, None),
                "boxes": (None, None, 4),
                "scores": (None, None),
            }
        )
        return cls(signature["images"]) if fits else None

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's inputs for a picture."""
        return super().feeds(image) | {"orig_target_sizes": np.array([image.size], np.int64)}

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Return how many classes the model has.

        The file does not say it. A model reports its best queries even for an empty
        picture, over all its classes, so an index beyond COCO's shows Objects365.
        """
        return 80 if int(np.max(outputs["labels"], initial=0)) < 80 else 366

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture."""
        width, height = image.size
        scale = np.array([width, height, width, height], dtype=np.float32)
        return Candidates(
            np.asarray(outputs["boxes"][0], dtype=np.float32) / scale,
            np.asarray(outputs["scores"][0], dtype=np.float32),
            np.asarray(outputs["labels"][0], dtype=np.int64),
        )


#: Model family → mean and deviation of the pixels it was trained on, per channel, 0…1; RF-DETR
#: has those of ImageNet (the preprocessing of github.com/roboflow/rf-detr).
FAMILIES: Final[dict[str, tuple[FloatArray, FloatArray] | None]] = {
    "dfine": None,
    "rfdetr": (
        np.array([0.485, 0.456, 0.406], dtype=np.float32)[:, None, None],
        np.array([0.229, 0.224, 0.225], dtype=np.float32)[:, None, None],
    ),
}
#: Number of classes → family of the published models that have as many.
_BY_CLASSES: Final = {80: "dfine", 365: "dfine", 366: "dfine", 91: "rfdetr"}


class QueriesExport(Layout):
    """Exports that leave the boxes to be decoded: of transformers, and RF-DETR's own.

    The first, as found at onnx-community, has the input ``pixel_values`` f32 [N, 3, H, W] and the
    outputs ``logits`` [N, Q, C], before the sigmoid, and ``pred_boxes`` [N, Q, 4] (centre and size,
    as fractions). RF-DETR's own calls them ``input``, ``labels`` and ``dets``. RF-DETR also comes
    with the first names, and then nothing but the number of classes tells it from D-FINE, which
    wants its pixels without mean and deviation.
    """

    name = "D-FINE or RF-DETR (logits, pred_boxes), RF-DETR (dets, labels)"
    #: Not measured on photos of rooms: taken from D-FINE's other export.
    default_threshold = 0.35
    _NAMES: ClassVar = (("pixel_values", "logits", "pred_boxes"), ("input", "labels", "dets"))

    def __init__(self, picture: Port, logits: str, boxes: str) -> None:
        super().__init__(picture)
        self._logits, self._boxes = logits, boxes
        self._family = "rfdetr" if boxes == "dets" else None

    @classmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it."""
        for picture, logits, boxes in cls._NAMES:
            shapes = {picture: (None, 3, None, None), logits: (None,) * 3, boxes: (None, None, 4)}
            if len(signature.inputs) == 1 and signature.has(shapes):
                return cls(signature[picture], logits, boxes)
        return None

    def settle(self, count: int, family: str | None, file: Path) -> None:
        """Decide which family the model is of, as what is fed to it depends on that."""
        self._family = family or self._family or _BY_CLASSES.get(count)
        if self._family is None:
            raise ModelError(
                f"The model {file} tells {count} classes apart and may be D-FINE or RF-DETR, which "
                "want different pixels. Which is it? Say family = "
                f"{' or '.join(map(repr, FAMILIES))} where it is registered "
                "(PHOTOQUEUE_HOME/models.toml)."
            )

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's inputs for a picture."""
        fed = super().feeds(image)
        if (pixels := FAMILIES[self._family or "dfine"]) is not None:
            fed[self._picture] = (fed[self._picture] - pixels[0]) / pixels[1]
        return fed

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Return how many classes the model has."""
        return int(outputs[self._logits].shape[-1])

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture."""
        logits = np.asarray(outputs[self._logits][0], dtype=np.float32)
        classes = logits.argmax(axis=1).astype(np.int64)
        best = np.take_along_axis(logits, classes[:, None], axis=1)[:, 0]
        boxes = np.asarray(outputs[self._boxes][0], dtype=np.float32)
        return Candidates(corners(boxes), _sigmoid(best), classes)


def squash(image: Image.Image, size: tuple[int, int]) -> FloatArray:
    """Resize an RGB picture to the input size, whatever its shape, and scale it to 0…1.

    Returns
    -------
    ndarray of float32, shape (1, 3, H, W)
    """
    from PIL import Image

    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    return np.ascontiguousarray(pixels[None])


def _sigmoid(logits: FloatArray) -> FloatArray:
    """Turn logits into 0…1; clipped so that no exponential overflows."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float32)


#: Pixels between the cells of the three grids, in the order of the output.
_STRIDES: Final = (8, 16, 32)
#: Grey of the letterbox, as in training.
_PAD: Final = 114
#: Values of one cell before the classes: x, y, log width, log height, objectness.
_BOX_VALUES: Final = 5


class RawYolox(Layout):
    """One output [1, cells, 5 + classes] that is still to be decoded.

    The input is [1, 3, H, W], BGR, 0…255; the picture keeps its proportions, lies in the
    top left corner and is padded with grey.
    """

    name = "YOLOX, raw (one output [1, cells, 5 + classes])"
    nms_iou = 0.45
    #: YOLOX-nano on 22 photos of rooms is 59 % of the volume wrong at 0.25 and 0.30, and 61 % at
    #: 0.35; on 33 rendered views 35, 41 and 43 %; F1 on the photos 0.60, 0.57 and 0.56.
    default_threshold = 0.25

    def __init__(self, picture: Port, output: Port) -> None:
        super().__init__(picture)
        self._output = output.name
        self._offsets, self._strides = _grid(*self.size)

    @classmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it.

        The number of cells must be that of the three grids: other YOLO models also have
        one output of rank 3, and decoding theirs in this way would give nonsense.
        """
        if len(signature.inputs) != 1 or len(signature.outputs) != 1:
            return None
        picture, output = signature.inputs[0], signature.outputs[0]
        if not picture.fits(None, 3, None, None) or picture.type != "tensor(float)":
            return None
        width, height = picture_size(picture)
        cells = sum((width // stride) * (height // stride) for stride in _STRIDES)
        if not output.fits(None, cells, None) or output.shape[1] is None:
            return None
        return cls(picture, output)

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's input for a picture."""
        return {self._picture: letterbox(image, self.size)}

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Return how many classes the model has."""
        return int(outputs[self._output].shape[-1]) - _BOX_VALUES

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture."""
        raw = np.asarray(outputs[self._output][0], dtype=np.float32)
        class_scores = raw[:, _BOX_VALUES:]
        classes = class_scores.argmax(axis=1).astype(np.int64)
        best = np.take_along_axis(class_scores, classes[:, None], axis=1)[:, 0]
        centre = (raw[:, :2] + self._offsets) * self._strides
        # Clipped far beyond any picture, so that an outlier cannot overflow.
        size = np.exp(np.clip(raw[:, 2:4], None, 20)) * self._strides
        pixels = corners(np.concatenate([centre, size], axis=1))
        # The padding lies right and below, so undoing the letterbox is one division by
        # the size that the picture itself takes up in the input.
        scale = np.array(fitted_size(image.size, self.size) * 2, dtype=np.float32)
        return Candidates(pixels / scale, raw[:, 4] * best, classes)


def fitted_size(picture: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture made to fit a frame, in pixels, proportions kept."""
    ratio = min(frame[0] / picture[0], frame[1] / picture[1])
    return max(1, int(picture[0] * ratio)), max(1, int(picture[1] * ratio))


def letterbox(image: Image.Image, frame: tuple[int, int]) -> FloatArray:
    """Fit an RGB picture into the top left of a grey frame, as BGR.

    Returns
    -------
    ndarray of float32, shape (1, 3, H, W)
        0…255.
    """
    from PIL import Image

    width, height = fitted_size(image.size, frame)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    canvas = np.full((frame[1], frame[0], 3), _PAD, dtype=np.float32)
    canvas[:height, :width] = np.asarray(small)[:, :, ::-1]
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None])


def _grid(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Return column and row, shape (cells, 2), and stride, shape (cells, 1), of each cell."""
    offsets, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        offsets.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((columns.size, 1), stride))
    return (
        np.concatenate(offsets).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )


#: The most specific first; no model fits two of them.
_LAYOUTS: Final = (AuthorsExport, QueriesExport, RawYolox)


def choose_layout(signature: Signature, file: Path) -> Layout:
    """Return the layout of a model.

    Raises
    ------
    ModelError
        The model's inputs and outputs are those of no known layout.
    """
    for kind in _LAYOUTS:
        layout = kind.recognise(signature)
        if layout is not None:
            return layout
    known = "; ".join(kind.name for kind in _LAYOUTS)
    raise ModelError(
        f"The model {file} has a layout that the detector does not know: {signature}. "
        f"Known layouts: {known}. Export the model in one of them, or write an engine of "
        "your own and set PHOTOQUEUE_ENGINE to package.module:factory."
    )
