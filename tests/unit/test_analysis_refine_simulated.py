"""How often refinement is right, on boxes projected by a camera it does not know."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from photoqueue.engines.boxes import Detection
from photoqueue.engines.refine import refine
from photoqueue.engines.solids import KNOWN_SIZES, MEANINGS, Solid
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.records.base import Box

KEYS = frozenset(item.key for item in Catalogue.load().items)
ASPECT = 4 / 3
#: Pictures for each class; more of them give the figures in the docstring of refine.
PICTURES = 120

Random = np.random.Generator
Points = npt.NDArray[np.float64]


class Camera:
    """A pinhole camera, tilted a few degrees downwards; nothing in it is a grid."""

    def __init__(self, random: Random) -> None:
        self.focal = random.uniform(0.6, 0.9) * ASPECT
        self.height = random.normal(1.5, 0.12)
        self.tilt = np.radians(random.normal(6, 5))

    def box(self, solid: Solid, random: Random) -> Box | None:
        """Return the box of a solid put somewhere at random; None where half of it is outside."""
        width, depth, height = solid.size
        wide = width * np.exp(random.normal(0, solid.spread[0]))
        high = height * np.exp(random.normal(0, solid.spread[1]))
        deep = depth * np.exp(random.normal(0, 0.1))
        # Half of the things stand parallel to the picture, as along the wall behind.
        turn = np.radians(random.choice([0, 0, 0, 90, *random.uniform(-50, 50, 2)]))
        up = random.choice(solid.undersides)
        signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (0, 1)])
        x, z, y = (signs * [wide / 2, deep / 2, high]).T
        across = random.uniform(-2, 2) + x * np.cos(turn) + z * np.sin(turn)
        away = random.uniform(2, 5) + z * np.cos(turn) - x * np.sin(turn)
        below = self.height - up - y
        depth = away * np.cos(self.tilt) + below * np.sin(self.tilt)
        if depth.min() < 0.2:
            return None
        columns = 0.5 + self.focal * across / depth / ASPECT
        rows = 0.5 + self.focal * (below * np.cos(self.tilt) - away * np.sin(self.tilt)) / depth
        return _inside(columns, rows)


def _inside(columns: Points, rows: Points) -> Box | None:
    whole = np.ptp(columns) * np.ptp(rows)
    x0, x1, y0, y1 = np.clip([columns.min(), columns.max(), rows.min(), rows.max()], 0, 1)
    if min(x1 - x0, y1 - y0) < 0.03 or (x1 - x0) * (y1 - y0) < whole / 2:
        return None
    return float(x0), float(y0), float(x1), float(y1)


def share_right(label: str, references: tuple[str, ...], pictures: int = PICTURES) -> float:
    """Return the share of pictures, 0…1, in which the most probable meaning is the true one."""
    random = np.random.default_rng(7)
    solids = [solid for solid in MEANINGS[label] if solid.share]
    shares = [solid.share for solid in solids]
    right = done = 0
    while done < pictures:
        camera = Camera(random)
        solid = solids[random.choice(len(solids), p=shares)]
        box = camera.box(solid, random)
        if box is None:
            continue
        picture = [Detection(label=label, score=0.8, box=box)]
        for reference in references:
            if known := camera.box(KNOWN_SIZES[reference], random):
                picture.append(Detection(label=reference, score=0.7, box=known))
        done += 1
        right += refine(picture, ASPECT, KEYS)[0].key == solid.key
    return right / done


@pytest.mark.parametrize(
    ("label", "least"),
    # Always taking the most usual: 0.50, 0.42, 0.20, 0.40 and 0.50. Three deviations of a share of
    # so few pictures are 0.13; the seed is fixed.
    [("bed", 0.52), ("couch", 0.5), ("cabinet/shelf", 0.5), ("lamp", 0.85), ("dining table", 0.53)],
)
def test_refinement_is_right_more_often_than_the_most_usual_meaning(
    label: str, least: float
) -> None:
    assert share_right(label, ("chair", "chair")) > least
