"""Photos to look at: pages of cards, thumbnails and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from photoqueue.client.frames import item_rows
from photoqueue.client.photo_cards import PhotoCard, card_of
from photoqueue.errors import NotFoundError, PayloadError
from photoqueue.installation import Installation, current
from photoqueue.inventory.wording import Wording
from photoqueue.models import JobState
from photoqueue.tracking import gallery, reads
from photoqueue.tracking.gallery import PhotoChoice

if TYPE_CHECKING:
    import pandas as pd

#: Photos of a page.
PAGE_SIZE: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPage:
    """One page of photos.

    Attributes
    ----------
    previous, next : str or None
        Cursors of the pages beside it; None where there is none.
    """

    cards: tuple[PhotoCard, ...]
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCounts:
    """How many photos there are, by room and by state.

    Attributes
    ----------
    rooms : dict of str to int
        In alphabetical order; an empty name stands for photos without a room.
    complete : bool
        False when there are more than were counted.
    """

    total: int
    rooms: Mapping[str, int]
    states: Mapping[JobState, int]
    complete: bool


def photo_page(
    *,
    project: str | None = None,
    batch: str | None = None,
    room: str | None = None,
    state: JobState | None = None,
    text: str = "",
    cursor: str | None = None,
    size: int = PAGE_SIZE,
    lang: str | None = None,
) -> PhotoPage:
    """Return a page of photos, each once, with its newest job.

    Parameters
    ----------
    project, batch
        Only the photos of a project, of a batch; all when left out.
    room
        Only those of a room; an empty text means those without one.
    state
        Only those whose newest job is in this state.
    text
        Only those with this text in their id, file name, room or a thing they show; without
        a project or batch only the newest 10,000 photos are searched.
    cursor
        ``previous`` or ``next`` of another page of the same photos; the first page when
        left out.
    size
        Photos of a page.
    lang
        ``en`` or ``fr``; that of the settings when left out.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    PayloadError
        The cursor was not made by a page.
    """
    installation = current()
    wording = Wording.of(lang, installation.settings)
    choice = _choice(installation, wording, project, batch, room, state, text)
    after, before = _position(cursor)
    # One more than is shown tells whether there is another page.
    rows = gallery.page(installation.database, choice, limit=size + 1, after=after, before=before)
    if before is not None and len(rows) <= size:
        # Fewer photos than a page are left before: that is the first page, shown in full.
        after = before = None
        rows = gallery.page(installation.database, choice, limit=size + 1)
    more = len(rows) > size
    rows = rows[-size:] if before is not None else rows[:size]
    has_previous = more if before is not None else after is not None
    has_next = before is not None or more
    return PhotoPage(
        cards=tuple(card_of(row, wording) for row in rows),
        previous=f"before-{rows[0].job_id}" if rows and has_previous else None,
        next=f"after-{rows[-1].job_id}" if rows and has_next else None,
    )


def photo_counts(
    *,
    project: str | None = None,
    batch: str | None = None,
    room: str | None = None,
    state: JobState | None = None,
    text: str = "",
    lang: str | None = None,
) -> PhotoCounts:
    """Count photos by room and state; the parameters are those of :func:`photo_page`.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    """
    installation = current()
    wording = Wording.of(lang, installation.settings)
    choice = _choice(installation, wording, project, batch, room, state, text)
    rooms: dict[str, int] = {}
    states: dict[JobState, int] = {}
    for (name, found), count in gallery.counts(installation.database, choice).items():
        rooms[name or ""] = rooms.get(name or "", 0) + count
        states[found] = states.get(found, 0) + count
    total = sum(rooms.values())
    return PhotoCounts(
        total=min(total, gallery.COUNT_LIMIT),
        rooms={name: rooms[name] for name in sorted(rooms, key=str.casefold)},
        states={state: states[state] for state in JobState if state in states},
        complete=total <= gallery.COUNT_LIMIT,
    )


def photo_card(photo_id: str, *, lang: str | None = None) -> PhotoCard:
    """Return one photo with its newest job.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    installation = current()
    rows = gallery.photo_rows(installation.database, [photo_id])
    if not rows:
        raise NotFoundError(
            f"No photo {photo_id[:80]!r} in {installation.database.address}. Check the id, "
            "PHOTOQUEUE_HOME and DATABASE_URL."
        )
    return card_of(rows[0], Wording.of(lang, installation.settings))


def photo_items(photo_ids: Sequence[str], *, lang: str | None = None) -> pd.DataFrame:
    """Return what photos show as a DataFrame: one row an item, in the order of the photos.

    Photos that are unknown, or have no result yet, have no rows.
    """
    import pandas as pd

    installation = current()
    columns = ["photo_id", "file_name", "room", "result"]
    rows = [
        {name: getattr(row, name) for name in columns}
        for row in gallery.photo_rows(installation.database, photo_ids)
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return item_rows(frame, Wording.of(lang, installation.settings))


def _choice(
    installation: Installation,
    wording: Wording,
    project: str | None,
    batch: str | None,
    room: str | None,
    state: JobState | None,
    text: str,
) -> PhotoChoice:
    if batch is not None:
        reads.batch_row(installation.database, batch)  # unknown is not empty
    text = text.strip()
    # Results hold the names that their analysis gave; a person searches for those they see.
    keys = [
        item.key
        for item in (wording.catalogue.items if text else ())
        if text.casefold() in item.name(wording.language).casefold()
    ]
    return PhotoChoice(project=project, batch=batch, room=room, state=state, text=text, keys=keys)


def _position(cursor: str | None) -> tuple[UUID | None, UUID | None]:
    """Read a cursor: behind which job, or before which."""
    if cursor is None:
        return None, None
    side, _, job = cursor.partition("-")
    try:
        if side not in ("after", "before"):
            raise ValueError(side)
        position = UUID(job)
    except ValueError:
        raise PayloadError(
            f"{cursor[:60]!r} is no cursor. Pass `previous` or `next` of a page as it is."
        ) from None
    return (position, None) if side == "after" else (None, position)
