"""The types of jobs: the two of the package, one module each, and those of one's own."""

from __future__ import annotations

from collections.abc import Iterable

from photoqueue.errors import ConfigurationError
from photoqueue.jobs.handling import load
from photoqueue.jobs.inventory_sync import INVENTORY_SYNC
from photoqueue.jobs.photo_analyze import PHOTO_ANALYZE
from photoqueue.words import JobType, register, registered_types

__all__ = ["INVENTORY_SYNC", "PHOTO_ANALYZE", "job_types", "load_job_types", "types_to_run"]

for _job_type in (PHOTO_ANALYZE, INVENTORY_SYNC):
    register(_job_type)


def load_job_types(references: Iterable[str]) -> None:
    """Import and register job types of one's own, given as ``package.module:TYPE``.

    Raises
    ------
    ConfigurationError
        One of them cannot be imported or is no job type, or two have the same queue.
    """
    for reference in references:
        found = load(reference, "a job type of PHOTOQUEUE_JOB_TYPES")
        if not isinstance(found, JobType):
            raise ConfigurationError(
                f"{reference!r} of PHOTOQUEUE_JOB_TYPES is {type(found).__name__}; it names a "
                "photoqueue.JobType."
            )
        register(found)


def types_to_run(queue: str | None = None) -> tuple[JobType, ...]:
    """List the job types that a worker of this process can do; of one queue if it is named.

    Raises
    ------
    ConfigurationError
        This process does not know the handler of that queue.
    """
    known = tuple(known for known in job_types() if known.handler is not None)
    if queue is None:
        return known
    if queue not in known:
        raise ConfigurationError(
            f"There is no handler of a queue {queue!r:.80} here; there are those of "
            f"{', '.join(known)}. Name its type in PHOTOQUEUE_JOB_TYPES, or correct the name."
        )
    return (known[known.index(queue)],)


def job_types() -> tuple[JobType, ...]:
    """List the job types that this process knows, those of the package first."""
    return registered_types()
