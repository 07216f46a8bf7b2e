"""The catalogue: what a mover lists, its name, its volume, whether it is taken apart.

The catalogue is one CSV file, made to be edited: ``catalogue.csv`` beside this module, or
a file of one's own given to :meth:`Catalogue.load`.

**What is in it.** A thing has a row when a mover lists it by itself, that is when it is
carried on its own because it does not go into a carton. Small loose things (cups, books,
vases, clocks, toasters, laptops, keyboards, toys, bags) travel in cartons; a photo does
not show how many cartons they make, so they are not counted, and cartons are listed only
where cartons are seen. What stays in the house (sinks, toilets, bathtubs, radiators,
lights on the ceiling), people, pets, cars and food are left out.

**Where the figures come from** is said row by row in ``source``. *n tables*: the median of
*n* movers' public volume tables, with their lowest and highest figure; the tables differ by
a factor of two to three for one item. *outer size*: length × width × height of common
models, where no mover's table names the thing. Volumes are what a thing takes up in the
lorry, packed. ``dismount_probability`` starts from a mover's published shares (bed 0.95,
wardrobe 0.9, desk 0.8, dining table 0.7, chair 0.4, sofa 0.2, appliance 0.1, mattress 0),
kept below one half where movers say that the thing is usually carried whole.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from photoqueue.errors import ConfigurationError, NotFoundError

Category = Literal["furniture", "appliance", "electronics", "box", "art", "misc"]
Vocabulary = Literal["coco", "objects365"]

CATEGORIES: Final[tuple[str, ...]] = get_args(Category)
VOCABULARIES: Final[tuple[str, ...]] = get_args(Vocabulary)
LANGUAGES: Final = ("en", "fr")

#: A thing that movers take apart at least every second time counts as dismountable.
DISMOUNT_LIMIT: Final = 0.5

_TEXT_COLUMNS: Final = ("key", "name_en", "name_fr", "category")
_VOLUME_COLUMNS: Final = ("volume_low", "volume_usual", "volume_high")
_COLUMNS: Final = (*_TEXT_COLUMNS, *_VOLUME_COLUMNS, "dismount_probability", *VOCABULARIES)
#: Parts several class names of one cell.
_SEPARATOR: Final = "|"


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

    @property
    def dismountable(self) -> bool:
        """Whether movers usually take it apart."""
        return self.dismount_probability >= DISMOUNT_LIMIT

    def name(self, language: str) -> str:
        """Display name in ``en`` or ``fr``."""
        if language not in LANGUAGES:
            raise ConfigurationError(
                f"The catalogue has no names in {language!r}. Use one of: {', '.join(LANGUAGES)}."
            )
        return self.name_fr if language == "fr" else self.name_en


class Catalogue:
    """The things movers know, found by key or by a detector's class name.

    >>> Catalogue.load().name("sofa_3_seat", "fr")
    'canapé 3 places'
    """

    def __init__(self, items: Iterable[CatalogueItem]) -> None:
        self.items: tuple[CatalogueItem, ...] = tuple(items)
        self._by_key = {item.key: item for item in self.items}
        self._by_label = {
            (vocabulary, label): item
            for item in self.items
            for vocabulary, labels in item.labels.items()
            for label in labels
        }

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} items)"

    @classmethod
    def load(cls, path: Path | str | None = None) -> Catalogue:
        """Read and check a catalogue; ``None`` is the one that comes with the package.

        Raises
        ------
        ConfigurationError
            The file cannot be read, or a value is wrong; the message names row and column.
        """
        file = Path(path) if path is not None else Path(__file__).with_name("catalogue.csv")
        return cls(_read(file))

    def by_key(self, key: str) -> CatalogueItem | None:
        """Return the item of this key, or ``None``."""
        return self._by_key.get(key)

    def for_label(self, vocabulary: str, label: str) -> CatalogueItem | None:
        """Return the item that a detector's class means; ``None`` if movers do not list it."""
        return self._by_label.get((vocabulary, label))

    def name(self, key: str, language: str) -> str:
        """Display name of a key in ``en`` or ``fr``.

        Raises
        ------
        NotFoundError
            The catalogue has no such key.
        """
        item = self.by_key(key)
        if item is None:
            raise NotFoundError(
                f"The catalogue has no item {key!r}. Add a row for it, or use one of its keys."
            )
        return item.name(language)


def _read(file: Path) -> list[CatalogueItem]:
    """Read the rows of a catalogue file, each checked."""
    try:
        # utf-8-sig: spreadsheets like to write a byte order mark.
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(
            f"The catalogue {file} cannot be read ({exc}). Give the path of a UTF-8 CSV file."
        ) from exc
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ConfigurationError(
            f"The catalogue {file} lacks the column(s) {', '.join(missing)}. "
            "Separate columns by commas and name them in the first row."
        )
    items: list[CatalogueItem] = []
    seen: dict[tuple[str, str], int] = {}
    for cells in reader:
        row = _Row(file, reader.line_num, {k: v or "" for k, v in cells.items() if k})
        item = row.item()
        row.claim(seen, "key", item.key)
        for vocabulary, labels in item.labels.items():
            for label in labels:
                row.claim(seen, vocabulary, label)
        items.append(item)
    return items


@dataclass(frozen=True)
class _Row:
    """One row of the file, which knows where it stands so that it can complain."""

    file: Path
    line: int
    cells: Mapping[str, str]

    def item(self) -> CatalogueItem:
        """Return the item that this row describes."""
        key, name_en, name_fr, category = (self.text(column) for column in _TEXT_COLUMNS)
        if category not in CATEGORIES:
            raise self.error(
                "category", f"unknown category {category!r}; use one of {', '.join(CATEGORIES)}"
            )
        low, usual, high = (self.number(column) for column in _VOLUME_COLUMNS)
        if low > usual:
            raise self.error("volume_low", f"{low} is above volume_usual {usual}")
        if usual > high:
            raise self.error("volume_high", f"{high} is below volume_usual {usual}")
        probability = self.number("dismount_probability")
        if probability > 1:
            raise self.error("dismount_probability", f"{probability} is not between 0 and 1")
        return CatalogueItem(
            key=key,
            name_en=name_en,
            name_fr=name_fr,
            category=category,
            volume_low=low,
            volume_usual=usual,
            volume_high=high,
            dismount_probability=probability,
            labels={vocabulary: self.names(vocabulary) for vocabulary in VOCABULARIES},
        )

    def text(self, column: str) -> str:
        """Return a cell that must not be empty."""
        if not (value := self.cells[column].strip()):
            raise self.error(column, "the cell is empty")
        return value

    def number(self, column: str) -> float:
        """Return a cell that must be a number ≥ 0."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise self.error(column, f"{text!r} is not a number of 0 or more, such as 0.25")
        return value

    def names(self, column: str) -> tuple[str, ...]:
        """Return the class names of a cell; it may be empty."""
        names = self.cells[column].split(_SEPARATOR)
        return tuple(name.strip() for name in names if name.strip())

    def claim(self, seen: dict[tuple[str, str], int], column: str, value: str) -> None:
        """Note that this row uses a value that only one row may use."""
        first = seen.setdefault((column, value), self.line)
        if first != self.line:
            raise self.error(column, f"{value!r} is already used in row {first}")

    def error(self, column: str, problem: str) -> ConfigurationError:
        """Return an error that says where the problem is."""
        return ConfigurationError(
            f"Catalogue {self.file.name}, row {self.line}, column {column}: {problem}. "
            f"Correct it in {self.file}."
        )
