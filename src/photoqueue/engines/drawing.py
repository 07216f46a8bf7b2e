"""Pictures with boxes: what an engine found, drawn where it found it.

Every box carries its name in print, so that colours (Okabe and Ito's, which colour-blind
people tell apart) only group the boxes by category. Lines and letters grow with the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from photoqueue.inventory.copies import area as area_of
from photoqueue.inventory.copies import common_area

if TYPE_CHECKING:
    from photoqueue.engines.contract import Item
    from photoqueue.records.results import FoundItem

Colour = tuple[int, int, int]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
#: left, top, right, bottom in pixels.
_Area = tuple[float, float, float, float]

#: Catalogue category → colour.
CATEGORY_COLOURS: Final[dict[str, Colour]] = {
    "furniture": (0, 114, 178),
    "appliance": (213, 94, 0),
    "electronics": (204, 121, 167),
    "box": (230, 159, 0),
    "art": (240, 228, 66),
    "misc": (0, 158, 115),
}
_OTHER_COLOUR: Final[Colour] = (86, 180, 233)
_WHITE: Final[Colour] = (255, 255, 255)
_BLACK: Final[Colour] = (0, 0, 0)
#: Letters per longest side of the picture: 24 pixels high at 1280.
_LETTERS_PER_SIDE: Final = 53
_SMALLEST_LETTER: Final = 10
#: Luminance, 0…255, of a label above which black letters are easier to read on it.
_LIGHT: Final = 140


def draw_boxes(image: Image.Image, items: Iterable[Item | FoundItem]) -> Image.Image:
    """Return a copy of a picture with a labelled box around each item.

    Parameters
    ----------
    image : PIL.Image.Image
        The upright picture.
    items : iterable of Item or FoundItem
        Items without a box are left out.

    Examples
    --------
    >>> draw_boxes(image, result.items).save("boxes.jpg")  # doctest: +SKIP
    """
    canvas = image.convert("RGB")  # a copy, also of an RGB picture
    shown = [(item, item.box) for item in items if item.box is not None]
    # Small boxes last, so that they lie on top of the large ones that hold them.
    shown.sort(key=lambda pair: -area_of(pair[1]))
    draw = ImageDraw.Draw(canvas)
    font = _font(canvas)
    line = max(2, round(max(canvas.size) / 320))
    areas = [_pixels(box, canvas) for _, box in shown]
    for (item, _), area in zip(shown, areas, strict=True):
        # A dark edge keeps the line visible on a ground of its own colour.
        draw.rectangle(area, outline=_BLACK, width=line + 2)
        inner = (area[0] + 1, area[1] + 1, area[2] - 1, area[3] - 1)
        if inner[2] >= inner[0] and inner[3] >= inner[1]:
            draw.rectangle(inner, outline=_colour(item), width=line)
        for box in item.merged or ():  # taken for the same thing: a thin line
            draw.rectangle(_pixels(box, canvas), outline=_colour(item), width=max(1, line // 3))
    # Labels last: no line runs through a word.
    taken: list[_Area] = []
    for (item, _), area in zip(shown, areas, strict=True):
        text = item.name if item.score is None else f"{item.name} {100 * item.score:.0f} %"
        taken.append(_label_area(text, area, canvas, font, taken))
        _print(draw, text, taken[-1], _colour(item), font)
    return canvas


def _label_area(
    text: str, area: _Area, canvas: Image.Image, font: _Font, taken: Sequence[_Area]
) -> _Area:
    """Choose where the label of a box lies: near it, in the picture, not over others."""
    pad = max(2, round(_line_height(font) / 6))
    wide, high = font.getlength(text) + 2 * pad, _line_height(font) + 2 * pad
    x0, y0, x1, y1 = area
    corners = [
        (x0, y0 - high),  # above the box
        (x0, y0),  # inside, at the top
        (x1 - wide, y0 - high),
        (x1 - wide, y0),
        (x0, y1 - high),  # inside, at the bottom
        (x0, y1),  # below
        ((x0 + x1 - wide) / 2, (y0 + y1 - high) / 2),
    ]
    places = [_moved_inside(left, top, wide, high, canvas) for left, top in corners]
    # min keeps the first of equals, which is the usual place.
    return min(places, key=lambda place: sum(common_area(place, other) for other in taken))


def _print(draw: ImageDraw.ImageDraw, text: str, area: _Area, colour: Colour, font: _Font) -> None:
    left, top, right, bottom = area
    draw.rectangle((left, top, right - 1, bottom - 1), fill=colour, outline=_BLACK)
    red, green, blue = colour
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    pad = max(2, round(_line_height(font) / 6))
    fill = _BLACK if luminance > _LIGHT else _WHITE
    draw.text((left + pad, top + pad), text, fill=fill, font=font)


def _font(image: Image.Image) -> _Font:
    return ImageFont.load_default(
        size=max(_SMALLEST_LETTER, round(max(image.size) / _LETTERS_PER_SIDE))
    )


def _line_height(font: _Font) -> float:
    """Height of a line with its longest letters, in pixels."""
    return float(font.getbbox("Ågjp|")[3])


def _colour(item: Item | FoundItem) -> Colour:
    return CATEGORY_COLOURS.get(item.category, _OTHER_COLOUR)


def _pixels(box: tuple[float, float, float, float], image: Image.Image) -> _Area:
    """Return a box in whole pixels of the picture, at least one in each direction."""
    across, down = image.width - 1, image.height - 1
    left, top = round(box[0] * across), round(box[1] * down)
    right, bottom = round(box[2] * across), round(box[3] * down)
    return left, top, max(left, right), max(top, bottom)


def _moved_inside(left: float, top: float, wide: float, high: float, image: Image.Image) -> _Area:
    left = max(0.0, min(left, image.width - wide))
    top = max(0.0, min(top, image.height - high))
    return left, top, left + wide, top + high
