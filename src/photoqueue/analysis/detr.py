"""The two ways in which D-FINE, DEIM and DEIMv2 detectors are exported to ONNX.

Both take an RGB picture, squashed to the input size and scaled to 0…1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from photoqueue.analysis.boxes import Candidates, FloatArray, corners
from photoqueue.analysis.signature import Port, Signature, picture_size

if TYPE_CHECKING:
    from PIL import Image

#: Overlap above which two boxes of one class are one thing.
_NMS_IOU: Final = 0.6


class AuthorsExport:
    """The authors' own export: the model decodes its boxes itself.

    Inputs ``images`` f32 [N, 3, H, W] and ``orig_target_sizes`` i64 [N, 2] (width,
    height); outputs ``labels`` i64 [N, Q], ``boxes`` [N, Q, 4] (corners, in pixels of the
    given size) and ``scores`` [N, Q].
    """

    name: Final = "DEIMv2/D-FINE (labels, boxes, scores)"
    nms_iou: Final = _NMS_IOU
    counts_classes: Final = False
    #: Best F1 of DEIMv2 femto on 22 photos of rooms (0.68; 0.62 at 0.30, 0.67 at 0.40;
    #: `photoqueue evaluate` with PHOTOQUEUE_SCORE_THRESHOLD).
    default_threshold: Final = 0.35

    def __init__(self, picture: Port) -> None:
        self.size = picture_size(picture)
        self._picture = picture.name

    @classmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it."""
        picture, sizes = signature.input("images"), signature.input("orig_target_sizes")
        labels, boxes = signature.output("labels"), signature.output("boxes")
        scores = signature.output("scores")
        if not (picture and sizes and labels and boxes and scores):
            return None
        fits = (
            picture.fits(None, 3, None, None)
            and sizes.fits(None, 2)
            and labels.fits(None, None)
            and boxes.fits(None, None, 4)
            and scores.fits(None, None)
        )
        return cls(picture) if fits else None

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's inputs for a picture."""
        return {
            self._picture: squash(image, self.size),
            "orig_target_sizes": np.array([image.size], dtype=np.int64),
        }

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Tell how many classes the model has.

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


class TransformersExport:
    """The export of the transformers library, as found at onnx-community.

    Input ``pixel_values`` f32 [N, 3, H, W]; outputs ``logits`` [N, Q, C], before the
    sigmoid, and ``pred_boxes`` [N, Q, 4] (centre and size, as fractions).
    """

    name: Final = "D-FINE, transformers (logits, pred_boxes)"
    nms_iou: Final = _NMS_IOU
    counts_classes: Final = True
    #: Not measured on photos of rooms: taken from the same architecture's other export.
    default_threshold: Final = 0.35

    def __init__(self, picture: Port) -> None:
        self.size = picture_size(picture)
        self._picture = picture.name

    @classmethod
    def recognise(cls, signature: Signature) -> Self | None:
        """Return the layout if the model has it."""
        picture = signature.input("pixel_values")
        logits, boxes = signature.output("logits"), signature.output("pred_boxes")
        if not (picture and logits and boxes) or len(signature.inputs) != 1:
            return None
        fits = (
            picture.fits(None, 3, None, None)
            and logits.fits(None, None, None)
            and boxes.fits(None, None, 4)
        )
        return cls(picture) if fits else None

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's input for a picture."""
        return {self._picture: squash(image, self.size)}

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Tell how many classes the model has."""
        return int(outputs["logits"].shape[-1])

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes, in fractions of the picture."""
        logits = np.asarray(outputs["logits"][0], dtype=np.float32)
        classes = logits.argmax(axis=1).astype(np.int64)
        best = np.take_along_axis(logits, classes[:, None], axis=1)[:, 0]
        boxes = np.asarray(outputs["pred_boxes"][0], dtype=np.float32)
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
