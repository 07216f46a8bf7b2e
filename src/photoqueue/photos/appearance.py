"""What the things in a picture look like, in a few bytes each.

Kept with the results, so that photos of a room can be compared later without the pictures;
:mod:`photoqueue.inventory.likeness` does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from photoqueue.inventory.likeness import BANDS, DIRECTIONS

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.models import Box

#: Pixels of the shorter side of the picture that is looked at; details below that differ
#: between two views anyway.
_SHORT_SIDE: Final = 240
#: Share of a box left out on each side: the wall behind a thing is not the thing.
_MARGIN: Final = 0.12
#: Cells across and in each band of a box.
_ACROSS: Final = 12
_PER_BAND: Final = 3


class Looks:
    """One picture, made ready to describe the things in it.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, RGB.
    """

    def __init__(self, image: Image.Image) -> None:
        factor = min(image.size) // _SHORT_SIDE
        small = image.reduce(factor) if factor > 1 else image
        self._picture = small.convert("YCbCr")

    def of(self, box: Box) -> str | None:
        """Return the descriptor of a box in 0…1, as hexadecimal digits.

        ``None`` for a box that shows less than a pixel of the picture.
        """
        from PIL import Image

        x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in box)
        wide, high = (x1 - x0) * _MARGIN, (y1 - y0) * _MARGIN
        width, height = self._picture.size
        place = (
            (x0 + wide) * width,
            (y0 + high) * height,
            (x1 - wide) * width,
            (y1 - high) * height,
        )
        if place[2] - place[0] < 1 or place[3] - place[1] < 1:
            return None
        cells = self._picture.resize((_ACROSS, BANDS * _PER_BAND), Image.Resampling.BOX, box=place)
        return _described(np.asarray(cells, dtype=np.float32)).tobytes().hex()


def _described(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the bytes for cells of shape (rows, columns, 3): Y, Cb, Cr."""
    bands = cells.reshape(BANDS, -1, 3)
    means = bands.mean(axis=1)
    spread = bands[..., 0].std(axis=1) * 2
    colour = cells.reshape(-1, 3)[:, 1:] - 128
    strength = np.hypot(colour[:, 0], colour[:, 1])
    turn = np.arctan2(colour[:, 1], colour[:, 0]) / (2 * np.pi) % 1
    sector = np.minimum((turn * DIRECTIONS).astype(int), DIRECTIONS - 1)
    # How strongly it is coloured in each direction of the colour circle, on average.
    wheel = np.bincount(sector, weights=strength, minlength=DIRECTIONS) / len(colour) * 4
    values = np.concatenate([means.ravel(), spread, wheel])
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
