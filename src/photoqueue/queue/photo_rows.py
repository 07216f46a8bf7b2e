"""Reads of photos for looking at them: pages, each photo once, with its newest job.

The order is that of the newest jobs, whose ids are ordered by time: as submitted within a
project or batch, the last submitted first in all of an installation. A page begins behind
(or ends before) a job, so that the last of a thousand pages costs what the first one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from photoqueue.queue.database import Database
from photoqueue.queue.tables import batch_jobs, jobs, photos
from photoqueue.words import JobState, JobType

#: Photos that are counted at most; beyond, "more than" has to do.
COUNT_LIMIT: Final = 10_000
#: Characters of an error message that are read; the job itself has all of it.
_MESSAGE_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoChoice:
    """Which photos are meant.

    Attributes
    ----------
    project, batch : str or None
        Only those of a project, of a batch; None is no limit.
    room : str or None
        Only those of a room; an empty text means those without one.
    state : JobState or None
        Only those whose newest job is in this state.
    text : str
        Only those with this text in their id, file name, room, or in the name of a thing
        that they show, whatever the case of letters.
    keys : sequence of str
        Catalogue keys of things that ``text`` means as well.
    """

    project: str | None = None
    batch: str | None = None
    room: str | None = None
    state: JobState | None = None
    text: str = ""
    keys: Sequence[str] = ()

    @property
    def unlimited(self) -> bool:
        """Whether all photos of the installation are meant, the newest first."""
        return self.project is None and self.batch is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRow:
    """A photo with its newest job."""

    photo_id: str
    sha256: str | None
    file_name: str | None
    room: str | None
    room_type: str | None
    width: int | None
    height: int | None
    job_id: UUID
    state: JobState
    result: Mapping[str, Any] | None
    error_type: str | None
    error_message: str | None


_COLUMNS: Final = (
    photos.c.photo_id,
    photos.c.sha256,
    photos.c.file_name,
    photos.c.room,
    photos.c.room_type,
    photos.c.width,
    photos.c.height,
    jobs.c.job_id,
    jobs.c.state,
    jobs.c.result,
    jobs.c.error_type,
    sa.func.left(jobs.c.error_message, _MESSAGE_LENGTH).label("error_message"),
)
_WITH_PHOTOS: Final = jobs.join(photos, photos.c.photo_id == jobs.c.photo_id)
#: Job before the newest :data:`COUNT_LIMIT` ones: no index helps to find a text in all photos.
_SEARCHED: Final = sa.func.coalesce(
    sa.select(jobs.c.job_id)
    .where(jobs.c.queue_name == str(JobType.PHOTO_ANALYZE))
    .order_by(jobs.c.job_id.desc())
    .offset(COUNT_LIMIT)
    .limit(1)
    .scalar_subquery(),
    sa.cast("00000000-0000-0000-0000-000000000000", jobs.c.job_id.type),
)


def page(
    database: Database,
    choice: PhotoChoice,
    *,
    limit: int,
    after: UUID | None = None,
    before: UUID | None = None,
) -> list[PhotoRow]:
    """Read at most ``limit`` photos behind one job, or those just before another."""
    falling = choice.unlimited is (before is None)
    chosen = _chosen(choice)
    if after is not None:
        chosen = chosen.where(_beyond(after, falling=falling))
    if before is not None:
        # The page before is read backwards from where the next one begins.
        chosen = chosen.where(_beyond(before, falling=falling))
    order = jobs.c.job_id.desc() if falling else jobs.c.job_id
    if choice.unlimited:
        query = chosen.with_only_columns(*_COLUMNS).order_by(order).limit(limit)
    else:
        # All that are meant are found first: a planner that sees a limit would rather look
        # through all jobs in order, until it has met enough photos of the project or batch.
        meant = chosen.with_only_columns(jobs.c.job_id).cte("meant").prefix_with("MATERIALIZED")
        falls = meant.c.job_id.desc() if falling else meant.c.job_id
        some = sa.select(meant.c.job_id).order_by(falls).limit(limit)
        query = (
            sa.select(*_COLUMNS)
            .select_from(_WITH_PHOTOS)
            .where(jobs.c.job_id.in_(some))
            .order_by(order)
        )
    rows = _read(database, query)
    return rows if before is None else rows[::-1]


def _beyond(job_id: UUID, *, falling: bool) -> sa.ColumnElement[bool]:
    return jobs.c.job_id < job_id if falling else jobs.c.job_id > job_id


def photo_rows(database: Database, photo_ids: Sequence[str]) -> list[PhotoRow]:
    """Read photos by their ids, in the order of the ids; those that are not there are left out."""
    asked = [photo_id for photo_id in photo_ids if "\x00" not in photo_id]
    query = (
        _chosen(PhotoChoice())
        .with_only_columns(*_COLUMNS)
        # By the key, which has an index.
        .where(jobs.c.job_key.in_([f"photo-{photo_id}" for photo_id in asked]))
    )
    found = {row.photo_id: row for row in _read(database, query)}
    return [found[photo_id] for photo_id in asked if photo_id in found]


def counts(database: Database, choice: PhotoChoice) -> dict[tuple[str | None, JobState], int]:
    """Count photos by room and state, :data:`COUNT_LIMIT` and one at most."""
    rows = _chosen(choice).with_only_columns(photos.c.room, jobs.c.state).limit(COUNT_LIMIT + 1)
    if choice.unlimited:
        rows = rows.order_by(jobs.c.job_id.desc())  # by their index, however many there are
    some = rows.subquery()
    query = sa.select(some.c.room, some.c.state, sa.func.count()).group_by(
        some.c.room, some.c.state
    )
    with database.begin() as connection:
        return {(room, JobState(state)): count for room, state, count in connection.execute(query)}


def _chosen(choice: PhotoChoice) -> sa.Select[Any]:
    """Select the newest jobs of the photos that are meant."""
    newer = jobs.alias("newer")
    query = (
        sa.select()
        .select_from(_WITH_PHOTOS)
        .where(
            jobs.c.queue_name == str(JobType.PHOTO_ANALYZE),
            ~sa.exists().where(newer.c.job_key == jobs.c.job_key, newer.c.job_id > jobs.c.job_id),
        )
    )
    if choice.project is not None:
        query = query.where(jobs.c.project_id == choice.project)
    if choice.batch is not None:
        of_batch = jobs.alias("of_batch")
        query = query.where(
            # by the key, which has an index
            jobs.c.job_key.in_(
                sa.select(sa.literal("photo-") + of_batch.c.photo_id)
                .join_from(batch_jobs, of_batch, of_batch.c.job_id == batch_jobs.c.job_id)
                .where(batch_jobs.c.batch_id == choice.batch)
            )
        )
    if choice.room is not None:
        query = query.where(sa.func.coalesce(photos.c.room, "") == choice.room)
    if choice.state is not None:
        query = query.where(jobs.c.state == str(choice.state))
    if choice.text:
        query = query.where(_mentions(choice))
        if choice.unlimited:
            query = query.where(jobs.c.job_id > _SEARCHED)
    return query


def _mentions(choice: PhotoChoice) -> sa.ColumnElement[bool]:
    text = choice.text.replace("\x00", "")
    item = sa.func.jsonb_array_elements(
        sa.func.coalesce(jobs.c.result["items"], sa.cast([], JSONB))
    ).table_valued(sa.column("value", JSONB), name="item")
    named = sa.exists(
        sa.select(sa.literal(1))
        .select_from(item)
        .where(
            sa.or_(
                item.c.value["name"].astext.icontains(text, autoescape=True),
                item.c.value["key"].astext == sa.any_(sa.cast(list(choice.keys), ARRAY(sa.Text))),
            )
        )
    )
    return sa.or_(
        *(
            column.icontains(text, autoescape=True)
            for column in (photos.c.photo_id, photos.c.file_name, photos.c.room)
        ),
        named,
    )


def _read(database: Database, query: sa.Select[Any]) -> list[PhotoRow]:
    with database.begin() as connection:
        return [
            PhotoRow(**{**row, "state": JobState(row["state"])})
            for row in connection.execute(query).mappings()
        ]


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
