"""Where photos are kept: by content, once, for workers and notebooks alike."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from photoqueue.addresses import expanded
from photoqueue.errors import PayloadError, PhotoNotFoundError, StorageError, UnreadablePhotoError
from photoqueue.files import make_private, open_private
from photoqueue.photos.remote import filesystem, is_url, local_path, masked, scheme, translated
from photoqueue.settings import Settings

#: Stores without folders: makedirs would create a bucket there.
_OBJECT_STORES: Final = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "r2", "memory")
)
#: Names under which they tell when a file was written.
_TIMES: Final = ("LastModified", "last_modified", "mtime", "modified", "created")
#: Seconds for which a file in one of them is not written again: half of what pruning waits.
_FRESH_SECONDS: Final = 12 * 3600.0
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class LocalFolder:
    """A folder on this machine or a network mount.

    Like :class:`RemoteFolder` it holds whole files under relative keys such as
    ``originals/ab/abcd…``. They are private, unless the folder was made for a group to write to:
    then the group can read and write all of them.
    """

    def __init__(self, root: str) -> None:
        self._root = expanded(local_path(root)).absolute()

    def write(self, key: str, data: bytes, *, flush: Flush | None) -> bool:
        """Store a file: complete under its name or not at all; durable with ``flush``.

        Returns whether it was there.

        Durable means that a power cut after the return cannot take the photo away, as the
        caller then commits a job that names it. So the content is flushed before the file
        gets its name, and the folder after it; either alone leaves an empty file or none.
        """
        target = self._root / key
        try:
            found = self._stat(key)
            there = found and found.st_size == len(data) and self._still_there(target)
            if not there:
                make_private(target.parent, group=self._for_group(), flush=flush)
                self._replace(target, data, durable=flush is not None)
            if flush is not None:
                # Also when the file was there: another process may have named it only now.
                flush(target.parent)
        except OSError as exc:
            raise self._write_error(exc, len(data)) from exc
        return bool(there)

    def read(self, key: str) -> bytes | None:
        """Return a file, or ``None`` when there is none."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._read_error(exc) from exc

    def _stat(self, key: str) -> os.stat_result | None:
        try:
            return (self._root / key).stat()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._read_error(exc) from exc

    def has(self, key: str) -> bool:
        """Whether there is such a file."""
        return self._stat(key) is not None

    def age(self, key: str) -> float | None:
        """Return how many seconds ago a file was written, or ``None`` when there is none."""
        found = self._stat(key)
        return max(time.time() - found.st_mtime, 0.0) if found else None

    def old(self, folder: str, seconds: float) -> Iterator[str]:
        """Give the keys of the files in a folder that nobody has written for so long."""

        def fail(exc: OSError) -> None:
            raise self._read_error(exc) from exc

        if not (self._root / folder).is_dir():
            return
        for place, _, names in os.walk(self._root / folder, onerror=fail):
            for name in names:
                key = str(Path(place, name).relative_to(self._root))
                if (self.age(key) or 0.0) >= seconds:
                    yield key

    def delete(self, key: str) -> bool:
        """Delete a file; return whether it was there."""
        try:
            (self._root / key).unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise self._write_error(exc, 0) from exc
        return True

    def _still_there(self, target: Path) -> bool:
        """Mark a file as submitted again, so that pruning does not delete it as old."""
        try:
            os.utime(target)
        except FileNotFoundError:
            return False
        except OSError:
            pass  # another user's file: its age stays what it is
        return True

    def _for_group(self) -> bool:
        found = self._stat("")
        return found is not None and bool(found.st_mode & stat.S_IWGRP)

    def _replace(self, target: Path, data: bytes, *, durable: bool) -> None:
        # Beside the target, because a rename is atomic only within one file system.
        # A process killed here leaves a hidden ``.….part`` file that nothing ever reads.
        temporary = target.with_name(f".{target.name[:16]}.{secrets.token_hex(8)}.part")
        try:
            with open_private(temporary, "x", group=self._for_group()) as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _write_error(self, exc: OSError, size: int) -> StorageError:
        if exc.errno in _FULL:
            return StorageError(
                f"The photo store {self._root} is full: {size:,} bytes are needed "
                f"({exc.strerror}). Free some space, or set PHOTOQUEUE_PHOTO_STORE or "
                "PHOTOQUEUE_HOME to a larger disk."
            )
        return StorageError(
            f"The photo store {self._root} cannot be written ({exc.strerror}; {size:,} bytes "
            "are needed). Make it writable, or set PHOTOQUEUE_PHOTO_STORE or PHOTOQUEUE_HOME "
            "to a folder that is."
        )

    def _read_error(self, exc: OSError) -> StorageError:
        return StorageError(
            f"The photo store {self._root} cannot be read ({exc.strerror}). Check the "
            "permissions and the disk of PHOTOQUEUE_PHOTO_STORE or PHOTOQUEUE_HOME."
        )


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises
    ------
    StorageError
        The disk is full or broken.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        # Some network mounts cannot flush a folder: their server flushes it.
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise LocalFolder(str(folder))._write_error(exc, 0) from exc


