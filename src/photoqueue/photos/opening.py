"""Opening a picture: its format, size and orientation, before any pixel is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from photoqueue.errors import PhotoError, PhotoTooLargeError, UnreadablePhotoError
from photoqueue.photos import formats
from photoqueue.photos.limits import check_pixels
from photoqueue.photos.orientation import orientation, swaps_sides


@dataclass(frozen=True)
class OpenPicture:
    """A picture whose header is read and whose pixels are not.

    Attributes
    ----------
    image : ImageFile
        Pillow's picture, as it is stored.
    format : str
        One of ``formats.ACCEPTED``.
    orientation : int
        EXIF orientation that is still to be applied, 1…8.
    """

    image: ImageFile.ImageFile
    format: str
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once the picture is upright."""
        width, height = self.image.size
        return (height, width) if swaps_sides(self.orientation) else (width, height)


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG without its resolution in dots per inch.

    Pillow looks for it in the EXIF block and warns about each tag that is damaged there.
    """

    def _read_dpi_from_exif(self) -> None:
        pass


def open_picture(data: bytes, *, max_pixels: int, name: str) -> OpenPicture:
    """Read the header of a picture.

    Raises
    ------
    UnreadablePhotoError
        The bytes are no picture of an accepted format, or its header is damaged.
    PhotoTooLargeError
        The header announces more pixels than ``max_pixels``.
    """
    picture = formats.picture_format(data)
    if picture is None:
        raise UnreadablePhotoError(
            f"{name} is not a picture that can be analysed: it {formats.describe_content(data)}. "
            f"Accepted are {', '.join(formats.ACCEPTED)}."
        )
    if picture == "WebP" and (size := formats.webp_size(data)) is not None:
        check_pixels(*size, limit=max_pixels, name=name)
    with decoder_errors(data, picture, name):
        image = _open(data, picture)
        opened = OpenPicture(image, picture, _orientation(data, picture, image))
    check_pixels(*opened.upright_size, limit=max_pixels, name=name)
    return opened


@contextmanager
def decoder_errors(data: bytes, picture: str, name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error that says what to do."""
    try:
        yield
    except PhotoError:
        raise
    except MemoryError:
        # The pixels are within the limit, so it is this machine that is short of memory
        # now. Another attempt may succeed: the photo must not be called unreadable.
        raise
    except Image.DecompressionBombError as exc:
        # Only a host that asks for more than Pillow's own limit of 179 megapixels.
        raise PhotoTooLargeError(
            f"{name} is too large for the decoder: {exc} Export it smaller."
        ) from exc
    except Exception as exc:
        # Decoders fail in every way there is on damaged input: OSError, SyntaxError,
        # struct.error, ValueError, and from C extensions RuntimeError and SystemError.
        if formats.is_truncated(data, picture):
            raise UnreadablePhotoError(
                f"{name} is truncated after {len(data):,} bytes: the end of the {picture} "
                "is missing. Copy the file again."
            ) from exc
        raise UnreadablePhotoError(
            f"{name} is a damaged {picture} ({type(exc).__name__}: {exc}). "
            "Copy the file again, or export it anew."
        ) from exc


def _open(data: bytes, picture: str) -> ImageFile.ImageFile:
    """Let the one right decoder read the header.

    ``Image.open`` is not used: it compares the size with a limit in a global variable of
    Pillow, warns above it and refuses above twice that. Changing the global or the warning
    filters would change them for every thread of the process, photoqueue's or not. The
    decoders called directly know no such limit, and ours is checked in `open_picture`.
    It also keeps HEIC out of Pillow's global registry.
    """
    stream = BytesIO(data)
    if picture == "JPEG":
        return _Jpeg(stream)
    if picture == "PNG":
        return PngImagePlugin.PngImageFile(stream)
    if picture == "WebP":
        return WebPImagePlugin.WebPImageFile(stream)
    from pillow_heif import HeifImageFile  # 80 ms that only HEIC has to pay

    heic: Callable[[BytesIO], ImageFile.ImageFile] = HeifImageFile
    return heic(stream)


def _orientation(data: bytes, picture: str, image: ImageFile.ImageFile) -> int:
    if picture == "HEIC":
        return 1  # libheif has applied it
    if picture == "PNG":
        # The block may follow the pixels, where Pillow finds it only after decoding.
        return orientation(formats.png_chunk(data, b"eXIf"))
    exif = image.info.get("exif")
    return orientation(exif if isinstance(exif, bytes) else None)
