"""A small sample home, drawn with rectangles, and engines that know it.

The home has a living room with three views and a kitchen with one. The engine ``seeing`` sees
each thing where its coloured rectangle is, so its answers follow the picture and nothing
else; a colour is a kind of thing.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from photoqueue import Analysis, Hint, Item, Settings
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.photos.finding import find_photos

WIDTH, HEIGHT = 320, 240
COLOURS = {
    "sofa_3_seat": (200, 30, 30),
    "armchair": (30, 160, 30),
    "chair": (30, 30, 200),
    "dining_table": (200, 160, 30),
    "refrigerator": (30, 200, 200),
}
ROOM_TYPES = {"sofa_3_seat": "living room", "refrigerator": "kitchen"}

Boxes = dict[str, tuple[float, float, float, float]]

LIVING_ROOM: dict[str, str] = {"l1": "sofa_3_seat", "l2": "armchair", "l3": "armchair"}
LIVING_VIEWS: list[Boxes] = [
    {"l1": (0.1, 0.4, 0.5, 0.8), "l2": (0.6, 0.5, 0.8, 0.8)},
    {"l1": (0.4, 0.4, 0.8, 0.8), "l3": (0.1, 0.5, 0.3, 0.8)},
    {"l1": (0.0, 0.4, 0.3, 0.8), "l2": (0.4, 0.5, 0.6, 0.8), "l3": (0.7, 0.5, 0.9, 0.8)},
]
KITCHEN: dict[str, str] = {"k1": "refrigerator", "k2": "dining_table", "k3": "chair"}
KITCHEN_VIEWS: list[Boxes] = [
    {"k1": (0.05, 0.1, 0.25, 0.8), "k2": (0.4, 0.5, 0.8, 0.9), "k3": (0.85, 0.5, 0.95, 0.9)}
]


def truth(name: str = "home-1") -> dict[str, Any]:
    """Return the truth of the home as JSON has it."""
    rooms = [
        _room("living room", "living room", LIVING_ROOM, LIVING_VIEWS),
        _room("kitchen", "cuisine", KITCHEN, KITCHEN_VIEWS),
    ]
    items = [item for room in rooms for item in room["items"]]
    return {
        "home": name,
        "rooms": rooms,
        "totalItems": len(items),
        "totalVolume": round(sum(item["volume"] for item in items), 2),
    }


def write_home(folder: Path, told: dict[str, Any] | None = None) -> Path:
    """Write a home with its pictures; return its folder."""
    told = told or truth()
    home = folder / told["home"]
    for room in told["rooms"]:
        for view in room["views"]:
            file = home / view["photo"]
            file.parent.mkdir(parents=True, exist_ok=True)
            _draw(view["boxes"]).save(file, quality=95)
    (home / "truth.json").write_text(json.dumps(told))
    return home


def _room(name: str, kind: str, items: dict[str, str], views: list[Boxes]) -> dict[str, Any]:
    catalogue = _catalogue()
    listed = []
    for thing, key in items.items():
        known = catalogue.by_key(key)
        assert known is not None
        listed.append({"id": thing, "key": key, "volume": known.volume_usual})
    return {
        "room": name,
        "roomType": kind,
        "items": listed,
        "views": [
            {
                "photo": f"{name}/view-{number}.jpg",
                "width": WIDTH,
                "height": HEIGHT,
                "boxes": [
                    {"id": thing, "key": items[thing], "box": box, "visible": 1.0}
                    for thing, box in view.items()
                ],
            }
            for number, view in enumerate(views, start=1)
        ],
    }


def _draw(boxes: list[dict[str, Any]]) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), (235, 230, 220))
    draw = ImageDraw.Draw(image)
    for box in boxes:
        x0, y0, x1, y1 = box["box"]
        corners = (x0 * WIDTH, y0 * HEIGHT, x1 * WIDTH - 1, y1 * HEIGHT - 1)
        draw.rectangle(corners, fill=COLOURS[box["key"]])
    return image


class SeeingEngine:
    """Finds the coloured rectangles."""

    name = "seeing"
    model = "colours"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        pixels = np.asarray(image, dtype=int)
        items = []
        for key, colour in COLOURS.items():
            mask = np.abs(pixels - colour).sum(axis=2) < 60
            items.extend(_item(key, box, image) for box in _runs(mask))
        kinds = [ROOM_TYPES[item.key] for item in items if item.key in ROOM_TYPES]
        return Analysis(
            items=tuple(items),
            room_type=kinds[0] if kinds else "other",
            confidence=0.9,
            room_type_confidence=0.8,
        )

    def analyse_room(self, images: list[Image.Image], hint: Hint) -> Analysis:
        """List the most of each kind that one picture shows."""
        best: dict[str, list[Item]] = {}
        for image in images:
            found: dict[str, list[Item]] = {}
            for item in self.analyse(image, hint).items:
                found.setdefault(str(item.key), []).append(item)
            for key, items in found.items():
                best[key] = max(best.get(key, []), items, key=len)
        return Analysis(items=tuple(item for items in best.values() for item in items))


def seeing() -> SeeingEngine:
    return SeeingEngine()


def broken(settings: Settings) -> SeeingEngine:
    raise RuntimeError("no such colours")


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


def _runs(mask: np.ndarray[Any, Any]) -> list[tuple[int, int, int, int]]:
    """Box each group of columns that holds this colour."""
    columns = mask.sum(axis=0) > 5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns.astype(int), [0]])))
    boxes = []
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        rows = np.flatnonzero(mask[:, left:right].any(axis=1))
        if right - left > 4:
            boxes.append((int(left), int(rows[0]), int(right), int(rows[-1]) + 1))
    return boxes


def _item(key: str, box: tuple[int, int, int, int], image: Image.Image) -> Item:
    known = _catalogue().by_key(key)
    assert known is not None
    x0, y0, x1, y1 = box
    return Item(
        name=known.name_en,
        category=known.category,
        key=key,
        label=key,
        score=0.9,
        box=(x0 / image.width, y0 / image.height, x1 / image.width, y1 / image.height),
        volume=known.volume_usual,
    )


def expanded(source: Any) -> list[Any]:
    """List the photos that are found behind a source."""
    return [found.source for found in find_photos(source)[0]]
