"""One thing that movers know, and the words that its fields may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from photoqueue.errors import ConfigurationError

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
