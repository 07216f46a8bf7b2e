"""From untrusted bytes to a picture that an engine can look at."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin

from photoqueue.errors import UnreadablePhotoError
from photoqueue.photos.limits import check_pixels
from photoqueue.photos.measures import to_rgb
from photoqueue.photos.opening import (
    END_OF_JPEG,
    UPRIGHT,
    decoder_errors,
    is_truncated,
    lacks_only_its_end,
    open_jpeg,
    open_picture,
    orientation,
    png_chunks,
)

#: Modes of which the mean of some pixels is a pixel of theirs.
_SCALED_MODES: Final = frozenset(("RGB", "L"))
#: Most pixels of a decoded picture: 120 MB, as Pillow takes four bytes a pixel.
MOST_PIXELS: Final = 30_000_000
#: Pixels that are decoded at a time where that is possible.
_STRIP_PIXELS: Final = 2_000_000


@dataclass(frozen=True)
class Decoded:
    """A photo that was decoded as large as needed."""

    #: Upright, RGB, without metadata; perhaps smaller than the photo.
    image: Image.Image
    #: Width and height of the upright photo, in pixels.
    size: tuple[int, int]


def decode(data: bytes, *, max_pixels: int, name: str = "The photo") -> Image.Image:
    """Decode a photo: upright, RGB, the first frame of an animation, without metadata.

    Parameters
    ----------
    data
        A JPEG, PNG, WebP, HEIC or AVIF file.
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
        ``None`` leaves its size. What has more than :data:`MOST_PIXELS` is reduced in any case.
    """
    opened = open_picture(data, max_pixels=max_pixels, name=name)
    size = opened.upright_size
    image = opened.image
    factor = _factor(image.size, side)
    with decoder_errors(data, opened.format, name):
        if opened.format == "PNG" and _is_in_strips(image):
            rgb = _joined(_png_strips(data, image.size, image.info, factor), image.size, factor)
        elif opened.format == "HEIC":
            rgb = _joined(_heic_strips(data, factor), image.size, factor)
        else:
            rgb = _whole(opened.image, data, factor)
    turn = UPRIGHT.get(opened.orientation)
    return Decoded(rgb if turn is None else rgb.transpose(turn), size)


def _factor(size: tuple[int, int], side: int | None) -> int:
    """Return by how much to reduce width and height."""
    enough = min(size) // side if side else 1
    return max(enough, math.ceil(math.sqrt(size[0] * size[1] / MOST_PIXELS)), 1)


def _whole(image: ImageFile.ImageFile, data: bytes, factor: int) -> Image.Image:
    """Decode a picture that has to be in memory as a whole, and reduce it."""
    size = image.size
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # A JPEG holds blocks of 8 × 8 pixels by their frequencies. Leaving out the fine ones (a
        # half, a quarter or an eighth of the size) saves most of the work. The result is not quite
        # the mean of the pixels, which is less than what saving the file again changes: over 330
        # pictures of the sample homes, saved in ten ways, the F1 of the built-in model was 0.755
        # instead of 0.756, and differed by 0.01 between the ways.
        if is_truncated(data, "JPEG") and lacks_only_its_end(data):
            data += END_OF_JPEG
            image = open_jpeg(data)
        image.draft(image.mode, (size[0] // factor, size[1] // factor))
        factor = max(factor // round(size[0] / image.width), 1)
    image.load()
    if not image.has_transparency_data and (image.mode in _SCALED_MODES or factor == 1):
        return to_rgb(image.reduce(factor) if factor > 1 else image)
    rows = _rows(image.width, factor)
    crops = (
        image.crop((0, top, image.width, min(top + rows, image.height)))
        for top in range(0, image.height, rows)
    )
    return _joined(crops, image.size, factor)


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return the means of whole blocks of pixels, with a shorter side of ``side`` at least.

    The picture itself where there is nothing to shrink, or no mean of its pixels.
    """
    factor = min(image.size) // side
    return image.reduce(factor) if factor > 1 and image.mode in _SCALED_MODES else image


