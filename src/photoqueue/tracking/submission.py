"""Accepting work: photos, jobs and batches become rows, all of them or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy.exc import IntegrityError

from photoqueue.errors import PhotoConflictError, PhotoqueueError
from photoqueue.models import UNFINISHED, JobState, JobType
from photoqueue.tracking.database import Database

#: How often a submission starts over because another one took a job key at that moment.
_MAX_RACES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhoto:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A row of ``jobs`` that waits, or that has failed before it could (``error_type``)."""

    job_id: UUID
    job_key: str
    queue: JobType
    payload_json: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A row of ``batches``."""

    batch_id: str
    user_id: str
    project_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which job stands for a submitted one: itself, or one that was there already."""

    job_id: UUID
    created: bool


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
    _check_contents(jobs)
    for _ in range(_MAX_RACES):
        try:
            return _accept(database, jobs, photos, batch, resubmit)
        except PhotoqueueError as exc:
            # Two submissions of one key at once: the other one's job is there now.
            cause = exc.__cause__
            if not (
                isinstance(cause, psycopg.errors.UniqueViolation)
                or (
                    isinstance(cause, IntegrityError)
                    and isinstance(cause.orig, psycopg.errors.UniqueViolation)
                )
            ):
                raise
            race = exc
    raise race


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
            there = _look(cursor.connection, jobs, photos)
            known = _known_photos(there.photos, photos)
            accepted, created = _assign(jobs, _standing(there.jobs, jobs, resubmit))
            _write_photos(cursor, photos, known)
            _copy_jobs(cursor, created, batch, there.now)
            _count(cursor, created)
            if batch is not None:
                _copy_batch(cursor, batch, accepted)
    return accepted


def _check_contents(jobs: Sequence[NewJob]) -> None:
    """Refuse one photo id for two pictures: one of them would silently be left out."""
    contents: dict[str, str | None] = {}
    for job in jobs:
        if job.error_type is None and contents.setdefault(job.job_key, job.sha256) != job.sha256:
            raise PhotoConflictError(
                f"Photo id {job.photo_id!r} is given to two different pictures of this "
                "submission. Choose another photo id for one of them; nothing was accepted."
            )


@dataclass(frozen=True, slots=True)
class _There:
    """What is there already of a submission, and PostgreSQL's time."""

    photos: list[tuple[str, str | None]]
    jobs: list[tuple[Any, ...]]
    now: datetime


def _look(
    connection: psycopg.Connection[Any], jobs: Sequence[NewJob], photos: Sequence[NewPhoto]
) -> _There:
    # One round trip, the beginning of the transaction included. Names as binary arrays, which
    # need no quoting.
    with connection.pipeline():
        known = connection.execute(
            "SELECT photo_id, project_id FROM photos WHERE photo_id = ANY(%b::text[])",
            ([photo.photo_id for photo in photos],),
        )
        standing = connection.execute(
            """
            SELECT DISTINCT ON (job_key) job_key, job_id, state, payload ->> 'sha256',
                payload ->> 'roomType', payload ->> 'engine',
                -- results are long: they are read only where somebody asks
                CASE WHEN %s THEN result ->> 'engine' END
            FROM jobs
            WHERE job_key = ANY(%b::text[]) AND state = ANY(%s)
            ORDER BY job_key, state = 'completed', job_id DESC
            """,
            (
                any(job.engine for job in jobs),
                list({job.job_key for job in jobs if job.error_type is None}),
                [*UNFINISHED, JobState.COMPLETED],
            ),
        )
        # One clock for the transaction: PostgreSQL's, as for every other time in the table.
        clock = connection.execute("SELECT clock_timestamp()")
    ((now,),) = clock.fetchall()
    return _There(known.fetchall(), standing.fetchall(), now)


