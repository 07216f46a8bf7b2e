"""Boxes of models, in whichever way they write them.

Models answer as they were trained, whatever they are asked: Gemini's ``box_2d`` is y0, x0, y1, x1
in thousandths of the picture, Qwen's ``bbox_2d`` is x0, y0, x1, y1 in thousandths (Qwen2-VL,
Qwen3-VL) or in pixels (Qwen2.5-VL), COCO's ``bbox`` is x, y, width, height.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

from photoqueue.engines.contract import DIGITS
from photoqueue.records.base import Box

#: How far a corner may lie outside the picture and be moved to its edge, in 0…1.
_OVERSHOOT: Final = 0.05
#: Least width and height of a box, in 0…1: what is narrower was written in another unit.
_LEAST: Final = 0.005
#: Keys of a box, and orders of the four numbers of a list, the likeliest first.
_KEYS: Final = ("box", "bbox", "bbox_2d", "box_2d", "bounding_box", "boundingbox")
_ORDERS: Final = ("xyxy", "yxyx", "xywh")
#: Names of the four numbers in an object, and the order that they make.
_NAMED: Final = (
    (("x0", "y0", "x1", "y1"), "xyxy"),
    (("x1", "y1", "x2", "y2"), "xyxy"),
    (("xmin", "ymin", "xmax", "ymax"), "xyxy"),
    (("x", "y", "width", "height"), "xywh"),
    (("x", "y", "w", "h"), "xywh"),
)
#: What is 1 in an answer, by the name of its unit: ``pixels`` are those of the picture as sent.
_UNITS: Final = {"share": 1.0, "thousand": 1000.0, "pixels": None}
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


class RawBox(NamedTuple):
    """Four numbers as a model gave them, and the orders that they may have."""

    numbers: tuple[float, float, float, float]
    orders: tuple[str, ...]


def raw_box(thing: Mapping[str, Any]) -> RawBox | None:
    """Return the box of a thing under any of its usual keys; ``None`` where it has none."""
    for key, value in thing.items():
        if value and (kind := key.casefold()) in _KEYS:
            return _numbers(value, ("yxyx", "xyxy", "xywh") if kind == "box_2d" else _ORDERS)
    return None


def boxes_of(
    raws: Sequence[RawBox | None], size: tuple[int, int] | None, convention: str = "auto"
) -> list[Box | None]:
    """Return the boxes of one answer as x0, y0, x1, y1 in 0…1; ``None`` where one makes no sense.

    Parameters
    ----------
    raws : sequence of RawBox or None
        All of the answer: what one box leaves open, the others mostly tell.
    size : tuple of int or None
        Width and height in pixels of the picture as it was sent; ``None`` for several pictures.
    convention : str
        ``auto``, or order and unit as in ``yxyx-thousand``.
    """
    given = [raw for raw in raws if raw is not None]
    if not given or size is None:
        return [None] * len(raws)
    if convention == "auto":
        orders = given[0].orders
        readings = product(orders, _UNITS)
        order, unit = max(readings, key=lambda reading: _sense(given, size, orders, *reading))
    else:
        order, _, unit = convention.partition("-")
    return [None if raw is None else _box(raw, size, order, unit) for raw in raws]


def _sense(
    given: Sequence[RawBox], size: tuple[int, int], orders: Sequence[str], order: str, unit: str
) -> tuple[float, ...]:
    """Return how well a reading fits: boxes that it makes, the usual order, how far they reach.

    Things stand all over a photo of a room: where two units fit, boxes that reach to the edges
    are likelier than such that crowd in the left upper corner.
    """
    boxes = [box for raw in given if (box := _box(raw, size, order, unit)) is not None]
    reach = max((box[2] for box in boxes), default=0) * max((box[3] for box in boxes), default=0)
    gemini = orders[0] == "yxyx"  # which never writes pixels
    return len(boxes), -orders.index(order), not (gemini and unit == "pixels"), round(reach, 3)


def _box(raw: RawBox, size: tuple[int, int], order: str, unit: str) -> Box | None:
    """Return a box as one reading has it; ``None`` where that makes no box of the picture."""
    a, b, c, d = raw.numbers
    order = order if order in raw.orders else raw.orders[0]
    if order == "yxyx":
        a, b, c, d = b, a, d, c
    elif order == "xywh":
        c, d = a + c, b + d
    one = _UNITS[unit]
    width, height = size if one is None else (one, one)
    x0, y0, x1, y1 = a / width, b / height, c / width, d / height
    inside = min(x0, y0) >= -_OVERSHOOT and max(x1, y1) <= 1 + _OVERSHOOT
    if not (inside and x1 - x0 >= _LEAST and y1 - y0 >= _LEAST):
        return None
    x0, y0, x1, y1 = (round(min(max(corner, 0.0), 1.0), DIGITS) for corner in (x0, y0, x1, y1))
    return (x0, y0, x1, y1)


def _numbers(value: object, orders: tuple[str, ...]) -> RawBox:
    """Return the four numbers of a box; where it has not four, such that make no box."""
    if isinstance(value, Mapping):
        # "xmin", "x_min" and "xMin" alike
        plain = {re.sub(r"[^a-z0-9]", "", key.casefold()): number for key, number in value.items()}
        for names, order in _NAMED:
            if plain.keys() >= set(names):
                value, orders = [plain[name] for name in names], (order,)
                break
    if isinstance(value, str):
        value = _NUMBER.findall(value)
    try:
        a, b, c, d = map(float, value if isinstance(value, list) else ())
    except (TypeError, ValueError, OverflowError):
        return RawBox((0.0, 0.0, 0.0, 0.0), orders)
    return RawBox((a, b, c, d), orders)
