"""Pictures whose contents are known, as a worker would hand them to an engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from photoqueue.errors import PhotoError, UnreadablePhotoError
from photoqueue.photos.pixels import decode_enough

if TYPE_CHECKING:
    from PIL import Image

#: Pixels that a picture of one's own may have.
_MAX_PIXELS: Final = 1_000_000_000


def read_picture(file: Path, side: int | None = None) -> Image.Image:
    """Read an upright RGB picture, as a worker decodes a photo.

    Parameters
    ----------
    side
        Pixels of the shorter side that are enough; None is as large as it is.
    """
    try:
        return decode_enough(file.read_bytes(), side, max_pixels=_MAX_PIXELS).image
    except (OSError, PhotoError) as exc:
        raise UnreadablePhotoError(
            f"The picture {file}, which annotations.json or truth.json names, cannot be read "
            f"({exc}). Put it there, or take it out of that file."
        ) from exc
