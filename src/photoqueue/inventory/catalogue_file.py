"""Reading and checking catalogue files: a whole catalogue, or changes to one.

Changes need the column ``key`` only. A row whose key is known replaces what its cells say,
blank ones leave what is there; ``-`` empties a list of labels or synonyms. A row with a new
key adds a thing: it needs a name in one language at least, a category, the usual volume and
the dismantling probability. A label that a row claims is taken from the thing that had it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from photoqueue.errors import ConfigurationError
from photoqueue.inventory.catalogue_item import CATEGORIES, VOCABULARIES, CatalogueItem
from photoqueue.inventory.sheet import Sheet, read_sheet

_TEXT_COLUMNS: Final = ("key", "name_en", "name_fr", "category")
NUMBER_COLUMNS: Final = ("volume_low", "volume_usual", "volume_high", "dismount_probability")
_REQUIRED: Final = (*_TEXT_COLUMNS, *NUMBER_COLUMNS, *VOCABULARIES)
#: Columns that mean something, in the order in which the package's own file has them.
COLUMNS: Final = (*_REQUIRED, "synonyms", "source")
#: Parts several words of one cell.
SEPARATOR: Final = "|"
#: Empties a list that a blank cell would leave as it is.
_NOTHING: Final = "-"
#: Problems told at once.
_MOST_PROBLEMS: Final = 20


def read_items(file: Path) -> tuple[CatalogueItem, ...]:
    """Read a whole catalogue.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or values are wrong; each is named by row and column.
    """
    sheet = read_sheet(file, known=COLUMNS, required=_REQUIRED)
    return tuple(_items(sheet, {}, whole=True))


def read_changes(file: Path, items: Sequence[CatalogueItem]) -> tuple[CatalogueItem, ...]:
    """Return a catalogue's items with the changes of a file made, new ones at the end.

    Raises
    ------
    ConfigurationError
        As for :func:`read_items`.
    """
    sheet = read_sheet(file, known=COLUMNS, required=("key",))
    known = {item.key: item for item in items}
    changed = {item.key: item for item in _items(sheet, known, whole=False)}
    claimed = {
        (vocabulary, label)
        for item in changed.values()
        for vocabulary, labels in item.labels.items()
        for label in labels
    }
    kept = {
        item.key: changed[item.key] if item.key in changed else _without(item, claimed)
        for item in items
    }
    return tuple((kept | changed).values())


def _without(item: CatalogueItem, claimed: set[tuple[str, str]]) -> CatalogueItem:
    """Return an item without the labels that others have claimed."""
    labels = {
        vocabulary: tuple(label for label in labels if (vocabulary, label) not in claimed)
        for vocabulary, labels in item.labels.items()
    }
    return item if labels == item.labels else replace(item, labels=labels)


def _items(
    sheet: Sheet, known: Mapping[str, CatalogueItem], *, whole: bool
) -> Iterable[CatalogueItem]:
    """Read the items of a sheet; all of its problems are told together."""
    items: list[CatalogueItem] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in sheet.rows:
        row = _Row(sheet, line, cells, problems)
        base = known.get(cells["key"].strip())
        item = row.item(base, whole=whole)
        row.claim(seen, "key", item.key)
        for column in ("name_en", "name_fr"):
            row.claim(seen, column, cells.get(column, "").strip().casefold())
        for vocabulary, labels in item.labels.items():
            for label in labels:
                row.claim(seen, vocabulary, label)
        items.append(item)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        told = [*problems[:_MOST_PROBLEMS], *([f"{more} more problems."] if more > 0 else [])]
        told.append(f"Correct it in {sheet.file}.")
        raise ConfigurationError((" " if len(problems) == 1 else "\n").join(told))
    return items


class _Row:
    """One row of the file, which knows where it stands so that it can complain."""

    def __init__(
        self, sheet: Sheet, line: int, cells: Mapping[str, str], problems: list[str]
    ) -> None:
        self._sheet = sheet
        self._line = line
        self._cells = cells
        self._problems = problems

    def item(self, base: CatalogueItem | None, *, whole: bool) -> CatalogueItem:
        """Return the item that this row describes, or makes of the one that is known."""
        if base is None and not whole:
            names = self._cell("name_en"), self._cell("name_fr")
            english, french = names[0] or names[1], names[1] or names[0]
            if not english:
                self._complain("name_en", "the key is new, so give a name in one language")
        else:
            english = self._text("name_en", None if base is None else base.name_en)
            french = self._text("name_fr", None if base is None else base.name_fr)
        low, usual, high = self._volumes(base, whole=whole)
        return CatalogueItem(
            key=self._text("key", None),
            name_en=english,
            name_fr=french,
            category=self._category(None if base is None else base.category),
            volume_low=low,
            volume_usual=usual,
            volume_high=high,
            dismount_probability=self._probability(base),
            labels={
                vocabulary: self._words(vocabulary, base.labels.get(vocabulary, ()) if base else ())
                for vocabulary in VOCABULARIES
            },
            synonyms=self._words("synonyms", base.synonyms if base else ()),
        )

    def claim(self, seen: dict[tuple[str, str], int], column: str, value: str) -> None:
        """Note that this row uses a value that only one row may use."""
        first = seen.setdefault((column, value), self._line)
        if value and first != self._line:
            self._complain(column, f"{value!r} is already used in row {first}")

    def _volumes(self, base: CatalogueItem | None, *, whole: bool) -> tuple[float, float, float]:
        """Return lowest, usual and highest volume in m³."""
        usual = self._number("volume_usual", None if base is None else base.volume_usual)
        # A usual volume alone is a range of nothing, or widens the one that is known.
        bounds = [base.volume_low, base.volume_high] if base else [usual, usual]
        low = self._number("volume_low", None if whole else min(bounds[0], usual))
        high = self._number("volume_high", None if whole else max(bounds[1], usual))
        if low > usual:
            self._complain("volume_low", f"{low} is above volume_usual {usual}")
        if usual > high:
            self._complain("volume_high", f"{high} is below volume_usual {usual}")
        return low, usual, high

    def _category(self, default: str | None) -> str:
        category = self._text("category", default)
        if category and category not in CATEGORIES:
            self._complain(
                "category", f"unknown category {category!r}; use one of {', '.join(CATEGORIES)}"
            )
        return category

    def _probability(self, base: CatalogueItem | None) -> float:
        value = self._number(
            "dismount_probability", None if base is None else base.dismount_probability
        )
        if value > 1:
            self._complain("dismount_probability", f"{value} is not between 0 and 1")
        return value

    def _text(self, column: str, default: str | None) -> str:
        """Return a cell that must not be empty where there is no default."""
        value = self._cell(column) or default or ""
        if not value:
            self._complain(column, "the cell is empty")
        return value

    def _number(self, column: str, default: float | None) -> float:
        """Return a cell that must be a number ≥ 0; NaN, which compares with nothing, if not."""
        text = self._cell(column)
        if not text and default is not None:
            return default
        if not (text := self._text(column, None)):
            return math.nan
        try:
            value = self._sheet.number(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            self._complain(column, f"{text!r} is not a number of 0 or more, such as 0.25")
            return math.nan
        return value

    def _words(self, column: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of a cell; a blank one is the default."""
        cell = self._cell(column)
        if cell == _NOTHING:
            return ()
        words = dict.fromkeys(word.strip() for word in cell.split(SEPARATOR))
        return tuple(word for word in words if word) or default

    def _cell(self, column: str) -> str:
        return self._cells.get(column, "").strip()

    def _complain(self, column: str, problem: str) -> None:
        """Note a problem, and where it is."""
        self._problems.append(
            f"Catalogue {self._sheet.file.name}, row {self._line}, column {column}: {problem}."
        )
