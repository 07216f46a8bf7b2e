"""Job types: the two of the package, one module each, and custom ones."""

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
    """Import and register custom job types, given as ``package.module:TYPE``.

    Raises
    ------
    ConfigurationError
        A reference cannot be imported or is not a job type, or two types have the same queue.
    """
    for reference in references:
        found = load(reference, "a job type of PHOTOQUEUE_JOB_TYPES")
        if not isinstance(found, JobType):
            raise ConfigurationError(
                f"{reference!r} in PHOTOQUEUE_JOB_TYPES is of type {type(found).__name__}. Name a "
                "photoqueue.JobType there."
            )
        register(found)


def types_to_run(queue: str | None = None) -> tuple[JobType, ...]:
    """List the job types that a worker in this process can run, or only that of one queue.

    Raises
    ------
    ConfigurationError
        No handler is registered for that queue in this process.
    """
    known = tuple(known for known in job_types() if known.handler is not None)
    if queue is None:
        return known
    if queue not in known:
        raise ConfigurationError(
            f"No handler is registered for queue {queue!r:.80}; queues with a handler: "
            f"{', '.join(known)}. Add its job type to PHOTOQUEUE_JOB_TYPES, or correct the name."
        )
    return (known[known.index(queue)],)


def job_types() -> tuple[JobType, ...]:
    """List the job types that this process knows, those of the package first."""
    return registered_types()
