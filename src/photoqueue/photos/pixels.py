"""From untrusted bytes to a picture that an engine can look at."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, JpegImagePlugin

from photoqueue.errors import UnreadablePhotoError
from photoqueue.photos.limits import check_pixels
from photoqueue.photos.measures import to_rgb
from photoqueue.photos.opening import UPRIGHT, decoder_errors, open_picture, orientation

#: Modes of which the mean of some pixels is a pixel of theirs.
_SCALED_MODES: Final = frozenset(("RGB", "L"))


@dataclass(frozen=True)
class Decoded:
    """A photo that was decoded as large as needed.

    Attributes
    ----------
    image : PIL.Image.Image
        Upright, RGB, without metadata; perhaps smaller than the photo.
    size : tuple of int
        Width and height of the upright photo, in pixels.
    """

    image: Image.Image
    size: tuple[int, int]


def decode(data: bytes, *, max_pixels: int, name: str = "The photo") -> Image.Image:
    """Decode a photo: upright, RGB, the first frame of an animation, without metadata.

    Parameters
    ----------
    data
        A JPEG, PNG, WebP or HEIC file.
    max_pixels
        Largest width × height; compared with the header before anything is decoded.
    name
        What to call the photo in an error.

    Raises
    ------
    UnreadablePhotoError
        The bytes are no such file, or are damaged or truncated.
    PhotoTooLargeError
        The picture has more than ``max_pixels``.

    Examples
    --------
    >>> image = decode(Path("salon.jpg").read_bytes(), max_pixels=120_000_000)  # doctest: +SKIP
    """
    return decode_enough(data, None, max_pixels=max_pixels, name=name).image


def decode_enough(
    data: bytes, side: int | None, *, max_pixels: int, name: str = "The photo"
) -> Decoded:
    """Decode a photo like :func:`decode`, but no larger than needed.

    Parameters
    ----------
    side
        Pixels of the shorter side that are enough: a photo of twice that or more becomes the
        means of 2 × 2 pixels, 3 × 3 and so on (a JPEG nearly so), but never smaller than that.
        ``None`` leaves its size.
    """
    opened = open_picture(data, max_pixels=max_pixels, name=name)
    size = opened.upright_size
    image = opened.image
    with decoder_errors(data, opened.format, name):
        if side is not None:
            _decode_coarsely(image, side)
        image.load()
        rgb = to_rgb(image if side is None else shrunk(image, side))
    turn = UPRIGHT.get(opened.orientation)
    return Decoded(rgb if turn is None else rgb.transpose(turn), size)


def _decode_coarsely(image: ImageFile.ImageFile, side: int) -> None:
    """Let a JPEG that is not loaded yet be decoded at a half, a quarter or an eighth.

    A JPEG holds blocks of 8 × 8 pixels by their frequencies, and leaving out the fine ones saves
    most of the work. The result is not quite the mean of the pixels, which is less than what
    saving the file anew changes: over 330 pictures of the sample homes, saved in ten ways, the
    F1 of the built-in model was 0.755 instead of 0.756, and differed by 0.01 between the ways.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.mode in _SCALED_MODES:
        image.draft(image.mode, (side, side))


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return the means of whole blocks of pixels, with a shorter side of ``side`` at least.

    The picture itself where there is nothing to shrink, or no mean of its pixels.
    """
    factor = min(image.size) // side
    return image.reduce(factor) if factor > 1 and image.mode in _SCALED_MODES else image


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
        raise  # a shortage of this machine, not a fault of the picture
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


#: Pixels of the longest side.
LONGEST_SIDE: Final = 320
_JPEG_QUALITY: Final = 80


def thumbnail(image: Image.Image) -> bytes:
    """Return the picture as a small JPEG without metadata; smaller pictures keep their size."""
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    # The means of whole blocks of pixels first: from 640 pixels that is all there is to do,
    # fifteen times quicker than Lanczos, and nobody sees it at this size. Colours come after
    # it: converting 12 megapixels would double the time.
    factor = max(image.size) // LONGEST_SIDE
    small = to_rgb(image.reduce(factor) if factor > 1 and image.mode == "RGB" else image)
    small = small.resize((width, height), Image.Resampling.BICUBIC)
    stream = BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
