"""Sample homes: rendered rooms of which everything is known.

A folder of homes holds one folder a home::

    home-1/truth.json
    home-1/living room/view-1.jpg …

``truth.json`` tells what stands in each room, and where it shows in each view::

    {"home": "home-1", "totalItems": 57, "totalVolume": 31.4,
     "rooms": [{"room": "living room", "roomType": "living room",
       "items": [{"id": "r1-03", "key": "sofa_3_seat", "volume": 1.7}],
       "views": [{"photo": "living room/view-1.jpg", "width": 1280, "height": 960,
         "boxes": [{"id": "r1-03", "key": "sofa_3_seat", "box": [0.1, 0.4, 0.5, 0.8],
                    "visible": 0.83}]}]}]}

Boxes enclose the visible part, in 0…1 of the picture; ``visible`` is the share of the
thing's own outline in the picture that nothing hides. Volumes are m³. A home is complete:
what is not in it is not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from photoqueue.engines.truth import AnnotatedPhoto, TrueBox
from photoqueue.errors import ConfigurationError
from photoqueue.inventory.wording import canonical_room_type

TRUTH_FILE: Final = "truth.json"

#: Share of a thing, 0…1, that must show before it has to be found.
LEAST_VISIBLE: Final = 0.3
#: Width and height, 0…1 of the picture, that its box must have for that.
LEAST_SIDE: Final = 0.02
#: m³ by which the total may differ from the sum of the items, for rounding.
_ROUNDING: Final = 0.05
#: Problems of one file that an error lists.
_SHOWN_PROBLEMS: Final = 5

_Share = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(min_length=1)]


class _Record(BaseModel):
    """A frozen value with camelCase JSON; keys that it does not know are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False
    )


class SampleItem(_Record):
    """One thing that stands in a room."""

    id: _Name
    key: _Name
    #: Usual moving volume, in m³.
    volume: Annotated[float, Field(ge=0)]


class SampleBox(_Record):
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


class SampleView(_Record):
    """One picture of a room."""

    #: Path of the picture, relative to the folder of the home.
    photo: _Name
    #: Pixels.
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    boxes: tuple[SampleBox, ...]


class SampleRoom(_Record):
    """A room with everything in it."""

    room: _Name
    room_type: _Name
    items: tuple[SampleItem, ...]
    views: Annotated[tuple[SampleView, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _boxes_show_the_items(self) -> SampleRoom:
        keys = {item.id: item.key for item in self.items}
        for view in self.views:
            for box in view.boxes:
                if keys.get(box.id) != box.key:
                    stands = keys.get(box.id, "nothing of that id")
                    raise ValueError(
                        f"{view.photo} shows {box.id!r} as {box.key!r}, but in the room's items "
                        f"it is {stands!r}"
                    )
        return self


class SampleHome(_Record):
    """A home with its true inventory."""

    home: _Name
    rooms: Annotated[tuple[SampleRoom, ...], Field(min_length=1)]
    total_items: Annotated[int, Field(ge=0)]
    #: m³.
    total_volume: Annotated[float, Field(ge=0)]
    #: Folder that it was read from; views are relative to it.
    folder: Annotated[Path, Field(exclude=True)] = Path()

    @model_validator(mode="after")
    def _adds_up(self) -> SampleHome:
        items = [item for room in self.rooms for item in room.items]
        volume = sum(item.volume for item in items)
        if self.total_items != len(items):
            raise ValueError(f"totalItems is {self.total_items}, the rooms hold {len(items)}")
        if abs(self.total_volume - volume) > _ROUNDING:
            raise ValueError(f"totalVolume is {self.total_volume}, the items have {volume:.2f} m³")
        return self

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


def home_folders(folder: Path) -> list[Path]:
    """Return the folders of homes in a folder, or the folder itself if it is one; sorted."""
    if (folder / TRUTH_FILE).is_file():
        return [folder]
    return sorted(file.parent for file in folder.glob(f"*/{TRUTH_FILE}"))


def read_homes(folder: Path) -> list[SampleHome]:
    """Read all homes of a folder, or the one that the folder is.

    Raises
    ------
    ConfigurationError
        There is none, or a ``truth.json`` is not as it should be; the message names the
        file and the place in it.
    """
    folders = home_folders(folder)
    if not folders:
        raise ConfigurationError(
            f"The folder {folder} holds no sample home. Give a folder with <home>/{TRUTH_FILE}."
        )
    return [read_home(one) for one in folders]


def read_home(folder: Path) -> SampleHome:
    """Read the truth of one home; see :func:`read_homes`."""
    file = folder / TRUTH_FILE
    try:
        home = SampleHome.model_validate_json(file.read_bytes())
    except ValidationError as exc:
        problems = _problems(exc)
        more = len(problems) - _SHOWN_PROBLEMS
        shown = "; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
        raise ConfigurationError(
            f"The truth of a sample home, {file}, cannot be used. {shown}. Correct it there."
        ) from None
    except OSError as exc:
        raise ConfigurationError(
            f"The truth of a sample home, {file}, cannot be read ({exc.strerror}). "
            "Check the path and its permissions."
        ) from exc
    return home.model_copy(update={"folder": folder})


def _problems(exc: ValidationError) -> list[str]:
    """Return each problem with its place."""
    errors = exc.errors()
    return [
        f"{_place(error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
        for error in errors
        # A list of which an element is wrong counts as empty too; that says nothing new.
        if not any(_is_inside(other["loc"], error["loc"]) for other in errors)
    ]


def _is_inside(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _place(location: tuple[int | str, ...]) -> str:
    """Write where in the file a problem is: ``rooms[0].views[1].boxes``."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return place.removeprefix(".") or "the file"
