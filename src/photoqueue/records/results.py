"""What jobs deliver: what a photo shows, the inventory of a project, and its corrections.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from photoqueue.faces.cards import records, results
from photoqueue.records.base import Box, Record, Strategy

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.inventory.catalogue import Catalogue


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


class PhotoResult(Record):
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

    def to_frame(
        self, lang: str | None = None, *, catalogue: Catalogue | None = None
    ) -> pd.DataFrame:
        """Return the items as a DataFrame, one row each.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names; None leaves them as they are.
        catalogue
            Gives the names; None is that of the environment.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in FoundItem.model_fields if name != "appearance"]
        return pd.DataFrame(_worded(self.items, lang, catalogue), columns=columns)

    def __repr__(self) -> str:
        return results.photo_text(self)

    def _repr_html_(self) -> str:
        return results.photo_card(self)


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
    #: Whether a person set this line; ``seen_count`` is then what the photos said.
    corrected: bool = False
    seen_count: int | None = None


class InventoryResult(Record):
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
    #: What the photos said where a person corrected it, and rooms that a person added.
    seen_lines: tuple[InventoryLine, ...] | None = None
    added_rooms: tuple[str, ...] | None = None

    def to_frame(
        self, lang: str | None = None, *, catalogue: Catalogue | None = None
    ) -> pd.DataFrame:
        """Return the lines as a DataFrame, one row each; volumes in m³.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names of things and kinds of room; None leaves
            them as they are. The names of rooms are the caller's.
        catalogue
            Gives the names; None is that of the environment.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in InventoryLine.model_fields if name != "key"]
        return pd.DataFrame(_worded(self.lines, lang, catalogue), columns=columns)

    def export(
        self, path: str | Path, *, lang: str | None = None, catalogue: Catalogue | None = None
    ) -> Path:
        """Write the inventory to a new file for spreadsheets; return where it is.

        Text that begins like a formula is stored as text.

        Parameters
        ----------
        path
            Ends in ``.csv``, or in ``.xlsx`` for an Excel file with a sheet of totals.
        lang, catalogue
            As for :meth:`to_frame`; None is the language of the environment.

        Raises
        ------
        StateError
            There is such a file already, no such format, or it cannot be written.
        ConfigurationError
            openpyxl is not installed, or there are no names in this language.
        """
        from photoqueue.inventory.export import export_inventory
        from photoqueue.inventory.wording import Wording

        wording = Wording.of(lang) if catalogue is None else Wording(lang or "en", catalogue)
        file = Path(path)
        return export_inventory(self, file.suffix.removeprefix(".").lower(), file, wording)

    def __repr__(self) -> str:
        return results.inventory_text(self)

    def _repr_html_(self) -> str:
        return results.inventory_card(self)


class Correction(Record):
    """What a person said about one kind of thing in one room of a project."""

    correction_id: int
    project_id: str
    room: str
    name: str
    category: str
    #: Catalogue key; ``None`` for a thing that the catalogue lacks.
    key: str | None = None
    #: How many there are; 0 takes the thing off the list.
    count: int
    #: Moving volume of one in m³, where the person said so or the catalogue lacks it.
    volume: float | None = None
    #: Whether it is taken apart, where the person said so.
    dismountable: bool | None = None
    user_id: str
    created_at: datetime
    #: When and by whom it was taken back; it no longer applies then.
    undone_at: datetime | None = None
    undone_by: str | None = None

    def __repr__(self) -> str:
        return records.correction_text(self)

    def _repr_html_(self) -> str:
        return records.correction_card(self)


def _worded(
    records: tuple[FoundItem, ...] | tuple[InventoryLine, ...],
    lang: str | None,
    catalogue: Catalogue | None,
) -> list[dict[str, Any]]:
    """Return rows of a table, in a language if one is asked for."""
    rows = [record.model_dump() for record in records]
    if lang is not None:
        from photoqueue.inventory.wording import Wording

        wording = Wording(lang, catalogue) if catalogue is not None else Wording.of(lang)
        for row in rows:
            row["name"] = wording.item(row["key"], row["name"])
            if "room_type" in row:
                row["room_type"] = wording.room_type(row["room_type"])
    return rows
