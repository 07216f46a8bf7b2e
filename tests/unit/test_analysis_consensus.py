"""What the cells of a model agree on."""

from __future__ import annotations

import numpy as np
import pytest

from photoqueue.engines.builtin import agree


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def scores(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_neighbours_outvote_the_loudest_cell() -> None:
    around = boxes((0.1, 0.1, 0.5, 0.5), (0.1, 0.1, 0.5, 0.52), (0.1, 0.1, 0.52, 0.5))
    found, votes = agree(around, scores((0.6, 0.3), (0.1, 0.55), (0.1, 0.55)), floor=0.1)
    assert found.classes.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([0.6])
    assert votes.shape == (1, 2)
    assert votes[0, 1] > votes[0, 0]


def test_box_is_the_mean_of_those_that_agree() -> None:
    around = boxes((0.10, 0.1, 0.50, 0.5), (0.12, 0.1, 0.52, 0.5))
    found, _ = agree(around, scores((0.6,), (0.6,)), floor=0.1)
    assert found.boxes[0].tolist() == pytest.approx([0.11, 0.1, 0.51, 0.5], abs=1e-6)


def test_things_apart_stay_apart_and_have_no_say_in_each_other() -> None:
    apart = boxes((0.0, 0.0, 0.3, 0.3), (0.2, 0.0, 0.5, 0.3))
    found, votes = agree(apart, scores((0.9, 0.0), (0.0, 0.8)), floor=0.1)
    assert found.classes.tolist() == [0, 1]
    assert found.boxes == pytest.approx(apart)
    assert votes == pytest.approx(scores((0.9, 0.0), (0.0, 0.8)))


def test_kinds_that_look_alike_are_one_thing_sooner_than_others() -> None:
    overlapping = boxes((0.0, 0.0, 0.4, 0.4), (0.0, 0.1, 0.4, 0.5))  # by 0.6
    rows = scores((0.9, 0.0), (0.0, 0.89))
    assert len(agree(overlapping, rows, floor=0.1)[0]) == 2
    assert len(agree(overlapping, rows, floor=0.1, looks=np.zeros(2, np.int64))[0]) == 1


def test_cells_below_the_floor_have_no_say() -> None:
    found, votes = agree(boxes((0, 0, 1, 1)), scores((0.09, 0.02)), floor=0.1)
    assert len(found) == 0
    assert votes.shape == (0, 2)


def test_box_without_area_does_no_harm() -> None:
    found, _ = agree(boxes((0.2, 0.2, 0.2, 0.6)), scores((0.9,)), floor=0.1)
    assert np.isfinite(found.boxes).all()
