"""The words that tables show: names of things and kinds of room in the reader's language.

Results keep the names that their analysis gave them, and the caller's own word for the kind
of room; only tables translate.
"""

from __future__ import annotations

from collections.abc import Mapping

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_item import known_language
from photoqueue.inventory.room_types import canonical_room_type, room_type_name
from photoqueue.settings import Settings, load_settings


class Wording:
    """Names of things and kinds of room in one language.

    Parameters
    ----------
    language : str
        ``en`` or ``fr``.
    catalogue : Catalogue
        Names the things.

    Raises
    ------
    ConfigurationError
        There are no names in this language.
    """

    def __init__(self, language: str, catalogue: Catalogue) -> None:
        self.language = known_language(language)
        self.catalogue = catalogue

    @classmethod
    def of(cls, language: str | None, settings: Settings | None = None) -> Wording:
        """Return the wording for a language, else that of the settings.

        Parameters
        ----------
        language : str or None
        settings : Settings or None
            Name the catalogue, too; ``None`` reads the environment.

        Raises
        ------
        ConfigurationError
            There are no names in this language, or the settings or catalogue are wrong.
        """
        settings = settings or load_settings()
        wanted = settings.language if language is None else known_language(language)
        return cls(wanted, Catalogue.for_settings(settings))

    def item(self, key: str | None, name: str) -> str:
        """Name a thing: what the catalogue calls its key, else the name that it has."""
        known = self.catalogue.by_key(key) if key else None
        return known.name(self.language) if known else name

    def room_type(self, text: str) -> str:
        """Name a kind of room; a word that is not known stays as it is."""
        kind = canonical_room_type(text)
        return text if kind is None else room_type_name(kind, self.language)

    def alternatives(self, found: Mapping[str, float] | None) -> str:
        """List what a thing may be besides: ``two-seat sofa 0.31, corner sofa 0.08``."""
        ordered = sorted((found or {}).items(), key=lambda entry: (-entry[1], entry[0]))
        return ", ".join(f"{self.item(key, key)} {share:.2f}" for key, share in ordered)
