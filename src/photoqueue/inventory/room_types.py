"""Kinds of room: one canonical English word each, known in English and French."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: What is not one of the kinds below.
OTHER: Final = "other"

#: Canonical kind → (French name, other words for it, in either language).
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
    "hallway": ("entrée", ("hall", "corridor", "entrance", "entryway", "couloir", "vestibule")),
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
    """Return the display name of a canonical kind; any other word stays as it is."""
    if language == "fr" and room_type in _KINDS:
        return _KINDS[room_type][0]
    return room_type


def _plain(text: str) -> str:
    """Lower case, without accents, punctuation marks between words, or a final number."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = re.sub(r"[\s_\-]+", " ", letters).strip()
    return re.sub(r"\s*(n°|no|#)?\s*\d+$", "", words)


_WORDS: Final[dict[str, str]] = {
    _plain(word): kind
    for kind, (french, others) in _KINDS.items()
    for word in (kind, french, *others)
}
