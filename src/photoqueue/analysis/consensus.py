"""One answer from many: neighbouring cells of a model see the same thing and disagree on it.

The built-in model answers for each cell of a grid. Around a thing several cells answer, with
slightly different boxes and, for look-alikes, different kinds. Plain suppression keeps the
loudest cell and throws the others' knowledge away; here they vote on the kind, and the box is
their mean (as in weighted boxes fusion, Solovyev and others, arXiv:1910.13302). On rooms held
back from training that raises F1 from 0.705 to 0.738, and costs a millisecond.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from photoqueue.analysis.boxes import Candidates, FloatArray, IntArray, pair_iou

#: Cells that answer at most; a room has some dozens of things.
_MOST: Final = 200
#: Overlap from which two cells speak of the same thing.
_VOTES_TOGETHER: Final = 0.5
#: Overlap from which the boxes of two cells of one kind are averaged.
_BOXES_TOGETHER: Final = 0.6
#: Overlap above which two boxes are one thing: of one kind, of kinds that look alike, of any.
_ONE_KIND: Final = 0.4
_ONE_LOOK: Final = 0.5
_ANY_KIND: Final = 0.7


def agree(
    boxes: FloatArray, scores: FloatArray, *, floor: float, looks: IntArray | None = None
) -> tuple[Candidates, FloatArray]:
    """Return the things that the cells of a model agree on.

    Parameters
    ----------
    boxes : ndarray of float32, shape (n, 4)
        x0, y0, x1, y1 of every cell's box.
    scores : ndarray of float32, shape (n, classes)
        0…1.
    floor
        Cells whose best score is lower have no say.
    looks : ndarray of int64, shape (classes,), optional
        Group of kinds that look alike, one number a class; each its own when left out.

    Returns
    -------
    Candidates
        Best score first; the score is that of the loudest cell.
    ndarray of float32, shape (k, classes)
        The mean scores of all cells that spoke of each.
    """
    best = scores.max(1)
    order = np.argsort(-best, kind="stable")[:_MOST]
    order = order[best[order] > floor]
    boxes, scores, best = boxes[order], scores[order], best[order]
    overlap = pair_iou(boxes, boxes)
    weight = (overlap >= _VOTES_TOGETHER) * overlap * best
    votes = weight @ scores / np.maximum(weight.sum(1, keepdims=True), 1e-9)
    kinds = votes.argmax(1) if len(votes) else np.zeros(0, np.int64)
    kept = _apart(overlap, kinds, kinds if looks is None else looks[kinds])
    same = (overlap[kept] >= _BOXES_TOGETHER) & (kinds[kept, None] == kinds)
    share = same * best**2
    # A box of no area overlaps nothing, itself included.
    total = share.sum(1, keepdims=True)
    mean = np.where(total > 0, share @ boxes / np.maximum(total, 1e-9), boxes[kept])
    found = Candidates(mean.astype(np.float32), best[kept], kinds[kept])
    return found, votes[kept].astype(np.float32)


def _apart(overlap: FloatArray, kinds: IntArray, looks: IntArray) -> IntArray:
    """Return which boxes stay when each drops the lower ones that it overlaps too much."""
    limit = np.full(overlap.shape, _ANY_KIND, np.float32)
    limit[looks[:, None] == looks] = _ONE_LOOK
    limit[kinds[:, None] == kinds] = _ONE_KIND
    double: npt.NDArray[np.bool_] = overlap > limit
    kept: list[int] = []
    dropped = np.zeros(len(kinds), np.bool_)
    for index in range(len(kinds)):
        if not dropped[index]:
            kept.append(index)
            dropped |= double[index]
    return np.array(kept, np.int64)
