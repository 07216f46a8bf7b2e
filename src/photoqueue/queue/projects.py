"""Reads of projects, batches and photos: results, progress and lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from photoqueue.errors import UnknownProjectError
from photoqueue.queue.database import Database, storable
from photoqueue.queue.submission import NewPhoto
from photoqueue.queue.tables import batch_jobs, batches, jobs, photos
from photoqueue.records.snapshots import ProjectEntry
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
        "No photo was submitted for project {project!r}. Submit its photos first: "
        "submit_photos(folder, project_id=…).",
        project=project_id[:80],
    )


def list_projects(database: Database, limit: int = 200) -> list[ProjectEntry]:
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
        return [ProjectEntry(**row._mapping) for row in connection.execute(query)]


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


_COLUMNS: Final = _columns(jobs)


def photo_rows(database: Database, photo_ids: Sequence[str]) -> list[PhotoRow]:
    """Read photos by their ids, in the given order; unknown ones are left out."""
    newer = jobs.alias("newer")
    query = (
        sa.select(*_COLUMNS)
        .join_from(jobs, photos, photos.c.photo_id == jobs.c.photo_id)
        # By job key, which has an index.
        .where(jobs.c.job_key.in_([f"photo-{storable(photo_id)}" for photo_id in photo_ids]))
        .where(
            ~sa.exists().where(newer.c.job_key == jobs.c.job_key, newer.c.job_id > jobs.c.job_id)
        )
    )
    found = {row.photo_id: row for row in _read(database, query)}
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


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
