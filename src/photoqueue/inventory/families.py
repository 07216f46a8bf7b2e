"""Things that one class name of a detector stands for: beds, sofas, cabinets, lamps.

COCO and Objects365 know a ``bed``, a mover knows three. Which one it is remains a guess from
one picture, and another picture of the same room may lead to another guess. Whoever compares
findings of several pictures, or of several detectors, compares families first.
"""

from __future__ import annotations

from typing import Final

#: Family, named by the key that stands for it → keys of its members.
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "double_bed": ("single_bed", "double_bed", "king_size_bed"),
    "sofa_3_seat": ("sofa_2_seat", "sofa_3_seat", "corner_sofa"),
    "sideboard": (
        *("wardrobe_2_door", "wardrobe_3_door", "bookcase", "shelf_unit", "sideboard"),
        *("chest_of_drawers", "tv_unit", "bathroom_cabinet"),
    ),
    "floor_lamp": ("floor_lamp", "table_lamp"),
}
_FAMILY_OF: Final = {key: family for family, keys in FAMILIES.items() for key in keys}


def family_of(key: str) -> str:
    """Return the key that stands for a thing's family: its own, where it is alone.

    Examples
    --------
    >>> family_of("king_size_bed"), family_of("chair")
    ('double_bed', 'chair')
    """
    return _FAMILY_OF.get(key, key)
