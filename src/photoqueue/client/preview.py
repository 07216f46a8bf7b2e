"""What would be submitted: counted before anything is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photoqueue.client.intake import requests_from
from photoqueue.errors import PhotoNotFoundError


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The photos behind a folder, glob or list.

    Attributes
    ----------
    photos : int
        How many there are.
    rooms : dict of str to int
        Photos of each room that a sub-folder names; empty where none does.
    """

    photos: int
    rooms: dict[str, int]

    def __str__(self) -> str:
        found = f"{self.photos:,} photo{'' if self.photos == 1 else 's'}"
        if not self.rooms:
            return found
        return f"{found} in {len(self.rooms)} room{'' if len(self.rooms) == 1 else 's'}"


def preview(photos: Any, *, room: str | None = None) -> Preview:
    """Count what :func:`submit_photos` would take; opens no photo.

    Raises
    ------
    PhotoNotFoundError
        There is no such folder, or no photo in it.
    PayloadError
        A row names no photo, or an identifier in it is not valid.
    """
    if isinstance(photos, str | Path):
        _require(str(photos))
    requests = requests_from(photos, project_id=None, room=room, room_type=None, user_id="nobody")
    rooms = Counter(request.room for request in requests if request.room is not None)
    return Preview(photos=len(requests), rooms=dict(rooms))


def _require(place: str) -> None:
    """Make sure that a path which is no address and no glob exists."""
    from photoqueue.photos.remote import is_url

    if is_url(place) or any(sign in place for sign in "*?["):
        return
    try:
        found = Path(place).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, NUL in it, "~nobody"
        found = False
    if not found:
        raise PhotoNotFoundError(
            f"There is no file or folder {place[:300]!r} on the machine that runs this notebook. "
            f"Check its name; a relative one begins at {Path.cwd()}."
        )
