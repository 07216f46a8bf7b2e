"""Reads of a project: its photos, each with its newest result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import UnknownProjectError
from photoqueue.queue.database import Database
from photoqueue.queue.tables import batch_jobs, batches, jobs, photos, workers
from photoqueue.queue.workers import has_lease
from photoqueue.words import UNFINISHED, JobState, JobType


@dataclass(frozen=True, slots=True)
class ProjectPhoto:
    """A photo of a project with its newest result, if it has one."""

    photo_id: str
    sha256: str | None
    room: str | None
    room_type: str | None
    result: Mapping[str, Any] | None
    state: JobState


def project_exists(database: Database, project_id: str) -> bool:
    """Whether a photo was ever submitted for a project."""
    with database.begin() as connection:
        return bool(connection.scalar(sa.select(_has_photos(project_id))))


def project_photos(database: Database, project_id: str) -> list[ProjectPhoto]:
    """Read the photos of a project, each with its newest result.

    Raises
    ------
    UnknownProjectError
        No photo was ever submitted for it.
    """
    # A photo analysed again keeps its older result until the newer job has one.
    newest = (
        sa.select(jobs.c.state, jobs.c.result)
        .where(
            jobs.c.photo_id == photos.c.photo_id,
            jobs.c.job_key == sa.literal("photo-") + photos.c.photo_id,
            # a result of what was once another picture under this id does not count
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
        sa.select(
            photos.c.photo_id,
            photos.c.sha256,
            photos.c.room,
            photos.c.room_type,
            newest.c.result,
            newest.c.state,
        )
        .join_from(photos, newest, sa.true())
        .where(photos.c.project_id == project_id)
        .order_by(photos.c.created_at, photos.c.photo_id)
    )
    with database.begin() as connection:
        found = [
            ProjectPhoto(
                photo_id=row.photo_id,
                sha256=row.sha256,
                room=row.room,
                room_type=row.room_type,
                result=row.result,
                state=JobState(row.state),
            )
            for row in connection.execute(query)
        ]
    if not found:
        raise unknown_project(project_id)
    return found


def newest_inventory(database: Database, project_id: str) -> Mapping[str, Any] | None:
    """Read the result of the newest inventory of a project; None when there is none yet."""
    query = (
        sa.select(jobs.c.result)
        .where(
            jobs.c.job_key == f"inventory-{project_id}",
            jobs.c.state == str(JobState.COMPLETED),
        )
        .order_by(jobs.c.job_id.desc())
        .limit(1)
    )
    with database.begin() as connection:
        found: Mapping[str, Any] | None = connection.scalar(query)
    return found


def unknown_project(project_id: str) -> UnknownProjectError:
    """Say that a project has no photos, and what to do."""
    return UnknownProjectError(
        f"No photo was submitted for project {project_id[:80]!r}. Submit its photos first: "
        "submit_photos(folder, project_id=…)."
    )


def _has_photos(project_id: str) -> sa.Exists:
    return sa.exists().where(photos.c.project_id == project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """One project in the list of projects.

    Attributes
    ----------
    photos, rooms : int
        Photos submitted for it, and rooms that they name.
    newest_inventory : datetime or None
        When it was added up last; None when it never was.
    last_activity : datetime
        When a photo or job of it last came or ended.
    """

    project_id: str
    photos: int
    rooms: int
    newest_inventory: datetime | None
    last_activity: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStanding:
    """How far the photos of a project and its adding-up are.

    Attributes
    ----------
    photos, unfinished : int
        Photos submitted, and those of which the newest job has not ended.
    newer : int
        Photos analysed since the newest inventory began; they are not in it.
    added_up_at : datetime or None
        When the newest inventory ended.
    job_id : UUID or None
        The newest job that adds the project up, however it stands.
    state : JobState or None
        Where that job stands.
    waits_for_batch : bool
        Whether it waits for the end of a batch.
    error : str or None
        Why it failed, if it did.
    """

    photos: int
    unfinished: int
    newer: int
    added_up_at: datetime | None
    job_id: UUID | None
    state: JobState | None
    waits_for_batch: bool
    error: str | None


def list_projects(database: Database, limit: int) -> list[ProjectRow]:
    """Read the projects whose photos came last, the most recent first."""
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
        .where(
            jobs.c.job_key == sa.literal("inventory-") + known.c.project_id,
            jobs.c.state == str(JobState.COMPLETED),
        )
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


def project_standing(database: Database, project_id: str) -> ProjectStanding:
    """Tell how far a project is; of one without photos, that it has none."""
    of_project = sa.and_(
        jobs.c.project_id == project_id, jobs.c.queue_name == str(JobType.PHOTO_ANALYZE)
    )
    key = f"inventory-{project_id}"
    began = (
        sa.select(jobs.c.started_at)
        .where(jobs.c.job_key == key, jobs.c.state == str(JobState.COMPLETED))
        .order_by(jobs.c.job_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    completed = jobs.c.state == str(JobState.COMPLETED)
    counts = sa.select(
        sa.select(sa.func.count())
        .where(photos.c.project_id == project_id)
        .scalar_subquery()
        .label("photos"),
        sa.func.count().filter(jobs.c.state.in_(list(map(str, UNFINISHED)))).label("unfinished"),
        sa.func.count().filter(completed, jobs.c.finished_at > began).label("newer"),
    ).where(of_project)
    newest = (
        sa.select(jobs.c.job_id, jobs.c.state, jobs.c.ready_at, jobs.c.error_message)
        .where(jobs.c.job_key == key)
        .order_by(jobs.c.job_id.desc())
        .limit(1)
    )
    added_up = (
        sa.select(jobs.c.finished_at)
        .where(jobs.c.job_key == key, completed)
        .order_by(jobs.c.job_id.desc())
        .limit(1)
    )
    with database.begin() as connection:
        found = connection.execute(counts).one()
        job = connection.execute(newest).first()
        added_up_at = connection.scalar(added_up)
    state = JobState(job.state) if job else None
    return ProjectStanding(
        photos=found.photos,
        unfinished=found.unfinished,
        newer=found.newer,
        added_up_at=added_up_at,
        job_id=job.job_id if job else None,
        state=state,
        waits_for_batch=bool(job and state is JobState.WAITING and job.ready_at is None),
        error=job.error_message if job and state is JobState.FAILED else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch in a list.

    Attributes
    ----------
    photos : int
        How many jobs were submitted together.
    """

    batch_id: str
    project_id: str | None
    photos: int
    created_at: datetime


