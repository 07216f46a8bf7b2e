"""The perceptual hash of a picture: alike for copies, whatever was done to their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

#: Differences of neighbours per row, and rows: 64 bits.
_SIDE: Final = 8
#: Grey levels, of 255, between the darkest and the brightest cell below which a picture has
#: no structure to go by: all such pictures would look like copies of one another.
_LEAST_RANGE: Final = 8


def perceptual_hash(image: Image.Image) -> str | None:
    """Return the 64-bit difference hash (dHash) of a picture, as 16 hexadecimal digits.

    The picture is scaled to 9 × 8 grey cells; each bit says whether a cell is brighter than
    its left neighbour. Another compression, size or brightness turns few bits. How many may
    differ between copies is ``SAME_PICTURE_BITS`` in :mod:`photoqueue.inventory.views`.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, RGB or grey.

    Returns
    -------
    str or None
        ``None`` for a picture of one colour, black for instance.
    """
    from PIL import Image

    cells = image.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(cells, dtype=np.int16)
    if int(np.ptp(grey)) < _LEAST_RANGE:
        return None
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex()
