"""Results of jobs: photo results, inventories, and corrections of inventories.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from photoqueue.format import counted, one_line, volume, volume_range
from photoqueue.phrases import phrase
from photoqueue.records.base import Box, Record, Strategy
from photoqueue.records.hooks import HasCard, Namer, hooks

if TYPE_CHECKING:
    import pandas as pd

#: Share of moves (0…1) in which the volume lies in the range of an inventory.
SHARE: Final = 0.8
#: Share of a range below which one of its sides is next to nothing.
_ONE_SIDED: Final = 0.1
#: The warning on results of the built-in model, which was trained on rendered rooms alone.
FOR_TRYING_OUT: Final = "for trying out: the built-in model knows rendered rooms, not real ones"


def share_words(share: float = SHARE, language: str = "en") -> str:
    """Say in how many moves a range holds, in ``en`` or ``fr``.

    >>> share_words(), share_words(0.95, "fr")
    ('in 8 of 10 moves', 'dans 95 déménagements sur 100')
    """
    of = 10 if round(share * 10, 6).is_integer() else 100
    return phrase(language, "in {count} of {of} moves", count=f"{share * of:.3g}", of=of)


def range_note(inventory: InventoryResult, language: str = "en") -> str:
    """Say on which side of the usual volume nearly all of its range lies; empty for none."""
    low, usual, high = (
        inventory.total_volume_min,
        inventory.total_volume,
        inventory.total_volume_max,
    )
    if usual - low < _ONE_SIDED * (high - low):
        return phrase(language, "The engine misses more than it invents: expect more than listed.")
    if high - usual < _ONE_SIDED * (high - low):
        return phrase(language, "The engine invents more than it misses: expect less than listed.")
    return ""


class FoundItem(Record):
    """One item found in a photo."""

    name: str
    category: str
    dismountable: bool
    #: Catalogue key; ``None`` if the item is not in the catalogue.
    key: str | None = None
    #: The class name of the model.
    label: str | None = None
    score: float | None = None
    box: Box | None = None
    #: Usual moving volume of one item, in m³.
    volume: float | None = None
    #: Probability (0…1) of other catalogue keys that it may be; ``None`` if there are none.
    alternatives: dict[str, float] | None = None
    #: Colours and shades within its box, as hexadecimal digits; similar for two views of one
    #: item. ``None`` without a box.
    appearance: str | None = None
    #: Boxes of other findings that were taken for this one item; ``None`` if there are none.
    merged: tuple[Box, ...] | None = None
    #: Where edits are possible: ``<job id>.<position>``, or ``e<number>`` of what a person added.
    #: It is not stored.
    item_id: str | None = Field(default=None, exclude=True)


class PhotoResult(Record, HasCard):
    """Result of ``photo-analyze``."""

    photo_id: str
    items: tuple[FoundItem, ...]
    room_type: str
    #: Mean score of the items found, 0…1; 0 if nothing was found.
    confidence: float
    #: Confidence of the kind of room, 0…1; 1 if the caller named it.
    room_type_confidence: float | None = None
    engine: str | None = None
    model: str | None = None
    #: Size of the upright picture in pixels.
    width: int | None = None
    height: int | None = None
    #: Why items may be missing or wrong, such as "blurred"; empty for a good photo.
    warnings: tuple[str, ...] = ()
    #: Perceptual hash of the picture, 16 hexadecimal digits; nearly equal for copies.
    phash: str | None = None

    def to_frame(self, lang: str | Namer | None = None) -> pd.DataFrame:
        """Return the items as a DataFrame, one row each.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names, from the configured catalogue; or names of
            another catalogue. None does not translate.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in FoundItem.model_fields if name not in {"appearance", "item_id"}]
        return pd.DataFrame(_worded(self.items, lang), columns=columns)

    def __repr__(self) -> str:
        warned = f", {one_line('; '.join(self.warnings), 16)}" if self.warnings else ""
        return (
            f"<PhotoResult {one_line(self.photo_id, 20)}: "
            f"{counted(len(self.items), 'thing')} in {one_line(self.room_type, 12)}{warned}>"
        )


class InventoryLine(Record):
    """One kind of item in one room."""

    room: str
    room_type: str
    name: str
    category: str
    key: str | None = None
    count: int
    dismountable: bool
    #: Moving volume of all ``count`` items in m³; usual value, and range among movers.
    volume: float
    volume_min: float
    volume_max: float
    #: Photos in which it was seen.
    photos: tuple[str, ...]
    #: How often movers take such an item apart, 0…1.
    dismount_probability: float | None = None
    #: Whether a person should check this line, and why.
    review: bool = False
    reason: str | None = None
    #: Whether a person set this line; ``seen_count`` is then the count from the photos.
    corrected: bool = False
    seen_count: int | None = None
    #: How many more there may be: they count only in ``volume_max`` until a person adds them.
    held_back: int = 0
    #: How many more a person found that do not move: they are not in the volumes.
    stays: int = 0
    #: Of how many a person said something: they are there, and are what the line says.
    settled: int = 0

    @property
    def volume_of_one(self) -> float:
        """Volume of one item in m³: the usual one, or the highest where none is counted."""
        return self.volume / self.count if self.count else self.volume_max / max(self.held_back, 1)


