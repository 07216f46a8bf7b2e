from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.engines.boxes import Candidates, corners, pair_iou, suppress

_fraction = st.integers(0, 64).map(lambda n: n / 64)


@st.composite
def some_candidates(draw: st.DrawFn) -> Candidates:
    rows = draw(
        st.lists(
            st.tuples(_fraction, _fraction, _fraction, _fraction, _fraction, st.integers(0, 2)),
            max_size=12,
        )
    )
    return Candidates(
        np.array([[x, y, x + w, y + h] for x, y, w, h, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.float32),
        np.array([row[5] for row in rows], np.int64),
    )


def test_iou_of_known_boxes() -> None:
    box = np.array([0, 0, 2, 2], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3], [0, 0, 1, 1]], np.float32)

    assert pair_iou(box[None], others)[0] == pytest.approx([1, 1 / 3, 0, 1 / 4])


def test_iou_of_empty_boxes_is_zero_and_not_nan() -> None:
    point = np.array([0.5, 0.5, 0.5, 0.5], np.float32)

    assert pair_iou(point[None], point[None])[0].tolist() == [0.0]


@given(some_candidates(), some_candidates())
def test_iou_of_all_pairs_is_that_of_each(some: Candidates, others: Candidates) -> None:
    together = pair_iou(some.boxes, others.boxes)

    assert together.shape == (len(some), len(others))
    for row, (x0, y0, x1, y1) in zip(together, some.boxes.tolist(), strict=True):
        for told, (a0, b0, a1, b1) in zip(row, others.boxes.tolist(), strict=True):
            inner = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - inner
            assert told == pytest.approx(inner / union if union else 0, abs=1e-5)


def test_corners_of_a_centre_box() -> None:
    box = np.array([[0.5, 0.25, 0.2, 0.1]], np.float32)

    assert corners(box)[0] == pytest.approx([0.4, 0.2, 0.6, 0.3])


def test_suppress_keeps_the_best_of_each_class() -> None:
    candidates = Candidates(
        np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 1, 1], [0.9, 0.9, 1, 1]], np.float32),
        np.array([0.5, 0.8, 0.7, 0.6], np.float32),
        np.array([1, 1, 2, 1], np.int64),
    )

    # 0 is a double of 1; 2 is of another class; 3 lies elsewhere.
    assert suppress(candidates, 0.6).tolist() == [1, 2, 3]


@given(some_candidates(), st.sampled_from([0.3, 0.6, 0.9]))
def test_suppress_leaves_no_doubles_and_drops_nothing_else(
    candidates: Candidates, limit: float
) -> None:
    kept = suppress(candidates, limit).tolist()

    assert [candidates.scores[i] for i in kept] == sorted(candidates.scores[kept], reverse=True)
    assert len(set(kept)) == len(kept)
    for position in range(len(candidates)):
        stronger = [
            i
            for i in kept
            if i != position
            and candidates.classes[i] == candidates.classes[position]
            and candidates.scores[i] >= candidates.scores[position]
            and pair_iou(candidates.boxes[[i]], candidates.boxes[[position]])[0, 0] > limit
        ]
        if position not in kept:
            assert stronger, "dropped without a better double"
        else:
            assert not [i for i in stronger if kept.index(i) < kept.index(position)]
