"""The catalogue: the things that movers list, with names, volumes and dismantling.

The catalogue is one CSV file that users may edit: ``catalogue.csv`` beside this module. A user's
own file can change it (:meth:`Catalogue.with_changes`, ``PHOTOQUEUE_CATALOGUE``) or replace it
(:meth:`Catalogue.load`).

**What it contains.** A thing has a row if movers list it separately, because it is carried on its
own and not in a carton. Small loose things (cups, books, vases, clocks, toasters, laptops,
keyboards, toys, bags) travel in cartons; a photo does not show how many cartons they fill, so they
are not counted, and cartons are listed only where cartons are seen. Fixtures that stay in the house
(sinks, toilets, bathtubs, radiators, ceiling lights), people, pets, cars and food are left out.

**Sources of the figures** are in the column ``source`` of each row. *n tables*: the median of *n*
movers' public volume tables, with their lowest and highest figure; the tables differ by a factor of
two to three for one item. *outer size*: length × width × height of common models, where no mover's
table has the thing. Volumes are those of the packed thing in the lorry. ``dismount_probability``
starts from a mover's published shares (bed 0.95, wardrobe 0.9, desk 0.8, dining table 0.7, chair
0.4, sofa 0.2, appliance 0.1, mattress 0), kept below one half where movers say that the thing is
usually carried whole.

**Weights** are those of one empty thing, in kg; their sources are in ``weight_source``. *weighed*:
average of the second-hand things that the British Furniture Re-use Network weighed (as published by
the Merseyside waste authority). *n tables*: median of *n* figures of American movers (move.mil of
the Department of Defense, movers.com), which count 7 lb per ft³. *density*: volume ×
:data:`~photoqueue.inventory.catalogue_file.DENSITY`. Of two of these, the usual weight is the
geometric mean: weighed things are light used ones, and the tables' flat 7 lb include the load
around them. The range runs from the lowest to the highest figure, ±25 % at least. *models*: weights
of common models, as makers and traders publish them. *estimated*: by judgement. ``persons`` (to
carry it) and ``fragile`` are editorial, like who dismantles what.

A class name that fits several things (a cabinet may be a wardrobe or a sideboard) is in the row of
one of them; :mod:`photoqueue.engines.refine` distinguishes them.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from photoqueue.errors import ConfigurationError, NotFoundError
from photoqueue.inventory.catalogue_file import (
    NUMBER_COLUMNS,
    CatalogueItem,
    read_changes,
    read_items,
)
from photoqueue.records.hooks import HasCard

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.settings import Settings

#: Words that are ignored in a name, in both languages.
_LITTLE: Final = frozenset(
    ("a", "an", "the", "of", "for", "with", "l", "le", "la", "les", "d", "de", "du", "des", "en")
)
_ARTICLES: Final = frozenset(("un", "une"))
#: Words with the same meaning: written-out numbers, and the seats of a sofa.
_SAME: Final = {
    word: meaning
    for meaning, words in {
        "1": ("one", "un", "une"),
        "2": ("two", "deux"),
        "3": ("three", "trois"),
        "seat": ("seater", "seaters"),
    }.items()
    for word in words
}
#: Short words whose singular ends in s.
_KEPT: Final = frozenset(("gas", "bus"))


def stem(text: str) -> str:
    """Normalise a name so that names can be compared.

    Examples
    --------
    >>> stem("Canapés d'angle") == stem("canape d’angle")
    True
    >>> stem("two-seater sofas") == stem("2 seat sofa")
    True
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = re.findall(r"[^\W_]+", letters)
    if len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]  # "une chaise"; "lit une place" keeps its number
    significant = [word for word in words if word not in _LITTLE] or words
    return " ".join(_SAME.get(word) or _singular(word) for word in significant)


def _singular(word: str) -> str:
    """Remove plural endings, for English and French alike."""
    if word in _KEPT or len(word) < 3:
        return word
    if len(word) == 3:
        return word.removesuffix("s")
    if re.search(r"(eau|eu|ou)x$", word) or (word.endswith("s") and not word.endswith("ss")):
        word = word[:-1]
    word = word.removesuffix("e")  # boxes, shelves: the s above left an e
    if word.endswith("f"):
        return word[:-1] + "v"  # shelf, shelves
    if word.endswith("y"):
        return word[:-1] + "i"  # trolley, batteries
    return word


#: The catalogue of the package.
SHIPPED: Final = Path(__file__).with_name("catalogue.csv")
#: Similarity of two stems (0…1) from which a name is suggested.
_NEAR: Final = 0.6


