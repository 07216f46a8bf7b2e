"""What jobs deliver: what a photo shows, the inventory of a project, and its corrections.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from photoqueue.format import counted, one_line, volume
from photoqueue.records.base import Box, Record, Strategy
from photoqueue.records.hooks import HasCard, Namer, hooks

if TYPE_CHECKING:
    import pandas as pd


class FoundItem(Record):
    """One thing found in one photo."""

    name: str
    category: str
    dismountable: bool
    #: Catalogue key; ``None`` when the engine named something the catalogue lacks.
    key: str | None = None
    #: The model's own class name.
    label: str | None = None
    score: float | None = None
    box: Box | None = None
    #: Usual moving volume of one, in m³.
    volume: float | None = None
    #: Other catalogue keys that it may be → probability, 0…1; ``None`` without a doubt.
    alternatives: dict[str, float] | None = None
    #: Colours and shades of its place in the picture, as hexadecimal digits; two views of
    #: one thing have similar ones. ``None`` without a box.
    appearance: str | None = None


class PhotoResult(Record, HasCard):
    """Result of ``photo-analyze``."""

    photo_id: str
    items: tuple[FoundItem, ...]
    room_type: str
    #: 0…1: mean score of the items found; 0 when nothing was found.
    confidence: float
    #: 0…1: how sure the kind of room is; 1 when the caller named it.
    room_type_confidence: float | None = None
    engine: str | None = None
    model: str | None = None
    #: Size of the upright picture in pixels.
    width: int | None = None
    height: int | None = None
    #: Why the photo may show less than there is, such as "blurred"; empty for a good one.
    warnings: tuple[str, ...] = ()
    #: Perceptual hash of the picture, 16 hexadecimal digits; copies have nearly the same.
    phash: str | None = None

    def to_frame(self, lang: str | Namer | None = None) -> pd.DataFrame:
        """Return the items as a DataFrame, one row each.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names, which the catalogue of the environment
            gives, or names of another catalogue; None leaves them as they are.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in FoundItem.model_fields if name != "appearance"]
        return pd.DataFrame(_worded(self.items, lang), columns=columns)

    def __repr__(self) -> str:
        warned = f", {one_line('; '.join(self.warnings), 16)}" if self.warnings else ""
        return (
            f"<PhotoResult {one_line(self.photo_id, 20)}: "
            f"{counted(len(self.items), 'thing')} in {one_line(self.room_type, 12)}{warned}>"
        )


class InventoryLine(Record):
    """One kind of thing in one room."""

    room: str
    room_type: str
    name: str
    category: str
    key: str | None = None
    count: int
    dismountable: bool
    #: Moving volume of all ``count`` together in m³: usual, and the range between movers.
    volume: float
    volume_min: float
    volume_max: float
    #: Photos in which it was seen.
    photos: tuple[str, ...]
    #: 0…1: how often movers take such a thing apart.
    dismount_probability: float | None = None
    #: Whether a person should look at this line, and why.
    review: bool = False
    reason: str | None = None
    #: Whether a person set this line; ``seen_count`` is then the count from the photos.
    corrected: bool = False
    seen_count: int | None = None


class InventoryResult(Record, HasCard):
    """Result of ``inventory-sync``."""

    project_id: str
    total_items: int
    #: m³.
    total_volume: float
    rooms: tuple[str, ...]
    total_volume_min: float
    total_volume_max: float
    strategy: Strategy
    lines: tuple[InventoryLine, ...]
    #: How many photos were added up, and which could not be.
    photo_count: int
    missing_photos: tuple[str, ...] = ()
    #: Photos of the same picture as another one, counted once: duplicate id → kept id.
    duplicate_photos: dict[str, str] = Field(default_factory=dict)
    #: Lines as the photos gave them where a person corrected them, and rooms that a person added.
    seen_lines: tuple[InventoryLine, ...] | None = None
    added_rooms: tuple[str, ...] | None = None

    def to_frame(self, lang: str | Namer | None = None) -> pd.DataFrame:
        """Return the lines as a DataFrame, one row each; volumes in m³.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names of things and kinds of room, which the
            catalogue of the environment gives, or names of another catalogue; None leaves
            them as they are. The names of rooms are the caller's.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in InventoryLine.model_fields if name != "key"]
        return pd.DataFrame(_worded(self.lines, lang), columns=columns)

    def export(self, path: str | Path, *, lang: str | None = None) -> Path:
        """Write the inventory to a new file for spreadsheets; return where it is.

        Text that begins like a formula is stored as text.

        Parameters
        ----------
        path
            Ends in ``.csv``, or in ``.xlsx`` for an Excel file with a sheet of totals.
        lang
            ``en`` or ``fr``: language of the names; None is that of the environment.

        Raises
        ------
        StateError
            There is such a file already, no such format, or it cannot be written.
        ConfigurationError
            openpyxl is not installed, or there are no names in this language.
        """
        return hooks().export(self, Path(path), lang)

    def __repr__(self) -> str:
        return (
            f"<InventoryResult {one_line(self.project_id, 20)}: "
            f"{counted(self.total_items, 'thing')} in {counted(len(self.rooms), 'room')}, "
            f"{volume(self.total_volume)}>"
        )


class Correction(Record, HasCard):
    """A person's correction of one kind of thing in one room of a project."""

    correction_id: int
    project_id: str
    room: str
    name: str
    category: str
    #: Catalogue key; ``None`` for a thing that the catalogue lacks.
    key: str | None = None
    #: How many there are; 0 takes the thing off the list.
    count: int
    #: Moving volume of one in m³, where the person gave it or the catalogue lacks it.
    volume: float | None = None
    #: Whether it is taken apart, where the person gave it.
    dismountable: bool | None = None
    user_id: str
    created_at: datetime
    #: When and by whom it was taken back; it no longer applies then.
    undone_at: datetime | None = None
    undone_by: str | None = None

    def __repr__(self) -> str:
        undone = ", undone" if self.undone_at is not None else ""
        return (
            f"<Correction {self.correction_id}: {self.count} × {one_line(self.name, 16)} in "
            f"{one_line(self.room, 12)}, by {one_line(self.user_id, 8)}{undone}>"
        )


def _worded(
    records: tuple[FoundItem, ...] | tuple[InventoryLine, ...],
    lang: str | Namer | None,
) -> list[dict[str, Any]]:
    """Return rows of a table, in a language if one is asked for."""
    rows = [record.model_dump() for record in records]
    if lang is not None:
        names = hooks().names(lang) if isinstance(lang, str) else lang
        for row in rows:
            row["name"] = names.item(row["key"], row["name"])
            if "room_type" in row:
                row["room_type"] = names.room_type(row["room_type"])
    return rows
