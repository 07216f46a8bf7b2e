"""How far a project is: its photos, its newest inventory, and how it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.queue.database import Database
from photoqueue.queue.tables import jobs, photos
from photoqueue.words import UNFINISHED, JobState

_COMPLETED: Final = jobs.c.state == str(JobState.COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStanding:
    """Progress of a project's photos and inventory."""

    #: Photos submitted, and those whose newest job is unfinished.
    photos: int
    unfinished: int
    #: Photos analysed since the newest inventory began.
    newer: int
    #: When the newest inventory ended.
    added_up_at: datetime | None
    #: The newest inventory job, in any state.
    job_id: UUID | None
    #: State of that job.
    state: JobState | None
    #: Whether that job waits for a batch to end.
    waits_for_batch: bool
    #: The error of that job, if it failed.
    error: str | None
    #: How the project was last asked to be added up, by a job that did not fail.
    strategy: str | None
    #: The newest inventory job that completed.
    completed_id: UUID | None
    #: How long its newest photos took, in ms; None before the first.
    photo_ms: float | None


#: Photos by which the time for the others is estimated.
_RECENT: Final = 20


def project_standing(database: Database, project_id: str) -> ProjectStanding:
    """Read the progress of a project's photos and inventory."""
    of_project = sa.and_(jobs.c.project_id == project_id, jobs.c.photo_id.is_not(None))
    began = _newest(jobs.c.started_at, project_id).where(_COMPLETED).scalar_subquery()
    counts = sa.select(
        sa.select(sa.func.count())
        .where(photos.c.project_id == project_id)
        .scalar_subquery()
        .label("photos"),
        sa.func.count().filter(jobs.c.state.in_(list(map(str, UNFINISHED)))).label("unfinished"),
        sa.func.count().filter(_COMPLETED, jobs.c.finished_at > began).label("newer"),
    ).where(of_project)
    newest = (jobs.c.job_id, jobs.c.state, jobs.c.ready_at, jobs.c.error_message)
    recent = (
        sa.select(jobs.c.job_duration_ms)
        .where(of_project, _COMPLETED)
        .order_by(jobs.c.job_id.desc())
        .limit(_RECENT)
        .subquery()
    )
    with database.begin() as connection:
        found = connection.execute(counts).mappings().one()
        job = connection.execute(_newest(newest, project_id)).first()
        completed = (jobs.c.finished_at, jobs.c.job_id)
        added_up = connection.execute(_newest(completed, project_id).where(_COMPLETED)).first()
        strategy = connection.scalar(_asked_strategy(project_id))
        photo_ms = connection.scalar(sa.select(sa.func.avg(recent.c.job_duration_ms)))
    state = JobState(job.state) if job else None
    return ProjectStanding(
        **found,
        added_up_at=added_up.finished_at if added_up else None,
        strategy=strategy,
        completed_id=added_up.job_id if added_up else None,
        photo_ms=photo_ms,
        job_id=job.job_id if job else None,
        state=state,
        waits_for_batch=bool(job and state is JobState.WAITING and job.ready_at is None),
        error=job.error_message if job and state is JobState.FAILED else None,
    )


def asked_strategy(database: Database, project_id: str) -> str | None:
    """Read how the project was last asked to be added up; None if it never was.

    What failed or was cancelled does not count: the way before holds.
    """
    with database.begin() as connection:
        found: str | None = connection.scalar(_asked_strategy(project_id))
    return found


def _asked_strategy(project_id: str) -> sa.Select[Any]:
    ended_badly = jobs.c.state.in_([str(JobState.FAILED), str(JobState.CANCELLED)])
    return _newest(jobs.c.payload["strategy"].astext, project_id).where(~ended_badly)


def newest_inventory(database: Database, project_id: str) -> Mapping[str, Any] | None:
    """Read the result of the newest inventory of a project; None if there is none yet."""
    with database.begin() as connection:
        found: Mapping[str, Any] | None = connection.scalar(
            _newest(jobs.c.result, project_id).where(_COMPLETED)
        )
    return found


def _newest(columns: Any, project_id: str) -> sa.Select[Any]:
    """Select columns of the newest inventory job of a project."""
    listed = columns if isinstance(columns, tuple) else (columns,)
    by_key = jobs.c.job_key == f"inventory-{project_id}"
    return sa.select(*listed).where(by_key).order_by(jobs.c.job_id.desc()).limit(1)
