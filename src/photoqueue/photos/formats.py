"""Which picture a file holds, told from its bytes: a file name proves nothing."""

from __future__ import annotations

import struct
from typing import Final

#: Formats that are analysed, as they are named in messages and in the tracking table.
ACCEPTED: Final = ("JPEG", "PNG", "WebP", "HEIC")

#: What a folder is searched for. A file named explicitly may have any extension.
PICTURE_EXTENSIONS: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"

_HEIC_BRANDS: Final = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)

#: Files often found under a picture's name; known only so that the message can say so.
_OTHERS: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or raw camera file"),
    (b"MM\x00*", "a TIFF or raw camera file"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)


def picture_format(data: bytes) -> str | None:
    """One of ``ACCEPTED``, or ``None`` when the bytes begin like none of them."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG_MAGIC):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return "HEIC"
    return None


def describe_content(data: bytes) -> str:
    """Say what the bytes look like, to follow "it" in a message: ``is a GIF``."""
    if not data:
        return "is empty"
    for magic, what in _OTHERS:
        if data.startswith(magic):
            return f"is {what}"
    if data[4:8] == b"ftyp":
        return "is an AVIF" if data[8:12] in (b"avif", b"avis") else "is a video or raw camera file"
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


def png_chunk(data: bytes, kind: bytes) -> bytes | None:
    """Content of the first chunk of this kind in a PNG, wherever it stands."""
    position = len(PNG_MAGIC)
    while position + 8 <= len(data):
        length, found = struct.unpack_from(">I4s", data, position)
        if found == kind:
            return data[position + 8 : position + 8 + length]
        position += length + 12  # length, kind and checksum take four bytes each
    return None


def is_truncated(data: bytes, picture: str) -> bool:
    """Whether the end is missing; asked only to explain why decoding failed."""
    if picture == "JPEG":
        # An embedded preview ends with the same marker, but long before the end.
        return b"\xff\xd9" not in data[len(data) // 2 :]
    if picture == "PNG":
        return png_chunk(data, b"IEND") is None
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
        if size == 0:  # "until the end of the file"
            return False
        if size < 8:
            return False
        position += size
    return position > len(data)
