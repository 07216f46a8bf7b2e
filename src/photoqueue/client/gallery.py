"""Galleries: pages of photo cards, thumbnails and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from photoqueue.client.result_frames import item_rows
from photoqueue.errors import (
    NotFoundError,
    PhotoError,
    PhotoNotFoundError,
    StorageError,
)
from photoqueue.format import shorten
from photoqueue.installation import Installation, current
from photoqueue.inventory.wording import Wording
from photoqueue.queue import projects, read
from photoqueue.queue.pages import Page
from photoqueue.queue.projects import PhotoChoice, PhotoRow
from photoqueue.records.base import Box
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

#: Characters of an error message on a card.
_MESSAGE_LENGTH: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenItem:
    """An item that a photo shows, with its names in the reader's language.

    Attributes
    ----------
    score : float or None
        0…1.
    box : tuple of float or None
        x0, y0, x1, y1 in 0…1 of the upright picture.
    volume : float or None
        Usual moving volume of one, in m³.
    alternatives : str
        What else it may be: ``two-seat sofa 0.31, corner sofa 0.08``; empty if nothing.
    """

    name: str
    category: str
    score: float | None
    box: Box | None
    volume: float | None
    alternatives: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCard:
    """A photo with its newest job and result.

    Attributes
    ----------
    title : str
        Name for display: ``bedroom 2/view-1.jpg``.
    sha256 : str or None
        Content address; None if the photo could not be read when it was submitted.
    state : JobState
        State of its newest job, whose id is ``job_id``.
    width, height : int or None
        Pixels of the upright picture.
    items : tuple of SeenItem
        Items found by the newest job; empty before it has completed.
    warnings : tuple of str
        Why the photo may show less than there is, such as ``too dark``.
    error_type, error_message : str or None
        The last error; the message is cut to about 300 characters.
    """

    photo_id: str
    title: str
    sha256: str | None
    file_name: str | None
    room: str | None
    room_type: str | None
    state: JobState
    job_id: str
    width: int | None
    height: int | None
    items: tuple[SeenItem, ...]
    warnings: tuple[str, ...]
    error_type: str | None
    error_message: str | None

    @property
    def can_retry(self) -> bool:
        """Whether a retry can help: its picture is stored."""
        return self.state in (JobState.FAILED, JobState.CANCELLED) and self.sha256 is not None


def card_of(row: PhotoRow, wording: Wording) -> PhotoCard:
    """Make the card of a photo, with names in the reader's language."""
    result = row.result or {}
    room_type = result.get("roomType") or row.room_type
    name = row.file_name or row.photo_id
    return PhotoCard(
        photo_id=row.photo_id,
        title=f"{row.room}/{name}" if row.room else name,
        sha256=row.sha256,
        file_name=row.file_name,
        room=row.room,
        room_type=room_type and wording.room_type(room_type),
        state=row.state,
        job_id=str(row.job_id),
        width=result.get("width") or row.width,
        height=result.get("height") or row.height,
        items=tuple(_seen(item, wording) for item in result.get("items", ())),
        warnings=tuple(result.get("warnings", ())),
        error_type=row.error_type,
        error_message=row.error_message and shorten(row.error_message, _MESSAGE_LENGTH),
    )


def _seen(item: Mapping[str, Any], wording: Wording) -> SeenItem:
    box = item.get("box")
    return SeenItem(
        name=wording.item(item.get("key"), item["name"]),
        category=item["category"],
        score=item.get("score"),
        box=tuple(box) if box else None,
        volume=item.get("volume"),
        alternatives=wording.alternatives(item.get("alternatives")),
    )


#: Photos per page.
PAGE_SIZE: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCounts:
    """How many photos there are, by room and by state.

    Attributes
    ----------
    rooms : dict of str to int
        In alphabetical order; the empty name is for photos without a room.
    complete : bool
        False if there are more photos than were counted.
    """

    total: int
    rooms: Mapping[str, int]
    states: Mapping[JobState, int]
    complete: bool


def photo_page(
    choice: PhotoChoice,
    *,
    after: str | None = None,
    before: str | None = None,
    size: int = PAGE_SIZE,
    lang: str | None = None,
) -> Page[PhotoCard]:
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
        ``en`` or ``fr``; default is that of the settings.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    PayloadError
        The cursor is not one of a page.
    """
    installation = current()
    wording = Wording.of(lang, installation.settings)
    choice = _checked(installation, wording, choice)
    page = projects.photo_page(installation.database, choice, size=size, after=after, before=before)
    return Page(tuple(card_of(row, wording) for row in page.rows), page.next, page.previous)


def photo_counts(choice: PhotoChoice, *, lang: str | None = None) -> PhotoCounts:
    """Count photos by room and state.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    """
    installation = current()
    wording = Wording.of(lang, installation.settings)
    choice = _checked(installation, wording, choice)
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


def photo_card(photo_id: str, *, lang: str | None = None) -> PhotoCard:
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
    return card_of(rows[0], Wording.of(lang, installation.settings))


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


def _checked(installation: Installation, wording: Wording, choice: PhotoChoice) -> PhotoChoice:
    if choice.batch is not None:
        read.batch_row(installation.database, choice.batch)  # raises if it is unknown
    text = choice.text.strip()
    # Results store the names given at analysis; people search for the names that are displayed.
    keys = [
        item.key
        for item in (wording.catalogue.items if text else ())
        if text.casefold() in item.name(wording.language).casefold()
    ]
    return replace(choice, text=text, keys=keys)


_JPEG_QUALITY: Final = 85
#: Longest side of a picture, in pixels; smaller photos keep their size.
_LONGEST_SIDE: Final = 1600


class PhotoPreview(NamedTuple):
    """A thumbnail as JPEG, or the reason that there is none."""

    jpeg: bytes | None
    reason: str = ""


def photo_preview(photo: PhotoCard | str, *, make: bool = True) -> PhotoPreview:
    """Return the thumbnail of a photo, or the reason that there is none.

    Parameters
    ----------
    photo
        A card, or a photo id.
    make
        Whether to make and store a missing thumbnail from the original.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    from photoqueue.photos.pixels import thumbnail

    card = photo_card(photo) if isinstance(photo, str) else photo
    installation = current()
    try:
        kept = None if card.sha256 is None else installation.photo_store.get_thumbnail(card.sha256)
        if kept is not None or not make:
            return PhotoPreview(kept)
        jpeg = thumbnail(_decoded(installation, card))
    except (PhotoError, StorageError) as exc:
        return PhotoPreview(None, str(exc))
    with suppress(StorageError):  # reading must work even if the store is full
        installation.photo_store.put_thumbnail(str(card.sha256), jpeg)
    return PhotoPreview(jpeg)


def photo_picture(photo: PhotoCard | str) -> bytes:
    """Return the upright photo of a card or an id, as JPEG without metadata that fits a screen.

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

    card = photo_card(photo) if isinstance(photo, str) else photo
    image = _decoded(current(), card)
    factor = max(image.size) // (2 * _LONGEST_SIDE)
    small = image.reduce(factor) if factor > 1 else image
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    stream = BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def _decoded(installation: Installation, card: PhotoCard) -> Image.Image:
    from photoqueue.photos.pixels import decode

    if card.sha256 is None:
        raise PhotoNotFoundError(
            f"There is no original of {card.title}: it could not be read when it was submitted. "
            "Submit it again."
        )
    return decode(
        installation.photo_store.get(card.sha256),
        max_pixels=round(installation.settings.max_photo_megapixels * 1e6),
        name=card.title,
    )
