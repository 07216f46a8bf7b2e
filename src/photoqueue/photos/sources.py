"""From what the caller gives (a path, an address, bytes, pixels) to a photo's bytes."""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from photoqueue.addresses import expanded
from photoqueue.errors import PhotoNotFoundError, StorageError, UnreadablePhotoError
from photoqueue.photos.limits import check_bytes
from photoqueue.photos.opening import open_picture
from photoqueue.photos.pixels import encode_array, encode_image
from photoqueue.photos.remote import file_name, is_url, local_path, masked, read_url

__all__ = ["PhotoSource", "RawPhoto", "read_photo"]

#: Whatever a single photo may be given as.
PhotoSource = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | npt.NDArray[Any]
)

#: What the system answers when a path leads nowhere.
_MISSING: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


@dataclass(frozen=True, kw_only=True)
class RawPhoto:
    """A photo as it was given, its header checked, its pixels not yet decoded."""

    #: The file.
    data: bytes = field(repr=False)
    #: File name for people; ``None`` for pixels and bytes.
    name: str | None
    #: Content address, in hexadecimal.
    sha256: str
    #: ``JPEG``, ``PNG``, ``WebP``, ``HEIC`` or ``AVIF``, by content.
    format: str
    #: Pixels of the upright picture.
    width: int
    height: int


def read_photo(source: PhotoSource, *, max_bytes: int, max_pixels: int) -> RawPhoto:
    """Read one photo and check its header.

    Parameters
    ----------
    source
        A path, an address (``https://``, ``s3://``, any of fsspec's), an open file or its bytes,
        a Pillow picture or an array. Pixels are encoded as PNG.
    max_bytes, max_pixels
        Limits; no more than ``max_bytes + 1`` is ever read.

    Raises
    ------
    PhotoNotFoundError, UnreadablePhotoError, PhotoTooLargeError
        The photo cannot be used; trying again does not help.
    StorageError
        It could not be read now: network, time-out, permission.

    Examples
    --------
    >>> read_photo("salon.jpg", max_bytes=50 * 2**20, max_pixels=120_000_000)  # doctest: +SKIP
    RawPhoto(name='salon.jpg', sha256='…', format='JPEG', width=4032, height=3024)
    """
    label, name, data = _read(source, max_bytes, max_pixels)
    check_bytes(len(data), limit=max_bytes, name=label)
    opened = open_picture(data, max_pixels=max_pixels, name=label)
    width, height = opened.upright_size
    return RawPhoto(
        data=data,
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        format=opened.format,
        width=width,
        height=height,
    )


def is_single(source: object) -> bool:
    """Whether a source is a single photo, a folder or a glob, rather than several of them."""
    if isinstance(source, np.ndarray):
        return source.dtype.kind not in "OUT"  # pixels, not a column of paths
    plain = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
    tensor = hasattr(source, "__array__") and not hasattr(source, "columns")
    return (
        isinstance(source, plain)
        or _reads(source)
        or (tensor and len(getattr(source, "shape", ())) > 1)
    )


def require(source: object) -> None:
    """Refuse a path that leads nowhere, unless it is an address or a glob.

    Raises
    ------
    PhotoNotFoundError
        There is no such file or folder.
    """
    if isinstance(source, str | os.PathLike) and isinstance(given := os.fspath(source), str):
        if is_url(given) or any(sign in given for sign in "*?["):
            return
        path = _path(given)
        try:
            path.lstat()
        except (OSError, ValueError) as exc:
            raise _unusable(path, exc) from exc


def _reads(source: object) -> bool:
    return callable(getattr(source, "read", None))


