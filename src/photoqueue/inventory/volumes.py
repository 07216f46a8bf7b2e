"""Identity of things in an inventory, and their volumes in whole litres.

Integer litres avoid floating-point error (0.1 + 0.2 = 0.30000000000000004), so that totals equal
the sum of their lines exactly.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from photoqueue.format import french
from photoqueue.inventory.catalogue_file import CatalogueItem
from photoqueue.records.results import FoundItem

_LITRES_PER_M3 = 1000


@dataclass(frozen=True)
class Kind:
    """Identifies a kind of thing: findings with equal values are of the same kind."""

    #: Catalogue key; if there is one, it alone decides.
    key: str | None
    #: For things that the catalogue lacks: the name in lower case, and the category. Empty
    #: otherwise, because names then depend on the language of the analysis.
    name: str = ""
    category: str = ""

    @classmethod
    def of(cls, item: FoundItem) -> Kind:
        """Return the kind of an item."""
        return cls.named(item.key, item.name, item.category)

    @classmethod
    def named(cls, key: str | None, name: str, category: str) -> Kind:
        """Return the kind for a key, or for a name and category."""
        return (
            cls(key)
            if key
            else cls(None, unicodedata.normalize("NFC", name.strip().casefold()), category)
        )


def volume_range(known: CatalogueItem | None, found: Iterable[FoundItem]) -> tuple[int, int, int]:
    """Lowest, usual and highest volume of one thing, in litres.

    Parameters
    ----------
    known : CatalogueItem or None
        The catalogue's item; if there is one, it alone decides.
    found : iterable of FoundItem
        The findings. Without a catalogue item, the usual volume is the largest that an engine gave;
        0 if none did.
    """
    if known is not None:
        return litres(known.volume_low), litres(known.volume_usual), litres(known.volume_high)
    given = [litres(item.volume) for item in found if item.volume]
    return (min(given), max(given), max(given)) if given else (0, 0, 0)


def litres(cubic_metres: float) -> int:
    """Convert m³ to whole litres."""
    return round(cubic_metres * _LITRES_PER_M3)


def to_cubic_metres(whole_litres: int) -> float:
    """Convert whole litres to m³."""
    return whole_litres / _LITRES_PER_M3


@dataclass(frozen=True, slots=True)
class Lorry:
    """A size of lorry."""

    #: Display names.
    name_en: str
    name_fr: str
    #: Gross vehicle weight, in t.
    gross_tonnes: float
    #: Load volume, in m³.
    cubic_metres: float
    #: kg that it may load; estimated from usual empty weights, with a tail lift from 20 m³.
    payload: float

    def name(self, language: str) -> str:
        """Display name in ``en`` or ``fr``."""
        return self.name_fr if language == "fr" else self.name_en


#: From the smallest to the largest.
LORRIES: Final = (
    Lorry("van", "fourgon", 3.5, 12.0, 1_200),
    Lorry("large van", "camion 20 m³", 3.5, 20.0, 900),
    Lorry("7.5 t lorry", "camion de 7,5 t", 7.5, 35.0, 3_000),
    Lorry("12 t lorry", "porteur de 12 t", 12.0, 45.0, 5_500),
    Lorry("19 t lorry", "porteur de 19 t", 19.0, 60.0, 9_000),
    Lorry("articulated lorry", "semi-remorque", 40.0, 90.0, 24_000),
)


@dataclass(frozen=True, slots=True)
class LorryLoad:
    """How a volume is transported: ``trips`` loads of one size of lorry."""

    lorry: Lorry
    trips: int

    def words(self, language: str = "en") -> str:
        """Return ``large van (3.5 t, 20 m³)``, ``2 × articulated lorry (40 t, 90 m³)``."""
        times = f"{self.trips} × " if self.trips > 1 else ""
        size = self.lorry
        say = french if language == "fr" else str
        tonnes, room = say(f"{size.gross_tonnes:g}"), say(f"{size.cubic_metres:g}")
        return f"{times}{size.name(language)} ({tonnes} t, {room} m³)"


def lorry_for(volume: float, weight: float = 0.0) -> LorryLoad:
    """Return the smallest lorry that takes a move in one load, else loads of the largest.

    Parameters
    ----------
    volume
        Moving volume in m³, 0 or more.
    weight
        In kg; 0 if it is not known.

    Examples
    --------
    >>> lorry_for(18.5).words()
    'large van (3.5 t, 20 m³)'
    >>> lorry_for(17, 1_700).words()
    '7.5 t lorry (7.5 t, 35 m³)'
    """
    for lorry in LORRIES:
        if volume <= lorry.cubic_metres and weight <= lorry.payload:
            return LorryLoad(lorry, 1)
    largest = LORRIES[-1]
    loads = max(volume / largest.cubic_metres, weight / largest.payload)
    return LorryLoad(largest, math.ceil(loads))
