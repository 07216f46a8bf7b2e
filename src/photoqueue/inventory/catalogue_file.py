"""Reading and checking catalogue files: a whole catalogue, or changes to one.

Changes need the column ``key`` only. A row whose key is known replaces what its cells say,
blank ones leave what is there; ``-`` empties a list of labels or synonyms. A row with a new
key adds a thing: it needs a name in one language at least, a category, the usual volume and
the dismantling probability. A label that a row claims is taken from the thing that had it.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from photoqueue.errors import ConfigurationError

#: What may part columns: the one that the first row holds most of.
_DELIMITERS: Final = (",", ";", "\t")
#: How alike two column names are, 0…1, when one is taken for a slip of the other.
_SLIP: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The rows of a file, as text.

    Attributes
    ----------
    file : Path
    columns : tuple of str
        As the first row names them.
    rows : list of (int, mapping of str to str)
        Number of the row, counted from 1 as a spreadsheet does, and its cells by column.
        Rows without any text are left out.
    decimal_comma : bool
        Whether ``0,25`` is a number here: where commas do not part columns.
    """

    file: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, Mapping[str, str]]]
    decimal_comma: bool

    def number(self, text: str) -> float:
        """Read a number.

        Raises
        ------
        ValueError
            It is none.
        """
        return float(text.replace(",", ".") if self.decimal_comma else text)


def read_sheet(file: Path, *, known: Sequence[str], required: Sequence[str]) -> Sheet:
    """Read a CSV file whose first row names its columns.

    Parameters
    ----------
    file : Path
    known : sequence of str
        Columns that mean something; others are ignored, unless they look like a slip.
    required : sequence of str
        Columns that must be there.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or its columns are not as expected.
    """
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
                columns = _columns(file, cells, known, required)
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
        _columns(file, (), known, required)
    return Sheet(file=file, columns=columns, rows=rows, decimal_comma=delimiter != ",")


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


def _columns(
    file: Path, cells: Sequence[str], known: Sequence[str], required: Sequence[str]
) -> tuple[str, ...]:
    """Check the names of the columns."""
    columns = tuple(cell.strip() for cell in cells)
    while columns and not columns[-1]:
        columns = columns[:-1]
    for column in columns:
        if column and columns.count(column) > 1:
            raise ConfigurationError(
                f"The catalogue {file} names the column {column!r} twice. Take one away."
            )
        if column not in known and (near := difflib.get_close_matches(column, known, 1, _SLIP)):
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


Category = Literal["furniture", "appliance", "electronics", "box", "art", "misc"]
Vocabulary = Literal["coco", "objects365"]

CATEGORIES: Final[tuple[str, ...]] = get_args(Category)
VOCABULARIES: Final[tuple[str, ...]] = get_args(Vocabulary)
LANGUAGES: Final = ("en", "fr")

#: A thing that movers take apart at least every second time counts as dismountable.
DISMOUNT_LIMIT: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class CatalogueItem:
    """One thing that movers know.

    Attributes
    ----------
    key : str
        Stable identifier, such as ``sofa_3_seat``.
    name_en, name_fr : str
        Display names.
    category : str
        One of :data:`CATEGORIES`.
    volume_low, volume_usual, volume_high : float
        Moving volume of one, in m³: lowest, usual and highest figure among movers.
    dismount_probability : float
        0…1: how often movers take it apart.
    labels : mapping of str to tuple of str
        Vocabulary → the detector's class names that mean this thing.
    synonyms : tuple of str
        Other words for it, in either language.
    """

    key: str
    name_en: str
    name_fr: str
    category: str
    volume_low: float
    volume_usual: float
    volume_high: float
    dismount_probability: float
    labels: Mapping[str, tuple[str, ...]]
    synonyms: tuple[str, ...] = ()

    @property
    def dismountable(self) -> bool:
        """Whether movers usually take it apart."""
        return self.dismount_probability >= DISMOUNT_LIMIT

    def name(self, language: str) -> str:
        """Display name in ``en`` or ``fr``."""
        return self.name_fr if known_language(language) == "fr" else self.name_en


def known_language(language: str) -> str:
    """Return the language, if the catalogue has names in it.

    Raises
    ------
    ConfigurationError
        It has none.
    """
    if language not in LANGUAGES:
        raise ConfigurationError(
            f"The catalogue has no names in {language!r}. Use one of: {', '.join(LANGUAGES)}."
        )
    return language


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
