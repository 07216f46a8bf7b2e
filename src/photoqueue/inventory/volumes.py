"""What counts as one thing in an inventory, and its volume in whole litres.

Whole litres are added and multiplied without the dust of decimal fractions
(0.1 + 0.2 = 0.30000000000000004), so that totals equal the sum of their lines exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from photoqueue.inventory.catalogue import CatalogueItem
from photoqueue.models import FoundItem

_LITRES_PER_M3 = 1000


@dataclass(frozen=True)
class Thing:
    """What makes two findings the same kind of thing.

    Attributes
    ----------
    key : str or None
        Catalogue key; it alone decides where there is one.
    name, category : str
        For things that the catalogue lacks, the name in lower case and the category;
        empty otherwise, as names then depend on the language of the analysis.
    """

    key: str | None
    name: str = ""
    category: str = ""

    @classmethod
    def of(cls, item: FoundItem) -> Thing:
        """Return what kind of thing an item is."""
        return cls.named(item.key, item.name, item.category)

    @classmethod
    def named(cls, key: str | None, name: str, category: str) -> Thing:
        """Return the kind of thing of these words."""
        return cls(key) if key else cls(None, name.strip().casefold(), category)


def volume_range(known: CatalogueItem | None, found: Iterable[FoundItem]) -> tuple[int, int, int]:
    """Lowest, usual and highest volume of one thing, in litres.

    Parameters
    ----------
    known : CatalogueItem or None
        The catalogue's view of it; it alone decides where there is one.
    found : iterable of FoundItem
        The findings. Without a catalogue item, the largest volume that an engine gave is
        the usual one; 0 where none did.
    """
    if known is not None:
        return litres(known.volume_low), litres(known.volume_usual), litres(known.volume_high)
    given = [litres(item.volume) for item in found if item.volume]
    return (min(given), max(given), max(given)) if given else (0, 0, 0)


def litres(cubic_metres: float) -> int:
    """Turn m³ into whole litres."""
    return round(cubic_metres * _LITRES_PER_M3)


def to_cubic_metres(whole_litres: int) -> float:
    """Turn whole litres into m³."""
    return whole_litres / _LITRES_PER_M3
