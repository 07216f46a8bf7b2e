"""Reads of projects, batches and photos: results, progress, lists and pages of photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from photoqueue.errors import UnknownProjectError
from photoqueue.queue.database import Database, storable
from photoqueue.queue.pages import Ordering, Page, read_page
from photoqueue.queue.submission import NewPhoto
from photoqueue.queue.tables import batch_jobs, batches, jobs, photos
from photoqueue.words import JobState, retry_helps

_COMPLETED: Final = jobs.c.state == str(JobState.COMPLETED)


#: Characters of an error message that are read; the job has all of it.
_MESSAGE_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRow:
    """A photo with a job that analyses it."""

    photo_id: str
    sha256: str | None
    file_name: str | None
    room: str | None
    room_type: str | None
    width: int | None
    height: int | None
    job_id: UUID
    state: JobState
    attempts: int
    max_attempts: int
    result: Mapping[str, Any] | None
    error_type: str | None
    error_message: str | None

    @property
    def title(self) -> str:
        """Name for display: ``bedroom 2/view-1.jpg``."""
        name = self.file_name or self.photo_id
        return f"{self.room}/{name}" if self.room else name

    def without_result(self) -> PhotoRow:
        """Return the photo without what its job found."""
        return replace(self, result=None)

    @property
    def can_retry(self) -> bool:
        """Whether a retry can help: its picture is stored, and is not what is wrong."""
        return self.sha256 is not None and retry_helps(
            self.state, self.error_type, self.attempts, self.max_attempts
        )


def _columns(job: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """Return the columns of a :class:`PhotoRow` from ``photos`` and the job of each photo."""
    return [
        sa.func.left(job.c.error_message, _MESSAGE_LENGTH).label("error_message")
        if field.name == "error_message"
        else (photos if field.name in photos.c else job).c[field.name]
        for field in fields(PhotoRow)
    ]


def project_photos(
    database: Database, project_id: str, *, without: Iterable[UUID] = ()
) -> list[PhotoRow]:
    """Read the photos of a project, each with its newest result.

    Parameters
    ----------
    database, project_id
        Where, and of what.
    without
        Jobs whose results are known and not read again: they are None.

    Raises
    ------
    UnknownProjectError
        No photo was ever submitted for it.
    """
    query, job_id = _of_project(project_id)
    if known := list(without):
        result = next(column for column in query.selected_columns if column.key == "result")
        others = [c for c in query.selected_columns if c is not result]
        read = sa.case((job_id != sa.all_(sa.cast(known, ARRAY(PG_UUID(as_uuid=True)))), result))
        query = query.with_only_columns(*others, read.label("result"))
    found = _read(database, query)
    if not found:
        raise unknown_project(project_id)
    return found


def photos_among(
    database: Database, project_id: str, *, jobs: Iterable[str], photo_ids: Iterable[str]
) -> list[PhotoRow]:
    """Read like :func:`project_photos` those with these ids, or with a result of these jobs."""
    query, job_id = _of_project(project_id)
    wanted = sa.or_(
        sa.cast(job_id, sa.Text).in_(list(map(storable, jobs))),
        photos.c.photo_id.in_(list(photo_ids)),
    )
    return _read(database, query.where(wanted))


def _of_project(project_id: str) -> tuple[sa.Select[Any], sa.ColumnElement[UUID]]:
    """Select the photos of a project with their newest results; also the column of their jobs."""
    # A photo that is analysed again keeps its older result until the newer job completes.
    newest = (
        sa.select(*(jobs.c[field.name] for field in fields(PhotoRow) if field.name not in photos.c))
        .where(
            jobs.c.photo_id == photos.c.photo_id,
            jobs.c.job_key == sa.literal("photo-") + photos.c.photo_id,
            # ignore results of an earlier picture with the same photo id
            sa.or_(
                jobs.c.state != str(JobState.COMPLETED),
                jobs.c.payload["sha256"].astext == photos.c.sha256,
            ),
        )
        .order_by(
            sa.case((jobs.c.state == str(JobState.COMPLETED), 0), else_=1),
            jobs.c.job_id.desc(),
        )
        .limit(1)
        .lateral("newest")
    )
    query = (
        sa.select(*_columns(newest))
        .join_from(photos, newest, sa.true())
        .where(photos.c.project_id == project_id)
        .order_by(photos.c.created_at, photos.c.photo_id)
    )
    return query, newest.c.job_id


def require_project(database: Database, project_id: str) -> None:
    """Make sure that a project has photos.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for it.
    """
    has_photos = sa.exists().where(photos.c.project_id == storable(project_id))
    with database.begin() as connection:
        if not connection.scalar(sa.select(has_photos)):
            raise unknown_project(project_id)


def unknown_project(project_id: str) -> UnknownProjectError:
    """Return the error for a project without photos."""
    return UnknownProjectError(
        f"No photo was submitted for project {project_id[:80]!r}. Submit its photos first: "
        "submit_photos(folder, project_id=…)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """One project in the list of projects."""

    project_id: str
    #: Number of its photos and of the rooms that they name.
    photos: int
    rooms: int
    #: When its newest inventory ended; None without one.
    newest_inventory: datetime | None
    #: When a photo was last submitted for it or one of its jobs last ended.
    last_activity: datetime


def list_projects(database: Database, limit: int = 200) -> list[ProjectRow]:
    """Read the projects with the most recently submitted photos, most recent first."""
    known = (
        sa.select(
            photos.c.project_id,
            sa.func.count().label("photos"),
            sa.func.count(photos.c.room.distinct()).label("rooms"),
            sa.func.max(photos.c.created_at).label("came_at"),
        )
        .where(photos.c.project_id.is_not(None))
        .group_by(photos.c.project_id)
        .order_by(sa.func.max(photos.c.created_at).desc(), photos.c.project_id)
        .limit(limit)
        .cte("known")
    )
    added_up = (
        sa.select(sa.func.max(jobs.c.finished_at))
        .where(jobs.c.job_key == sa.literal("inventory-") + known.c.project_id, _COMPLETED)
        .scalar_subquery()
    )
    moved = (
        sa.select(sa.func.max(sa.func.coalesce(jobs.c.finished_at, jobs.c.created_at)))
        .where(jobs.c.project_id == known.c.project_id)
        .scalar_subquery()
    )
    query = sa.select(
        known.c.project_id,
        known.c.photos,
        known.c.rooms,
        added_up.label("newest_inventory"),
        sa.func.greatest(known.c.came_at, moved).label("last_activity"),
    ).order_by(known.c.came_at.desc(), known.c.project_id)
    with database.begin() as connection:
        return [ProjectRow(**row._mapping) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch in a list."""

    batch_id: str
    project_id: str | None
    #: Number of jobs in the batch.
    photos: int
    created_at: datetime


