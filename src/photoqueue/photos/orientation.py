"""How a camera was held, from the EXIF block.

Pillow's own reader parses the whole block and writes a Python warning for each tag that
a phone wrote badly, which ends on the analyst's screen, or as an exception where warnings
are errors. Only one tag matters here, and a damaged block must not cost the photo.
"""

from __future__ import annotations

import struct
from typing import Final

from PIL import Image

_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
_BYTE_ORDERS: Final = {b"II*\x00": "<", b"MM\x00*": ">"}

#: What makes the stored picture upright, by EXIF orientation. 1 is upright already.
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(exif: bytes | None) -> int:
    """EXIF orientation 1…8; 1 when the block is absent, damaged or silent."""
    if not exif:
        return 1
    tiff = exif.removeprefix(b"Exif\x00\x00")
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(
                f"{order}HHIH", tiff, directory + 2 + 12 * entry
            )
            if tag == _ORIENTATION_TAG:
                return value if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def swaps_sides(value: int) -> bool:
    """Whether width and height change places when the picture is made upright."""
    return value >= 5
