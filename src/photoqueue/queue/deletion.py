"""Delete rows: of jobs that ended long ago, or of a whole project."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import StateError
from photoqueue.queue.database import Database, load_statements
from photoqueue.queue.tally import WORKER_ROWS, counting
from photoqueue.words import UNFINISHED

_DELETION: Final = load_statements("deletion.sql")
#: Sorts before every job id.
FIRST: Final = UUID(int=0)
#: Jobs examined in one transaction.
_PAGE: Final = 2_000


@dataclass(slots=True)
class Gone:
    """What was deleted, or would be.

    Attributes
    ----------
    contents : set of str
        Content addresses in the deleted rows; other rows may still refer to them.
    """

    jobs: int = 0
    photos: int = 0
    contents: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """The jobs, photos and contents of a project."""

    job_ids: Sequence[UUID]
    unfinished: int
    photos: int
    #: Content addresses that no other project refers to.
    contents: frozenset[str]


def count_history(database: Database) -> None:
    """Count all rows into the metrics that can be counted, before rows are deleted."""
    more = True
    while more:
        with counting(database) as tally:
            more = tally.advance(most=WORKER_ROWS)


def page(database: Database, *, before: datetime, after: UUID) -> list[UUID]:
    """List the next jobs after ``after`` that ended before a moment; empty at the end."""
    with database.begin() as connection:
        values = {"before": before, "after": after, "limit": _PAGE}
        return [row.job_id for row in connection.exec_driver_sql(_DELETION["page"], values)]


def unneeded(database: Database, job_ids: Sequence[UUID], *, before: datetime) -> list[UUID]:
    """Return the jobs of a page that may be deleted."""
    with database.begin() as connection:
        return _unneeded(connection, job_ids, before)


def delete(database: Database, job_ids: Sequence[UUID], *, before: datetime) -> Gone:
    """Delete the jobs of a page that may be deleted, and photos left without a job.

    Raises
    ------
    DatabaseUnavailableError
        A long transaction, such as a backup, is reading ``photos``.
    """
    gone = Gone()
    with database.begin() as connection:
        connection.exec_driver_sql(_DELETION["lock"])
        rows = _delete_jobs(connection, _unneeded(connection, job_ids, before))
        values = {"photo_ids": sorted({row.photo_id for row in rows if row.photo_id})}
        photos = connection.exec_driver_sql(
            _DELETION["delete_photos"], {**values, "before": before}
        ).all()
    gone.jobs, gone.photos = len(rows), len(photos)
    gone.contents = {row.sha256 for row in (*rows, *photos) if row.sha256}
    return gone


def delete_leftovers(database: Database, *, before: datetime) -> None:
    """Delete batches without jobs, and incidents that are over."""
    with database.begin() as connection:
        connection.exec_driver_sql(_DELETION["lock"])
        connection.exec_driver_sql(_DELETION["delete_leftovers"], {"before": before})


def still_named(database: Database, contents: Collection[str]) -> set[str]:
    """Return which contents some row still refers to; reads all of ``jobs``."""
    with database.begin() as connection:
        values = {"contents": sorted(contents)}
        return {row.sha256 for row in connection.exec_driver_sql(_DELETION["still_named"], values)}


def household(database: Database, project_id: str) -> Household:
    """Find the jobs, photos and contents of a project."""
    with database.begin() as connection:
        return _household(connection, project_id)


def delete_household(database: Database, project_id: str) -> Gone:
    """Delete all rows of a project, in one transaction.

    Raises
    ------
    StateError
        It has unfinished jobs, or jobs that cannot be counted into the metrics yet.
    """
    with database.begin() as connection:
        connection.exec_driver_sql(_DELETION["lock"])
        found = _household(connection, project_id)
        refuse_unfinished(project_id, found)
        values = {"job_ids": list(found.job_ids)}
        if connection.exec_driver_sql(_DELETION["uncounted"], values).scalar_one():
            raise StateError(
                f"Jobs of project {project_id[:80]!r} ended just now and cannot be counted while "
                "another transaction is open in this server. Try again in a moment."
            )
        rows = _delete_jobs(connection, found.job_ids)
        photos = connection.exec_driver_sql(
            _DELETION["delete_household"], {"project": project_id}
        ).scalar_one()
    return Gone(jobs=len(rows), photos=photos, contents=set(found.contents))


def refuse_unfinished(project_id: str, found: Household) -> None:
    """Raise StateError if the project has unfinished jobs."""
    if found.unfinished:
        raise StateError(
            f"Project {project_id[:80]!r} has {found.unfinished} unfinished job(s). Wait for "
            "them or cancel them (photoqueue cancel), then erase it."
        )


def _unneeded(connection: sa.Connection, job_ids: Sequence[UUID], before: datetime) -> list[UUID]:
    values = {"job_ids": list(job_ids), "before": before}
    return [row.job_id for row in connection.exec_driver_sql(_DELETION["unneeded"], values)]


def _delete_jobs(connection: sa.Connection, job_ids: Sequence[UUID]) -> Sequence[sa.Row[Any]]:
    # Sorted, so that statements that lock several jobs cannot deadlock.
    values = {"job_ids": sorted(job_ids)}
    return connection.exec_driver_sql(_DELETION["delete_jobs"], values).all()


def _household(connection: sa.Connection, project_id: str) -> Household:
    values: dict[str, Any] = {"project": project_id}
    jobs = connection.exec_driver_sql(_DELETION["household_jobs"], values).all()
    photos = connection.exec_driver_sql(_DELETION["household_photos"], values).all()
    contents = {row.sha256 for row in (*jobs, *photos) if row.sha256}
    values |= {"contents": sorted(contents), "job_ids": [row.job_id for row in jobs]}
    elsewhere = connection.exec_driver_sql(_DELETION["household_elsewhere"], values)
    return Household(
        job_ids=[row.job_id for row in jobs],
        unfinished=sum(row.state in UNFINISHED for row in jobs),
        photos=len(photos),
        contents=frozenset(contents - {row.sha256 for row in elsewhere}),
    )
