"""The types of jobs: the two of the package, one module each, and those of one's own."""

from __future__ import annotations

from photoqueue.jobs.photo_analyze import PHOTO_ANALYZE  # isort: skip  # listed first
from photoqueue.jobs.inventory_sync import INVENTORY_SYNC
from photoqueue.words import JobType, registered_types

__all__ = ["INVENTORY_SYNC", "PHOTO_ANALYZE", "job_types"]


def job_types() -> tuple[JobType, ...]:
    """List the job types that this process knows, those of the package first."""
    return registered_types()
