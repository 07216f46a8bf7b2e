"""Single photos: what they show, thumbnails and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from photoqueue.client.result_frames import item_rows
from photoqueue.errors import (
    NotFoundError,
    PhotoError,
    PhotoNotFoundError,
    StorageError,
)
from photoqueue.installation import Installation, current
from photoqueue.inventory.wording import Wording
from photoqueue.phrases import InBoth
from photoqueue.queue import projects
from photoqueue.queue.projects import PhotoRow

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image


def photo_row(photo_id: str) -> PhotoRow:
    """Return one photo with its newest job.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    installation = current()
    rows = projects.photo_rows(installation.database, [photo_id])
    if not rows:
        raise NotFoundError(
            f"No photo {photo_id[:80]!r} in {installation.database.address}. Check the id, "
            "PHOTOQUEUE_HOME and DATABASE_URL."
        )
    return rows[0]


def photo_items(photo_ids: Sequence[str], *, lang: str | None = None) -> pd.DataFrame:
    """Return the items of photos as a DataFrame: one row per item, in the order of the photos.

    Unknown photos, and photos without a result, have no rows.
    """
    import pandas as pd

    installation = current()
    columns = ["photo_id", "file_name", "room", "result"]
    rows = [
        {name: getattr(row, name) for name in columns}
        for row in projects.photo_rows(installation.database, photo_ids)
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return item_rows(frame, Wording.of(lang, installation.settings))


_JPEG_QUALITY: Final = 85
#: Longest side of a picture, in pixels; smaller photos keep their size.
_LONGEST_SIDE: Final = 1600


class PhotoPreview(NamedTuple):
    """A thumbnail as JPEG, or the reason that there is none."""

    jpeg: bytes | None
    reason: str = ""


def photo_preview(photo: PhotoRow | str, *, make: bool = True) -> PhotoPreview:
    """Return the thumbnail of a photo, or the reason that there is none.

    Parameters
    ----------
    photo
        A photo, or its id.
    make
        Whether to make and store a missing thumbnail from the original.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    from photoqueue.photos.pixels import thumbnail

    row = photo_row(photo) if isinstance(photo, str) else photo
    installation = current()
    try:
        kept = None if row.sha256 is None else installation.photo_store.get_thumbnail(row.sha256)
        if kept is not None or not make:
            return PhotoPreview(kept)
        jpeg = thumbnail(_decoded(installation, row))
    except (PhotoError, StorageError) as exc:
        return PhotoPreview(None, InBoth(str(exc), french=exc.said("fr")))
    with suppress(StorageError):  # reading must work even if the store is full
        installation.photo_store.put_thumbnail(str(row.sha256), jpeg)
    return PhotoPreview(jpeg)


def photo_picture(photo: PhotoRow | str, *, side: int = _LONGEST_SIDE) -> bytes:
    """Return the upright photo of a row or an id, as JPEG without metadata.

    It fits a screen, or a square of ``side`` pixels.

    Raises
    ------
    NotFoundError
        There is no such photo.
    PhotoError
        There is no original, or it is damaged; the message says which.
    StorageError
        The photo store cannot be read.
    """
    from PIL import Image

    row = photo_row(photo) if isinstance(photo, str) else photo
    image = _decoded(current(), row)
    factor = max(image.size) // (2 * side)
    small = image.reduce(factor) if factor > 1 else image
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def _decoded(installation: Installation, row: PhotoRow) -> Image.Image:
    from photoqueue.photos.pixels import decode

    if row.sha256 is None:
        raise PhotoNotFoundError(
            "There is no original of {title}: it could not be read when it was submitted. Submit "
            "it again.",
            title=row.title,
        )
    return decode(
        installation.photo_store.get(row.sha256),
        max_pixels=round(installation.settings.max_photo_megapixels * 1e6),
        name=row.title,
    )
