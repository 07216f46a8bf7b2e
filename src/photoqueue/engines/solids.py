"""Sizes of things in metres: what a class name may mean, and what indicates the scale.

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
estimates: no public data set distinguishes a sideboard from a bookcase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from photoqueue.records.base import Box


@dataclass(frozen=True)
class Solid:
    """A box-shaped thing."""

    #: Catalogue key; ``None`` for what stays in the house.
    key: str | None
    #: Width, depth and height in metres, seen from its front.
    size: tuple[float, float, float]
    #: Standard deviation of the logarithms of width and height.
    spread: tuple[float, float]
    #: 0…1: how often the class name means this.
    share: float = 1.0
    #: Metres above the floor at which its underside may be.
    undersides: tuple[float, ...] = (0.0,)


_BEDS: Final = (
    Solid("single_bed", (0.96, 2.03, 0.75), (0.06, 0.3), 0.3),
    Solid("double_bed", (1.52, 2.05, 0.85), (0.07, 0.3), 0.5),
    Solid("king_size_bed", (1.86, 2.08, 0.9), (0.05, 0.3), 0.2),
)
# Detectors trained on COCO call wide armchairs and recliners a couch, too.
_SOFAS: Final = (
    Solid("armchair", (0.88, 0.85, 0.88), (0.14, 0.12), 0.08),
    Solid("armchair", (0.94, 0.95, 1.04), (0.1, 0.08), 0.07),
    Solid("sofa_2_seat", (1.52, 0.88, 0.83), (0.11, 0.1), 0.28),
    Solid("sofa_3_seat", (2.05, 0.9, 0.83), (0.1, 0.1), 0.42),
    Solid("corner_sofa", (2.6, 1.7, 0.83), (0.12, 0.1), 0.15),
)
# COCO has no word for desks, coffee tables and the round ones of cafés: they are found as dining
# tables.
_TABLES: Final = (
    Solid("dining_table", (1.55, 0.9, 0.75), (0.2, 0.05), 0.5),
    Solid("kitchen_table", (1.1, 0.7, 0.75), (0.15, 0.05), 0.2),
    Solid("side_table", (0.65, 0.65, 0.73), (0.12, 0.06), 0.12),
    Solid("coffee_table", (1.0, 0.6, 0.43), (0.2, 0.12), 0.08),
    Solid("desk", (1.3, 0.66, 0.75), (0.2, 0.06), 0.1),
)
_CABINETS: Final = (
    Solid("wardrobe_2_door", (0.95, 0.58, 1.97), (0.13, 0.08), 0.14),
    Solid("wardrobe_3_door", (1.55, 0.6, 2.05), (0.14, 0.08), 0.07),
    Solid("bookcase", (0.85, 0.31, 1.85), (0.25, 0.12), 0.2),
    Solid("sideboard", (1.5, 0.44, 0.83), (0.18, 0.12), 0.19),
    Solid("chest_of_drawers", (0.88, 0.46, 0.92), (0.18, 0.15), 0.19),
    Solid("tv_unit", (1.5, 0.41, 0.48), (0.22, 0.14), 0.06),
    Solid("nightstand", (0.44, 0.39, 0.53), (0.13, 0.12), 0.05),
    Solid("shelf_unit", (0.9, 0.25, 0.5), (0.4, 0.5), 0.1, (1.0, 1.3, 1.6, 1.9)),
    # Only where a picture shows a bathroom or a kitchen, see photoqueue.engines.refine.
    Solid("bathroom_cabinet", (0.65, 0.42, 0.75), (0.3, 0.3), 0.0, (0.0, 0.3)),
    Solid(None, (1.8, 0.6, 0.9), (0.5, 0.06), 0.0),
    Solid(None, (1.2, 0.35, 0.7), (0.5, 0.15), 0.0, (1.35, 1.5)),
)
_LAMPS: Final = (
    Solid("floor_lamp", (0.4, 0.4, 1.58), (0.25, 0.1), 0.25),
    Solid("table_lamp", (0.32, 0.32, 0.5), (0.25, 0.2), 0.35, (0.5, 0.75, 0.95)),
    Solid(None, (0.45, 0.45, 0.55), (0.4, 0.5), 0.3, (1.6, 1.9, 2.2)),
    Solid(None, (0.22, 0.18, 0.32), (0.3, 0.3), 0.1, (1.4, 1.7)),
)
_FANS: Final = (
    Solid("electric_fan", (0.42, 0.4, 1.15), (0.15, 0.15), 0.45),
    Solid("electric_fan", (0.34, 0.27, 0.48), (0.2, 0.2), 0.25, (0.0, 0.5, 0.75)),
    Solid(None, (1.2, 1.2, 0.4), (0.15, 0.5), 0.3, (1.9, 2.1, 2.3)),
)

#: Class name, in lower case → what it may mean.
MEANINGS: Final[dict[str, tuple[Solid, ...]]] = {
    "bed": _BEDS,
    "couch": _SOFAS,
    "dining table": _TABLES,
    "cabinet/shelf": _CABINETS,
    "lamp": _LAMPS,
    "fan": _FANS,
}

#: Class name, in lower case → its usual size; these stand on the floor and vary little.
KNOWN_SIZES: Final[dict[str, Solid]] = {
    "chair": Solid("chair", (0.47, 0.52, 0.9), (0.15, 0.1)),
    "refrigerator": Solid("refrigerator", (0.62, 0.65, 1.7), (0.1, 0.15)),
    "toilet": Solid(None, (0.38, 0.66, 0.78), (0.08, 0.1)),
    "bathtub": Solid(None, (1.68, 0.73, 0.57), (0.08, 0.08)),
    "gas stove": Solid("cooker", (0.6, 0.6, 0.88), (0.08, 0.08)),
    "washing machine/drying machine": Solid("washing_machine", (0.6, 0.6, 0.85), (0.04, 0.04)),
    "dishwasher": Solid("dishwasher", (0.6, 0.6, 0.84), (0.04, 0.05)),
    "nightstand": Solid("nightstand", (0.44, 0.39, 0.53), (0.13, 0.12)),
    "desk": Solid("desk", (1.3, 0.66, 0.75), (0.2, 0.06)),
    "coffee table": Solid("coffee_table", (1.0, 0.6, 0.43), (0.2, 0.12)),
}


Array = npt.NDArray[np.float64]

#: Height of the horizon in the picture, 0 is the top, and its mean and deviation: people
#: hold a phone a little downwards.
_HORIZONS: Final = (0.12, 0.24, 0.34, 0.43, 0.52, 0.62)
_HORIZON: Final = (0.4, 0.13)
#: Metres from the floor to the camera, and their mean and deviation.
_HEIGHTS: Final = (1.2, 1.45, 1.65)
_HEIGHT: Final = (1.5, 0.18)
#: Focal length in longer sides of the picture → share: wide (80°) and usual (60°) lenses.
_FOCALS: Final = {0.6: 0.4, 0.85: 0.6}
#: Degrees by which a thing is turned away → share. People photograph walls from the front
#: more often than not.
_TURNS: Final = {
    0.0: 0.32,
    22.5: 0.14,
    -22.5: 0.14,
    45.0: 0.1,
    -45.0: 0.1,
    67.5: 0.06,
    -67.5: 0.06,
    90.0: 0.08,
}
_RADIANS: Final = np.radians(list(_TURNS))
#: Metres from the camera within which things of a room stand.
_NEAREST, _FARTHEST = 0.5, 12.0
#: Nearer to the border of the picture than this, a box is taken to be cut off by it.
_BORDER: Final = 0.012
#: How far below the picture a thing that is cut off there may end.
_BELOW: Final = (0.02, 0.12, 0.3, 0.6)
#: Deviation of the logarithm of a box's sides: detectors do not draw exactly.
_BOX_SPREAD: Final = 0.08


@dataclass(frozen=True)
class Cameras:
    """A grid of cameras; all arrays have the shape (n,)."""

    #: Height in the picture, 0…1 from the top.
    horizon: Array
    #: Metres above the floor.
    height: Array
    #: In heights of the picture.
    focal: Array
    #: Probability of each, before the picture is looked at.
    share: Array


@lru_cache(maxsize=16)
def cameras(aspect: float) -> Cameras:
    """Return the cameras that may have taken a picture of this width per height."""
    grid = np.array(list(product(_HORIZONS, _HEIGHTS, _FOCALS)))
    share = _bell(grid[:, 0], _HORIZON) * _bell(grid[:, 1], _HEIGHT)
    share = share * [_FOCALS[focal] for focal in grid[:, 2]]
    return Cameras(
        horizon=grid[:, 0],
        height=grid[:, 1],
        focal=grid[:, 2] * max(aspect, 1.0),
        share=share / share.sum(),
    )


def likelihoods(box: Box, aspect: float, solids: Sequence[Solid]) -> Array:
    """Return how well each solid explains a box, for each camera.

    Parameters
    ----------
    box : tuple of float
        x0, y0, x1, y1 in 0…1 of the picture.
    aspect : float
        Width of the picture per height.
    solids : sequence of Solid

    Returns
    -------
    ndarray, shape (len(solids), n)
        Density over the logarithms of width and height of the box; 0 where the camera
        cannot see the solid there.
    """
    seen = cameras(aspect)
    poses = [(index, base) for index, s in enumerate(solids) for base in s.undersides]
    index = np.array([index for index, _ in poses])
    shape = np.array([(*solid.size, *solid.spread) for solid in solids])[index]
    # Axes: pose, end below the picture, turn, camera.
    width, depth, height, width_spread, height_spread = shape.T[:, :, None, None, None]
    base = np.array([base for _, base in poses])[:, None, None, None]
    cut_below = box[3] > 1 - _BORDER
    ends = np.array([1 + below for below in _BELOW] if cut_below else [box[3]])[:, None, None]
    cosine, sine = np.cos(_RADIANS)[:, None], np.sin(_RADIANS)[:, None]

    with np.errstate(divide="ignore", invalid="ignore"):
        near = seen.focal * (seen.height - base) / (ends - seen.horizon)
    possible = (near > _NEAREST) & (near < _FARTHEST)
    near = np.where(possible, near, 1.0)

    reach = (width * np.abs(sine) + depth * cosine) / 2  # from its middle to its nearest point
    centre = (box[0] + box[2] - 1) / 2 * aspect * (near + reach) / seen.focal
    columns = [
        (centre + x * width * cosine + z * depth * sine)
        / (near + reach + z * depth * cosine - x * width * sine)
        for x in (-0.5, 0.5)
        for z in (-0.5, 0.5)
    ]
    wide = seen.focal * (np.maximum.reduce(columns) - np.minimum.reduce(columns))
    # Below the camera the far edge of its top is the higher one in the picture.
    above = seen.height - base - height
    top = seen.focal * above / np.where(above > 0, near + 2 * reach, near)
    high = np.minimum(ends, 1.0) - (seen.horizon + top)

    density = _agree(
        np.log(wide / ((box[2] - box[0]) * aspect)),
        width_spread,
        cut=box[0] < _BORDER or box[2] > 1 - _BORDER,
    ) * _agree(
        np.log(np.maximum(high, 1e-6) / (box[3] - box[1])), height_spread, cut=box[1] < _BORDER
    )
    turned = np.array(list(_TURNS.values()))[:, None]
    by_pose = (np.where(possible, density, 0.0) * turned).sum(axis=2).mean(axis=1)
    result = np.zeros((len(solids), len(seen.share)))
    np.add.at(result, index, by_pose)
    return np.asarray(result / np.bincount(index)[:, None])


def _agree(difference: Array, spread: Array, *, cut: bool) -> Array:
    """Return how well a length agrees with the one seen; a cut one may be longer."""
    deviation: Any = np.hypot(spread, _BOX_SPREAD)
    if cut:
        # Φ to within 0.01; the logistic function needs no further library
        return np.asarray(1 / (1 + np.exp(np.clip(-1.702 * difference / deviation, -60, 60))))
    return np.asarray(np.exp(-0.5 * (difference / deviation) ** 2) / (deviation * 2.5066))


def _bell(values: Array, mean_and_deviation: tuple[float, float]) -> Array:
    mean, deviation = mean_and_deviation
    return np.asarray(np.exp(-0.5 * ((values - mean) / deviation) ** 2))
