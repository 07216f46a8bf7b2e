"""An engine that finds what the photos of a sample home show, with ten planted mistakes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from photoqueue import Analysis, Hint, Item
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.records.base import Box
from photoqueue.samples import SampleHome, read_home
from tests.conftest import REPOSITORY

HOME: Final = REPOSITORY / "data" / "samples" / "maple-street"
#: A photo of the office that lies in the folder of the bathroom.
ASTRAY: Final = ("office/view-2.jpg", "bathroom/view-9.jpg")
_SURE: Final = 0.9


class Invented(NamedTuple):
    """What an engine sees in a photo and is not there."""

    photo: str
    key: str
    box: Box
    score: float


#: True kind of a thing → what the engine calls it, by the thing's id and, if not everywhere, photo.
WRONG: Final = {
    ("r1-08", None): "chest_of_drawers",
    ("r2-02", None): "wardrobe_2_door",
    ("r5-01", "bathroom/view-1.jpg"): "dishwasher",
}
#: Things that the engine does not see, everywhere or in one photo.
MISSED: Final = {
    ("r1-11", None),
    ("r2-06", None),
    ("r3-06", None),
    # The two lamps are never in one photo: one person knows that they are two.
    ("r4-05", "office/view-1.jpg"),
    ("r4-04", "office/view-3.jpg"),
}
INVENTED: Final = (
    Invented("living room/view-1.jpg", "floor_lamp", (0.33, 0.05, 0.42, 0.40), 0.42),
    Invented("bedroom/view-1.jpg", "nightstand", (0.05, 0.72, 0.24, 0.98), 0.45),
)


@cache
def home() -> SampleHome:
    """Return the home with its truth."""
    return read_home(HOME)


def plant(folder: Path) -> Path:
    """Copy the photos into a new folder, one of them into the wrong room; return the folder."""
    for room in home().rooms:
        for view in room.views:
            place = folder / (ASTRAY[1] if view.photo == ASTRAY[0] else view.photo)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((HOME / view.photo).read_bytes())
    return folder


def found(photo: str) -> list[Item]:
    """Return what the engine finds in a photo of the home, mistakes included."""
    (view,) = (view for room in home().rooms for view in room.views if view.photo == photo)
    items = []
    for box in view.boxes or ():
        places = {(str(box.id), None), (str(box.id), photo)}
        if not places & MISSED:
            called = [WRONG[place] for place in places if place in WRONG]
            items.append(_item(called[0] if called else box.key, box.box, _SURE))
    items += [_item(one.key, one.box, one.score) for one in INVENTED if one.photo == photo]
    return items


def _item(key: str, box: Box, score: float) -> Item:
    known = Catalogue.load().by_key(key)
    assert known is not None, key
    name, category = known.name("en"), known.category
    return Item(
        name=name, category=category, key=key, score=score, box=box, volume=known.volume_usual
    )


class MistakenEngine:
    """Knows the photos of the home by their pixels."""

    name = "scripted"
    model = "mistakes"

    def __init__(self) -> None:
        photos = [view.photo for room in home().rooms for view in room.views]
        self._photos = {photo: _looks(Image.open(HOME / photo)) for photo in photos}

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        seen = _looks(image)
        photo = min(self._photos, key=lambda one: float(np.abs(self._photos[one] - seen).sum()))
        items, kind = tuple(found(photo)), hint.room_type or "other"
        return Analysis(items=items, room_type=kind, confidence=_SURE)


def _looks(image: Image.Image) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
    return np.asarray(image.convert("RGB").resize((24, 18)), dtype=float)
