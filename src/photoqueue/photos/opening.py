"""Opening a picture: its format, size and orientation, before any pixel is decoded."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from photoqueue.errors import PhotoError, UnreadablePhotoError
from photoqueue.photos.limits import WHOLE_PIXEL, check_pixels, check_whole
from photoqueue.phrases import InBoth

#: Formats that are analysed, as they are named in messages and in the tracking table.
ACCEPTED: Final = ("JPEG", "PNG", "WebP", "HEIC", "AVIF")

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")

_HEIC_BRANDS: Final = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
)
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))
#: Brands of both: the others that the file names say which it is.
_HEIF_BRANDS: Final = frozenset((b"mif1", b"msf1", b"miaf", b"mif2"))

#: Files often found under a picture's name; known only so that the message can say so.
_OTHERS: Final = (
    (b"GIF8", "is a GIF"),
    (b"BM", "is a BMP"),
    (b"II*\x00", "is a TIFF or raw camera file"),
    (b"MM\x00*", "is a TIFF or raw camera file"),
    (b"%PDF", "is a PDF"),
    (b"PK\x03\x04", "is a ZIP archive"),
    (b"\x1f\x8b", "is a gzip archive"),
    (b"\xff\x0a", "is a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "is a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "is a JPEG 2000"),
    (b"\xd0\xcf\x11\xe0", "is a file of Windows or Office"),
)


def picture_format(data: bytes) -> str | None:
    """One of ``ACCEPTED``, or ``None`` when the bytes begin like none of them."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG_MAGIC):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        end = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
        heif = data[8:12] in _HEIC_BRANDS | _AVIF_BRANDS | _HEIF_BRANDS
        if heif and brands & _AVIF_BRANDS:
            return "AVIF"
        return "HEIC" if heif else None
    return None


def describe_content(data: bytes) -> str:
    """Say what the bytes look like, to follow "it" in a message: ``is a GIF``."""
    if not data:
        return "is empty"
    for magic, what in _OTHERS:
        if data.startswith(magic):
            return what
    if data[4:8] == b"ftyp":
        return "is a video or raw camera file"
    start = data[:256]
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page"
    if not any(start):
        return "starts with zeros"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in start):
        return "starts with text"
    return "starts with bytes of no known picture format"


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP from its first 30 bytes; ``None`` if they are damaged.

    Pillow allocates the whole canvas when it opens a WebP. The limit on pixels has to
    be applied before that, so this one size is read here.
    """
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def png_chunks(data: bytes, kind: bytes) -> Iterator[memoryview]:
    """Contents of the chunks of one kind in a PNG, wherever they stand."""
    position, view = len(PNG_MAGIC), memoryview(data)
    while position + 8 <= len(data):
        length, found = struct.unpack_from(">I4s", data, position)
        if found == kind:
            yield view[position + 8 : position + 8 + length]
        position += length + 12  # length, kind and checksum take four bytes each


END_OF_JPEG: Final = b"\xff\xd9"
#: Most pixels of two pictures that are compared in memory.
_MOST_COMPARED: Final = 20_000_000


def is_truncated(data: bytes, picture: str) -> bool:
    """Whether the end is missing; used only to explain why decoding failed."""
    if picture == "JPEG":
        # An embedded preview ends with the same marker, but long before the end.
        return END_OF_JPEG not in data[len(data) // 2 :]
    if picture == "PNG":
        return next(png_chunks(data, b"IEND"), None) is None
    if picture == "WebP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return _boxes_overrun(data)


def _boxes_overrun(data: bytes) -> bool:
    """Whether the top-level boxes of a HEIC promise more bytes than there are."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:  # the true size follows as 64 bits
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:  # 0 is "until the end of the file"
            return False
        position += size
    return position > len(data)


_ORIENTATION_TAG: Final = 0x0112
#: Whole numbers by their type in EXIF: the standard says SHORT, and some cameras write others.
_NUMBERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_EXIF_HEADER: Final = b"Exif\x00\x00"
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
    """EXIF orientation 1…8; 1 when the block is absent, damaged or does not say."""
    if not exif:
        return 1
    tiff = exif
    while tiff.startswith(_EXIF_HEADER):  # some programs write it twice
        tiff = tiff.removeprefix(_EXIF_HEADER)
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            place = directory + 2 + 12 * entry
            tag, kind = struct.unpack_from(f"{order}HH", tiff, place)
            if tag == _ORIENTATION_TAG:
                (value,) = struct.unpack_from(f"{order}{_NUMBERS[kind]}", tiff, place + 8)
                return value if 1 <= value <= 8 else 1
    except (struct.error, KeyError):
        return 1
    return 1


@dataclass(frozen=True)
class OpenPicture:
    """A picture whose header is read and whose pixels are not."""

    #: Pillow's picture, as it is stored.
    image: ImageFile.ImageFile
    #: One of ``formats.ACCEPTED``.
    format: str
    #: EXIF orientation that is still to be applied, 1…8.
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once the picture is upright."""
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG without its resolution in dots per inch.

    Pillow looks for it in the EXIF block and warns about each tag that is damaged there.
    """

    def _read_dpi_from_exif(self) -> None:
        pass


def open_jpeg(data: bytes) -> JpegImagePlugin.JpegImageFile:
    """Read the header of a JPEG."""
    return _Jpeg(BytesIO(data))


