"""Reads of projects as a whole: which there are, and how far one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from photoqueue.models import UNFINISHED, JobState, JobType
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import jobs, photos


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
