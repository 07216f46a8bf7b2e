"""Taking files from a browser, piece by piece, into a folder of their own.

Everything that comes in is from outside: a name stays inside the folder whatever it says, and
a piece is taken only where the last one ended, so that a file is what was sent or is not there.
"""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
import weakref
from pathlib import Path, PurePosixPath
from typing import Final

from photoqueue.errors import PayloadError, StorageError
from photoqueue.faces.notebook import abandoned
from photoqueue.photos.limits import check_bytes

#: Bytes of one piece at most; Jupyter closes a connection that carries a message of 10 MiB.
CHUNK_BYTES: Final = 2**20
#: Files of one upload at most.
MAX_FILES: Final = 100_000
#: Bytes of one part of a path; file systems take 255.
_PART_BYTES: Final = 200
#: Folders within each other; deeper ones are cut off above.
_MAX_DEPTH: Final = 8
_FOLDER: Final = "uploads"
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Reception:
    """One upload: files one behind the other, each in pieces.

    The folder, ``<home>/uploads/<random>``, is removed with :meth:`discard`, or when the
    reception is no longer used, at the latest when the process ends. That of a process which
    was killed is removed by :func:`clear_abandoned`.

    Parameters
    ----------
    home : Path
        Data directory of the installation.
    count : int
        Files to come.
    max_bytes : int
        Largest file accepted.

    Raises
    ------
    PayloadError
        There is no file to come, or too many.
    StorageError
        The folder cannot be made.
    """

    def __init__(self, home: Path, *, count: int, max_bytes: int) -> None:
        if not 1 <= count <= MAX_FILES:
            raise PayloadError(
                f"An upload has 1 to {MAX_FILES:,} files, not {count:,}. Put more of them in a "
                "folder that the notebook server can read, and choose that folder."
            )
        self.count = count
        self.done = 0
        self._max_bytes = max_bytes
        self._file: Path | None = None
        self._size = 0
        self._received = 0
        self._taken: set[str] = set()
        self.folder = home / _FOLDER / secrets.token_hex(8)
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700)  # photos are private
        except OSError as exc:
            raise _cannot_write(self.folder, exc) from exc
        self._remove = weakref.finalize(self, _remove, self.folder, abandoned.hold(self.folder))

    @property
    def complete(self) -> bool:
        """Whether all files are there."""
        return self.done == self.count

    def take(self, number: int, path: str, size: int, offset: int, data: bytes) -> None:
        """Take the next piece.

        Parameters
        ----------
        number : int
            Of the file, counted from 0.
        path : str
            How the browser calls the file, with its folders.
        size : int
            Bytes of the whole file.
        offset : int
            Where in the file the piece belongs; all pieces before it were taken.
        data : bytes
            At most :data:`CHUNK_BYTES`.

        Raises
        ------
        PayloadError
            It is not the next piece, or larger than was said; nothing was written.
        PhotoTooLargeError
            The file is larger than the limit.
        StorageError
            The disk is full, or the folder was removed.
        """
        received = self._received if self._file else 0
        if self.complete or number != self.done or offset != received:
            raise PayloadError(
                f"Piece {offset:,} of file {number + 1} came where piece {received:,} of file "
                f"{self.done + 1} of {self.count} was expected. Upload the photos again."
            )
        size = size if self._file is None else self._size
        check_bytes(size, limit=self._max_bytes, name=path[-100:])
        if not data or len(data) > CHUNK_BYTES or offset + len(data) > size:
            raise PayloadError(
                f"A piece of {len(data):,} bytes at {offset:,} does not fit into file "
                f"{number + 1} of {size:,} bytes. Upload the photos again."
            )
        try:
            if self._file is None:
                self._file = self._new_file(path)
                self._size = size
            with self._file.open("r+b" if received else "xb") as file:
                file.seek(received)
                file.write(data)
        except OSError as exc:
            raise _cannot_write(self.folder, exc) from exc
        self._received = received + len(data)
        if self._received == size:
            self._file, self._received = None, 0
            self.done += 1

    def discard(self) -> None:
        """Remove the folder with all that is in it."""
        self._remove()

    def _new_file(self, path: str) -> Path:
        inside = safe_path(path)
        stem, number = inside.stem, 1
        # Also where the file system takes "A.jpg" for "a.jpg".
        while str(inside).casefold() in self._taken:
            number += 1
            inside = inside.with_name(f"{stem} ({number}){inside.suffix}")
        self._taken.add(str(inside).casefold())
        file = self.folder / inside
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


def clear_abandoned(home: Path) -> None:
    """Remove the uploads of processes that were killed."""
    abandoned.clear_away(home / _FOLDER)


def safe_path(path: str) -> PurePosixPath:
    """Return a relative path that stays inside a folder, like the one that a browser says.

    Examples
    --------
    >>> safe_path("../bedroom 2/view-1.jpg")
    PurePosixPath('bedroom 2/view-1.jpg')
    """
    parts = [_safe_part(part) for part in re.split(r"[/\\]", unicodedata.normalize("NFC", path))]
    return PurePosixPath(*[part for part in parts if part][-_MAX_DEPTH:] or ["photo"])


def _safe_part(part: str) -> str:
    # A leading dot would hide it, and two are the folder above.
    clean = _UNPRINTABLE.sub("_", part).strip().lstrip(".").strip()
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = clean, ""
    end = f".{suffix}" if suffix else ""
    room = _PART_BYTES - len(end.encode())
    return stem.encode()[:room].decode(errors="ignore") + end


def _remove(folder: Path, held: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    abandoned.release(held)


def _cannot_write(folder: Path, exc: OSError) -> StorageError:
    return StorageError(
        f"Uploaded photos cannot be written to {folder} ({exc.strerror}). Free some space or "
        "make it writable, or put the photos in a folder that the notebook server can read, and "
        "choose that folder."
    )
