"""YOLOX as its authors export it: one raw output over three grids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from photoqueue.analysis.boxes import Candidates, FloatArray, corners
from photoqueue.analysis.signature import Port, Signature, picture_size

if TYPE_CHECKING:
    from PIL import Image

#: Pixels between the cells of the three grids, in the order of the output.
_STRIDES: Final = (8, 16, 32)
#: Grey of the letterbox, as in training.
_PAD: Final = 114
#: Values of one cell before the classes: x, y, log width, log height, objectness.
_BOX_VALUES: Final = 5


class RawYolox:
    """One output [1, cells, 5 + classes] that is still to be decoded.

    The input is [1, 3, H, W], BGR, 0…255; the picture keeps its proportions, lies in the
    top left corner and is padded with grey.
    """

    name: Final = "YOLOX, raw (one output [1, cells, 5 + classes])"
    nms_iou: Final = 0.45
    counts_classes: Final = True
    #: F1 of YOLOX-nano on 22 photos of rooms: 0.57 at 0.25, 0.55 at 0.30, 0.54 at 0.35
    #: (`photoqueue evaluate` with PHOTOQUEUE_SCORE_THRESHOLD). So few photos do not tell
    #: these apart; 0.30 errs less often on the side of things that are not there.
    default_threshold: Final = 0.30

    def __init__(self, picture: Port, output: Port) -> None:
        self.size = picture_size(picture)
        self._picture = picture.name
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
        """Tell how many classes the model has."""
        return int(outputs[self._output].shape[-1]) - _BOX_VALUES

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture."""
        raw = np.asarray(outputs[self._output][0], dtype=np.float32)
        class_scores = raw[:, _BOX_VALUES:]
        classes = class_scores.argmax(axis=1).astype(np.int64)
        best = np.take_along_axis(class_scores, classes[:, None], axis=1)[:, 0]
        centre = (raw[:, :2] + self._offsets) * self._strides
        # Clipped far beyond any picture, so that a wild cell cannot overflow.
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
