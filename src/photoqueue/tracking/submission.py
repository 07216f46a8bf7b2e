"""Accepting work: photos, jobs and batches become rows, all of them or none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

import psycopg
from sqlalchemy.exc import DBAPIError

from photoqueue.errors import PhotoqueueError
from photoqueue.tracking.database import Database
from photoqueue.tracking.decisions import assign, check_contents, known_photos, standing_jobs
from photoqueue.tracking.new_rows import (
    Accepted,
    NewBatch,
    NewJob,
    NewPhoto,
    batch_columns,
    job_columns,
    photo_columns,
    place_columns,
)
from photoqueue.tracking.rows import as_json, copy_rows
from photoqueue.tracking.sql import load_statements

__all__ = ["Accepted", "NewBatch", "NewJob", "NewPhoto", "accept"]

_STATEMENTS: Final = load_statements("submission.sql")

#: How often a submission starts over because another one of the same was in its way.
_MAX_RACES: Final = 10
#: Jobs up to which a submission is one statement, where nothing of it is there already.
_FEW: Final = 50
#: Rows that are sent at a time.
_BLOCK: Final = 500


def accept(
    database: Database,
    *,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto] = (),
    batch: NewBatch | None = None,
    resubmit: bool = False,
) -> list[Accepted]:
    """Write photos, jobs and a batch in one transaction.

    A job whose key is in use by an unfinished job is not written; that job stands for it.
    So does the last completed job, where it is of the same photo content and of the room
    type and engine that are named, unless ``resubmit``. A job that has failed already
    (``error_type``) is always written.

    Returns
    -------
    list of Accepted
        One for each of ``jobs``, in their order.

    Raises
    ------
    PhotoConflictError
        A photo id is in use by another picture that is being analysed, or by two
        pictures of this submission.
    DatabaseUnavailableError
        The server is away; nothing was accepted.
    """
    check_contents(jobs)
    # In the order of their keys, so that two submissions cannot lock each other out.
    unique = {photo.photo_id: photo for photo in photos}
    photos = [unique[photo_id] for photo_id in sorted(unique)]
    for _ in range(_MAX_RACES):
        try:
            if len(jobs) <= _FEW:
                accepted = _accept_new(database, jobs, photos, batch)
                if accepted is not None:
                    return accepted
            return _accept(database, jobs, photos, batch, resubmit)
        except PhotoqueueError as exc:
            if not _is_race(exc):
                raise
            race = exc
    raise race


def _is_race(error: PhotoqueueError) -> bool:
    """Whether another submission of the same was in the way: what it wrote is there now."""
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        cause = cause.orig
    # Photos that are there are locked before new ones are written, and which is which may have
    # changed between two looks: then two submissions can wait for each other.
    return isinstance(cause, psycopg.errors.UniqueViolation | psycopg.errors.DeadlockDetected)


def _accept_new(
    database: Database,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto],
    batch: NewBatch | None,
) -> list[Accepted] | None:
    """Write a submission of which nothing is there yet; None where something is."""
    accepted, created = assign(jobs, {})
    with database.direct() as connection:
        row = connection.execute(
            _STATEMENTS["accept_new"],
            {
                "photo_ids": _names(photos),
                "job_keys": _keys(jobs),
                "photos": as_json(photo_columns(photos)),
                "jobs": as_json(job_columns(created, batch)),
                "batches": as_json(batch_columns(batch)),
                "batch_jobs": as_json(place_columns(batch, accepted)),
            },
        ).fetchone()
    return accepted if row and row[0] else None


def _accept(
    database: Database,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto],
    batch: NewBatch | None,
    resubmit: bool,
) -> list[Accepted]:
    with database.begin() as connection:
        # COPY is the driver's, beneath SQLAlchemy; the transaction is the same.
        cursor: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]  # psycopg's
        with cursor:
            photo_rows, job_rows = _look(cursor.connection, jobs, photos)
            known = known_photos(photo_rows, photos)
            accepted, created = assign(jobs, standing_jobs(job_rows, jobs, resubmit))
            _write_photos(cursor, photos, known)
            copy_rows(
                cursor, "jobs", (job_columns(created[block], batch) for block in _blocks(created))
            )
            if created:
                _count(cursor, created)
            if batch is not None:
                copy_rows(cursor, "batches", [batch_columns(batch)])
                blocks = _blocks(accepted)
                places = (place_columns(batch, accepted[at], first=at.start) for at in blocks)
                copy_rows(cursor, "batch_jobs", places)
    return accepted


def _look(
    connection: psycopg.Connection[Any], jobs: Sequence[NewJob], photos: Sequence[NewPhoto]
) -> tuple[list[tuple[str, str | None]], list[tuple[Any, ...]]]:
    """Read what is there already of a submission: photos, and jobs that may stand for its own."""
    # One round trip, the beginning of the transaction included.
    with connection.pipeline():
        known = connection.execute(_STATEMENTS["known_photos"], {"names": _names(photos)})
        standing = connection.execute(
            _STATEMENTS["standing_jobs"],
            {"asks_engine": any(job.engine for job in jobs), "job_keys": _keys(jobs)},
        )
    return known.fetchall(), standing.fetchall()


def _names(photos: Sequence[NewPhoto]) -> str:
    """List the photos to look for, as JSON."""
    return json.dumps([photo.photo_id for photo in photos])


def _keys(jobs: Sequence[NewJob]) -> str:
    """List the job keys to look for, as JSON; a job that has failed already takes none."""
    return json.dumps(list({job.job_key for job in jobs if job.error_type is None}))


def _write_photos(
    cursor: psycopg.Cursor[Any], photos: Sequence[NewPhoto], known: Collection[str]
) -> None:
    updated = [photo for photo in photos if photo.photo_id in known]
    if updated:
        cursor.execute(_STATEMENTS["update_photos"], (as_json(photo_columns(updated)),))
    # One that another submission writes at this moment makes this one start over.
    added = [photo for photo in photos if photo.photo_id not in known]
    copy_rows(cursor, "photos", (photo_columns(added[block]) for block in _blocks(added)))


def _blocks(rows: Sequence[object]) -> list[slice]:
    """Cut rows into what is sent at a time."""
    return [slice(start, start + _BLOCK) for start in range(0, len(rows), _BLOCK)]


def _count(cursor: psycopg.Cursor[Any], jobs: Sequence[NewJob]) -> None:
    submitted = Counter(job.queue for job in jobs)
    failed = Counter(job.queue for job in jobs if job.error_type is not None)
    cursor.execute(
        _STATEMENTS["count_submissions"],
        (list(submitted), list(submitted.values()), [failed[queue] for queue in submitted]),
    )