class Catalogue(HasCard):
    """The things that movers list, found by key, by name, or by a detector's class name.

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
        """Read and check a catalogue; ``None`` is the catalogue of the package.

        Raises
        ------
        ConfigurationError
            The file cannot be read, or values are wrong; the message names row and column.
        """
        return cls(_shipped() if path is None else read_items(Path(path)))

    @classmethod
    def for_settings(cls, settings: Settings) -> Catalogue:
        """Read the catalogue of an installation: the package's, with the user's changes.

        Raises
        ------
        ConfigurationError
            As for :meth:`load`.
        """
        catalogue = cls.load()
        return catalogue.with_changes(settings.catalogue) if settings.catalogue else catalogue

    def with_changes(self, path: Path | str) -> Catalogue:
        """Return this catalogue with rows of a file changed or added.

        A row replaces the item with its key, or adds one. Columns may be missing; a blank cell
        keeps the value of the catalogue.

        Raises
        ------
        ConfigurationError
            As for :meth:`load`.
        """
        return Catalogue(read_changes(Path(path), self.items))

    def by_key(self, key: str) -> CatalogueItem | None:
        """Return the item of this key, or ``None``."""
        return self._by_key.get(key)

    def by_name(self, text: str) -> CatalogueItem | None:
        """Return the item for a name, or ``None``.

        Recognises keys, names and synonyms in English and French; case, accents, hyphens, articles
        and plurals do not matter.

        Examples
        --------
        >>> Catalogue.load().by_name("Canapés").key
        'sofa_3_seat'
        """
        return self._by_key.get(text.strip()) or self._by_stem.get(stem(text))

    def find(self, text: str, language: str = "en") -> CatalogueItem:
        """Return the item for a name.

        Raises
        ------
        NotFoundError
            The catalogue has no such item; the message suggests similar names in this language.
        """
        item = self.by_name(text)
        if item is None:
            near = [repr(item.name(language)) for item in self.nearest(text)]
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise NotFoundError(
                f"The catalogue has no thing called {text[:60]!r}.{meant} "
                "`photoqueue catalogue` lists its things; a file of changes adds others "
                "(PHOTOQUEUE_CATALOGUE)."
            )
        return item

    def search(self, text: str) -> tuple[CatalogueItem, ...]:
        """Return the items with these words in a key, name, synonym or category."""
        wanted = stem(text).split()
        return tuple(
            item
            for item in self.items
            if any(
                all(word in words for word in wanted)
                for words in map(stem, (*item.names, *item.synonyms, item.category))
            )
        )

    def nearest(self, text: str, count: int = 3) -> list[CatalogueItem]:
        """Return the items with the most similar names, best first; may be empty."""
        stems = self._by_stem
        # An item has several names: look for more matches, and keep each item once.
        found = difflib.get_close_matches(stem(text), stems, 3 * count, _NEAR)
        return list({stems[word].key: stems[word] for word in found}.values())[:count]

    def for_label(self, vocabulary: str, label: str) -> CatalogueItem | None:
        """Return the item for a detector's class; ``None`` if movers do not list it."""
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

    def to_frame(self, lang: str = "en") -> pd.DataFrame:
        """Return the items as a DataFrame, one row each, with names in ``en`` or ``fr``."""
        import pandas as pd

        rows = [{"name": item.name(lang), **vars(item)} for item in self.items]
        columns = ["key", "name", "category", *NUMBER_COLUMNS, "persons", "fragile"]
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def _by_stem(self) -> dict[str, CatalogueItem]:
        """Stem → item: names win over synonyms, later rows (the user's) over earlier ones."""
        stems: dict[str, CatalogueItem] = {}
        for item in self.items:
            stems.update((stem(word), item) for word in item.synonyms)
        for item in self.items:
            stems.update((stem(word), item) for word in item.names)
        stems.pop("", None)
        return stems


@cache
def _shipped() -> tuple[CatalogueItem, ...]:
    return read_items(SHIPPED)


def export_shipped(file: Path, *, french: bool = False) -> None:
    """Write the catalogue of the package to a new file.

    Parameters
    ----------
    file : Path
    french : bool
        Use semicolons, decimal commas and a byte order mark, so that a French spreadsheet reads
        columns and accents correctly. Both forms can be read again.

    Raises
    ------
    ConfigurationError
        The file exists already, or cannot be written.
    """
    text = SHIPPED.read_text(encoding="utf-8")
    encoded = _french(text).encode("utf-8-sig") if french else text.encode()
    try:
        with file.open("xb") as new:
            new.write(encoded)
    except FileExistsError:
        raise ConfigurationError(
            f"{file} exists already, and may hold changes. Name another file, or remove it first."
        ) from None
    except OSError as exc:
        raise ConfigurationError(
            f"The catalogue cannot be written to {file} ({exc}). Name a file that can be made."
        ) from exc


def _french(text: str) -> str:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows.fieldnames or (), delimiter=";")
    writer.writeheader()
    for row in rows:
        numbers = {column: row[column].replace(".", ",") for column in NUMBER_COLUMNS}
        writer.writerow(row | numbers)
    return out.getvalue()
