"""What a submission writes: photos, jobs and a batch, and the columns of their rows.

Named tuples, by the ten thousand: a frozen dataclass takes five times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from photoqueue.models import JobState, JobType

#: One list a column, all of the same length.
Columns = Mapping[str, Sequence[Any]]

#: How PostgreSQL reads the start of its own transaction: one clock for all times in the tables.
_NOW: Final = "now"


class NewPhoto(NamedTuple):
    """A row of ``photos``."""

    photo_id: str
    user_id: str
    sha256: str | None = None
    project_id: str | None = None
    room: str | None = None
    room_type: str | None = None
    asset_id: str | None = None
    file_name: str | None = None
    image_format: str | None = None
    byte_size: int | None = None
    width: int | None = None
    height: int | None = None


class NewJob(NamedTuple):
    """A row of ``jobs`` that waits, or that has failed before it could (``error_type``)."""

    job_id: UUID
    job_key: str
    queue: JobType
    #: The job data, or what writes it once it is needed: of many jobs, while PostgreSQL is
    #: storing the ones before.
    payload_json: str | Callable[[NewJob], str]
    user_id: str
    max_attempts: int
    priority: int = 0
    photo_id: str | None = None
    project_id: str | None = None
    #: Content of the photo, and its kind of room and engine where the caller named them; a
    #: finished job of another content, kind or engine is not handed back.
    sha256: str | None = None
    room_type: str | None = None
    engine: str | None = None
    after_batch: str | None = None
    error_type: str | None = None
    error_message: str | None = None


class NewBatch(NamedTuple):
    """A row of ``batches``."""

    batch_id: str
    user_id: str
    project_id: str | None = None


class Accepted(NamedTuple):
    """Which job stands for a submitted one: itself, or one that was there already."""

    job_id: UUID
    created: bool


def photo_columns(photos: Sequence[NewPhoto]) -> Columns:
    """Return the columns of ``photos``."""
    return {
        "photo_id": [photo.photo_id for photo in photos],
        "sha256": [photo.sha256 for photo in photos],
        "project_id": [photo.project_id for photo in photos],
        "room": [photo.room for photo in photos],
        "room_type": [photo.room_type for photo in photos],
        "user_id": [photo.user_id for photo in photos],
        "asset_id": [photo.asset_id for photo in photos],
        "file_name": [photo.file_name for photo in photos],
        "image_format": [photo.image_format for photo in photos],
        "byte_size": [photo.byte_size for photo in photos],
        "width": [photo.width for photo in photos],
        "height": [photo.height for photo in photos],
    }


def job_columns(jobs: Sequence[NewJob], batch: NewBatch | None) -> Columns:
    """Return the columns of ``jobs``."""
    failed = [job.error_type is not None for job in jobs]
    attempts = [job.max_attempts for job in jobs]
    return {
        "job_id": [job.job_id.hex for job in jobs],
        "job_key": [job.job_key for job in jobs],
        "queue_name": [job.queue for job in jobs],
        "state": [JobState.FAILED if ended else JobState.WAITING for ended in failed],
        "priority": [job.priority for job in jobs],
        "payload": [
            job.payload_json if isinstance(job.payload_json, str) else job.payload_json(job)
            for job in jobs
        ],
        "photo_id": [job.photo_id for job in jobs],
        "project_id": [job.project_id for job in jobs],
        "user_id": [job.user_id for job in jobs],
        "batch_id": [batch.batch_id if batch else None] * len(jobs),
        "after_batch": [job.after_batch for job in jobs],
        "max_attempts": attempts,
        "budget": attempts,
        "ready_at": [None if job.after_batch else _NOW for job in jobs],
        "finished_at": [_NOW if ended else None for ended in failed],
        "success": [False if ended else None for ended in failed],
        "error_type": [job.error_type for job in jobs],
        "error_message": [job.error_message for job in jobs],
    }


def batch_columns(batch: NewBatch | None) -> Columns:
    """Return the columns of ``batches``: one row, or none."""
    batches = [batch] if batch else []
    return {
        "batch_id": [row.batch_id for row in batches],
        "project_id": [row.project_id for row in batches],
        "user_id": [row.user_id for row in batches],
    }


def place_columns(
    batch: NewBatch | None, accepted: Sequence[Accepted], *, first: int = 0
) -> Columns:
    """Return the columns of ``batch_jobs``, from a position on."""
    places = accepted if batch else ()
    return {
        "batch_id": [batch.batch_id if batch else None] * len(places),
        "position": range(first, first + len(places)),
        "job_id": [job.job_id.hex for job in places],
    }
