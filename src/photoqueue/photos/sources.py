"""From what the caller gives (a path, an address, bytes, pixels) to a photo's bytes."""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from photoqueue.errors import PhotoNotFoundError, StorageError, UnreadablePhotoError
from photoqueue.photos.limits import check_bytes
from photoqueue.photos.opening import PICTURE_EXTENSIONS, open_picture
from photoqueue.photos.pixels import encode_array, encode_image
from photoqueue.photos.remote import (
    file_name,
    filesystem,
    is_url,
    masked,
    read_url,
    scheme,
    translated,
)

__all__ = ["PhotoSource", "RawPhoto", "expand_sources", "read_photo"]

_MAGIC: Final = re.compile(r"[*?\[]")


def expand_sources(sources: Any) -> list[Any]:
    """List the single photos behind folders, globs and lists of them.

    Folders are searched with all their subfolders for files named like pictures; hidden
    files are skipped; ``2.jpg`` comes before ``10.jpg``. Whatever is a single source is
    returned as it was given, unread.

    Parameters
    ----------
    sources
        One source, a folder, a glob (``photos/**/*.jpg``), an fsspec address of either, or
        any iterable of these.

    Raises
    ------
    PhotoNotFoundError
        A folder holds no picture, or a glob matches none.

    Examples
    --------
    >>> expand_sources("photos/move-42/")  # doctest: +SKIP
    [PosixPath('photos/move-42/2.jpg'), PosixPath('photos/move-42/10.jpg')]
    """
    if _is_list(sources):
        return [single for source in sources for single in expand_sources(source)]
    if isinstance(sources, str):
        if is_url(sources):
            return _expand_url(sources)
        if sources:
            return _expand_path(Path(sources), given=sources)
    if isinstance(sources, Path):
        return _expand_path(sources, given=sources)
    return [sources]


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sort key by which ``2.jpg`` comes before ``10.jpg``, whatever the case of letters."""
    parts = re.split(r"(\d+)", text.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], text


def has_picture_extension(name: str) -> bool:
    """Whether a file name ends like a picture's."""
    return name.lower().endswith(PICTURE_EXTENSIONS)


def _is_list(sources: Any) -> bool:
    if isinstance(sources, np.ndarray):
        return sources.dtype.kind in "OUT"  # a column of paths, not of pixels
    single = (str, bytes, bytearray, memoryview, Path, Image.Image)
    return isinstance(sources, Iterable) and not isinstance(sources, single)


def _expand_path(path: Path, *, given: str | Path) -> list[Any]:
    path = _expand_user(path)
    if _is_folder(path):
        files = list(_walk(path, depth=None))
        return _pictures(files, where=f"The folder {path}")
    if _MAGIC.search(str(path)) and not _exists(path):
        return _expand_glob(path)
    return [given]


def _expand_glob(pattern: Path) -> list[Path]:
    from fsspec.utils import glob_translate

    # The standard library's `**` walks into linked folders again and again; fsspec's
    # matcher over photoqueue's own walk meets each folder once.
    first = next(i for i, part in enumerate(pattern.parts) if _MAGIC.search(part))
    root = Path(*pattern.parts[:first])
    depth = None if "**" in pattern.parts else len(pattern.parts) - first
    matches = re.compile(glob_translate(pattern.as_posix())).match
    files = (
        [file for file in _walk(root, depth=depth) if matches(file.as_posix())]
        if _is_folder(root)
        else []
    )
    where = f"The pattern {pattern}"
    if files and _names_extension(pattern.name):
        return sorted(files, key=lambda file: natural_key(str(file)))
    return _pictures(files, where=where)


