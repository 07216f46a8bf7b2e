"""From metres to boxes: where a camera in a room would show a solid.

A picture has no scale, but rooms are photographed by people: the camera is 1.2–1.7 m above
the floor, held nearly level, and its longer side sees 60–80 degrees. What stands on the floor
is therefore as far away as its lower edge is below the horizon, and the distance gives its
size. Neither the height nor the horizon is known; a small grid of cameras, each with its
probability, stands for what they may be, and everything of known size in the picture makes
some of them more probable than others.

Lengths in the picture are in heights of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from photoqueue.analysis.solids import Solid

if TYPE_CHECKING:
    from photoqueue.models import Box

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
    """A grid of cameras; all arrays have the shape (n,).

    Attributes
    ----------
    horizon : ndarray
        Height in the picture, 0…1 from the top.
    height : ndarray
        Metres above the floor.
    focal : ndarray
        In heights of the picture.
    share : ndarray
        Probability of each, before the picture is looked at.
    """

    horizon: Array
    height: Array
    focal: Array
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
    shape = np.array(
        [(s.width, s.depth, s.height, s.width_spread, s.height_spread) for s in solids]
    )[index]
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
