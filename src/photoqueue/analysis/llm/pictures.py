"""Pictures as they are sent: small, upright, and with nothing in them but what they show."""

from __future__ import annotations

import base64
import math
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

#: JPEG quality: furniture is told apart at far less; below about 70 its blocks begin to show.
_QUALITY: Final = 85
#: Photos of one room that are sent as large as a single one.
_FULL_SIZED: Final = 4
#: Longest side, in pixels, below which several pictures are not shrunk for their number.
_SMALLEST_SIDE: Final = 512


def picture_parts(
    images: Sequence[Image.Image], *, side: int, detail: str | None
) -> list[dict[str, Any]]:
    """Return pictures as parts of a chat message, each a ``data:`` URL of a JPEG.

    Parameters
    ----------
    side : int
        Longest side of one picture in pixels. More than four pictures are sent smaller, so
        that all together have as many pixels as four, but not below 512.
    detail : str or None
        ``low``, ``high`` or ``auto``; ``None`` leaves it out, as not every server takes it.
    """
    if len(images) > _FULL_SIZED:
        shrunk = round(side * math.sqrt(_FULL_SIZED / len(images)))
        side = min(side, max(shrunk, _SMALLEST_SIDE))
    return [_part(jpeg(image, side=side), detail) for image in images]


def jpeg(image: Image.Image, *, side: int) -> bytes:
    """Return an upright picture as JPEG, its longest side at most ``side`` pixels.

    Of the file that it came from, nothing is kept: no EXIF with place and time, no colour
    profile, no comment, no thumbnail.
    """
    from PIL import Image as Pillow

    rgb = image if image.mode == "RGB" else image.convert("RGB")
    scale = side / max(rgb.size)
    if scale < 1:
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb = rgb.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    # Pillow writes what it finds in `info`, a comment for one: only the pixels go on.
    bare = Pillow.new("RGB", rgb.size)
    bare.paste(rgb)
    buffer = BytesIO()
    bare.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _part(data: bytes, detail: str | None) -> dict[str, Any]:
    url = {"url": f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"}
    return {"type": "image_url", "image_url": url if detail is None else {**url, "detail": detail}}
