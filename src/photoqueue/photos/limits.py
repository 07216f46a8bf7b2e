"""The limits on bytes and pixels, and the errors of files above them."""

from __future__ import annotations

from typing import Final

from photoqueue.errors import PhotoTooLargeError
from photoqueue.format import size as written
from photoqueue.phrases import InBoth

#: Bytes that the decoder may need for a picture that it has in memory as a whole. With the file,
#: the interpreter and the picture that is handed on, a process stays below 400 MiB.
_WHOLE_BYTES: Final = 250_000_000
#: Bytes a pixel that Pillow's decoders need at most for what cannot be decoded in parts, measured
#: as the peak memory of a process: its planes, its pixels, and Pillow's copy of them.
WHOLE_PIXEL: Final = {
    "WebP": 15.6,  # in a worker with the built-in engine
    "AVIF": 10.0,
    "HEIC": 5.0,
    "interlaced PNG": 4.0,
    # Of each component that is as fine as the picture; a coarser one has its share.
    "progressive JPEG": 2.0,
}


def check_bytes(size: int, *, limit: int, name: str, exact: bool = True) -> None:
    """Refuse a file above the limit.

    Parameters
    ----------
    size, limit
        Bytes.
    name
        What the caller calls the photo.
    exact
        False when reading stopped at the limit, so that the true size is not known.

    Raises
    ------
    PhotoTooLargeError
        The file is larger than the limit.
    """
    if size <= limit:
        return
    found = written(size) if exact else InBoth("larger")
    raise PhotoTooLargeError(
        "{name} is {found}; the limit is {limit}. Export it smaller, or raise "
        "PHOTOQUEUE_MAX_PHOTO_MB.",
        name=name,
        found=found,
        limit=written(limit),
    )


def check_pixels(width: int, height: int, *, limit: int, name: str) -> None:
    """Refuse a picture with more pixels than the limit.

    Raises
    ------
    PhotoTooLargeError
        The picture is larger than the limit.
    """
    if width * height > limit:
        raise PhotoTooLargeError(
            "{found}; the limit is {limit} megapixels. Export it smaller, or raise "
            "PHOTOQUEUE_MAX_PHOTO_MEGAPIXELS.",
            found=_measured(width, height, name),
            limit=f"{limit / 1e6:g}",
        )


def check_whole(kind: str, width: int, height: int, *, name: str, share: float = 1.0) -> None:
    """Refuse a picture that would take too much memory, as it cannot be decoded in parts.

    Parameters
    ----------
    kind
        One of :data:`WHOLE_PIXEL`.
    share
        Of the bytes a pixel of its kind. Of a JPEG: the number of components, each by the share of
        the pixels that it has.

    Raises
    ------
    PhotoTooLargeError
        The picture is larger than the limit of its kind.
    """
    most = _WHOLE_BYTES / (WHOLE_PIXEL[kind] * share)
    if width * height > most:
        raise PhotoTooLargeError(
            "{found}; the limit for {kind}, which cannot be decoded in parts, is {limit} "
            "megapixels. Export it smaller, or as an ordinary JPEG.",
            found=_measured(width, height, name),
            kind=kind,
            limit=f"{most / 1e6:.0f}",
        )


def _measured(width: int, height: int, name: str) -> str:
    return f"{name} has {width} × {height} pixels ({width * height / 1e6:.1f} megapixels)"
