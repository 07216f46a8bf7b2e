"""How large a photo is looked at, and what a worker's processes are given of the machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
from PIL import Image

from photoqueue import Analysis
from photoqueue.engines.contract import LEAST_SIDE, Hint, sufficient_side
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.jobs.photo_analyze import PhotoPayload, photo_result
from photoqueue.samples import SAMPLE_PHOTO
from photoqueue.worker.template import thrifty


class Plain:
    """An engine of one's own, as the guide describes it."""

    name, model = "plain", "plain-1"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        return Analysis()


class Modest(Plain):
    """One that says how much it needs."""

    def __init__(self, side: int) -> None:
        self.sufficient_side = side


def test_an_engine_that_says_nothing_sees_all_pixels() -> None:
    assert sufficient_side(Plain()) is None


def test_an_engine_that_needs_little_leaves_enough_for_the_thumbnail() -> None:
    assert sufficient_side(Modest(32)) == LEAST_SIDE
    assert sufficient_side(Modest(1300)) == 1300


def test_a_result_tells_the_size_of_the_photo_and_not_of_its_smaller_picture() -> None:
    payload = PhotoPayload(photo_id="p", user_id="u", sha256="a" * 64)
    small = Image.new("RGB", (640, 480), "grey")

    result = photo_result(payload, small, Analysis(), Plain(), size=(4032, 3024))

    assert (result.width, result.height) == (4032, 3024)


def test_results_of_the_built_in_model_are_for_trying_out_but_of_the_sample_homes() -> None:
    class BuiltIn(Plain):
        name = "builtin"

    def warnings(engine: Plain, sha256: str) -> tuple[str, ...]:
        payload = PhotoPayload(photo_id="p", user_id="u", sha256=sha256)
        picture = Image.effect_noise((640, 480), 200).convert("RGB")  # not too dark, not blurred
        return photo_result(payload, picture, Analysis(), engine).warnings

    sample = hashlib.sha256(SAMPLE_PHOTO.read_bytes()).hexdigest()
    assert warnings(BuiltIn(), "a" * 64) == (FOR_TRYING_OUT,)
    assert warnings(BuiltIn(), sample) == warnings(Plain(), "a" * 64) == ()


def test_processes_of_a_worker_take_one_thread_for_matrix_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    told = [sys.executable, "-c", "import os; print(os.environ['OPENBLAS_NUM_THREADS'])"]

    with thrifty():
        assert subprocess.check_output(told, text=True) == "1\n"
    assert "OPENBLAS_NUM_THREADS" not in os.environ

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with thrifty():
        assert subprocess.check_output(told, text=True) == "3\n"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
