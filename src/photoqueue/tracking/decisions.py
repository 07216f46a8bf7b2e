"""Which job stands for a submitted one, and what a submission must not do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from photoqueue.errors import PhotoConflictError
from photoqueue.models import JobState, JobType
from photoqueue.tracking.new_rows import Accepted, NewJob, NewPhoto


def check_contents(jobs: Sequence[NewJob]) -> None:
    """Refuse one photo id for two pictures: one of them would silently be left out."""
    contents: dict[str, str | None] = {}
    for job in jobs:
        if job.error_type is None and contents.setdefault(job.job_key, job.sha256) != job.sha256:
            raise PhotoConflictError(
                f"Photo id {job.photo_id!r} is given to two different pictures of this "
                "submission. Choose another photo id for one of them; nothing was accepted."
            )


def known_photos(
    rows: Sequence[tuple[str, str | None]], photos: Sequence[NewPhoto]
) -> Collection[str]:
    """Name the photos that are there already.

    Refuses to move one to another project: it would vanish from the first one's.
    """
    projects = {photo.photo_id: photo.project_id for photo in photos}
    for photo_id, project_id in rows:
        if project_id is not None and projects[photo_id] not in (None, project_id):
            raise PhotoConflictError(
                f"Photo id {photo_id!r} belongs to project {project_id!r}. Choose another photo "
                f"id for project {projects[photo_id]!r}; nothing was accepted."
            )
    return {photo_id for photo_id, _ in rows}


def standing_jobs(
    rows: Sequence[tuple[Any, ...]], jobs: Sequence[NewJob], resubmit: bool
) -> Mapping[str, UUID]:
    """Name the jobs that stand for submitted ones: job key → job id."""
    wanted = {job.job_key: job for job in jobs if job.error_type is None}
    standing: dict[str, UUID] = {}
    for key, job_id, state, sha256, room_type, asked_engine, engine in rows:
        job = wanted[key]
        same_content = job.sha256 == sha256
        same_room = job.room_type is None or job.room_type == room_type
        # The newest result counts, as in inventories: an older one of this engine would be
        # handed back and not be used. ``auto`` is what was asked for, and no result names it.
        same_engine = job.engine is None or job.engine in (engine, asked_engine)
        if state == JobState.COMPLETED:
            is_photo = job.queue is JobType.PHOTO_ANALYZE
            if is_photo and same_content and same_room and same_engine and not resubmit:
                standing[key] = job_id
        elif same_content or job.queue is JobType.INVENTORY_SYNC:
            standing[key] = job_id
        else:
            raise PhotoConflictError(
                f"Photo id {job.photo_id!r} belongs to another picture, which is being analysed "
                f"as job {job_id}. Wait for that job, cancel it, or choose another photo id."
            )
    return standing


def assign(
    jobs: Sequence[NewJob], standing: Mapping[str, UUID]
) -> tuple[list[Accepted], list[NewJob]]:
    """Decide job by job: a new row, or one that is there (also earlier in this very list)."""
    taken = dict(standing)
    accepted: list[Accepted] = []
    created: list[NewJob] = []
    for job in jobs:
        failed = job.error_type is not None
        known = None if failed else taken.get(job.job_key)
        if known is None:
            if not failed:
                taken[job.job_key] = job.job_id
            created.append(job)
        accepted.append(Accepted(known or job.job_id, known is None))
    return accepted, created
