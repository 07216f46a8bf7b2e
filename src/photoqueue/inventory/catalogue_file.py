"""Reading and checking catalogue files: a whole catalogue, or changes to one.

A file of changes needs only the column ``key``. A row with a known key changes that item: blank
cells keep the old value, and ``-`` empties a list of labels or synonyms. A row with a new key adds
an item: it needs a name in at least one language, a category, the usual volume and the dismantling
probability. A label that a row claims is removed from the item that had it.

Columns of weight and handling may be missing, also from a whole catalogue: the weight is then the
volume times :data:`DENSITY`, the persons follow from the weight, and nothing is fragile.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from photoqueue.errors import ConfigurationError

Category = Literal["furniture", "appliance", "electronics", "box", "art", "misc"]
Vocabulary = Literal["coco", "objects365"]

CATEGORIES: Final[tuple[str, ...]] = get_args(Category)
VOCABULARIES: Final[tuple[str, ...]] = get_args(Vocabulary)
LANGUAGES: Final = ("en", "fr")

#: Probability from which a thing counts as dismountable.
DISMOUNT_LIMIT: Final = 0.5

#: kg per m³ of moving volume, by category: for things whose weight is not known. Estimated from the
#: things of the package's catalogue that were weighed; a box is packed.
DENSITY: Final[Mapping[str, float]] = {
    "furniture": 50,
    "appliance": 100,
    "electronics": 80,
    "box": 130,
    "art": 60,
    "misc": 60,
}
#: kg that one person and two persons carry. One: the guideline of the British Health and Safety
#: Executive; two: estimated.
CARRY_LIMITS: Final = (25, 100)


@dataclass(frozen=True, kw_only=True)
class CatalogueItem:
    """One thing that movers list."""

    #: Stable identifier, such as ``sofa_3_seat``.
    key: str
    #: Display names.
    name_en: str
    name_fr: str
    #: One of :data:`CATEGORIES`.
    category: str
    #: Moving volume of one, in m³: lowest, usual and highest figure of the movers.
    volume_low: float
    volume_usual: float
    volume_high: float
    #: How often movers dismantle it, 0…1.
    dismount_probability: float
    #: Weight of one, in kg.
    weight_low: float
    weight_usual: float
    weight_high: float
    #: How many persons carry it: 1, 2, or 3 for three and more.
    persons: int
    #: Whether it breaks easily.
    fragile: bool
    #: Where the weight comes from; the docstring of the catalogue explains the words.
    weight_source: str
    #: Vocabulary → the detector's class names for this thing.
    labels: Mapping[str, tuple[str, ...]]
    #: Other words for it, in either language.
    synonyms: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, str, str]:
        """The names that it can be found by, besides its synonyms."""
        return self.key, self.name_en, self.name_fr

    @property
    def dismountable(self) -> bool:
        """Whether movers usually dismantle it."""
        return self.dismount_probability >= DISMOUNT_LIMIT

    def name(self, language: str) -> str:
        """Display name in ``en`` or ``fr``."""
        return self.name_fr if known_language(language) == "fr" else self.name_en


def known_language(language: str) -> str:
    """Return the language, if the catalogue has names in it.

    Raises
    ------
    ConfigurationError
        The catalogue has no names in this language.
    """
    if language not in LANGUAGES:
        raise ConfigurationError(
            f"The catalogue has no names in {language!r}. Use one of: {', '.join(LANGUAGES)}."
        )
    return language


def persons_for(kilograms: float) -> int:
    """Return how many persons carry a weight: 1, 2, or 3 for three and more."""
    return 1 + sum(kilograms > limit for limit in CARRY_LIMITS)


_Value = TypeVar("_Value")
_TEXT_COLUMNS: Final = ("key", "name_en", "name_fr", "category")
_NUMBERS: Final = ("volume_low", "volume_usual", "volume_high", "dismount_probability")
_WEIGHTS: Final = ("weight_low", "weight_usual", "weight_high")
NUMBER_COLUMNS: Final = (*_NUMBERS, *_WEIGHTS)
_REQUIRED: Final = (*_TEXT_COLUMNS, *_NUMBERS, *VOCABULARIES)
#: Known columns.
COLUMNS: Final = (
    *(*_REQUIRED, *_WEIGHTS, "persons", "fragile"),
    *("synonyms", "source", "weight_source"),
)
#: Persons as files and tables write them.
PERSONS_WORDS: Final = {1: "1", 2: "2", 3: "3+"}
_PERSONS: Final = {word: number for number, word in PERSONS_WORDS.items()} | {"3": 3}
_YES_NO: Final = {"yes": True, "oui": True, "no": False, "non": False}
#: Separates several words in one cell.
SEPARATOR: Final = "|"
#: Empties a list; a blank cell keeps it.
_NOTHING: Final = "-"
#: Most problems reported at once.
_MOST_PROBLEMS: Final = 20
#: Possible column separators; the most frequent one in the first row is used.
_DELIMITERS: Final = (",", ";", "\t")
#: Similarity of two column names (0…1) from which one counts as a misspelling of the other.
_MISSPELT: Final = 0.8


def read_items(file: Path) -> tuple[CatalogueItem, ...]:
    """Read a whole catalogue.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or values are wrong; the message names row and column of each.
    """
    sheet = _read_sheet(file, required=_REQUIRED)
    return tuple(_items(sheet, {}, whole=True))


def read_changes(file: Path, items: Sequence[CatalogueItem]) -> tuple[CatalogueItem, ...]:
    """Return a catalogue's items with the changes of a file applied, new items at the end.

    Raises
    ------
    ConfigurationError
        As for :func:`read_items`.
    """
    sheet = _read_sheet(file, required=("key",))
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
    """Return an item without the labels that other items have claimed."""
    labels = {
        vocabulary: tuple(label for label in labels if (vocabulary, label) not in claimed)
        for vocabulary, labels in item.labels.items()
    }
    return item if labels == item.labels else replace(item, labels=labels)


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """The rows of a file as text, each with its row number in a spreadsheet."""

    file: Path
    rows: list[tuple[int, Mapping[str, str]]]
    #: Whether ``0,25`` is a number here: only if commas do not separate columns.
    decimal_comma: bool


def _read_sheet(file: Path, *, required: Sequence[str]) -> _Sheet:
    """Read a CSV file with column names in the first row; skip empty rows."""
    text = _text(file)
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: tuple[str, ...] = ()
    rows: list[tuple[int, Mapping[str, str]]] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(file, cells, required)
                continue
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise ConfigurationError(
                    f"Catalogue {file.name}, row {reader.line_num}: it has {len(cells)} cells, "
                    f"the first row names {len(columns)} columns. Put quotes around a cell that "
                    f"holds {delimiter!r}, in {file}."
                )
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            rows.append((reader.line_num, dict(zip(columns, padded, strict=False))))
    except csv.Error as exc:
        raise ConfigurationError(
            f"Catalogue {file.name}, row {reader.line_num}: it is not CSV ({exc}). "
            f"Correct it in {file}."
        ) from exc
    if not columns:
        _columns(file, (), required)
    return _Sheet(file=file, rows=rows, decimal_comma=delimiter != ",")


def _text(file: Path) -> str:
    """Return the text of a file, without a byte order mark."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise ConfigurationError(
            f"The catalogue {file} cannot be read ({exc}). Give the path of a UTF-8 CSV file."
        ) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigurationError(
            f"The catalogue {file} cannot be read: row {line} is not UTF-8 (byte "
            f"0x{exc.object[exc.start]:02x}). Save it again as UTF-8; in Excel choose the file "
            "type 'CSV UTF-8'."
        ) from exc


