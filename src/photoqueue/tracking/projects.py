"""Reads of a project: its photos, each with its newest result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from photoqueue.errors import UnknownProjectError
from photoqueue.models import JobState
from photoqueue.tracking.database import Database
from photoqueue.tracking.tables import jobs, photos


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
