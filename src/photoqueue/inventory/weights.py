"""Weights of the things of an inventory, from the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from photoqueue.format import french
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import DENSITY, CatalogueItem, persons_for
from photoqueue.records.results import InventoryLine, InventoryResult

KG_PER_LB: Final = 0.45359237
#: kg per m³ of things of no known category, and of what photos did not show: the German movers'
#: portal umzuege.de counts 2,300 kg for 23 m³; American movers count 7 lb per ft³, 112 kg.
DEFAULT_DENSITY: Final = 100.0


def known_item(line: InventoryLine, catalogue: Catalogue) -> CatalogueItem | None:
    """Return the catalogue's item of a line, or ``None``."""
    return catalogue.by_key(line.key) if line.key else None


def weight_of_one(catalogue: Catalogue) -> Callable[[InventoryLine], tuple[float, float, float]]:
    """Return a function that gives the lowest, usual and highest weight of one thing of a line.

    A thing that the catalogue lacks weighs its volume times the density of its category. One whose
    volume a person set weighs more or less than the catalogue's in proportion.
    """

    def weight(line: InventoryLine) -> tuple[float, float, float]:
        item, volume = known_item(line, catalogue), line.volume_of_one
        if item is None:
            density = DENSITY.get(line.category, DEFAULT_DENSITY)
            return density * volume, density * volume, density * volume
        share = volume / item.volume_usual if line.count and item.volume_usual else 1.0
        return share * item.weight_low, share * item.weight_usual, share * item.weight_high

    return weight


def persons_to_carry(line: InventoryLine, catalogue: Catalogue) -> int:
    """Return how many persons carry one thing of a line: 1, 2, or 3 for three and more."""
    item = known_item(line, catalogue)
    return item.persons if item else persons_for(weight_of_one(catalogue)(line)[1])


def weight_words(inventory: InventoryResult, catalogue: Catalogue, *, lang: str = "en") -> str:
    """Say roughly what the things of an inventory weigh, without cartons that no photo shows.

    Returns
    -------
    str
        ``about 1.8 t``, ``about 850 kg``, ``environ 1,8 t``.
    """
    one = weight_of_one(catalogue)
    kg = sum(line.count * one(line)[1] for line in inventory.lines)
    amount = f"{kg / 1000:.1f} t" if kg >= 995 else f"{10 * round(kg / 10)} kg"
    return f"environ {french(amount)}" if lang == "fr" else f"about {amount}"
