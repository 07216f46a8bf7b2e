"""The photos behind a path, folder, glob or address, their rooms, and what is left out."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from photoqueue.addresses import expanded
from photoqueue.errors import PhotoNotFoundError, StorageError
from photoqueue.format import natural_key
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.photos.opening import describe_content, picture_format
from photoqueue.photos.remote import filesystem, is_url, local_path, masked, scheme, translated
from photoqueue.phrases import InBoth, counted_in, phrase

#: Endings of pictures. A file in a folder that has one is taken whatever it holds: what cannot be
#: read is a failed photo. Any other file is taken if its content is a picture's.
PICTURE_EXTENSIONS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".mpo"),
    *(".png", ".webp", ".heic", ".heif", ".hif", ".avif"),
)

#: Bytes at the beginning of a file by which its content is told.
_HEAD: Final = 4096
_MAGIC: Final = re.compile(r"[*?\[]")
#: Folders that file servers, cameras and systems fill for themselves, often with small copies.
_NOT_OURS: Final = frozenset(
    (
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
        *("$recycle.bin", "system volume information", "__macosx", "lost+found", "thumbnails"),
    )
)
#: Folders in which cameras and telephones number their pictures (DCF, JEITA CP-3461): no rooms.
_CAMERAS: Final = re.compile(r"dcim|[1-9]\d\d[a-z0-9_]{5}", re.IGNORECASE)

#: Why what a pattern matches is left out, unless it goes down into folders.
_A_FOLDER: Final = "is a folder, and only ** looks into folders"


class LeftOut(NamedTuple):
    """A file that was not taken, and why: ``is a PDF``."""

    file: str
    reason: str


class Located(NamedTuple):
    """A photo that was found, and the room that its folder says."""

    source: Any
    room: str | None = None


@dataclass(frozen=True)
class _File:
    """A file below a folder, and why it is not taken, if that is known before it is opened."""

    source: Any
    inside: PurePosixPath
    reason: str | None = None


def find_photos(source: Any) -> tuple[list[Located], list[LeftOut]]:
    """List the photos behind a source, and the files that are left out.

    Folders are searched with all their sub-folders; ``2.jpg`` comes before ``10.jpg``. Whatever is
    a single photo is returned as it was given, unread.

    Parameters
    ----------
    source
        Text or a path: a file, a folder, a glob (``photos/**/*.jpg``) or an address of fsspec.
        Anything else is a single photo.

    Raises
    ------
    PhotoNotFoundError
        A folder holds no picture, or a glob matches none.
    StorageError
        The folder cannot be read.

    Examples
    --------
    >>> find_photos("photos/move-42/")  # doctest: +SKIP
    ([Located(source=PosixPath('photos/move-42/kitchen/2.jpg'), room='kitchen')], [])
    """
    if isinstance(source, str) and is_url(source):
        return _find_remote(source)
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        return [Located(source)], []
    path = expanded(local_path(os.fspath(source)))
    if _is(path, stat.S_ISDIR):
        return _judged(list(_walk(path)), where=InBoth("The folder {path}", path=path))
    if _MAGIC.search(str(path)) and not _is(path):
        return _find_glob(path)
    return [Located(source)], []


def left_out_words(left_out: Iterable[tuple[str, str]], language: str = "en") -> str:
    """Say how many files of which kind are left out: ``2 files left out: a.pdf is a PDF; …``."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for file, reason in left_out:
        files[reason].append(file)
    kinds = sorted(files.items(), key=lambda kind: -len(kind[1]))
    named = [
        phrase(
            language,
            "{file} {reason}" if len(some) == 1 else "{file} and {n:,} more: {reason}",
            file=some[0],
            n=len(some) - 1,
            reason=reason if isinstance(reason, InBoth) else InBoth(reason),
        )
        for reason, some in kinds
    ]
    total = sum(map(len, files.values()))
    left = counted_in(language, total, "1 file left out", "{n} files left out")
    return f"{left}: {'; '.join(named)}" if total else ""