def recent_batches(database: Database, limit: int = 20) -> list[BatchSummary]:
    """Read the newest batches, newest first."""
    shown = (batches.c.batch_id, batches.c.project_id, batches.c.created_at)
    newest = sa.select(*shown).order_by(batches.c.created_at.desc()).limit(limit).subquery()
    size = (
        sa.select(sa.func.count())
        .where(batch_jobs.c.batch_id == newest.c.batch_id)
        .scalar_subquery()
    )
    query = sa.select(
        newest.c.batch_id, newest.c.project_id, newest.c.created_at, size.label("photos")
    ).order_by(newest.c.created_at.desc())
    with database.begin() as connection:
        return [BatchSummary(**row) for row in connection.execute(query).mappings()]


#: Most photos that are counted.
COUNT_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoChoice:
    """Filters for photos."""

    #: Only photos of this project or batch; None for all.
    project: str | None = None
    batch: str | None = None
    #: Only photos of this room; empty for photos without a room.
    room: str | None = None
    #: Only photos whose newest job is in this state.
    state: JobState | None = None
    #: Only photos with this text in their id, file name, room or the name of an item found in them,
    #: ignoring case.
    text: str = ""
    #: Catalogue keys of items whose names match ``text``.
    keys: Sequence[str] = ()

    @property
    def unlimited(self) -> bool:
        """Whether no project or batch is given; the newest photos come first then."""
        return self.project is None and self.batch is None