def _known_photos(
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


def _standing(
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


def _assign(
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
        accepted.append(Accepted(known or job.job_id, created=known is None))
    return accepted, created


_PHOTO_COLUMNS: Final = {
    "photo_id": "text",
    "sha256": "text",
    "project_id": "text",
    "room": "text",
    "room_type": "text",
    "user_id": "text",
    "asset_id": "text",
    "file_name": "text",
    "image_format": "text",
    "byte_size": "bigint",
    "width": "int",
    "height": "int",
}
# What a later submission leaves unsaid (the room, say) stays as it was said before.
_WRITE_PHOTOS: Final = f"""
    INSERT INTO photos ({", ".join(_PHOTO_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _PHOTO_COLUMNS.values())})
    ON CONFLICT (photo_id) DO UPDATE
    SET {", ".join(f"{c} = coalesce(excluded.{c}, photos.{c})" for c in list(_PHOTO_COLUMNS)[1:])}
"""


def _write_photos(
    cursor: psycopg.Cursor[Any], photos: Iterable[NewPhoto], known: Collection[str]
) -> None:
    unique = {photo.photo_id: photo for photo in photos}
    # In the order of their keys, so that two submissions cannot lock each other out.
    rows = [unique[photo_id] for photo_id in sorted(unique)]
    updated = [row for row in rows if row.photo_id in known]
    if updated:
        columns = [[getattr(row, name) for row in updated] for name in _PHOTO_COLUMNS]
        cursor.execute(_WRITE_PHOTOS, columns)
    # One that another submission writes at this moment makes this one start over.
    if len(updated) < len(rows):
        values = attrgetter(*_PHOTO_COLUMNS)
        with cursor.copy(f"COPY photos ({', '.join(_PHOTO_COLUMNS)}) FROM STDIN") as copy:
            for row in rows:
                if row.photo_id not in known:
                    copy.write_row(values(row))


def _copy_jobs(
    cursor: psycopg.Cursor[Any], jobs: Sequence[NewJob], batch: NewBatch | None, now: datetime
) -> None:
    if not jobs:
        return
    batch_id = batch.batch_id if batch else None
    with cursor.copy(
        """
        COPY jobs (job_id, job_key, queue_name, state, priority, payload, photo_id, project_id,
            user_id, batch_id, after_batch, max_attempts, budget, created_at, ready_at, finished_at,
            success, error_type, error_message) FROM STDIN
        """
    ) as copy:
        for job in jobs:
            failed = job.error_type is not None
            copy.write_row(
                (
                    job.job_id,
                    job.job_key,
                    job.queue,
                    JobState.FAILED if failed else JobState.WAITING,
                    job.priority,
                    job.payload_json,
                    job.photo_id,
                    job.project_id,
                    job.user_id,
                    batch_id,
                    job.after_batch,
                    job.max_attempts,
                    job.max_attempts,
                    now,
                    None if job.after_batch else now,
                    now if failed else None,
                    False if failed else None,
                    job.error_type,
                    job.error_message,
                )
            )


def _count(cursor: psycopg.Cursor[Any], jobs: Sequence[NewJob]) -> None:
    """Note how many jobs were written; a sum of their own rows would take too long to make."""
    if not jobs:
        return
    submitted = Counter(job.queue for job in jobs)
    failed = Counter(job.queue for job in jobs if job.error_type is not None)
    cursor.execute(
        """
        INSERT INTO metric_submissions (queue_name, submitted, failed)
        SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[])
        """,
        (list(submitted), list(submitted.values()), [failed[queue] for queue in submitted]),
    )


def _copy_batch(cursor: psycopg.Cursor[Any], batch: NewBatch, accepted: Sequence[Accepted]) -> None:
    cursor.execute(
        "INSERT INTO batches (batch_id, project_id, user_id) VALUES (%s, %s, %s)",
        (batch.batch_id, batch.project_id, batch.user_id),
    )
    with cursor.copy("COPY batch_jobs (batch_id, position, job_id) FROM STDIN") as copy:
        for position, job in enumerate(accepted):
            copy.write_row((batch.batch_id, position, job.job_id))