def recent_batches(database: Database, limit: int) -> list[BatchSummary]:
    """Read the newest batches, newest first."""
    newest = sa.select(batches).order_by(batches.c.created_at.desc()).limit(limit).subquery()
    size = (
        sa.select(sa.func.count())
        .where(batch_jobs.c.batch_id == newest.c.batch_id)
        .scalar_subquery()
    )
    query = sa.select(newest.c.batch_id, newest.c.project_id, newest.c.created_at, size).order_by(
        newest.c.created_at.desc()
    )
    with database.begin() as connection:
        return [
            BatchSummary(batch_id=batch_id, project_id=project, photos=photos, created_at=created)
            for batch_id, project, created, photos in connection.execute(query)
        ]


def waits_for_a_worker(database: Database, queue: JobType, lease_seconds: float) -> bool:
    """Whether a job of a queue could run, and no live worker is there to take it."""
    # One question a state, each answered by that state's own small index.
    could_run = sa.or_(
        *(
            sa.exists().where(
                jobs.c.queue_name == str(queue),
                jobs.c.state == sa.literal_column(f"'{state}'"),
                jobs.c.ready_at.is_not(None),
            )
            for state in (JobState.WAITING, JobState.DELAYED)
        )
    )
    served = sa.exists().where(
        sa.literal(str(queue)) == sa.any_(workers.c.queues),
        workers.c.state.in_(["starting", "running"]),
        has_lease(lease_seconds),
    )
    with database.begin() as connection:
        return bool(connection.scalar(sa.select(sa.and_(could_run, sa.not_(served)))))