_COLUMNS: Final = _columns(jobs)
_WITH_PHOTOS: Final = jobs.join(photos, photos.c.photo_id == jobs.c.photo_id)
#: The job before the newest :data:`COUNT_LIMIT` ones: searches are limited to those, as no index
#: can be used.
_SEARCHED: Final = sa.func.coalesce(
    sa.select(jobs.c.job_id)
    .where(jobs.c.photo_id.is_not(None))
    .order_by(jobs.c.job_id.desc())
    .offset(COUNT_LIMIT)
    .limit(1)
    .scalar_subquery(),
    sa.cast("00000000-0000-0000-0000-000000000000", jobs.c.job_id.type),
)


def photo_page(
    database: Database, choice: PhotoChoice, *, size: int, after: str | None, before: str | None
) -> Page[PhotoRow]:
    """Read a page of photos.

    Raises
    ------
    PayloadError
        The cursor is not valid.
    """
    order = Ordering("photos", None, jobs.c.job_id, choice.unlimited)

    def read(place: str | None, backward: bool, limit: int) -> list[PhotoRow]:
        chosen = _chosen(choice)
        if place is not None:
            chosen = chosen.where(order.beyond(place, backward=backward))
        if choice.unlimited:
            query = chosen.with_only_columns(*_COLUMNS).limit(limit)
        else:
            # Filter first, then limit: otherwise the planner may scan all jobs in order until it
            # has enough photos of the project or batch.
            ids = chosen.with_only_columns(jobs.c.job_id).cte("chosen").prefix_with("MATERIALIZED")
            of_ids = replace(order, row_id=ids.c.job_id).by(backward=backward)
            some = sa.select(ids.c.job_id).order_by(*of_ids).limit(limit)
            query = sa.select(*_COLUMNS).select_from(_WITH_PHOTOS).where(jobs.c.job_id.in_(some))
        return _read(database, query.order_by(*order.by(backward=backward)))

    return read_page(
        read, lambda row: order.cursor(None, row.job_id), size=size, after=after, before=before
    )


def photo_rows(database: Database, photo_ids: Sequence[str]) -> list[PhotoRow]:
    """Read photos by their ids, in the given order; unknown ones are left out."""
    query = (
        _chosen(PhotoChoice())
        .with_only_columns(*_COLUMNS)
        # By job key, which has an index.
        .where(jobs.c.job_key.in_([f"photo-{storable(photo_id)}" for photo_id in photo_ids]))
    )
    found = {row.photo_id: row for row in _read(database, query)}
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


def counts(database: Database, choice: PhotoChoice) -> dict[tuple[str | None, JobState], int]:
    """Count photos by room and state; at most :data:`COUNT_LIMIT` + 1 in all."""
    rows = _chosen(choice).with_only_columns(photos.c.room, jobs.c.state).limit(COUNT_LIMIT + 1)
    if choice.unlimited:
        rows = rows.order_by(jobs.c.job_id.desc())  # so that the index is used
    some = rows.subquery()
    query = sa.select(some.c.room, some.c.state, sa.func.count()).group_by(
        some.c.room, some.c.state
    )
    with database.begin() as connection:
        return {(room, JobState(state)): count for room, state, count in connection.execute(query)}


def _chosen(choice: PhotoChoice) -> sa.Select[Any]:
    """Select the newest jobs of the chosen photos."""
    newer = jobs.alias("newer")
    query = (
        sa.select()
        .select_from(_WITH_PHOTOS)
        .where(
            jobs.c.photo_id.is_not(None),
            ~sa.exists().where(newer.c.job_key == jobs.c.job_key, newer.c.job_id > jobs.c.job_id),
        )
    )
    if choice.project is not None:
        query = query.where(jobs.c.project_id == choice.project)
    if choice.batch is not None:
        of_batch = jobs.alias("of_batch")
        query = query.where(
            # by job key, which has an index
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


def known_photo(database: Database, photo_id: str) -> NewPhoto | None:
    """Read a photo; None if none was submitted under this id."""
    query = sa.select(*(photos.c[name] for name in NewPhoto._fields))
    with database.begin() as connection:
        row = connection.execute(query.where(photos.c.photo_id == storable(photo_id))).first()
    return None if row is None else NewPhoto(*row)
