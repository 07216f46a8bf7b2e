"""Photos that were submitted before, by their ids."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import photos


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPhoto:
    """A photo as it was submitted; ``sha256`` is None when it could not be read then."""

    photo_id: str
    sha256: str | None
    project_id: str | None
    room: str | None
    room_type: str | None
    asset_id: str | None
    file_name: str | None


_KNOWN = sa.select(*(photos.c[name] for name in KnownPhoto.__dataclass_fields__))


def known_photo(database: Database, photo_id: str) -> KnownPhoto | None:
    """Read a photo; None when none was submitted under this id."""
    if "\x00" in photo_id:  # PostgreSQL takes no such text, not even to look for it
        return None
    with database.begin() as connection:
        row = connection.execute(_KNOWN.where(photos.c.photo_id == photo_id)).first()
    return None if row is None else KnownPhoto(**row._mapping)