def lacks_only_its_end(data: bytes) -> bool:
    """Whether all pixels of a JPEG without end marker are there.

    Bytes added to it change nothing then: else they would be taken for pixels.
    """
    pictures = []
    for more in (b"", bytes(range(1, 255)) * 8):
        image = open_jpeg(data + more + END_OF_JPEG)
        if not image.info.get("progressive"):  # whose last bits show at full size only
            image.draft(image.mode, (image.width // 8, image.height // 8))
        if image.width * image.height > _MOST_COMPARED:
            return False
        image.load()
        pictures.append(image.tobytes())
    return pictures[0] == pictures[1]


def open_picture(data: bytes, *, max_pixels: int, name: str) -> OpenPicture:
    """Read the header of a picture.

    Raises
    ------
    UnreadablePhotoError
        The bytes are no picture of an accepted format, or its header is damaged.
    PhotoTooLargeError
        The header announces more pixels than ``max_pixels``.
    """
    picture = picture_format(data)
    if picture is None:
        raise UnreadablePhotoError(
            "{name} is not a picture that can be analysed: it {what}. Accepted are {accepted}.",
            name=name,
            what=InBoth(describe_content(data)),
            accepted=", ".join(ACCEPTED),
        )
    if picture == "WebP" and (size := webp_size(data)) is not None:
        check_pixels(*size, limit=max_pixels, name=name)
        check_whole(picture, *size, name=name)
    with decoder_errors(data, picture, name):
        image = _open(data, picture)
        opened = OpenPicture(image, picture, _orientation(data, picture, image))
    check_pixels(*opened.upright_size, limit=max_pixels, name=name)
    kind, share = _whole(opened, data)
    if kind in WHOLE_PIXEL:
        check_whole(kind, *opened.upright_size, name=name, share=share)
    return opened


def _whole(opened: OpenPicture, data: bytes) -> tuple[str, float]:
    """Return what a picture is decoded as a whole as, and the share of :func:`check_whole`."""
    image = opened.image
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # The decoder keeps all frequencies until the last of several scans.
        scanned = data[: image.fp.tell()] if image.fp else b""
        scans = any(
            scanned[-6 - 2 * n :].startswith(bytes((0, 6 + 2 * n, n)))
            for n in range(1, image.layers)
        )
        parts = [(horizontal, vertical) for _, horizontal, vertical, _ in image.layer]
        finest = max(map(math.prod, parts), default=1)
        share = sum(map(math.prod, parts)) / finest
        return ("progressive JPEG" if scans or image.info.get("progressive") else "JPEG"), share
    if opened.format == "PNG" and image.info.get("interlace") and image.mode not in ("1", "L", "P"):
        return "interlaced PNG", 0.6 if image.mode == "I;16" else 1.0  # and its copy of 8 bits
    return opened.format, 1.0


@contextmanager
def decoder_errors(data: bytes, picture: str, name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error that says what to do."""
    try:
        yield
    except PhotoError:
        raise
    except MemoryError:
        # The pixels are within the limit, so this machine is short of memory now.
        # Another attempt may succeed: the photo must not be called unreadable.
        raise
    except Exception as exc:
        # Decoders fail in every way there is on damaged input: OSError, SyntaxError,
        # struct.error, ValueError, and from C extensions RuntimeError and SystemError.
        if is_truncated(data, picture):
            raise UnreadablePhotoError(
                "{name} is truncated after {length:,} bytes: the end of the {picture} is missing. "
                "Copy the file again.",
                name=name,
                length=len(data),
                picture=picture,
            ) from exc
        raise UnreadablePhotoError(
            "{name} is a damaged {picture} ({error}). Copy the file again, or export it again.",
            name=name,
            picture=picture,
            error=f"{type(exc).__name__}: {exc}",
        ) from exc


def _open(data: bytes, picture: str) -> ImageFile.ImageFile:
    """Read the header with the decoder of the format.

    ``Image.open`` is not used: it compares the size with a limit in a global variable of
    Pillow, warns above it and refuses above twice that. Changing the global or the warning
    filters would change them for every thread of the process, photoqueue's or not. The
    decoders called directly know no such limit, and ours is checked in `open_picture`.
    It also keeps HEIC out of Pillow's global registry.
    """
    stream = BytesIO(data)
    if picture == "JPEG":
        return open_jpeg(data)
    if picture == "PNG":
        return PngImagePlugin.PngImageFile(BytesIO(_without_texts(data)))
    if picture == "AVIF":
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile(stream)
    if picture == "WebP":
        return WebPImagePlugin.WebPImageFile(stream)
    from pillow_heif import HeifImageFile  # 80 ms that only HEIC has to pay

    heic: Callable[[BytesIO], ImageFile.ImageFile] = HeifImageFile
    return heic(stream)


def _without_texts(data: bytes) -> bytes:
    """Return a PNG without its texts: Pillow refuses long ones, and nobody reads them."""
    if not any(kind in data for kind in _PNG_TEXTS):
        return data
    position, view, kept = len(PNG_MAGIC), memoryview(data), [memoryview(PNG_MAGIC)]
    while position < len(data):
        end = position + int.from_bytes(view[position : position + 4], "big") + 12
        if bytes(view[position + 4 : position + 8]) not in _PNG_TEXTS:
            kept.append(view[position:end])
        position = end
    return b"".join(kept)


def _orientation(data: bytes, picture: str, image: ImageFile.ImageFile) -> int:
    if picture == "HEIC":
        return 1  # libheif has applied it
    if picture == "PNG":
        # The block may follow the pixels, where Pillow finds it only after decoding.
        return orientation(bytes(next(png_chunks(data, b"eXIf"), b"")))
    exif = image.info.get("exif")
    return orientation(exif if isinstance(exif, bytes) else None)
