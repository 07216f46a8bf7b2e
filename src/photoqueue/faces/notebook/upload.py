"""Upload of photos from the user's computer to the notebook server, in pieces."""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
import weakref
from pathlib import Path, PurePosixPath
from typing import Any, Final

import anywidget
import traitlets

from photoqueue.errors import PayloadError, PhotoqueueError, StorageError
from photoqueue.faces.notebook.trial import abandoned, hold, release
from photoqueue.files import make_private, open_private
from photoqueue.photos.finding import PICTURE_EXTENSIONS, LeftOut
from photoqueue.photos.limits import check_bytes
from photoqueue.settings import Settings

#: Seconds for which a new folder is not removed: it may not be locked yet.
_GRACE: Final = 60.0
#: Most bytes of one piece; Jupyter closes a connection that carries a message of 10 MiB.
CHUNK_BYTES: Final = 2**20
#: Most files of one upload.
MAX_FILES: Final = 100_000
#: Most bytes of one part of a path; file systems allow 255.
_PART_BYTES: Final = 200
#: Deepest nesting of folders; outer folders beyond that are dropped.
_MAX_DEPTH: Final = 8
_FOLDER: Final = "uploads"
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Reception:
    """One upload: files one after another, each in pieces.

    The folder, ``<home>/uploads/<random>``, is removed by :meth:`discard`, when the object is no
    longer used, or at the end of the process. After a killed process, :func:`clear_abandoned`
    removes it.

    Parameters
    ----------
    home : Path
        Data directory of the installation.
    count : int
        Number of files.
    max_bytes : int
        Size of the largest accepted file.

    Raises
    ------
    PayloadError
        No files, or too many.
    StorageError
        The folder cannot be created.
    """

    def __init__(self, home: Path, *, count: int, max_bytes: int) -> None:
        if not 1 <= count <= MAX_FILES:
            raise PayloadError(
                "An upload has 1 to {most:,} files, not {count:,}. Put more of them in a folder "
                "that the notebook server can read, and choose that folder.",
                most=MAX_FILES,
                count=count,
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
            make_private(self.folder)
        except OSError as exc:
            raise _cannot_write(self.folder, exc) from exc
        self._remove = weakref.finalize(self, _remove, self.folder, hold(self.folder))

    @property
    def complete(self) -> bool:
        """Whether all files have arrived."""
        return self.done == self.count

    def take(self, number: int, path: str, size: int, offset: int, data: bytes) -> None:
        """Accept the next piece.

        Parameters
        ----------
        number : int
            Index of the file, from 0.
        path : str
            The file's path in the browser, with its folders.
        size : int
            Size of the whole file in bytes.
        offset : int
            Position of the piece in the file; all pieces before it must have been accepted.
        data : bytes
            At most :data:`CHUNK_BYTES`.

        Raises
        ------
        PayloadError
            It is not the next piece, or exceeds the announced size; nothing was written.
        PhotoTooLargeError
            The file is larger than the limit.
        StorageError
            The disk is full, or the folder was removed.
        """
        received = self._received if self._file else 0
        if self.complete or number != self.done or offset != received:
            raise PayloadError(
                "Piece {offset:,} of file {number} came where piece {wanted:,} of file {next} of "
                "{count} was expected. Upload the photos again.",
                offset=offset,
                number=number + 1,
                wanted=received,
                next=self.done + 1,
                count=self.count,
            )
        size = size if self._file is None else self._size
        check_bytes(size, limit=self._max_bytes, name=path[-100:])
        if not data or len(data) > CHUNK_BYTES or offset + len(data) > size:
            raise PayloadError(
                "A piece of {length:,} bytes at {offset:,} does not fit into file {number} of "
                "{size:,} bytes. Upload the photos again.",
                length=len(data),
                offset=offset,
                number=number + 1,
                size=size,
            )
        try:
            if self._file is None:
                self._file = self._new_file(path)
                self._size = size
            with self._file.open("r+b") if received else open_private(self._file, "x") as file:
                file.seek(received)
                file.write(data)
        except OSError as exc:
            raise _cannot_write(self.folder, exc) from exc
        self._received = received + len(data)
        if self._received == size:
            self._file, self._received = None, 0
            self.done += 1

    def discard(self) -> None:
        """Remove the folder with its contents."""
        self._remove()

    def _new_file(self, path: str) -> Path:
        inside = safe_path(path)
        stem, number = inside.stem, 1
        # Also on file systems where "A.jpg" and "a.jpg" are the same.
        while str(inside).casefold() in self._taken:
            number += 1
            inside = inside.with_name(f"{stem} ({number}){inside.suffix}")
        self._taken.add(str(inside).casefold())
        file = self.folder / inside
        make_private(file.parent)
        return file


def clear_abandoned(home: Path) -> None:
    """Remove uploads of processes that were killed."""
    for folder in abandoned(home / _FOLDER, grace=_GRACE):
        shutil.rmtree(folder, ignore_errors=True)


def safe_path(path: str) -> PurePosixPath:
    """Return a relative path that stays inside a folder, close to the browser's path.

    Examples
    --------
    >>> safe_path("../bedroom 2/view-1.jpg")
    PurePosixPath('bedroom 2/view-1.jpg')
    """
    parts = [_safe_part(part) for part in re.split(r"[/\\]", unicodedata.normalize("NFC", path))]
    return PurePosixPath(*[part for part in parts if part][-_MAX_DEPTH:] or ["photo"])


def _safe_part(part: str) -> str:
    # A leading dot would hide the file, and two are the parent folder.
    clean = _UNPRINTABLE.sub("_", part).strip().lstrip(".").strip()
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = clean, ""
    end = f".{suffix}" if suffix else ""
    room = _PART_BYTES - len(end.encode())
    return stem.encode()[:room].decode(errors="ignore") + end


def _remove(folder: Path, held: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    release(held)


def _cannot_write(folder: Path, exc: OSError) -> StorageError:
    return StorageError(
        "Uploaded photos cannot be written to {folder} ({error}). Free some space or make it "
        "writable, or put the photos in a folder that the notebook server can read, and choose "
        "that folder.",
        folder=folder,
        error=exc.strerror,
    )


class Upload(anywidget.AnyWidget):
    """Receives photos from the browser in a temporary folder on the server; base of the form.

    Each piece is sent only after the previous one was accepted. So a busy kernel receives them
    later, and no message exceeds the limits of a front end.

    Parameters
    ----------
    settings : Settings
        Provide the data directory and the photo size limit.

    Attributes
    ----------
    uploaded : Path or None
        Folder of the photos, with a sub-folder per room; None until all have arrived. It is removed
        by :meth:`clear`, by the next upload, and when the widget closes; the next upload widget
        removes leftovers of killed processes.
    files : int
        Photos in the folder.
    state : str
        ``idle``, ``receiving`` or ``ready``.
    """

    #: Identifies this widget for its script, which keeps the browser's file handles.
    token = traitlets.Unicode("").tag(sync=True)
    max_bytes = traitlets.Int(0).tag(sync=True)
    chunk_bytes = traitlets.Int(CHUNK_BYTES).tag(sync=True)
    extensions = traitlets.List(list(PICTURE_EXTENSIONS)).tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    files = traitlets.Int(0).tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)

    def __init__(self, settings: Settings, **traits: Any) -> None:
        self._home = settings.home
        clear_abandoned(self._home)
        self._reception: Reception | None = None
        #: Files that were chosen and not sent, and why.
        self.left_out: list[LeftOut] = []
        #: The current upload; late pieces of an earlier one are ignored.
        self._upload = ""
        super().__init__(
            token=secrets.token_hex(8),
            max_bytes=round(settings.max_photo_mb * 2**20),
            **traits,
        )
        self.on_msg(self._received)

    @property
    def uploaded(self) -> Path | None:
        """Folder of the photos; None until all have arrived."""
        return self._reception.folder if self._reception and self.state == "ready" else None

    def clear(self) -> None:
        """Remove the uploaded photos, as after submission."""
        if self._reception is not None:
            self._reception.discard()
        self._reception, self._upload = None, ""
        self.left_out = []
        self.files = 0
        self.state = "idle"

    def close(self) -> None:
        """Close the widget and remove the uploaded photos."""
        self.clear()
        super().close()

    def _received(self, _widget: object, message: dict[str, Any], buffers: list[Any]) -> None:
        try:
            match message.get("kind"):
                case "begin":
                    self._begin(str(message["upload"]), int(message["count"]))
                    self.left_out = [
                        LeftOut(str(file), str(why)) for file, why in message.get("left", ())
                    ]
                case "piece":
                    self._take(message, buffers)
                case "cancel" if message.get("upload") == self._upload:
                    self.clear()
                case "clear":
                    self.clear()
        except PhotoqueueError as exc:
            self._give_up(self.told(exc))
        except (KeyError, ValueError, TypeError) as exc:
            text = "The browser sent an invalid upload message ({error:.80}). Upload again."
            self._give_up(self.told(PayloadError(text, error=repr(exc))))

    def told(self, error: PhotoqueueError) -> str:
        """Return what to say of an error; the form says it in its language."""
        return str(error)

    def _begin(self, upload: str, count: int) -> None:
        self.clear()
        self.notice = ""
        self._reception = Reception(self._home, count=count, max_bytes=self.max_bytes)
        self._upload = upload
        self.state = "receiving"
        self.send({"kind": "taken", "upload": upload})

    def _take(self, message: dict[str, Any], buffers: list[Any]) -> None:
        if self._reception is None or message["upload"] != self._upload:
            return  # belongs to a cancelled upload
        if len(buffers) != 1:
            raise PayloadError("A piece of a photo came without its bytes. Upload again.")
        self._reception.take(
            int(message["number"]),
            str(message["path"]),
            int(message["size"]),
            int(message["offset"]),
            bytes(buffers[0]),
        )
        if self._reception.complete:
            self.files = self._reception.count
            self.state = "ready"
        self.send({"kind": "taken", "upload": self._upload})

    def _give_up(self, reason: str) -> None:
        upload = self._upload
        self.clear()
        self.notice = reason
        self.send({"kind": "refused", "upload": upload, "reason": reason})

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.state}, {self.files} files>"
