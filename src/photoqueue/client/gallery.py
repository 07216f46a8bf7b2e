"""Galleries: pages of photos, thumbnails and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from photoqueue.queue import projects, read
from photoqueue.queue.pages import Page
from photoqueue.queue.projects import PhotoChoice, PhotoRow
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

#: Photos per page.
PAGE_SIZE: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCounts:
    """How many photos there are, by room and by state."""

    total: int
    #: In alphabetical order; the empty name is for photos without a room.
    rooms: Mapping[str, int]
    states: Mapping[JobState, int]
    #: False if there are more photos than were counted.
    complete: bool


def photo_page(
    choice: PhotoChoice,
    *,
    after: str | None = None,
    before: str | None = None,
    size: int = PAGE_SIZE,
    lang: str | None = None,
) -> Page[PhotoRow]:
    """Return a page of photos, each once, with its newest job.

    Parameters
    ----------
    choice
        Which photos. A text is also searched in the names of the items found in them; without
        a project or batch only the newest 10,000 photos are searched.
    after, before
        ``next`` or ``previous`` of another page of the same photos; default is the first page.
    size
        Photos per page.
    lang
        ``en`` or ``fr``: language of the names that are searched; default is that of the settings.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    PayloadError
        The cursor is not one of a page.
    """
    installation = current()
    choice = _checked(installation, choice, lang)
    return projects.photo_page(installation.database, choice, size=size, after=after, before=before)


def photo_counts(choice: PhotoChoice, *, lang: str | None = None) -> PhotoCounts:
    """Count photos by room and state.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    """
    installation = current()
    choice = _checked(installation, choice, lang)
    rooms: dict[str, int] = {}
    states: dict[JobState, int] = {}
    for (name, found), count in projects.counts(installation.database, choice).items():
        rooms[name or ""] = rooms.get(name or "", 0) + count
        states[found] = states.get(found, 0) + count
    total = sum(rooms.values())
    return PhotoCounts(
        total=min(total, projects.COUNT_LIMIT),
        rooms={name: rooms[name] for name in sorted(rooms, key=str.casefold)},
        states={state: states[state] for state in JobState if state in states},
        complete=total <= projects.COUNT_LIMIT,
    )


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


def _checked(installation: Installation, choice: PhotoChoice, lang: str | None) -> PhotoChoice:
    if choice.batch is not None:
        read.batch_row(installation.database, choice.batch)  # raises if it is unknown
    text = choice.text.strip()
    if not text:
        return replace(choice, text="")
    # Results store the names given at analysis; people search for the names that are displayed.
    wording = Wording.of(lang, installation.settings)
    names = {item.key: item.name(wording.language).casefold() for item in wording.catalogue.items}
    return replace(
        choice, text=text, keys=[key for key, name in names.items() if text.casefold() in name]
    )


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
        return PhotoPreview(None, str(exc))
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
            f"There is no original of {row.title}: it could not be read when it was submitted. "
            "Submit it again."
        )
    return decode(
        installation.photo_store.get(row.sha256),
        max_pixels=round(installation.settings.max_photo_megapixels * 1e6),
        name=row.title,
    )