def _read(source: object, max_bytes: int, max_pixels: int) -> tuple[str, str | None, bytes]:
    """Return what to call the photo in messages, its file name, and its bytes."""
    if isinstance(source, str) and is_url(source):
        return masked(source), file_name(source) or None, read_url(source, max_bytes=max_bytes)
    if isinstance(source, bytes | bytearray | memoryview):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        check_bytes(size, limit=max_bytes, name="The photo given as bytes")
        return "The photo given as bytes", None, bytes(source)
    if isinstance(source, Image.Image):
        file = getattr(source, "filename", "")
        name = Path(file).name if isinstance(file, str) and file else None
        return "The picture as PNG", name, encode_image(source, max_pixels=max_pixels)
    if isinstance(source, str | os.PathLike) and isinstance(given := os.fspath(source), str):
        path = _path(given)
        return str(path), _readable(path.name), _read_file(path, max_bytes)
    if _reads(source):
        return _read_open(source, max_bytes)
    if hasattr(source, "__array__") and not isinstance(source, np.generic):
        array = np.asarray(source)
        return "The array as PNG", None, encode_array(array, max_pixels=max_pixels)
    raise UnreadablePhotoError(
        f"A photo cannot be read from a {type(source).__name__}. "
        "Pass a path, an address, bytes, an open file, a Pillow picture or an array."
    )


def _path(source: str) -> Path:
    if not source.strip():
        raise PhotoNotFoundError("The photo's path is empty. Pass the path of a file.")
    return expanded(local_path(source))


def _read_open(file: Any, max_bytes: int) -> tuple[str, str | None, bytes]:
    """Read an open file from its beginning, wherever it stands."""
    given = getattr(file, "name", None)
    name = Path(given).name if isinstance(given, str) and given else None
    label = name or "The open file"
    try:
        if getattr(file, "seekable", lambda: False)():
            file.seek(0)
        data = file.read(max_bytes + 1)
    except (OSError, ValueError, TypeError) as exc:  # it is closed, or no file
        raise UnreadablePhotoError(f"{label} cannot be read ({exc}). Open it again.") from exc
    if not isinstance(data, bytes | bytearray | memoryview):
        raise UnreadablePhotoError(
            f"{label} gives {type(data).__name__}, not bytes. Open the file with mode 'rb'."
        )
    check_bytes(len(data), limit=max_bytes, name=label, exact=False)
    return label, name and _readable(name), bytes(data)


def _readable(name: str) -> str:
    """Return a file name that can be stored as text, even if it is not valid UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _read_file(path: Path, max_bytes: int) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PhotoNotFoundError("{path} is a folder. submit_photos takes folders.", path=path)
        if not stat.S_ISREG(mode):  # a named pipe would block when it is opened
            raise UnreadablePhotoError("{path} is a device or a pipe. Pass a file.", path=path)
        with path.open("rb") as file:
            check_bytes(os.fstat(file.fileno()).st_size, limit=max_bytes, name=str(path))
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as exc:
        raise _unusable(path, exc) from exc


def _unusable(path: Path, exc: OSError | ValueError) -> PhotoNotFoundError | StorageError:
    if isinstance(exc, ValueError):  # a null byte in the name
        return PhotoNotFoundError(
            "{path!r} is no path: {error}. Correct it.", path=str(path), error=exc
        )
    if exc.errno in _MISSING:
        return _missing(path)
    return StorageError(
        "{path} cannot be read ({error}). Check its permissions and its disk.",
        path=path,
        error=exc.strerror,
    )


def _missing(path: Path) -> PhotoNotFoundError:
    """Return the error of a missing file, with the likeliest misspelling of its name."""
    if re.match(r"[A-Za-z0-9+.-]{2,}:/[^/]", str(path)):
        return PhotoNotFoundError(
            "{path} does not exist. An address is passed as text, not as a Path.", path=path
        )
    shown = str(path) if len(str(path)) <= 300 else f"{str(path)[:300]}…"
    try:
        beside = [other.name for other in path.absolute().parent.iterdir()]
    except OSError:
        beside = []
    by_folded = {name.casefold(): name for name in beside}
    close = difflib.get_close_matches(path.name.casefold(), by_folded, n=1, cutoff=0.7)
    if close:
        return PhotoNotFoundError(
            "{path} does not exist. Beside it is {name!r}: is that meant?",
            path=shown,
            name=by_folded[close[0]],
        )
    return PhotoNotFoundError(
        "{path} does not exist. Check the path; the current folder is {folder}.",
        path=shown,
        folder=Path.cwd(),
    )
