"""Where photos are kept: by content, once, for workers and notebooks alike."""

from __future__ import annotations

import hashlib
import re
from typing import Final, Self

from photoqueue.errors import PayloadError, PhotoNotFoundError, UnreadablePhotoError
from photoqueue.photos.backends import Backend, LocalFolder, RemoteFolder
from photoqueue.photos.remote import is_url, masked, scheme
from photoqueue.settings import Settings

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class PhotoStore:
    """Photos and their thumbnails under their content address.

    ::

        <root>/originals/ab/abcdef…        the file as it was submitted
        <root>/thumbnails/ab/abcdef….jpg

    One level of 256 folders: a million photos are 4,000 a folder, which file systems take
    with ease, and making a folder durable is the dearest part of storing a photo.

    Parameters
    ----------
    root : str
        A folder, or an address of fsspec (``s3://bucket/photos``).
    """

    def __init__(self, root: str) -> None:
        self._root = root
        local = not is_url(root) or scheme(root) in ("file", "local")
        self._backend: Backend = LocalFolder(root) if local else RemoteFolder(root)

    @classmethod
    def for_settings(cls, settings: Settings) -> Self:
        """Return the store of an installation: ``photo_store``, or ``photos`` in its home."""
        return cls(settings.photo_store or str(settings.home / "photos"))

    def __repr__(self) -> str:
        return f"PhotoStore({self.describe()!r})"

    def describe(self) -> str:
        """Address of the store, without secrets."""
        return masked(self._root)

    def put(self, data: bytes, sha256: str) -> None:
        """Store a photo; durable on return, without effect when it is there already.

        Raises
        ------
        StorageError
            The disk is full, the folder cannot be written, the bucket is away.
        PayloadError
            ``sha256`` is no content address.
        """
        self._backend.write(_original(sha256), data, durable=True)

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

    def has(self, sha256: str) -> bool:
        """Whether the photo is in the store."""
        return self._backend.size(_original(sha256)) is not None

    def put_thumbnail(self, sha256: str, jpeg: bytes) -> None:
        """Store the thumbnail of a photo."""
        # Not durable: after a power cut a thumbnail is made again from its photo.
        self._backend.write(_thumbnail(sha256), jpeg, durable=False)

    def get_thumbnail(self, sha256: str) -> bytes | None:
        """Return the thumbnail of a photo, or ``None`` when there is none yet."""
        return self._backend.read(_thumbnail(sha256))

    def delete(self, sha256: str, *, resting_seconds: float = 0.0) -> bool:
        """Delete a photo and its thumbnail; return whether the photo was there.

        One that was put within the last ``resting_seconds`` stays: who put it may not have
        committed its job yet. (In a bucket, to put what is there already leaves no trace.)

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
