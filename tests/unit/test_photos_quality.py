from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter

from photoqueue.photos.measures import assess
from tests.conftest import SHARED_DATA

PHOTOS = SHARED_DATA / "photos"


def room(width: int = 640, height: int = 480) -> Image.Image:
    """A wall, a floor and a chest of drawers: few edges, all sharp."""
    image = Image.new("RGB", (width, height), (225, 220, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * 0.7, width, height), fill=(140, 100, 70))
    for row in range(3):
        top = height * (0.4 + 0.12 * row)
        draw.rectangle(
            (width * 0.3, top, width * 0.6, top + height * 0.1), fill=(70, 50, 40), outline="black"
        )
    return image


def darkened(image: Image.Image, exposure: float) -> Image.Image:
    return image.point(lambda level: int(level * exposure))


def blurred(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def test_ordinary_photo_is_not_flagged() -> None:
    assert assess(room()).warnings == ()
    assert assess(darkened(room(), 0.4)).warnings == ()


def test_black_photo_is_too_dark() -> None:
    assert assess(Image.new("RGB", (640, 480))).warnings == ("too dark",)
    assert assess(darkened(room(), 0.08)).warnings == ("too dark",)


def test_lamp_in_the_dark_does_not_make_a_photo_bright() -> None:
    night = Image.new("RGB", (640, 480), (6, 6, 8))
    ImageDraw.Draw(night).ellipse((300, 200, 360, 260), fill="white")

    assert assess(night).warnings == ("too dark",)


@pytest.mark.parametrize("radius", [3, 4, 10])
def test_blurred_photo_is_flagged(radius: float) -> None:
    assert assess(blurred(room(), radius)).warnings == ("blurred",)


def test_blur_is_told_at_any_size() -> None:
    large = room().resize((4000, 3000))

    assert assess(room(4000, 3000)).warnings == ()
    assert assess(blurred(large, 14)).warnings == ("blurred",)


def test_uniform_picture_has_no_contrast() -> None:
    assert assess(Image.new("RGB", (640, 480), "white")).warnings == ("no contrast",)
    assert assess(Image.new("L", (640, 480), 90)).warnings == ("no contrast",)


def test_tiny_photo_is_flagged_with_its_size() -> None:
    assert assess(room(120, 80)).warnings == ("too small: 120×80",)
    assert assess(room(240, 180)).warnings == ()
    assert assess(Image.new("RGB", (1, 1))).warnings == ("too small: 1×1", "too dark")


def test_picture_of_one_pixel_width_is_judged() -> None:
    assert assess(Image.new("RGB", (1, 5000), "white")).warnings == ("no contrast",)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no photos in {PHOTOS}")
def test_no_real_photo_is_flagged_and_every_spoilt_copy_is() -> None:
    files = sorted(Path(PHOTOS).glob("*.jpg"))
    for file in files:
        photo = Image.open(file).convert("RGB")
        assert assess(photo).warnings == (), file.name
        assert assess(blurred(photo, 2)).warnings == ("blurred",), file.name
        assert assess(darkened(photo, 0.1)).warnings == ("too dark",), file.name