def _expand_url(url: str) -> list[str]:
    # Over HTTP there are no folders, and "?" begins a query.
    if scheme(url) in ("http", "https"):
        return [url]
    location = url.partition("::")[0]
    magic = _MAGIC.search(location) is not None
    if not magic and has_picture_extension(location):
        return [url]  # spares one request for each address of a long list
    file_system, path = filesystem(url)
    with translated(url):
        # A listing remembered by fsspec would hide what was uploaded since.
        file_system.invalidate_cache()
        if magic and not file_system.exists(path):
            found = file_system.glob(path, detail=True)
            files = [p for p, info in found.items() if info["type"] != "directory"]
        elif file_system.isdir(path):
            files = file_system.find(path)
        else:
            return [url]
    root = _MAGIC.split(path)[0].rpartition("/")[0] if magic else path
    visible = [file for file in files if not _is_hidden(file.removeprefix(root))]
    where = f"{'The pattern' if magic else 'The folder'} {masked(url)}"
    if not (visible and magic and _names_extension(location.rpartition("/")[2])):
        visible = [str(p) for p in _pictures([PurePosixPath(f) for f in visible], where=where)]
    return [_address(url, path, file) for file in sorted(visible, key=natural_key)]


def _address(url: str, path: str, file: str) -> str:
    """Full address of a file found below ``url``, whose own path is ``path``."""
    # fsspec's `unstrip_protocol` would lose the host, credentials and chained parts.
    location, chain, rest = url.partition("::")
    root = path.strip("/")
    base = location[: location.rindex(root)] if root in location else f"{scheme(url)}://"
    return f"{base}{file.lstrip('/')}{chain}{rest}"


def _pictures(files: list[Any], *, where: str) -> list[Any]:
    """Keep the files named like pictures, sorted; raise if there are none."""
    pictures = [file for file in files if has_picture_extension(file.name)]
    if pictures:
        return sorted(pictures, key=lambda file: natural_key(str(file)))
    looked_for = ", ".join(PICTURE_EXTENSIONS)
    if not files:
        found = "matches no file" if where.startswith("The pattern") else "is empty"
        raise PhotoNotFoundError(f"{where} {found}. Looked for {looked_for}; check the path.")
    kinds = Counter(file.suffix.lower() or "no extension" for file in files)
    seen = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(5))
    raise PhotoNotFoundError(
        f"{where} has no pictures, only {len(files)} other files ({seen}). "
        f"Looked for {looked_for}; name the files explicitly to have them judged by content."
    )


def _walk(
    folder: Path, *, depth: int | None, seen: set[tuple[int, int]] | None = None
) -> Iterator[Path]:
    """Every visible file below a folder, at most ``depth`` levels down.

    Linked folders are followed, each real folder once, so that a link to a parent ends.
    """
    seen = set() if seen is None else seen
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as listing:
            entries = sorted(
                (entry for entry in listing if not entry.name.startswith(".")),
                key=lambda entry: (entry.is_symlink(), natural_key(entry.name)),
            )
    except OSError as exc:
        raise StorageError(
            f"The folder {folder} cannot be read ({exc.strerror}). Check its permissions."
        ) from exc
    for entry in entries:
        path = folder / entry.name
        if not entry.is_dir():
            yield path
        elif depth is None or depth > 1:
            yield from _walk(path, depth=None if depth is None else depth - 1, seen=seen)


