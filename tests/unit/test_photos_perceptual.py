"""The perceptual hash: copies of a picture are alike, other pictures are not."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from photoqueue.inventory.views import SAME_PICTURE_BITS, hash_distance
from photoqueue.photos.measures import perceptual_hash
from tests.conftest import SHARED_DATA

PHOTOS = sorted((SHARED_DATA / "photos").glob("*.jpg"))


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Make a picture of soft patches of light, which is what a room is from afar."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def compressed(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=35)
    return Image.open(stream).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    wide, high = image.width // 100, image.height // 100
    return image.crop((wide, high, image.width - wide, image.height - high))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": compressed,
    "halved": lambda image: image.resize((image.width // 2, image.height // 2)),
    "doubled": lambda image: image.resize((image.width * 2, image.height * 2)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "cropped": cropped,
    "all of it": lambda image: compressed(
        ImageEnhance.Brightness(cropped(image)).enhance(1.1).resize((320, 240))
    ),
}


def distance(first: Image.Image, second: Image.Image) -> int:
    bits = hash_distance(perceptual_hash(first), perceptual_hash(second))
    assert bits is not None
    return bits


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_alike(change: Callable[[Image.Image], Image.Image]) -> None:
    for seed in range(10):
        assert distance(scene(seed), change(scene(seed))) <= SAME_PICTURE_BITS


def test_other_pictures_are_not() -> None:
    for a, b in itertools.combinations(range(20), 2):
        assert distance(scene(a), scene(b)) > SAME_PICTURE_BITS


@pytest.mark.skipif(not PHOTOS, reason="no shared/data/photos beside the checkout")
def test_photos_of_rooms_are_told_apart_and_their_copies_known() -> None:
    images = [Image.open(photo).convert("RGB") for photo in PHOTOS]
    for a, b in itertools.combinations(images, 2):
        assert distance(a, b) > 2 * SAME_PICTURE_BITS
    for image in images:
        for change in COPIES.values():
            assert distance(image, change(image)) <= SAME_PICTURE_BITS


@pytest.mark.parametrize("colour", ["black", "white", (120, 130, 90)])
def test_picture_of_one_colour_has_no_hash(colour: str) -> None:
    # They would all be copies of one another.
    assert perceptual_hash(Image.new("RGB", (64, 48), colour)) is None


def test_tiny_picture_is_hashed_too() -> None:
    assert len(perceptual_hash(scene(1, (3, 2))) or "") == 16


@pytest.mark.parametrize("broken", [None, "", "no hash"])
def test_distance_to_no_hash_is_not_known(broken: str | None) -> None:
    assert hash_distance("0" * 16, broken) is None