class EngineUse(Record):
    """An engine whose results are in an inventory."""

    engine: str
    model: str | None = None
    #: Number of the photos that it analysed, copies included.
    photos: int

    def __str__(self) -> str:
        return " ".join(filter(None, (self.engine, self.model)))


class InventoryResult(Record, HasCard):
    """Result of ``inventory-sync``."""

    project_id: str
    total_items: int
    #: m³.
    total_volume: float
    rooms: tuple[str, ...]
    #: It lies between these in a share :data:`SHARE` of moves (:mod:`photoqueue.inventory.ranges`).
    #: They are not the sums of the lines' ends: not everything is small or large at once.
    total_volume_min: float
    total_volume_max: float
    strategy: Strategy
    lines: tuple[InventoryLine, ...]
    #: Number of photos added up, and ids of those that could not be.
    photo_count: int
    missing_photos: tuple[str, ...] = ()
    #: Duplicates of another photo, which are not counted: kept photo id by duplicate id.
    duplicate_photos: dict[str, str] = Field(default_factory=dict)
    #: The engines that analysed the photos, the one with the most photos first.
    engines: tuple[EngineUse, ...] = ()
    #: Why the inventory as a whole may be wrong; empty if nothing is known.
    warnings: tuple[str, ...] = ()
    #: Photos whose content is in another room, too, and counted in both: its photo by photo id.
    shared_photos: dict[str, str] | None = None
    #: What an engine listed in each room that saw all its photos, if the strategy is ``llm``.
    listed: dict[str, tuple[FoundItem, ...]] | None = None
    #: The photos of those rooms then: their lists go with them when rooms are renamed.
    listed_photos: dict[str, tuple[str, ...]] | None = None
    #: Lines before correction, of rooms that a person corrected or added.
    seen_lines: tuple[InventoryLine, ...] | None = None
    added_rooms: tuple[str, ...] | None = None
    #: Rooms that a person has reviewed, and who.
    reviewed_rooms: dict[str, str] | None = None

    @property
    def volume_between(self) -> str:
        """The range of the volume in words: ``13.80–26.00 m³ in 8 of 10 moves``."""
        between = volume_range(self.total_volume_min, self.total_volume_max)
        return f"{between} {share_words()}"

    @property
    def made_by(self) -> str:
        """The engines and their models, with numbers of photos if there are several."""
        if len(self.engines) == 1:
            return str(self.engines[0])
        named = ", ".join(f"{one} ({counted(one.photos, 'photo')})" for one in self.engines)
        return named or "unknown"

    @property
    def source(self) -> str:
        """Where the counts come from, what was reviewed, and warnings, on one line."""
        whole, seen = len(self.rooms), len(self.reviewed_rooms or ())
        reviewed = (f"{seen} of {counted(whole, 'room')} reviewed",) if seen else ()
        return "; ".join((self.made_by, *reviewed, *self.warnings))

    def to_frame(self, lang: str | Namer | None = None) -> pd.DataFrame:
        """Return the lines as a DataFrame, one row each; volumes in m³.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names of items and kinds of room, from the
            configured catalogue; or names of another catalogue. None does not translate. Names
            of rooms are never translated.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        import pandas as pd

        columns = [name for name in InventoryLine.model_fields if name != "key"]
        return pd.DataFrame(_worded(self.lines, lang), columns=columns)

    def export(self, path: str | Path, *, lang: str | None = None) -> Path:
        """Write the inventory to a new spreadsheet file; return its path.

        Text that looks like a formula is stored as text.

        Parameters
        ----------
        path
            Ends in ``.csv``, or in ``.xlsx`` for an Excel file with a sheet of totals.
        lang
            ``en`` or ``fr``: language of the names; None is that of the settings.

        Raises
        ------
        StateError
            The file exists, its format is unknown, or it cannot be written.
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
    """A person's correction of one kind of item in one room of a project."""

    correction_id: int
    project_id: str
    room: str
    name: str
    category: str
    #: Catalogue key; ``None`` for an item that is not in the catalogue.
    key: str | None = None
    #: How many there are; 0 removes the item from the list.
    count: int
    #: Moving volume of one in m³, if the person gave it or the catalogue does not have the item.
    volume: float | None = None
    #: How many the photos showed then.
    seen_count: int | None = None
    #: Whether it is taken apart, if the person gave it.
    dismountable: bool | None = None
    user_id: str
    created_at: datetime
    #: When and by whom it was undone.
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
    """Return rows of a table, translated if a language is given."""
    rows = [record.model_dump() for record in records]
    if lang is not None:
        names = hooks().names(lang) if isinstance(lang, str) else lang
        for row in rows:
            row["name"] = names.item(row["key"], row["name"])
            if "room_type" in row:
                row["room_type"] = names.room_type(row["room_type"])
    return rows
