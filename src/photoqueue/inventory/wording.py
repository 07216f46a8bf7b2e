"""Names of things and kinds of room in the reader's language, for tables.

Results keep the names of their analysis and the caller's own word for the kind of room; only tables
translate.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import known_language
from photoqueue.settings import Settings, load_settings

#: Any kind of room that is not listed below.
OTHER: Final = "other"

#: Canonical kind → (French name, other words for it in either language).
_KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "living room": (
        "salon",
        ("living", "lounge", "sitting room", "family room", "sejour", "salle de sejour"),
    ),
    "bedroom": ("chambre", ("bed room", "chambre a coucher", "chambre d'enfant", "suite")),
    "kitchen": ("cuisine", ("kitchenette", "cuisine equipee", "coin cuisine")),
    "bathroom": (
        "salle de bain",
        (
            *("bath", "bath room", "shower room", "toilet", "toilets", "restroom", "wc"),
            *("salle de bains", "salle d'eau", "sdb", "toilettes"),
        ),
    ),
    "dining room": ("salle à manger", ("dining", "coin repas")),
    "office": ("bureau", ("study", "home office", "workroom", "cabinet de travail")),
    "hallway": ("entrée", ("hall", "entrance", "entryway", "vestibule")),
    "corridor": ("couloir", ("passage", "landing", "palier", "degagement")),
    "laundry": ("buanderie", ("laundry room", "utility room", "lingerie")),
    "cellar": ("cave", ("basement", "wine cellar", "cave a vin", "sous sol")),
    "attic": ("grenier", ("loft space", "combles")),
    "garage": ("garage", ("carport", "car port")),
    "balcony": ("balcon", ("terrace", "patio", "loggia", "terrasse")),
    OTHER: ("autre", ()),
}

#: Canonical kinds of room.
ROOM_TYPES: Final[tuple[str, ...]] = tuple(_KINDS)


def canonical_room_type(text: str) -> str | None:
    """Return the canonical kind of room for a caller's word, or ``None`` if it is not known.

    Case, accents, underscores and a number at the end do not matter.

    Examples
    --------
    >>> canonical_room_type("Salle de bain 2")
    'bathroom'
    >>> canonical_room_type("living_room")
    'living room'
    """
    return _WORDS.get(_plain(text))


def room_type_name(room_type: str, language: str) -> str:
    """Return the display name of a canonical kind; other words stay as they are."""
    if language == "fr" and room_type in _KINDS:
        return _KINDS[room_type][0]
    return room_type


def folded(text: str) -> str:
    """Return a text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _plain(text: str) -> str:
    """Normalise: lower case, no accents, no punctuation between words, no final number."""
    words = re.sub(r"[\s_\-]+", " ", folded(text)).strip()
    return re.sub(r"\s*(n°|no|#)?\s*\d+$", "", words)


_WORDS: Final[dict[str, str]] = {
    _plain(word): kind
    for kind, (french, others) in _KINDS.items()
    for word in (kind, french, *others)
}


class Wording:
    """Names of things and kinds of room in one language.

    Parameters
    ----------
    language : str
        ``en`` or ``fr``.
    catalogue : Catalogue
        Provides the names of things.

    Raises
    ------
    ConfigurationError
        The catalogue has no names in this language.
    """

    def __init__(self, language: str, catalogue: Catalogue) -> None:
        self.language = known_language(language)
        self.catalogue = catalogue

    @classmethod
    def of(cls, language: str | None, settings: Settings | None = None) -> Wording:
        """Return the wording for a language; ``None`` means the language of the settings.

        Parameters
        ----------
        language : str or None
        settings : Settings or None
            They also name the catalogue; ``None`` reads the environment.

        Raises
        ------
        ConfigurationError
            No names in this language, or the settings or catalogue are wrong.
        """
        settings = settings or load_settings()
        wanted = settings.language if language is None else known_language(language)
        return cls(wanted, Catalogue.for_settings(settings))

    def item(self, key: str | None, name: str) -> str:
        """Return the catalogue's name for a key, or the given name."""
        known = self.catalogue.by_key(key) if key else None
        return known.name(self.language) if known else name

    def room_type(self, text: str) -> str:
        """Return the display name of a kind of room; unknown words stay as they are."""
        kind = canonical_room_type(text)
        return text if kind is None else room_type_name(kind, self.language)

    def alternatives(self, found: Mapping[str, float] | None) -> str:
        """List the other kinds that a thing may be: ``two-seat sofa 0.31, corner sofa 0.08``."""
        ordered = sorted((found or {}).items(), key=lambda entry: (-entry[1], entry[0]))
        return ", ".join(f"{self.item(key, key)} {share:.2f}" for key, share in ordered)
