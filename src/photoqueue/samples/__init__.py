"""Sample homes: rendered rooms with known contents. The package includes one small home.

The folder of a home holds its photos, one folder per room, and ``truth.json``::

    {"home": "sample-home", "totalItems": 17, "totalVolume": 10.36,
     "rooms": [{"room": "living room", "roomType": "living room",
       "items": [{"id": "r1-03", "key": "sofa_3_seat", "volume": 1.7}],
       "views": [{"photo": "living room/view-1.jpg"}]}]}

Volumes are in m³. The list is complete: what is not listed is not in the home. Other keys are
ignored here; ``tools/`` in the repository also reads where each thing shows in each view.

``photos.sha256`` lists the photos of all sample homes, those of the repository too.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
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
_Home = TypeVar("_Home", bound="SampleHome")


class SampleRecord(BaseModel):
    """A frozen record with camelCase JSON; unknown keys are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False
    )


class SampleItem(SampleRecord):
    """One thing in a room."""

    id: _Name
    key: _Name
    #: Usual moving volume, in m³.
    volume: Annotated[float, Field(ge=0)]


class SampleView(SampleRecord):
    """One photo of a room."""

    #: Path of the photo, relative to the folder of the home.
    photo: _Name


class SampleRoom(SampleRecord):
    """A room with everything in it."""

    room: _Name
    room_type: _Name
    items: tuple[SampleItem, ...]
    views: Annotated[tuple[SampleView, ...], Field(min_length=1)]


class SampleHome(SampleRecord):
    """A home with its true inventory."""

    home: _Name
    rooms: Annotated[tuple[SampleRoom, ...], Field(min_length=1)]
    total_items: Annotated[int, Field(ge=0)]
    #: In m³.
    total_volume: Annotated[float, Field(ge=0)]
    #: Folder that it was read from; paths of views are relative to it.
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

    def true_things(self) -> Counter[tuple[str, str]]:
        """Count the things in the home, by room and catalogue key."""
        return Counter((room.room, item.key) for room in self.rooms for item in room.items)


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


def read_home(folder: Path, kind: type[_Home]) -> _Home:
    """Read the truth of one home.

    Parameters
    ----------
    folder : pathlib.Path
    kind : type
        :class:`SampleHome`, or a subclass that reads more of the file.

    Raises
    ------
    ConfigurationError
        ``truth.json`` cannot be read or is malformed; the message names the file and the location
        in it.
    """
    file = folder / TRUTH_FILE
    try:
        home = kind.model_validate_json(file.read_bytes())
    except ValidationError as exc:
        problems = [
            f"{_place(error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
            for error in exc.errors()
        ]
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


def _place(location: tuple[int | str, ...]) -> str:
    """Format the location of a problem in the file: ``rooms[0].views[1].boxes``."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return place.removeprefix(".") or "the file"
