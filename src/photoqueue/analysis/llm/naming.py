"""From the names that a model gives to the things that movers know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from photoqueue.inventory.catalogue import Catalogue, CatalogueItem

_ARTICLES: Final = frozenset(("a", "an", "the", "un", "une", "le", "la", "les", "l", "des", "du"))


class Names:
    """The catalogue by whatever a model may call a thing.

    Known are keys, names in both languages and the class names of detectors ("couch"),
    without regard to case, accents, articles and plurals. Where two things share a name,
    the first in the catalogue has it.

    >>> Names(Catalogue.load()).find("les fauteuils").key
    'armchair'
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._items: dict[str, CatalogueItem] = {}
        # Keys and display names first: a detector's word must not take one from another row.
        for names in (_own_names, _labels):
            for item in catalogue.items:
                for name in names(item):
                    self._items.setdefault(plain(name), item)

    def find(self, name: str) -> CatalogueItem | None:
        """Return the thing that a name means; ``None`` if the catalogue has none of it."""
        return self._items.get(plain(name))


def plain(name: str) -> str:
    """Bring a name to the form in which names are compared.

    >>> plain("Canapé 3-places"), plain("sofa_3_seat"), plain("the Chairs")
    ('canape 3 place', 'sofa 3 seat', 'chair')
    """
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = [word for word in re.split(r"[^a-z0-9]+", letters) if word]
    while len(words) > 1 and words[0] in _ARTICLES:
        del words[0]
    return " ".join(map(_singular, words))


def _singular(word: str) -> str:
    """Take the plural off a word, in either language; both sides of a comparison lose it."""
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 4 and word.endswith("eaux"):
        return word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _own_names(item: CatalogueItem) -> Iterator[str]:
    yield from (item.key, item.name_en, item.name_fr)


def _labels(item: CatalogueItem) -> Iterator[str]:
    for labels in item.labels.values():
        for label in labels:
            yield label
            yield from label.split("/")
