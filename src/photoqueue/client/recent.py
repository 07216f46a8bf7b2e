"""What was worked on lately, and which queues wait for a worker."""

from __future__ import annotations

from photoqueue.installation import current
from photoqueue.jobs import job_types
from photoqueue.queue import projects
from photoqueue.queue import projects as reads
from photoqueue.queue.projects import BatchSummary
from photoqueue.words import JobType


def recent_batches(limit: int = 20) -> list[BatchSummary]:
    """Return the newest batches, newest first."""
    return reads.recent_batches(current().database, limit)


def require_project(project_id: str) -> None:
    """Make sure that a project has photos.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for it.
    """
    database = current().database
    if "\x00" in project_id or not projects.project_exists(database, project_id):
        raise projects.unknown_project(project_id)


def queues_without_worker() -> tuple[JobType, ...]:
    """Return the queues in which jobs could run and no live worker takes them."""
    installation = current()
    lease = installation.settings.lease_seconds
    return tuple(
        queue
        for queue in job_types()
        if reads.waits_for_a_worker(installation.database, queue, lease)
    )