#: Makes the names in a folder durable, or notes to do so later, once for many photos.
Flush = Callable[[Path], object]


class RemoteFolder:
    """A place reached through fsspec, such as a bucket of S3.

    An object store shows an object only when it is complete and durable, so a plain put
    keeps both promises. fsspec is first imported when the store is first used.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def write(self, key: str, data: bytes, *, flush: Flush | None) -> bool:
        """Store a file, unless one of the same size was written within the last hours.

        Returns whether it was there.
        """
        found = self._info(key)
        if found.get("size") == len(data) and (_age(found) or 0.0) < _FRESH_SECONDS:
            return True
        file_system, path = self._locate(key)
        with translated(self._root):
            try:
                if scheme(self._root) not in _OBJECT_STORES:
                    file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
                file_system.pipe_file(path, data)
            except FileNotFoundError as exc:
                raise StorageError(
                    f"The photo store {masked(self._root)} does not exist. Create the bucket "
                    "or folder, or correct PHOTOQUEUE_PHOTO_STORE."
                ) from exc
        return bool(found)

    def read(self, key: str) -> bytes | None:
        """Return a file, or ``None`` when there is none."""
        file_system, path = self._locate(key)
        with translated(self._root):
            try:
                return bytes(file_system.cat_file(path))
            except FileNotFoundError:
                return None

    def has(self, key: str) -> bool:
        """Whether there is such a file."""
        return bool(self._info(key))

    def age(self, key: str) -> float | None:
        """Return how many seconds ago a file was written; ``None`` if the place does not tell."""
        return _age(self._info(key))

    def old(self, folder: str, seconds: float) -> Iterator[str]:
        """Give the keys of the files in a folder that nobody has written for so long."""
        file_system, path = self._locate(folder)
        file_system.invalidate_cache()  # others write, too
        with translated(self._root):
            if not file_system.exists(path):
                return
            for place, _, found in file_system.walk(path, detail=True, on_error="raise"):
                file_system.invalidate_cache()  # keep no listing of the whole in memory
                for name, info in found.items():
                    if (_age(info) or 0.0) >= seconds:
                        yield f"{folder}{place.removeprefix(path)}/{name}"

    def _info(self, key: str) -> dict[str, Any]:
        file_system, path = self._locate(key)
        with translated(self._root):
            try:
                return dict(file_system.info(path))
            except FileNotFoundError:
                return {}

    def delete(self, key: str) -> bool:
        """Delete a file; return whether it was there."""
        if not self.has(key):  # a bucket does not say whether there was anything
            return False
        file_system, path = self._locate(key)
        with translated(self._root):
            try:
                file_system.rm_file(path)
            except FileNotFoundError:
                return False
        return True

    def _locate(self, key: str) -> tuple[Any, str]:
        # Not remembered: fsspec keeps one connection a process, and a worker that forks
        # after its store was used must not go on with that of its parent.
        file_system, root = filesystem(self._root)
        return file_system, f"{root.rstrip('/')}/{key}"


def _age(info: Mapping[str, Any]) -> float | None:
    """Return the age in seconds from what a place of fsspec says of a file."""
    for told in filter(None, map(info.get, _TIMES)):
        written = told.timestamp() if isinstance(told, datetime) else told
        return max(time.time() - written, 0.0) if isinstance(written, int | float) else None
    return None


_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class PhotoStore:
    """Photos and their thumbnails under their content address.

    ::

        <root>/originals/ab/abcdef…        the file as it was submitted
        <root>/thumbnails/ab/abcdef….jpg
        <root>/installations/12345678      empty; of each installation that has put a photo

    One level of 256 folders: a million photos are 4,000 a folder, which file systems handle
    easily, and making a folder durable is the most expensive part of storing a photo.

    Parameters
    ----------
    root : str
        A folder, or an address of fsspec (``s3://bucket/photos``).
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._backend = RemoteFolder(root) if is_url(root) else LocalFolder(root)
        self._entered: set[str] = set()

    @classmethod
    def for_settings(cls, settings: Settings) -> Self:
        """Return the store of an installation: ``photo_store``, or ``photos`` in its home."""
        given = settings.photo_store
        return cls(given.get_secret_value() if given else str(settings.home / "photos"))

    def __repr__(self) -> str:
        return f"PhotoStore({self.describe()!r})"

    def describe(self) -> str:
        """Address of the store, without secrets."""
        return masked(self._root)

    def put(
        self, data: bytes, sha256: str, *, installation: str = "", flush: Flush = flush_folder
    ) -> bool:
        """Store a photo of an installation; return whether it was there already.

        It is durable once ``flush`` has done its work on each folder that it was called with.

        Raises
        ------
        StorageError
            The disk is full, the folder cannot be written, the bucket is away.
        PayloadError
            ``sha256`` is no content address.
        """
        key = _original(sha256)
        if installation and installation not in self._entered:
            self._backend.write(f"installations/{installation}", b"", flush=flush_folder)
            self._entered.add(installation)
        return self._backend.write(key, data, flush=flush)

    def __contains__(self, sha256: str) -> bool:
        return self._backend.has(_original(sha256))

    def get(self, sha256: str) -> bytes:
        """Return a photo, checked against its address.

        Raises
        ------
        PhotoNotFoundError
            This store does not have it.
        UnreadablePhotoError
            It was changed or damaged in the store.
        StorageError
            The store could not be read.
        """
        data = self._backend.read(_original(sha256))
        if data is None:
            raise PhotoNotFoundError(
                f"Photo {sha256[:12]}… is not in the store {self.describe()}. Workers and "
                "notebooks must share one store: set the same PHOTOQUEUE_PHOTO_STORE (or "
                "PHOTOQUEUE_HOME) for all of them, or submit the photo again."
            )
        if hashlib.sha256(data).hexdigest() != sha256:
            raise UnreadablePhotoError(
                f"Photo {sha256[:12]}… was changed in the store {self.describe()}: its content "
                f"does not match its address. Delete {_original(sha256)} there and submit the "
                "photo again."
            )
        return data

    def put_thumbnail(self, sha256: str, jpeg: bytes) -> None:
        """Store the thumbnail of a photo."""
        # Not durable: after a power cut a thumbnail is made again from its photo.
        self._backend.write(_thumbnail(sha256), jpeg, flush=None)

    def get_thumbnail(self, sha256: str) -> bytes | None:
        """Return the thumbnail of a photo, or ``None`` when there is none yet."""
        return self._backend.read(_thumbnail(sha256))

    def delete(self, sha256: str, *, resting_seconds: float = 0.0) -> bool:
        """Delete a photo and its thumbnail; return whether the photo was there.

        One that was put within the last ``resting_seconds`` stays: who put it may not have
        committed its job yet.

        Raises
        ------
        StorageError
            The store cannot be written.
        """
        age = self._backend.age(_original(sha256))
        if age is not None and age < resting_seconds:
            return False
        self._backend.delete(_thumbnail(sha256))
        return self._backend.delete(_original(sha256))

    def installations(self) -> set[str]:
        """Return the installations that have put photos."""
        return {key.rpartition("/")[2] for key in self._backend.old("installations", 0.0)}

    def at_rest(self, seconds: float) -> Iterator[str]:
        """Give the addresses of photos and thumbnails that nobody has put for so many seconds.

        What a killed process left unfinished by then is deleted. Places of fsspec that do not tell
        when a file was written give none.
        """
        for folder in ("originals", "thumbnails"):
            for key in self._backend.old(folder, seconds):
                name = key.rpartition("/")[2]
                if _SHA256.fullmatch(name.removesuffix(".jpg")):
                    yield name.removesuffix(".jpg")
                elif name.endswith(".part"):
                    self._backend.delete(key)


def _original(sha256: str) -> str:
    return f"originals/{_checked(sha256)[:2]}/{sha256}"


def _thumbnail(sha256: str) -> str:
    return f"thumbnails/{_checked(sha256)[:2]}/{sha256}.jpg"


def _checked(sha256: str) -> str:
    """Refuse what is no content address: job data may be forged, and this becomes a path."""
    if not _SHA256.fullmatch(sha256):
        raise PayloadError(
            f"{sha256[:80]!r} is no content address of a photo (64 hexadecimal digits, "
            "lower case). Submit the photo again."
        )
    return sha256