def _names_extension(pattern: str) -> bool:
    """Whether a pattern such as ``*.dat`` says itself which files it means."""
    suffix = Path(pattern).suffix
    return len(suffix) > 1 and _MAGIC.search(suffix) is None


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _expand_user(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # no such user; the literal name will be reported as missing
        return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, a null byte: reading will say so
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


#: Whatever a single photo may be given as.
PhotoSource = str | Path | bytes | bytearray | memoryview | Image.Image | npt.NDArray[Any]

#: What the system answers when a path leads nowhere.
_MISSING: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


@dataclass(frozen=True, kw_only=True)
class RawPhoto:
    """A photo as it was given, its header checked, its pixels not yet decoded.

    Attributes
    ----------
    data : bytes
        The file.
    name : str or None
        File name for people; ``None`` for pixels and bytes.
    sha256 : str
        Content address, in hexadecimal.
    format : str
        ``JPEG``, ``PNG``, ``WebP`` or ``HEIC``, by content.
    width, height : int
        Pixels of the upright picture.
    """

    data: bytes = field(repr=False)
    name: str | None
    sha256: str
    format: str
    width: int
    height: int


def read_photo(source: PhotoSource, *, max_bytes: int, max_pixels: int) -> RawPhoto:
    """Read one photo and check its header.

    Parameters
    ----------
    source
        A path, an address (``https://``, ``s3://``, any of fsspec's), the bytes of a file,
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


def _read(source: object, max_bytes: int, max_pixels: int) -> tuple[str, str | None, bytes]:
    """Return what to call the photo in messages, its file name, and its bytes."""
    if isinstance(source, str) and is_url(source):
        return masked(source), file_name(source) or None, read_url(source, max_bytes=max_bytes)
    if isinstance(source, str | Path):
        path = _path(source)
        return str(path), _readable(path.name), _read_file(path, max_bytes)
    if isinstance(source, bytes | bytearray | memoryview):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        check_bytes(size, limit=max_bytes, name="The photo given as bytes")
        return "The photo given as bytes", None, bytes(source)
    if isinstance(source, Image.Image):
        file = getattr(source, "filename", "")
        name = Path(file).name if isinstance(file, str) and file else None
        return "The picture as PNG", name, encode_image(source, max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        return "The array as PNG", None, encode_array(source, max_pixels=max_pixels)
    raise UnreadablePhotoError(
        f"A photo cannot be read from a {type(source).__name__}. "
        "Pass a path, an address, bytes, a Pillow picture or an array."
    )


def _path(source: str | Path) -> Path:
    if not str(source).strip():
        raise PhotoNotFoundError("The photo's path is empty. Pass the path of a file.")
    try:
        return Path(source).expanduser()
    except RuntimeError:  # "~nobody/…": no such user
        return Path(source)


def _readable(name: str) -> str:
    """Return a file name that can be stored as text, even if it is not valid UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _read_file(path: Path, max_bytes: int) -> bytes:
    try:
        # A named pipe would block when it is opened; a device has no end.
        _check_regular(path, path.stat().st_mode)
        with path.open("rb") as file:
            check_bytes(os.fstat(file.fileno()).st_size, limit=max_bytes, name=str(path))
            return file.read(max_bytes + 1)
    except ValueError as exc:  # a null byte in the name
        raise PhotoNotFoundError(f"{str(path)!r} is no path: {exc}. Correct it.") from exc
    except OSError as exc:
        if exc.errno in _MISSING:
            raise PhotoNotFoundError(_missing(path)) from exc
        raise StorageError(
            f"{path} cannot be read ({exc.strerror}). Check its permissions and its disk."
        ) from exc


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise PhotoNotFoundError(f"{path} is a folder. submit_photos takes folders.")
    if not stat.S_ISREG(mode):
        raise UnreadablePhotoError(f"{path} is a device or a pipe. Pass a file.")


def _missing(path: Path) -> str:
    """Return the message for a missing file, with the likeliest misspelling of its name."""
    if re.match(r"[A-Za-z0-9+.-]{2,}:/[^/]", str(path)):
        return f"{path} does not exist. An address is passed as text, not as a Path."
    shown = str(path) if len(str(path)) <= 300 else f"{str(path)[:300]}…"
    try:
        beside = [other.name for other in path.absolute().parent.iterdir()]
    except OSError:
        beside = []
    by_folded = {name.casefold(): name for name in beside}
    close = difflib.get_close_matches(path.name.casefold(), by_folded, n=1, cutoff=0.7)
    if close:
        return f"{shown} does not exist. Beside it is {by_folded[close[0]]!r}: is that meant?"
    return f"{shown} does not exist. Check the path; the current folder is {Path.cwd()}."
