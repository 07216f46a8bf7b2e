"""Kinds of thing that are easily taken for one another from another side."""

from __future__ import annotations

from typing import Final

#: Groups of catalogue keys; a key is in one group at most. Only within such a group does a
#: look, or a place, suggest by itself that findings of different kinds are one thing.
LOOK_ALIKES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"sofa_2_seat", "sofa_3_seat", "corner_sofa", "sofa_bed"}),
    frozenset({"single_bed", "double_bed", "king_size_bed", "bunk_bed"}),
    frozenset(
        {
            *("wardrobe_1_door", "wardrobe_2_door", "wardrobe_3_door", "bookcase", "shelf_unit"),
            *("display_cabinet", "chest_of_drawers", "sideboard", "tv_unit", "shoe_cabinet"),
            "bathroom_cabinet",
        }
    ),
    frozenset({"dining_table", "kitchen_table", "desk", "garden_table"}),
    frozenset({"coffee_table", "side_table", "nightstand", "ottoman", "stool"}),
    frozenset({"chair", "office_chair", "garden_chair", "armchair"}),
    frozenset({"floor_lamp", "table_lamp"}),
)
_GROUP: Final = {key: number for number, keys in enumerate(LOOK_ALIKES) for key in keys}


def look_alike(key: str | None, other: str | None) -> bool:
    """Whether two keys are of kinds that look alike from some side; a kind is like itself.

    Examples
    --------
    >>> look_alike("single_bed", "king_size_bed"), look_alike("single_bed", "chair")
    (True, False)
    """
    group = _GROUP.get(key or "")
    return group is not None and group == _GROUP.get(other or "")