def rooms_of(folders: Sequence[tuple[str, ...]]) -> list[str | None]:
    """Return the room of each photo: the first folder below those that only wrap the others.

    ``unzipped/Move 42/kitchen`` and ``unzipped/Move 42/hall`` are the rooms "kitchen" and "hall".
    A folder that holds all photos is a room if it is named like one, or unless it holds rooms.
    Folders that a camera makes (``DCIM/100CANON``) do not count. Pictures beside a folder that
    only wraps change nothing, and have no room.
    """
    folders = [tuple(p for p in parts if not _CAMERAS.fullmatch(p)) for parts in folders]
    depth = 0
    while True:
        names = {parts[depth] for parts in folders if len(parts) > depth}
        if len(names) != 1 or canonical_room_type(*names):
            break  # the rooms, or one of them
        if all(len(parts) <= depth + 1 for parts in folders):
            # One folder, and none in it: with pictures beside it, it is a part of their room.
            depth -= depth > 0 and any(len(parts) == depth for parts in folders)
            break
        depth += 1
    return [parts[depth] if len(parts) > depth else None for parts in folders]


def folder_of(source: str | os.PathLike[str]) -> str | None:
    """Return the name of the folder of a photo that was found; None of one that a camera made."""
    path = local_path(os.fspath(source))
    name = PurePosixPath(path if is_url(path) else Path(path).absolute().as_posix()).parent.name
    return None if _CAMERAS.fullmatch(name) else _nfc(name)


def _judged(files: Sequence[_File], *, where: InBoth) -> tuple[list[Located], list[LeftOut]]:
    """Divide files into photos, in order and with their rooms, and what is left out."""
    taken = sorted((f for f in files if f.reason is None), key=lambda f: natural_key(str(f.inside)))
    left_out = [LeftOut(_nfc(str(f.inside)), f.reason) for f in files if f.reason]
    left_out.sort(key=lambda out: natural_key(out.file))
    if not taken:
        if left_out:
            words = InBoth(left_out_words(left_out), french=left_out_words(left_out, "fr"))
            raise PhotoNotFoundError(
                "{where} has no pictures. {left_out}.", where=where, left_out=words
            )
        raise PhotoNotFoundError(
            "{where} matches no file. Check the path."
            if where.startswith("The pattern")
            else "{where} is empty. Check the path.",
            where=where,
        )
    rooms = rooms_of([PurePosixPath(_nfc(str(f.inside))).parts[:-1] for f in taken])
    return [Located(f.source, room) for f, room in zip(taken, rooms, strict=True)], left_out


def _walk(folder: Path, *, depth: int | None = None, judge: bool = True) -> Iterator[_File]:
    """Every file below a folder, at most ``depth`` levels down, each real folder once."""
    seen: dict[tuple[int, int], PurePosixPath] = {}

    def walk(inside: PurePosixPath, reason: str | None, depth: int | None) -> Iterator[_File]:
        here = folder / inside
        try:
            status = here.stat()
            first = seen.setdefault((status.st_dev, status.st_ino), inside)
            if first != inside:
                yield _File(
                    here,
                    inside,
                    InBoth(
                        "leads to {path} again", path=str(first).strip(".") or InBoth("the folder")
                    ),
                )
                return
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda e: (e.is_symlink(), natural_key(e.name)))
        except OSError as exc:
            if not inside.parts:
                raise StorageError(
                    "The folder {path} cannot be read ({error}). Check its permissions.",
                    path=folder,
                    error=exc.strerror,
                ) from exc
            yield _File(here, inside, _unreadable(exc))
            return
        for entry in entries:
            within = inside / entry.name
            why = reason or _not_ours(entry.name)
            if _is(here / entry.name, stat.S_ISDIR):
                if depth is None or depth > 1:
                    yield from walk(within, why, None if depth is None else depth - 1)
                else:
                    yield _File(here / entry.name, within, why or _A_FOLDER)
            else:
                path = here / entry.name
                yield _File(path, within, why or (_why_not(path) if judge else None))

    return walk(PurePosixPath(), None, depth)


def _not_ours(name: str) -> str | None:
    if name.startswith("."):
        return "is hidden"
    ours = name.casefold() not in _NOT_OURS
    return None if ours else InBoth("is in {name}, which is not for photos", name=name)


def _why_not(path: Path) -> str | None:
    """Say why a file is no photo; None if it is one, or is named like one."""
    if path.name.lower().endswith(PICTURE_EXTENSIONS):
        return None
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "is a device or a pipe"  # which would block when it is opened
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as exc:
        return _unreadable(exc)
    return None if picture_format(head) else describe_content(head)


