"""Pictures and arrays from a notebook as files, so that they have a content address."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from photoqueue.errors import UnreadablePhotoError
from photoqueue.photos.colour import to_rgb
from photoqueue.photos.limits import check_pixels
from photoqueue.photos.orientation import UPRIGHT, orientation

#: PNG compression. Level 1 is about five times quicker than the default and 10 % larger.
_COMPRESSION: Final = 1

_EXPECTED: Final = (
    "Expected is an array of height × width, or height × width × 3 or 4, "
    "of uint8 (0…255) or of floats from 0 to 1."
)


def encode_image(image: Image.Image, *, max_pixels: int) -> bytes:
    """Return a Pillow picture as PNG: upright, and the same bytes for the same pixels.

    Raises
    ------
    UnreadablePhotoError
        The picture cannot be loaded, or its mode has no defined range of brightness.
    PhotoTooLargeError
        It has more than ``max_pixels``.
    """
    width, height = image.size
    if not width or not height:
        raise UnreadablePhotoError("The picture has no pixels. Pass one that is not empty.")
    check_pixels(width, height, limit=max_pixels, name="The picture")
    if image.mode in ("I", "F"):
        raise UnreadablePhotoError(
            f"A picture of mode {image.mode!r} has no defined white. "
            'Scale it to 0…255 and pass image.convert("L").'
        )
    try:
        image.load()
        exif = image.info.get("exif")
        turn = UPRIGHT.get(orientation(exif if isinstance(exif, bytes) else None))
        rgb = to_rgb(image)
    except MemoryError:
        raise  # of this machine, now; not the picture's fault
    except Exception as exc:
        # Pillow reads the file only here; a closed one fails an assertion within Pillow.
        raise UnreadablePhotoError(
            f"The picture cannot be read ({type(exc).__name__}: {exc}). "
            "Pass one whose file is open and complete."
        ) from exc
    return _png(rgb if turn is None else rgb.transpose(turn))


def encode_array(array: npt.NDArray[Any], *, max_pixels: int) -> bytes:
    """Return an array of pixels as PNG, the same bytes for the same array.

    Raises
    ------
    UnreadablePhotoError
        Shape, type or values are not those of a picture.
    PhotoTooLargeError
        It has more than ``max_pixels``.
    """
    found = f"An array of shape {array.shape} and type {array.dtype} is not a picture."
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise UnreadablePhotoError(f"{found} {_EXPECTED}")
    if array.size == 0:
        raise UnreadablePhotoError(f"{found} {_EXPECTED}")
    check_pixels(array.shape[1], array.shape[0], limit=max_pixels, name="The array")
    if array.dtype.kind == "f":
        if not bool(np.all((array >= 0) & (array <= 1))):  # False for nan, too
            raise UnreadablePhotoError(
                f"An array of floats has values outside 0…1 or without a number. {_EXPECTED}"
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise UnreadablePhotoError(f"{found} {_EXPECTED}")
    return _png(to_rgb(Image.fromarray(np.ascontiguousarray(array))))


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG", compress_level=_COMPRESSION)
    return stream.getvalue()
