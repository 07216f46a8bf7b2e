"""Cursors: the place of a row in an ordered list, as one opaque text.

A page that begins behind a cursor stays what it is when rows appear before it, and costs the
same however deep it is; page numbers do neither.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import PayloadError

#: The cursor behind the last row: the page before it is the last page.
END: Final = "end"


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order of rows: by a value, rows without one last, and the newest of equal ones first.

    Attributes
    ----------
    name : str
        Goes into cursors, so that one of another order is refused.
    value : ColumnElement or None
        What is sorted by; None for the id itself.
    nullable : bool
        Whether some rows have no value.
    """

    name: str
    value: sa.ColumnElement[Any] | None
    row_id: sa.ColumnElement[Any]
    descending: bool
    nullable: bool = False

    def by(self, *, backward: bool = False) -> list[sa.ColumnElement[Any]]:
        """Return what to order by; backward to read the rows before a place."""
        if self.value is None:
            return [_directed(self.row_id, self.descending != backward)]
        keys = [_directed(self.value, self.descending != backward)]
        if self.nullable:
            keys.insert(0, _directed(self.value.is_(None), backward))
        return [*keys, _directed(self.row_id, not backward)]

    def beyond(self, cursor: str, *, backward: bool = False) -> sa.ColumnElement[bool]:
        """Return the condition of the rows behind a cursor, or before it when backward.

        Raises
        ------
        PayloadError
            The cursor is none of this order.
        """
        place, row_id = self._read(cursor)
        if self.value is None:
            return _beyond(self.row_id, row_id, self.descending != backward)
        tie = _beyond(self.row_id, row_id, not backward)
        if place is None:
            same: sa.ColumnElement[bool] = sa.and_(self.value.is_(None), tie)
            return sa.or_(self.value.is_not(None), same) if backward else same
        further = sa.or_(
            _beyond(self.value, place, self.descending != backward),
            sa.and_(self.value == place, tie),
        )
        if self.nullable and not backward:
            return sa.or_(further, self.value.is_(None))
        return further

    def cursor(self, value: Any, row_id: UUID) -> str:
        """Return the cursor of a row."""
        if isinstance(value, datetime):
            value = [value.isoformat()]  # a list tells it from a text
        text = json.dumps([self._tag, value, row_id.hex])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def _tag(self) -> str:
        return f"{'-' if self.descending else ''}{self.name}"

    def _read(self, cursor: str) -> tuple[Any, UUID]:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            tag, value, row_id = json.loads(base64.urlsafe_b64decode(padded.encode()))
            if isinstance(value, list):
                value = datetime.fromisoformat(value[0])
            place = value, UUID(hex=row_id)
        except (ValueError, TypeError, AttributeError, IndexError):
            raise PayloadError(
                f"{str(cursor)[:40]!r} is no cursor of a page. Use next or previous of a page, "
                "or leave it out for the first page."
            ) from None
        if tag != self._tag:
            raise PayloadError(
                f"This cursor belongs to a list ordered by {str(tag)[:40]!r}, not by "
                f"{self._tag!r}. Leave it out to begin at the first page."
            )
        return place


def _directed(key: sa.ColumnElement[Any], descending: bool) -> sa.ColumnElement[Any]:
    return key.desc() if descending else key.asc()


def _beyond(key: sa.ColumnElement[Any], place: Any, descending: bool) -> sa.ColumnElement[bool]:
    further: sa.ColumnElement[bool] = key < place if descending else key > place
    return further
