"""Words for things, compared as people write them: case, accents, plurals, little words.

Both what is looked up and what it is compared with are reduced to the same stems, so that
the rules need not be linguistics: they only have to treat both alike and keep different
things apart, which a test checks for the whole catalogue.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Words between the words that matter, in both languages.
_LITTLE: Final = frozenset(
    ("a", "an", "the", "of", "for", "with", "l", "le", "la", "les", "d", "de", "du", "des", "en")
)
_ARTICLES: Final = frozenset(("un", "une"))
#: Words that mean the same: numbers written out, and the seats of a sofa.
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
#: Short words whose s is no plural.
_KEPT: Final = frozenset(("gas", "bus"))


def stem(text: str) -> str:
    """Reduce a name to what makes it the same name as another.

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
    """Cut off what plurals add, in English and French alike."""
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
