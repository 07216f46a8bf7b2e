"""Boxes in numpy: what a model proposes, overlap, and suppression of duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from photoqueue.records.base import Box

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """What a model proposes for one picture, before any choice.

    Attributes
    ----------
    boxes : ndarray of float32, shape (n, 4)
        x0, y0, x1, y1 as fractions of the picture; may reach beyond 0…1.
    scores : ndarray of float32, shape (n,)
        0…1.
    classes : ndarray of int64, shape (n,)
        Class index.
    """

    boxes: FloatArray
    scores: FloatArray
    classes: IntArray

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: npt.NDArray[np.bool_] | IntArray) -> Candidates:
        """Return the candidates chosen by a mask or by positions."""
        return Candidates(self.boxes[index], self.scores[index], self.classes[index])


def corners(centre_boxes: FloatArray) -> FloatArray:
    """Turn (centre x, centre y, width, height) into (x0, y0, x1, y1); shape (…, 4)."""
    centre, half = centre_boxes[..., :2], centre_boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1).astype(np.float32)


def iou(box: FloatArray, others: FloatArray) -> FloatArray:
    """Overlap (intersection over union, 0…1) of one box with others.

    Parameters
    ----------
    box : ndarray, shape (4,)
    others : ndarray, shape (n, 4)

    Returns
    -------
    ndarray, shape (n,)
        0 where both boxes are empty.
    """
    return np.asarray(pair_iou(box[None], others)[0])


def pair_iou(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Overlap (intersection over union, 0…1) of every box with every other.

    Parameters
    ----------
    boxes : ndarray, shape (n, 4)
    others : ndarray, shape (m, 4)

    Returns
    -------
    ndarray, shape (n, m)
        0 where both boxes are empty.
    """
    # Edge by edge: with a last axis of two, numpy would iterate over pairs.
    x0, y0, x1, y1 = boxes.T[..., None]
    left, top, right, bottom = others.T
    across = np.minimum(x1, right) - np.maximum(x0, left)
    down = np.minimum(y1, bottom) - np.maximum(y0, top)
    intersection = np.maximum(across, 0) * np.maximum(down, 0)
    union = _area(boxes)[:, None] + _area(others) - intersection
    overlap = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return np.asarray(overlap, dtype=np.float32)


def suppress(candidates: Candidates, iou_limit: float) -> IntArray:
    """Choose, class by class, the best of each group of overlapping boxes.

    Greedy non-maximum suppression. Detectors without anchors need it too: on photos of
    rooms, D-FINE style models report one couch several times.

    Returns
    -------
    ndarray of int64, shape (k,)
        Positions of the boxes kept, best score first; equal scores in the given order.
    """
    waiting = np.argsort(-candidates.scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        doubles = (candidates.classes[rest] == candidates.classes[best]) & (
            iou(candidates.boxes[best], candidates.boxes[rest]) > iou_limit
        )
        waiting = rest[~doubles]
    return np.array(kept, dtype=np.int64)


def _area(boxes: FloatArray) -> FloatArray:
    """Area of boxes, shape (…, 4); an inverted box has none."""
    size = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return np.asarray(size[..., 0] * size[..., 1], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One thing that the model detected, whether or not movers list it.

    Attributes
    ----------
    label : str
        The model's class name.
    score : float
        0…1.
    box : tuple of float
        x0, y0, x1, y1 in 0…1 of the picture.
    """

    label: str
    score: float
    box: Box

    @cached_property
    def kind(self) -> str:
        """The class name in lower case, in which COCO and Objects365 agree."""
        return self.label.casefold()
