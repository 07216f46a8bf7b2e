"""Small previews, for galleries and tables."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image

from photoqueue.photos.colour import to_rgb

#: Pixels of the longest side.
LONGEST_SIDE: Final = 320
_JPEG_QUALITY: Final = 80


def thumbnail(image: Image.Image) -> bytes:
    """Return the picture as a small JPEG without metadata; smaller pictures keep their size."""
    # The copy comes after the cheap reduction: converting 12 megapixels first would double
    # the time, and `thumbnail` works in place.
    factor = max(image.size) // (2 * LONGEST_SIDE)
    small = to_rgb(image.reduce(factor) if factor > 1 and image.mode == "RGB" else image)
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    stream = BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