def _rows(width: int, factor: int) -> int:
    """Return how many rows make a strip of a few megapixels that reduces without a rest."""
    return max(_STRIP_PIXELS // width // factor, 1) * factor


def _joined(strips: Iterable[Image.Image], size: tuple[int, int], factor: int) -> Image.Image:
    """Reduce a picture strip by strip, so that only the result is there as a whole."""
    joined = Image.new("RGB", (-(-size[0] // factor), -(-size[1] // factor)))
    top = 0
    for strip in strips:
        joined.paste(to_rgb(strip).reduce(factor), (0, top // factor))
        top += strip.height
        if top >= size[1]:  # what follows is no part of the picture, and may be without end
            return joined
    raise OSError("image file is truncated")


#: Samples per pixel, and Pillow's mode, by the type of colour in a PNG's header.
_PNG_MODES: Final = {0: (1, "L"), 2: (3, "RGB"), 4: (2, "LA"), 6: (4, "RGBA")}


def _is_in_strips(image: ImageFile.ImageFile) -> bool:
    """Whether a PNG is decoded in strips: it is large, and its rows follow each other."""
    large = image.width * image.height > _STRIP_PIXELS
    return large and image.mode not in ("1", "L", "P") and not image.info.get("interlace")


def _png_strips(
    data: bytes, size: tuple[int, int], info: dict[Any, Any], factor: int
) -> Iterator[Image.Image]:
    """Decode the rows of a PNG of 8 or 16 bits, some at a time.

    Pillow undoes the filters of the rows; the first of a strip refers to the last row before it,
    which is put in front. A filter takes each byte with the same byte of the pixels around, so
    that the lower bytes of 16 bits can be left out before.
    """
    samples, mode = _PNG_MODES[data[25]]
    wide = data[24] // 8
    line = 1 + size[0] * samples * wide
    before = b""
    for block in _inflated(data, line * _rows(size[0], factor)):
        rows = np.frombuffer(block[: len(block) // line * line], np.uint8).reshape(-1, line)
        if wide == 2:
            rows = np.concatenate([rows[:, :1], rows[:, 1::2]], axis=1)
        packed = zlib.compress(before + rows.tobytes(), 0)
        count = len(rows) + bool(before)
        strip = Image.frombytes(mode, (size[0], count), packed, "zip", mode, 0)
        last = strip.crop((0, count - 1, size[0], count))
        if before:
            strip = strip.crop((0, 1, size[0], count))
        before = b"\0" + last.tobytes()
        strip.info = info
        yield strip


def _heic_strips(data: bytes, factor: int) -> Iterator[Image.Image]:
    """Decode a HEIC as a whole, and take its pixels over in strips."""
    from pillow_heif import open_heif

    heic = open_heif(BytesIO(data), remove_stride=False)
    pixels, stride = memoryview(heic.data), heic.stride
    width, height = heic.size
    rows = _rows(width, factor)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        part = pixels[top * stride : (top + count) * stride]
        yield Image.frombytes(heic.mode, (width, count), part, "raw", heic.mode, stride)


def _inflated(data: bytes, size: int) -> Iterator[bytes]:
    """Inflate the pixels of a PNG in blocks of this size; the last may be shorter."""
    inflater, block = zlib.decompressobj(), bytearray()
    for part in png_chunks(data, b"IDAT"):
        rest: bytes | memoryview = part
        while True:
            block += inflater.decompress(rest, size - len(block))
            rest = inflater.unconsumed_tail
            if len(block) < size:
                break
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


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
        turn = UPRIGHT.get(_pending(image))
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


def _pending(image: Image.Image) -> int:
    """Return the EXIF orientation that is still to be applied to a picture in memory.

    A picture as it was opened is turned by its tag. One made from it (rotated, converted, scaled)
    keeps the tag, too, and says only by its sides whether it was turned: they are compared with
    those that the camera noted. Without these it is taken as it is shown.
    """
    exif = image.info.get("exif")
    value = orientation(exif if isinstance(exif, bytes) else None)
    if value == 1 or isinstance(image, ImageFile.ImageFile):
        return value
    noted = image.getexif().get_ifd(ExifTags.IFD.Exif)
    width = noted.get(ExifTags.Base.ExifImageWidth)
    height = noted.get(ExifTags.Base.ExifImageHeight)
    if not width or not height:
        return 1
    return value if (width > height) == (image.width > image.height) else 1


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
