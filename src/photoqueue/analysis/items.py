"""From a box of a model to an item: the catalogue's view of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from photoqueue.analysis.engine import Item

if TYPE_CHECKING:
    from photoqueue.inventory.catalogue import CatalogueItem
    from photoqueue.models import Box

#: Digits kept of scores and box corners: a ten-thousandth of the picture is below a pixel
#: of most photos, and results stay short.
DIGITS: Final = 4


def seen_item(
    known: CatalogueItem,
    *,
    language: str,
    label: str,
    score: float,
    box: Box,
    alternatives: Mapping[str, float],
) -> Item:
    """Return a thing of the catalogue as it was seen in a picture.

    Parameters
    ----------
    known : CatalogueItem
    language : str
        ``en`` or ``fr``: language of the name.
    label : str
        The model's own class name.
    score : float
        0…1.
    box : tuple of float
        x0, y0, x1, y1 in 0…1 of the picture.
    alternatives : mapping of str to float
        Other catalogue keys that it may be, with their probability.
    """
    return Item(
        name=known.name(language),
        category=known.category,
        dismountable=known.dismountable,
        key=known.key,
        label=label,
        score=score,
        box=box,
        volume=known.volume_usual,
        alternatives=alternatives,
    )
