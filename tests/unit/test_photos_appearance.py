"""What a thing looks like, in a few bytes."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from photoqueue.inventory.copies import likeness
from photoqueue.photos.measures import Looks

HERE = (0.1, 0.2, 0.5, 0.8)
THERE = (0.55, 0.3, 0.9, 0.7)


def furnished(first: str, second: str, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Draw two things of a colour, with darker lower halves, before a grey wall."""
    image = Image.new("RGB", size, (180, 180, 175))
    draw = ImageDraw.Draw(image)
    for (x0, y0, x1, y1), colour in ((HERE, first), (THERE, second)):
        left, top, right, bottom = (
            *(x0 * size[0], y0 * size[1]),
            *(x1 * size[0], y1 * size[1]),
        )
        draw.rectangle((left, top, right, bottom), fill=colour)
        draw.rectangle((left, (top + bottom) / 2, right, bottom), fill="#332211")
    return image


def test_descriptor_is_short() -> None:
    look = Looks(furnished("red", "blue")).of(HERE)
    assert look is not None
    assert len(bytes.fromhex(look)) == 24


def test_same_thing_at_another_place_size_and_light_looks_alike() -> None:
    one = Looks(furnished("brown", "navy")).of(HERE)
    other = Looks(
        ImageEnhance.Brightness(furnished("navy", "brown", (1300, 900))).enhance(0.85)
    ).of(THERE)
    assert (likeness(one, other) or 0) > 0.7


def test_thing_of_another_colour_does_not() -> None:
    looks = Looks(furnished("crimson", "darkgreen"))
    assert (likeness(looks.of(HERE), looks.of(THERE)) or 0) < 0.35


@pytest.mark.parametrize("box", [(0.5, 0.5, 0.5, 0.5), (0.9, 0.9, 0.1, 0.1), (1.0, 0.0, 1.4, 1.0)])
def test_box_of_nothing_has_no_look(box: tuple[float, float, float, float]) -> None:
    assert Looks(furnished("red", "blue")).of(box) is None


def test_box_beyond_the_picture_is_cut() -> None:
    looks = Looks(furnished("red", "blue"))
    assert looks.of((-3.0, -3.0, 9.0, 9.0)) == looks.of((0.0, 0.0, 1.0, 1.0))


@pytest.mark.parametrize("broken", [None, "", "zz", "00", "00" * 25])
def test_likeness_of_no_descriptor_is_not_known(broken: str | None) -> None:
    assert likeness("00" * 24, broken) is None
    assert likeness("00" * 24, "00" * 24) == 1
