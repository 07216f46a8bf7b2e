"""The limits on bytes and pixels, and the errors of files above them."""

from __future__ import annotations

from photoqueue.errors import PhotoTooLargeError
from photoqueue.format import size as written


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
    found = written(size) if exact else "larger"
    raise PhotoTooLargeError(
        f"{name} is {found}; the limit is {written(limit)}. "
        "Export it smaller, or raise PHOTOQUEUE_MAX_PHOTO_MB."
    )


def check_pixels(width: int, height: int, *, limit: int, name: str) -> None:
    """Refuse a picture with more pixels than the limit.

    Raises
    ------
    PhotoTooLargeError
        The picture is larger than the limit.
    """
    if width * height <= limit:
        return
    raise PhotoTooLargeError(
        f"{name} has {width} × {height} pixels ({width * height / 1e6:.1f} megapixels); "
        f"the limit is {limit / 1e6:g} megapixels. "
        "Export it smaller, or raise PHOTOQUEUE_MAX_PHOTO_MEGAPIXELS."
    )