def _unreadable(exc: BaseException) -> str:
    why = getattr(exc, "strerror", None) or type(exc).__name__
    return InBoth("cannot be read ({why})", why=why)


def _find_glob(pattern: Path) -> tuple[list[Located], list[LeftOut]]:
    from fsspec.utils import glob_translate

    # The standard library's `**` walks into linked folders again and again; fsspec's
    # matcher over photoqueue's own walk meets each folder once.
    first = next(i for i, part in enumerate(pattern.parts) if _MAGIC.search(part))
    root = Path(*pattern.parts[:first])
    depth = None if "**" in pattern.parts else len(pattern.parts) - first
    matches = re.compile(glob_translate(pattern.as_posix())).match
    judge = not _names_extension(pattern.name)
    files = _walk(root, depth=depth, judge=judge) if _is(root, stat.S_ISDIR) else ()
    hits = [file for file in files if matches(file.source.as_posix())]
    return _judged(hits, where=InBoth("The pattern {path}", path=pattern))


def _find_remote(url: str) -> tuple[list[Located], list[LeftOut]]:
    # Over HTTP there are no folders, and "?" begins a query.
    if scheme(url) in ("http", "https"):
        return [Located(url)], []
    location = url.partition("::")[0]
    magic = _MAGIC.search(location) is not None
    if not magic and location.lower().endswith(PICTURE_EXTENSIONS):
        return [Located(url)], []  # spares one request for each address of a long list
    file_system, path = filesystem(url)
    with translated(url):
        # A listing remembered by fsspec would hide what was uploaded since.
        file_system.invalidate_cache()
        if magic and not file_system.exists(path):
            found = file_system.glob(path, detail=True)
        elif file_system.isdir(path):
            magic, found = False, file_system.find(path, detail=True)
        else:
            return [Located(url)], []
        named = magic and "**" not in path
        infos = {n: info for n, info in found.items() if named or info["type"] != "directory"}
        root = _MAGIC.split(path)[0].rpartition("/")[0] if magic else path
        inside = {name: PurePosixPath(name.removeprefix(root).lstrip("/")) for name in infos}
        why = {
            name: next(filter(None, map(_not_ours, where.parts)), None)
            or (_A_FOLDER if infos[name]["type"] == "directory" else None)
            for name, where in inside.items()
        }
        if not (magic and _names_extension(location.rpartition("/")[2])):
            unsure = [
                name
                for name in infos
                if why[name] is None and not name.lower().endswith(PICTURE_EXTENSIONS)
            ]
            why |= _why_not_remote(file_system, {name: infos[name] for name in unsure})
    return _judged(
        [_File(_address(url, path, name), inside[name], why[name]) for name in infos],
        where=InBoth("The pattern {path}" if magic else "The folder {path}", path=masked(url)),
    )


def _why_not_remote(
    file_system: Any, infos: Mapping[str, Mapping[str, Any]]
) -> dict[str, str | None]:
    """Say why files are no photos, by their beginnings, which are read together."""
    # S3 refuses to read a range of an empty object.
    filled = [name for name, info in infos.items() if info.get("size") != 0]
    heads = file_system.cat_ranges(filled, 0, _HEAD, on_error="return") if filled else []
    why: dict[str, str | None] = dict.fromkeys(infos, describe_content(b""))
    for name, head in zip(filled, heads, strict=True):
        if isinstance(head, BaseException):
            why[name] = _unreadable(head)
        else:
            why[name] = None if picture_format(head) else describe_content(head)
    return why


def _address(url: str, path: str, file: str) -> str:
    """Full address of a file found below ``url``, whose own path is ``path``."""
    # fsspec's `unstrip_protocol` would lose the host, credentials and chained parts.
    location, chain, rest = url.partition("::")
    root = path.strip("/")
    base = location[: location.rindex(root)] if root in location else f"{scheme(url)}://"
    return f"{base}{file.lstrip('/')}{chain}{rest}"


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _names_extension(pattern: str) -> bool:
    """Whether a pattern such as ``*.dat`` says itself which files it means."""
    suffix = Path(pattern).suffix
    return len(suffix) > 1 and _MAGIC.search(suffix) is None


def _is(path: Path, kind: Any = lambda mode: True) -> bool:
    """Whether a path leads to something of a kind."""
    try:
        return bool(kind(path.stat().st_mode))
    except (OSError, ValueError):  # no permission, too long, a loop, a null byte: reading says so
        return False
