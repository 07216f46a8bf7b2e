"""How large things are, in metres: what a class name may mean, and what gives a scale.

Sizes are the common ones of French and English furniture shops, outer measures: mattresses
of 90, 140–160 and 180 cm (a frame adds 2–7 cm) by 200 cm, with a headboard of 0.5–1.1 m;
sofas of 130–170 cm for two and 180–230 cm for three, 80–95 cm deep; wardrobes of 80–110 cm
(two doors) and 135–180 cm (three), 55–60 cm deep and 180–220 cm high; bookcases 60–120 × 28–35
× 160–210 cm; sideboards 120–180 × 40–48 × 70–95 cm; chests of drawers 70–110 × 42–50 × 75–110
cm; TV units 110–190 × 38–45 × 40–55 cm; nightstands 38–50 × 35–42 × 45–60 cm. Appliances are
60 cm wide and deep (EN 1116), 85–91 cm high, refrigerators 140–190 cm; a chair is 40–50 cm
wide and 80–100 cm high, a table 73–77 cm, a desk 72–76 cm. A spread is half of the range from
smallest to largest, divided by the mean: about one to one and a half standard deviations of a
logarithm, so that sizes outside of the range are less likely, not impossible.

Shares say how often a class name means what, before the picture is measured. They are
estimates: no public set of photos tells a sideboard from a bookcase by box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Solid:
    """A box-shaped thing.

    Attributes
    ----------
    key : str or None
        Catalogue key; ``None`` for what stays in the house.
    width, depth, height : float
        In metres; seen from its front.
    width_spread, height_spread : float
        Standard deviation of the logarithm.
    share : float
        0…1: how often the class name means this.
    undersides : tuple of float
        Metres above the floor at which its underside may be.
    """

    key: str | None
    width: float
    depth: float
    height: float
    width_spread: float = 0.12
    height_spread: float = 0.1
    share: float = 1.0
    undersides: tuple[float, ...] = (0.0,)


def _solid(
    key: str | None,
    size: tuple[float, float, float],
    spread: tuple[float, float],
    share: float = 1.0,
    undersides: tuple[float, ...] = (0.0,),
) -> Solid:
    width, depth, height = size
    return Solid(
        key=key,
        width=width,
        depth=depth,
        height=height,
        width_spread=spread[0],
        height_spread=spread[1],
        share=share,
        undersides=undersides,
    )


_BEDS: Final = (
    _solid("single_bed", (0.96, 2.03, 0.75), (0.06, 0.3), 0.3),
    _solid("double_bed", (1.52, 2.05, 0.85), (0.07, 0.3), 0.5),
    _solid("king_size_bed", (1.86, 2.08, 0.9), (0.05, 0.3), 0.2),
)
# Annotators of COCO call wide armchairs a couch, too.
_SOFAS: Final = (
    _solid("armchair", (0.88, 0.85, 0.88), (0.14, 0.12), 0.08),
    _solid("sofa_2_seat", (1.52, 0.88, 0.83), (0.11, 0.1), 0.3),
    _solid("sofa_3_seat", (2.05, 0.9, 0.83), (0.1, 0.1), 0.45),
    _solid("corner_sofa", (2.6, 1.7, 0.83), (0.12, 0.1), 0.17),
)
_CABINETS: Final = (
    _solid("wardrobe_2_door", (0.95, 0.58, 1.97), (0.13, 0.08), 0.14),
    _solid("wardrobe_3_door", (1.55, 0.6, 2.05), (0.14, 0.08), 0.07),
    _solid("bookcase", (0.85, 0.31, 1.85), (0.25, 0.12), 0.2),
    _solid("sideboard", (1.5, 0.44, 0.83), (0.18, 0.12), 0.19),
    _solid("chest_of_drawers", (0.88, 0.46, 0.92), (0.18, 0.15), 0.19),
    _solid("tv_unit", (1.5, 0.41, 0.48), (0.22, 0.14), 0.06),
    _solid("nightstand", (0.44, 0.39, 0.53), (0.13, 0.12), 0.05),
    _solid("shelf_unit", (0.9, 0.25, 0.5), (0.4, 0.5), 0.1, (1.0, 1.3, 1.6, 1.9)),
    # Only where a picture shows a bathroom or a kitchen, see photoqueue.analysis.context.
    _solid("bathroom_cabinet", (0.65, 0.42, 0.75), (0.3, 0.3), 0.0, (0.0, 0.3)),
    _solid(None, (1.8, 0.6, 0.9), (0.5, 0.06), 0.0),
    _solid(None, (1.2, 0.35, 0.7), (0.5, 0.15), 0.0, (1.35, 1.5)),
)
_LAMPS: Final = (
    _solid("floor_lamp", (0.4, 0.4, 1.58), (0.25, 0.1), 0.25),
    _solid("table_lamp", (0.32, 0.32, 0.5), (0.25, 0.2), 0.35, (0.5, 0.75, 0.95)),
    _solid(None, (0.45, 0.45, 0.55), (0.4, 0.5), 0.3, (1.6, 1.9, 2.2)),
    _solid(None, (0.22, 0.18, 0.32), (0.3, 0.3), 0.1, (1.4, 1.7)),
)
_FANS: Final = (
    _solid("electric_fan", (0.42, 0.4, 1.15), (0.15, 0.15), 0.45),
    _solid("electric_fan", (0.34, 0.27, 0.48), (0.2, 0.2), 0.25, (0.0, 0.5, 0.75)),
    _solid(None, (1.2, 1.2, 0.4), (0.15, 0.5), 0.3, (1.9, 2.1, 2.3)),
)

#: Class name, in lower case → what it may mean.
MEANINGS: Final[dict[str, tuple[Solid, ...]]] = {
    "bed": _BEDS,
    "couch": _SOFAS,
    "cabinet/shelf": _CABINETS,
    "lamp": _LAMPS,
    "fan": _FANS,
}

#: Class name, in lower case → its usual size; these stand on the floor and vary little.
KNOWN_SIZES: Final[dict[str, Solid]] = {
    "chair": _solid("chair", (0.47, 0.52, 0.9), (0.15, 0.1)),
    "dining table": _solid("dining_table", (1.4, 0.85, 0.76), (0.3, 0.06)),
    "refrigerator": _solid("refrigerator", (0.62, 0.65, 1.7), (0.1, 0.15)),
    "toilet": _solid(None, (0.38, 0.66, 0.78), (0.08, 0.1)),
    "bathtub": _solid(None, (1.68, 0.73, 0.57), (0.08, 0.08)),
    "gas stove": _solid("cooker", (0.6, 0.6, 0.88), (0.08, 0.08)),
    "washing machine/drying machine": _solid("washing_machine", (0.6, 0.6, 0.85), (0.04, 0.04)),
    "dishwasher": _solid("dishwasher", (0.6, 0.6, 0.84), (0.04, 0.05)),
    "nightstand": _solid("nightstand", (0.44, 0.39, 0.53), (0.13, 0.12)),
    "desk": _solid("desk", (1.3, 0.66, 0.75), (0.2, 0.06)),
    "coffee table": _solid("coffee_table", (1.0, 0.6, 0.43), (0.2, 0.12)),
}
