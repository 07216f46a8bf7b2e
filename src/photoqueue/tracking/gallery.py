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

from photoqueue.models import JobState, JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import batch_jobs, jobs, photos

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


def page(
    database: Database,
    choice: PhotoChoice,
    *,
    limit: int,
    after: UUID | None = None,
    before: UUID | None = None,
) -> list[PhotoRow]:
    """Read at most ``limit`` photos behind one job, or those just before another."""
    # All photos: the newest first. Of one submission: as its folders had them.
    newest_first = choice.project is None and choice.batch is None
    query = _chosen(choice).with_only_columns(*_COLUMNS).limit(limit)
    if after is not None:
        query = query.where(jobs.c.job_id < after if newest_first else jobs.c.job_id > after)
    if before is not None:
        query = query.where(jobs.c.job_id > before if newest_first else jobs.c.job_id < before)
    # The page before is read backwards from where the next one begins.
    falling = newest_first is (before is None)
    query = query.order_by(jobs.c.job_id.desc() if falling else jobs.c.job_id)
    rows = _read(database, query)
    return rows if before is None else rows[::-1]


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
    some = (
        _chosen(choice)
        .with_only_columns(photos.c.room, jobs.c.state)
        .limit(COUNT_LIMIT + 1)
        .subquery()
    )
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
        .select_from(jobs.join(photos, photos.c.photo_id == jobs.c.photo_id))
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
            jobs.c.photo_id.in_(
                sa.select(of_batch.c.photo_id)
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