def _columns(file: Path, cells: Sequence[str], required: Sequence[str]) -> tuple[str, ...]:
    """Check the column names; unknown ones are ignored unless they look misspelt."""
    columns = tuple(cell.strip() for cell in cells)
    while columns and not columns[-1]:
        columns = columns[:-1]
    for column in columns:
        if column and columns.count(column) > 1:
            raise ConfigurationError(
                f"The catalogue {file} names the column {column!r} twice. Remove one."
            )
        if column not in COLUMNS and (
            near := difflib.get_close_matches(column, COLUMNS, 1, _MISSPELT)
        ):
            raise ConfigurationError(
                f"The catalogue {file} has a column {column!r}, which means nothing. "
                f"Did you mean {near[0]!r}?"
            )
    missing = [column for column in required if column not in columns]
    if missing:
        raise ConfigurationError(
            f"The catalogue {file} lacks the column(s) {', '.join(missing)}. Separate columns by "
            "commas or semicolons and name them in the first row."
        )
    return columns


def _items(
    sheet: _Sheet, known: Mapping[str, CatalogueItem], *, whole: bool
) -> Iterable[CatalogueItem]:
    """Read the items of a sheet; all problems are reported together."""
    items: list[CatalogueItem] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in sheet.rows:
        row = _Row(sheet, line, cells, problems)
        item = row.item(known.get(cells["key"].strip()), whole=whole)
        used = [("key", item.key)]
        used += [(column, row.cell(column).casefold()) for column in ("name_en", "name_fr")]
        used += [(name, label) for name, labels in item.labels.items() for label in labels]
        for column, value in used:
            first = seen.setdefault((column, value), line)
            if value and first != line:
                row.complain(column, f"{value!r} is already used in row {first}")
        items.append(item)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = [*problems[:_MOST_PROBLEMS], *([f"{more} more problems."] if more > 0 else [])]
        shown.append(f"Correct it in {sheet.file}.")
        raise ConfigurationError((" " if len(problems) == 1 else "\n").join(shown))
    return items


