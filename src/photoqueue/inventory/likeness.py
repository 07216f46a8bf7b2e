"""How alike two findings look: the meaning of ``FoundItem.appearance``.

24 bytes: for each of :data:`BANDS` bands of the box, from top to bottom, the mean of
brightness (Y) and colour (Cb, Cr); then the spread of the brightness in each band; then how
strongly the box is coloured in each of :data:`DIRECTIONS` directions of the colour circle.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

BANDS: Final = 4
DIRECTIONS: Final = 8
_BYTES: Final = 4 * BANDS + DIRECTIONS

#: Mean difference of the bytes at which two looks have nothing in common: of brightness,
#: which the light of a view changes, and of the colours, which it changes less.
_BRIGHTNESS_SPAN: Final = 200.0
_COLOUR_SPAN: Final = 40.0
_COLOURS: Final = np.array([byte % 3 != 0 for byte in range(3 * BANDS)])


def likeness(first: str | None, second: str | None) -> float | None:
    """Return how alike two findings look, 0…1.

    Parameters
    ----------
    first, second : str or None
        Two ``FoundItem.appearance``.

    Returns
    -------
    float or None
        ``None`` where one is missing or not such a descriptor.
    """
    one, other = _read(first), _read(second)
    if one is None or other is None:
        return None
    apart = np.abs(one - other)
    means = apart[: 3 * BANDS]
    colour = np.concatenate([means[_COLOURS], apart[4 * BANDS :]]).mean()
    brightness = means[~_COLOURS].mean()
    return float(max(0.0, 1 - colour / _COLOUR_SPAN - brightness / _BRIGHTNESS_SPAN))


@lru_cache(maxsize=4096)
def _read(text: str | None) -> npt.NDArray[np.int16] | None:
    """Read a descriptor; ``None`` where there is none that can be read."""
    try:
        data = bytes.fromhex(text or "")
    except ValueError:
        return None
    return np.frombuffer(data, np.uint8).astype(np.int16) if len(data) == _BYTES else None
