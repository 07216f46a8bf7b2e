"""The types of jobs: the two of the package, one module each, and those of one's own."""

from __future__ import annotations

from photoqueue.jobs.inventory_sync import INVENTORY_SYNC
from photoqueue.jobs.photo_analyze import PHOTO_ANALYZE
from photoqueue.words import JobType, register, registered_types

__all__ = ["INVENTORY_SYNC", "PHOTO_ANALYZE", "job_types"]

for _job_type in (PHOTO_ANALYZE, INVENTORY_SYNC):
    register(_job_type)


def job_types() -> tuple[JobType, ...]:
    """List the job types that this process knows, those of the package first."""
    return registered_types()
