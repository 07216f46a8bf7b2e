"""Boxes in numpy: what a model proposes, overlap, and suppression of duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from photoqueue.inventory.copies import area, common_area, look_alike, overlap

if TYPE_CHECKING:
    from photoqueue.engines.contract import Item
    from photoqueue.records.base import Box

#: A kind of each family, whose kinds look alike (:func:`photoqueue.inventory.copies.look_alike`).
_FAMILIES: Final = ("sofa_2_seat", "double_bed", "dining_table", "potted_plant")
#: Share of the smaller box, 0…1, from which it lies in the other.
_INSIDE: Final = 0.8
#: Overlap (IoU, 0…1) above which two boxes are nearly equal, and below which they are apart.
_EQUAL: Final = 0.8
_APART: Final = 0.3

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """What a model proposes for one picture, before any choice."""

    #: Shape (n, 4): x0, y0, x1, y1 as fractions of the picture; may reach beyond 0…1.
    boxes: FloatArray
    #: Shape (n,): 0…1.
    scores: FloatArray
    #: Shape (n,): class index.
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
            pair_iou(candidates.boxes[best][None], candidates.boxes[rest])[0] > iou_limit
        )
        waiting = rest[~doubles]
    return np.array(kept, dtype=np.int64)


def joined(items: Sequence[Item]) -> list[Item]:
    """Take findings that can only be one thing for one, which keeps the boxes of the others.

    * Detectors box parts of a large thing again: half of a bed, a seat of a sofa, the top of a
      table, the pot of a plant. So a box that lies in another of its family is the same thing,
      and the larger box shows all of it. Chairs and cabinets are no families: they do stand in
      front of and in each other.
    * A box that holds two surer ones side by side is no thing but a group, such as two sofas.
    * Two pieces of furniture cannot fill one box: of nearly equal ones the surer stays, and the
      other is its alternative.

    Parameters
    ----------
    items : sequence of Item
        Of one picture.

    Returns
    -------
    list of Item
        Best score first.
    """
    groups = [place for place, item in enumerate(items) if _is_group(item, items)]
    kept: dict[int, Item] = {}

    # The largest first, so that each meets those that it may be a part of; groups last.
    def rank(place: int) -> tuple[bool, float]:
        box = items[place].box
        return place in groups, -area(box) if box else 0.0

    for place in sorted(range(len(items)), key=rank):
        one = items[place]
        for whole, other in kept.items():
            if _lies_in(other, one) if place in groups else _lies_in(one, other):
                kept[whole] = _taken_together(other, one)
                break
        else:
            kept[place] = one
    return sorted((kept[n] for n in sorted(kept)), key=lambda item: -(item.score or 0.0))


def _is_group(item: Item, items: Sequence[Item]) -> bool:
    surer = [
        other.box
        for other in items
        if other.box and _lies_in(other, item) and (other.score or 0.0) > (item.score or 0.0)
    ]
    return any(overlap(a, b) < _APART for a in surer for b in surer)


def _lies_in(inner: Item, outer: Item) -> bool:
    """Whether an item can only be a part of another, or the same thing."""
    if inner is outer or inner.box is None or outer.box is None:
        return False
    if inner.category == outer.category == "furniture" and overlap(inner.box, outer.box) > _EQUAL:
        return True
    inside = common_area(inner.box, outer.box) >= _INSIDE * area(inner.box)
    return inside and bool(_families(inner) & _families(outer))


def _families(item: Item) -> set[str]:
    """Return the families of an item; one that may be a sofa is in the family of sofas."""
    keys = (item.key or "", *item.alternatives)
    return {name for name in _FAMILIES if any(key == name or look_alike(key, name) for key in keys)}


def _taken_together(whole: Item, part: Item) -> Item:
    """Return one thing for two findings: the larger, or the surer of nearly equal ones."""
    assert whole.box is not None and part.box is not None  # as _lies_in found
    scores = whole.score or 0.0, part.score or 0.0
    if scores[1] > scores[0] and overlap(whole.box, part.box) > _EQUAL:
        whole, part, scores = part, whole, scores[::-1]
    doubts = dict(whole.alternatives)
    if part.key and part.key != whole.key and not _families(whole) & _families(part):
        doubts[part.key] = round(scores[1] / (sum(scores) or 1.0), 4)
    return replace(
        whole,
        score=max(scores) or whole.score,
        merged=(*whole.merged, *part.merged, *filter(None, [part.box])),
        alternatives=doubts,
    )


def _area(boxes: FloatArray) -> FloatArray:
    """Area of boxes, shape (…, 4); an inverted box has none."""
    size = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return np.asarray(size[..., 0] * size[..., 1], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One thing that the model detected, whether or not movers list it."""

    #: The model's class name.
    label: str
    #: 0…1.
    score: float
    #: x0, y0, x1, y1 in 0…1 of the picture.
    box: Box

    @cached_property
    def kind(self) -> str:
        """The class name in lower case, in which COCO and Objects365 agree."""
        return self.label.casefold()
