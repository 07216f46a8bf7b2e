"""Delete rows: of jobs that ended long ago, or of a whole project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import StateError
from photoqueue.queue.connections import LONG
from photoqueue.queue.database import Database, again, load_statements
from photoqueue.queue.tally import WORKER_ROWS, counting
from photoqueue.words import UNFINISHED

_DELETION: Final = load_statements("deletion.sql")
#: Sorts before every job id.
FIRST: Final = UUID(int=0)
#: Jobs examined in one transaction.
_PAGE: Final = 2_000
#: Files deleted in one transaction, and at a time.
_FILES: Final = 200
_DELETERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """The jobs, photos and contents of a project."""

    job_ids: Sequence[UUID]
    unfinished: int
    photos: int
    #: Content addresses that no other project refers to.
    contents: Set[str]


def count_history(database: Database) -> None:
    """Count all rows into the metrics that can be counted, before rows are deleted."""
    more = True
    while more:
        with counting(database) as tally:
            more = tally.advance(most=WORKER_ROWS)


def page(database: Database, *, before: datetime, after: UUID) -> list[UUID]:
    """List the next jobs after ``after`` that ended before a moment; empty at the end."""
    with database.begin(LONG) as connection:
        rows = _DELETION(connection, "page", before=before, after=after, limit=_PAGE)
        return list(rows.scalars())


@again()
def delete(
    database: Database, job_ids: Sequence[UUID], *, before: datetime, dry_run: bool = False
) -> tuple[int, int]:
    """Delete the jobs of a page that may be deleted, and photos left without a job; count them.

    A dry run only counts the jobs.

    Raises
    ------
    DatabaseUnavailableError
        A long transaction, such as a backup, is reading ``photos``.
    """
    with database.begin(LONG) as connection:
        if not dry_run:
            _DELETION(connection, "lock")
        unneeded = _DELETION(connection, "unneeded", job_ids=list(job_ids), before=before)
        found = list(unneeded.scalars())
        if dry_run:
            return len(found), 0
        rows = _DELETION(connection, "delete_jobs", job_ids=found).all()
        photo_ids = sorted({row.photo_id for row in rows if row.photo_id})
        photos = _DELETION(connection, "delete_photos", photo_ids=photo_ids, before=before).all()
    return len(rows), len(photos)


def delete_leftovers(database: Database, *, before: datetime) -> None:
    """Delete batches without jobs, incidents that are over, and old operations."""
    with database.begin(LONG) as connection:
        _DELETION(connection, "lock")
        _DELETION(connection, "delete_leftovers", before=before)


def still_named(database: Database, contents: Collection[str]) -> set[str]:
    """Return which contents some row still refers to; reads all of ``jobs``."""
    with database.begin(LONG) as connection:
        return set(_DELETION(connection, "still_named", contents=sorted(contents)).scalars())


def household(database: Database, project_id: str) -> Household:
    """Find the jobs, photos and contents of a project."""
    with database.begin(LONG) as connection:
        return _household(connection, project_id)


@again()
def delete_household(
    database: Database, project_id: str, delete: Callable[[str], bool], gone: dict[str, bool]
) -> tuple[int, int]:
    """Delete the files of a project, then all its rows; return its numbers of jobs and photos.

    Files are deleted while no submission can commit: it either is seen here, or looks for its
    files after its commit.

    Parameters
    ----------
    delete
        Deletes the file of a content, and returns whether it was there.
    gone
        What it returned for each content, also before an interruption.

    Raises
    ------
    StateError
        It has unfinished jobs, or jobs that cannot be counted into the metrics yet.
    StorageError
        A file cannot be deleted.
    """
    while True:
        with database.begin(LONG) as connection:
            _DELETION(connection, "lock")
            found = _household(connection, project_id)
            refuse_unfinished(project_id, found)
            if left := sorted(found.contents - gone.keys())[:_FILES]:
                with ThreadPoolExecutor(_DELETERS) as pool:
                    gone.update(zip(left, pool.map(delete, left), strict=True))
                continue
            job_ids = list(found.job_ids)
            if _DELETION(connection, "uncounted", job_ids=job_ids).scalar_one():
                raise StateError(
                    f"Jobs of project {project_id[:80]!r} ended just now and cannot be counted "
                    "while another transaction is open in this server. Try again in a moment."
                )
            rows = _DELETION(connection, "delete_jobs", job_ids=job_ids).all()
            names = [project_id, *(str(row.job_id) for row in rows), *(row.job_key for row in rows)]
            photos = _DELETION(
                connection, "delete_household", project=project_id, names=names
            ).scalar_one()
        return len(rows), photos


def refuse_unfinished(project_id: str, found: Household) -> None:
    """Raise StateError if the project has unfinished jobs."""
    if found.unfinished:
        raise StateError(
            f"Project {project_id[:80]!r} has {found.unfinished} unfinished job(s). Wait for "
            "them or cancel them (photoqueue cancel), then erase it."
        )


def _household(connection: sa.Connection, project_id: str) -> Household:
    jobs = _DELETION(connection, "household_jobs", project=project_id).all()
    photos = _DELETION(connection, "household_photos", project=project_id).scalars().all()
    job_ids = [row.job_id for row in jobs]
    contents = {content for content in (*(row.sha256 for row in jobs), *photos) if content}
    elsewhere = _DELETION(
        connection,
        "household_elsewhere",
        project=project_id,
        contents=sorted(contents),
        job_ids=job_ids,
    )
    return Household(
        job_ids=job_ids,
        unfinished=sum(row.state in UNFINISHED for row in jobs),
        photos=len(photos),
        contents=contents - set(elsewhere.scalars()),
    )
