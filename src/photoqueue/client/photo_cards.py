"""A photo with what is known of it, in the words of the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from photoqueue.cards.drawing import shorten
from photoqueue.inventory.wording import Wording
from photoqueue.models import Box, JobState
from photoqueue.tracking.gallery import PhotoRow

#: Characters of an error message on a card.
_MESSAGE_LENGTH: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenItem:
    """One thing that a photo shows, in the words of the reader.

    Attributes
    ----------
    score : float or None
        0…1.
    box : tuple of float or None
        x0, y0, x1, y1 in 0…1 of the upright picture.
    volume : float or None
        Usual moving volume of one, in m³.
    alternatives : str
        What it may be besides: ``two-seat sofa 0.31, corner sofa 0.08``; empty for nothing.
    """

    name: str
    category: str
    score: float | None
    box: Box | None
    volume: float | None
    alternatives: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCard:
    """A photo with what is known of it.

    Attributes
    ----------
    title : str
        How people call it: ``bedroom 2/view-1.jpg``.
    sha256 : str or None
        Content address; None when the photo could not be read as it was submitted.
    state : JobState
        That of its newest job, whose id is ``job_id``.
    width, height : int or None
        Pixels of the upright picture.
    items : tuple of SeenItem
        Those of the newest job; empty before it has completed.
    warnings : tuple of str
        Why the photo may show less than there is, such as ``too dark``.
    error_type, error_message : str or None
        The last error; the message is cut to some 300 characters.
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
        """Whether starting its job anew can help: there is a photo to look at."""
        return self.state in (JobState.FAILED, JobState.CANCELLED) and self.sha256 is not None


def card_of(row: PhotoRow, wording: Wording) -> PhotoCard:
    """Return a row of the tracking tables in the words of the reader."""
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
