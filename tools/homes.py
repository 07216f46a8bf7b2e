"""Sample homes with the place of each thing in each view.

Beside what :mod:`photoqueue.samples` reads, the views in ``truth.json`` have::

    {"photo": "living room/view-1.jpg", "width": 1280, "height": 960,
     "boxes": [{"id": "r1-03", "key": "sofa_3_seat", "box": [0.1, 0.4, 0.5, 0.8],
                "visible": 0.83}]}

Boxes enclose the visible part, in 0…1 of the picture; ``visible`` is the share of the
thing's own outline in the picture that nothing hides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from photoqueue.errors import ConfigurationError
from photoqueue.evaluation import AnnotatedPhoto, TrueBox
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.samples import (
    TRUTH_FILE,
    SampleHome,
    SampleRecord,
    SampleRoom,
    SampleView,
    home_folders,
    read_home,
)

#: Share of a thing, 0…1, that must show before it has to be found.
LEAST_VISIBLE: Final = 0.3
#: Width and height, 0…1 of the picture, that its box must have for that.
LEAST_SIDE: Final = 0.02

_Share = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(min_length=1)]


class SampleBox(SampleRecord):
    """Where a thing shows in a view."""

    id: _Name
    key: _Name
    #: x0, y0, x1, y1 of its visible part in 0…1 of the picture.
    box: tuple[_Share, _Share, _Share, _Share]
    #: 0…1: share of its outline in the picture that nothing hides.
    visible: _Share

    @model_validator(mode="after")
    def _not_inside_out(self) -> SampleBox:
        x0, y0, x1, y1 = self.box
        if x1 <= x0 or y1 <= y0:
            raise ValueError("the box is empty: it is x0, y0, x1, y1 with x0 < x1 and y0 < y1")
        return self

    @property
    def counts(self) -> bool:
        """Whether enough of it shows that it must be found."""
        x0, y0, x1, y1 = self.box
        return self.visible >= LEAST_VISIBLE and min(x1 - x0, y1 - y0) >= LEAST_SIDE


class BoxedView(SampleView):
    """One picture of a room, with what it shows."""

    #: Pixels.
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    boxes: tuple[SampleBox, ...]


class BoxedRoom(SampleRoom):
    """A room with everything in it, and where it shows."""

    views: Annotated[tuple[BoxedView, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _boxes_show_the_items(self) -> BoxedRoom:
        keys = {item.id: item.key for item in self.items}
        for view in self.views:
            for box in view.boxes:
                if keys.get(box.id) != box.key:
                    listed = keys.get(box.id, "nothing of that id")
                    raise ValueError(
                        f"{view.photo} shows {box.id!r} as {box.key!r}, but in the room's items "
                        f"it is {listed!r}"
                    )
        return self


class BoxedHome(SampleHome):
    """A home with its true inventory, and where everything shows."""

    rooms: Annotated[tuple[BoxedRoom, ...], Field(min_length=1)]

    def photos(self) -> list[AnnotatedPhoto]:
        """Return the views of all rooms, as ``<home>/<room>/<view>``."""
        return [
            AnnotatedPhoto(
                name=f"{self.home}/{view.photo}",
                file=self.folder / view.photo,
                boxes=tuple(TrueBox(box.key, box.box, counts=box.counts) for box in view.boxes),
                room_type=canonical_room_type(room.room_type) or room.room_type,
            )
            for room in self.rooms
            for view in room.views
        ]


def read_homes(folder: Path) -> list[BoxedHome]:
    """Read all homes of a folder, or the one that the folder is.

    Raises
    ------
    ConfigurationError
        There is none, or a ``truth.json`` is malformed; the message names the file and the
        place in it.
    """
    folders = home_folders(folder)
    if not folders:
        raise ConfigurationError(
            f"The folder {folder} holds no sample home. Give a folder with <home>/{TRUTH_FILE}."
        )
    return [read_home(one, BoxedHome) for one in folders]
