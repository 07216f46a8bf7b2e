"""Homes with known contents: the sample home in the package, and one's own, to measure with.

The folder of a home holds its photos and ``truth.json``::

    {"home": "our-flat",
     "rooms": [{"room": "living room", "roomType": "living room",
       "items": [{"key": "sofa_3_seat"}, {"key": "chair", "count": 4},
                 {"key": "crate", "volume": 0.2}],
       "views": [{"photo": "living room/view-1.jpg"}]}]}

The list of a room is complete: what is not listed is not there. ``key`` is a key of the catalogue
or a name that it knows; ``volume`` (m³ of one) is needed only for things that it lacks.
``totalItems`` and ``totalVolume`` are checked where they are given. A view may say where things
show, in 0…1 of the picture, with the share of each that nothing hides::

    {"photo": "living room/view-1.jpg",
     "boxes": [{"key": "sofa_3_seat", "box": [0.1, 0.4, 0.5, 0.8], "visible": 0.83}]}

Other keys are ignored. ``photos.sha256`` lists the photos of all sample homes, those of the
repository too.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from photoqueue.errors import ConfigurationError

if TYPE_CHECKING:
    from photoqueue.records.results import InventoryResult

TRUTH_FILE: Final = "truth.json"
#: The home in the package.
SAMPLE_HOME: Final = Path(__file__).with_name("sample-home")
#: One of its photos.
SAMPLE_PHOTO: Final = SAMPLE_HOME / "living room" / "view-1.jpg"

#: Content hashes of the photos of all sample homes, as ``sha256sum`` writes them.
PHOTO_HASHES: Final = SAMPLE_HOME.with_name("photos.sha256")

#: Rounding tolerance of the total volume, in m³.
_ROUNDING: Final = 0.05
#: Most problems of one file that an error lists.
_SHOWN_PROBLEMS: Final = 5

_Name = Annotated[str, Field(min_length=1)]
#: Path in a folder; as written on Windows, too: ``bedroom\\1.jpg``.
PathInside = Annotated[_Name, AfterValidator(lambda path: path.replace("\\", "/"))]
_Share = Annotated[float, Field(ge=0, le=1)]

#: Share of a thing, 0…1, that must show before it has to be found.
LEAST_VISIBLE: Final = 0.3
#: Width and height, 0…1 of the picture, that its box must have for that.
LEAST_SIDE: Final = 0.02


class SampleRecord(BaseModel):
    """A frozen record with camelCase JSON; unknown keys are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False
    )


class SampleItem(SampleRecord):
    """Things of one kind in a room."""

    key: _Name
    count: Annotated[int, Field(ge=1)] = 1
    #: Usual moving volume of one, in m³; ``None`` is that of the catalogue.
    volume: Annotated[float, Field(ge=0)] | None = None
    #: By which boxes name it.
    id: _Name | None = None


class SampleBox(SampleRecord):
    """Where a thing shows in a view."""

    key: _Name
    #: x0, y0, x1, y1 of its visible part in 0…1 of the picture.
    box: tuple[_Share, _Share, _Share, _Share]
    #: 0…1: share of its outline in the picture that nothing hides.
    visible: _Share = 1.0
    id: _Name | None = None

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


class SampleView(SampleRecord):
    """One photo of a room."""

    #: Path of the photo, relative to the folder of the home.
    photo: PathInside
    #: What it shows; ``None`` where that was not noted.
    boxes: tuple[SampleBox, ...] | None = None


class SampleRoom(SampleRecord):
    """A room with everything in it."""

    room: _Name
    room_type: _Name
    items: tuple[SampleItem, ...]
    views: Annotated[tuple[SampleView, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _boxes_show_the_items(self) -> SampleRoom:
        keys = {item.id: item.key for item in self.items if item.id}
        for view in self.views:
            for box in view.boxes or ():
                if box.id and keys.get(box.id) != box.key:
                    listed = keys.get(box.id, "nothing of that id")
                    raise ValueError(
                        f"{view.photo} shows {box.id!r} as {box.key!r}, but in the room's items "
                        f"it is {listed!r}"
                    )
        return self


class SampleHome(SampleRecord):
    """A home with its true inventory."""

    home: _Name
    rooms: Annotated[tuple[SampleRoom, ...], Field(min_length=1)]
    stated_items: int | None = Field(None, alias="totalItems")
    stated_volume: float | None = Field(None, alias="totalVolume")
    #: Folder that it was read from; paths of views are relative to it.
    folder: Annotated[Path, Field(exclude=True)] = Path()

    @model_validator(mode="after")
    def _adds_up(self) -> SampleHome:
        items, volume = self.total_items, self.total_volume
        if self.stated_items not in (None, items):
            raise ValueError(f"totalItems is {self.stated_items}, the rooms hold {items}")
        known = all(item.volume is not None for room in self.rooms for item in room.items)
        if known and abs((self.stated_volume or volume) - volume) > _ROUNDING:
            raise ValueError(f"totalVolume is {self.stated_volume}, the items have {volume:.2f} m³")
        return self

    @property
    def total_items(self) -> int:
        """How many things are in the home."""
        return self.true_things().total()

    @property
    def total_volume(self) -> float:
        """Volume of the things that have one of their own, in m³."""
        items = [item for room in self.rooms for item in room.items]
        return sum((item.volume or 0.0) * item.count for item in items)

    def true_things(self) -> Counter[tuple[str, str]]:
        """Count the things in the home, by room and catalogue key."""
        counts: Counter[tuple[str, str]] = Counter()
        for room in self.rooms:
            for item in room.items:
                counts[room.room, item.key] += item.count
        return counts


def found_things(inventory: InventoryResult) -> Counter[tuple[str, str]]:
    """Count the things in an inventory, by room and catalogue key (or name, without a key)."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in inventory.lines:
        counts[line.room, line.key or line.name] += line.count
    return counts


@cache
def sample_hashes() -> frozenset[str]:
    """Return the content hashes (SHA-256, hexadecimal) of the photos of the sample homes."""
    lines = PHOTO_HASHES.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split(maxsplit=1)[0] for line in lines)


def home_folders(folder: Path) -> list[Path]:
    """Return the home folders in a folder, or the folder itself if it is one; sorted."""
    if (folder / TRUTH_FILE).is_file():
        return [folder]
    return sorted(file.parent for file in folder.glob(f"*/{TRUTH_FILE}"))


def read_home(folder: Path) -> SampleHome:
    """Read the truth of one home.

    Raises
    ------
    ConfigurationError
        ``truth.json`` cannot be read or is malformed; the message names the file and the location
        in it.
    """
    file = folder / TRUTH_FILE
    try:
        home = SampleHome.model_validate_json(file.read_bytes().removeprefix(BOM_UTF8))
    except ValidationError as exc:
        raise ConfigurationError(
            f"The truth of a home, {file}, cannot be used. {problems_of(exc)}. Correct it there."
        ) from None
    except OSError as exc:
        raise ConfigurationError(
            f"The truth of a home, {file}, cannot be read ({exc.strerror}). "
            "Check the path and its permissions."
        ) from exc
    return home.model_copy(update={"folder": folder})


def problems_of(exc: ValidationError) -> str:
    """Describe what is wrong with a file, each problem with its place."""
    problems = [
        f"{_place(error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
        for error in exc.errors()
    ]
    more = len(problems) - _SHOWN_PROBLEMS
    return "; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _place(location: tuple[int | str, ...]) -> str:
    """Format the location of a problem in the file: ``rooms[0].views[1].boxes``."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return place.removeprefix(".") or "the file"