class _Row:
    """One row of a file; problems are collected with row and column."""

    def __init__(
        self, sheet: _Sheet, line: int, cells: Mapping[str, str], problems: list[str]
    ) -> None:
        self._sheet = sheet
        self._line = line
        self._cells = cells
        self._problems = problems

    def item(self, base: CatalogueItem | None, *, whole: bool) -> CatalogueItem:
        """Return the item of this row: a new one, or a known one with changes."""
        if base is None and not whole:
            names = self.cell("name_en"), self.cell("name_fr")
            english, french = names[0] or names[1], names[1] or names[0]
            if not english:
                self.complain("name_en", "the key is new, so give a name in one language")
        else:
            english, french = (self._text(column, base) for column in ("name_en", "name_fr"))
        category = self._text("category", base)
        if category and category not in CATEGORIES:
            self.complain(
                "category", f"unknown category {category!r}; use one of {', '.join(CATEGORIES)}"
            )
        low, usual, high = self._range("volume", base, whole=whole)
        probability = self._number(
            "dismount_probability", base.dismount_probability if base else None
        )
        if probability > 1:
            self.complain("dismount_probability", f"{probability} is not between 0 and 1")
        weights, source = self._weights(base, category, (low, usual, high))
        return CatalogueItem(
            key=self._text("key", None),
            name_en=english,
            name_fr=french,
            category=category,
            volume_low=low,
            volume_usual=usual,
            volume_high=high,
            dismount_probability=probability,
            weight_low=weights[0],
            weight_usual=weights[1],
            weight_high=weights[2],
            persons=self._choice(
                "persons", _PERSONS, base.persons if base else persons_for(weights[1])
            ),
            fragile=self._choice("fragile", _YES_NO, base.fragile if base else False),
            weight_source=source,
            labels={
                vocabulary: self._words(vocabulary, base.labels.get(vocabulary, ()) if base else ())
                for vocabulary in VOCABULARIES
            },
            synonyms=self._words("synonyms", base.synonyms if base else ()),
        )

    def _range(
        self, name: str, base: CatalogueItem | None, *, whole: bool
    ) -> tuple[float, float, float]:
        """Return the lowest, usual and highest figure of ``volume`` or ``weight``."""
        columns = [f"{name}_{end}" for end in ("low", "usual", "high")]
        known: list[float] = [getattr(base, column) for column in columns] if base else []
        usual = self._number(columns[1], known[1] if known else None)
        # A usual figure without a range is its own range, or widens the known range.
        low = self._number(columns[0], None if whole else min([*known[:1], usual]))
        high = self._number(columns[2], None if whole else max([*known[2:], usual]))
        if low > usual:
            self.complain(columns[0], f"{low} is above {columns[1]} {usual}")
        if usual > high:
            self.complain(columns[2], f"{high} is below {columns[1]} {usual}")
        return low, usual, high

    def _weights(
        self, base: CatalogueItem | None, category: str, volumes: tuple[float, float, float]
    ) -> tuple[tuple[float, float, float], str]:
        """Return lowest, usual and highest weight, and their source."""
        if any(map(self.cell, _WEIGHTS)):
            given = self._range("weight", base, whole=False)
            return given, self.cell("weight_source") or "own"
        if base is not None:
            return (base.weight_low, base.weight_usual, base.weight_high), base.weight_source
        density = DENSITY.get(category, 0)
        low, usual, high = (round(density * volume, 1) for volume in volumes)
        return (low, usual, high), "density"

    def _choice(self, column: str, choices: Mapping[str, _Value], default: _Value) -> _Value:
        """Return the value of a word; the default if the cell is blank."""
        word = self.cell(column).lower()
        if word and word not in choices:
            self.complain(column, f"{word!r} is unknown; use one of {', '.join(choices)}")
        return choices.get(word, default)

    def cell(self, column: str) -> str:
        """Return the text of a cell; empty where the column is missing."""
        return self._cells.get(column, "").strip()

    def complain(self, column: str, problem: str) -> None:
        """Add a problem, with its row and column."""
        self._problems.append(
            f"Catalogue {self._sheet.file.name}, row {self._line}, column {column}: {problem}."
        )

    def _text(self, column: str, base: CatalogueItem | None) -> str:
        """Return a cell; if blank, the known item's value, or a problem if there is none."""
        value = self.cell(column) or (getattr(base, column) if base else "")
        if not value:
            self.complain(column, "the cell is empty")
        return str(value)

    def _number(self, column: str, default: float | None) -> float:
        """Return a cell that must be a number ≥ 0; NaN, with a problem noted, if it is not."""
        text = self.cell(column)
        if not text:
            if default is None:
                self.complain(column, "the cell is empty")
            return math.nan if default is None else default
        try:
            value = float(text.replace(",", ".") if self._sheet.decimal_comma else text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            self.complain(column, f"{text!r} is not a number of 0 or more, such as 0.25")
            return math.nan
        return value

    def _words(self, column: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of a cell; the default if it is blank."""
        cell = self.cell(column)
        if cell == _NOTHING:
            return ()
        words = dict.fromkeys(word.strip() for word in cell.split(SEPARATOR))
        return tuple(word for word in words if word) or default
