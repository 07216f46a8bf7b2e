"""Lists of jobs in pages, and the story of one: what tables on a screen show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from photoqueue.client.identifiers import parse_job_id
from photoqueue.installation import current
from photoqueue.queue import pages, read
from photoqueue.queue.pages import END, JobOrder, JobPage, JobQuery, JobRow
from photoqueue.queue.read import JobStory, StoryAttempt, StoryCall
from photoqueue.words import JobState

__all__ = [
    "END",
    "JobOrder",
    "JobPage",
    "JobQuery",
    "JobRow",
    "JobStory",
    "StoryAttempt",
    "StoryCall",
    "change_mark",
    "job_counts",
    "job_page",
    "job_story",
    "matching_ids",
    "rows_before",
]


def job_page(query: JobQuery | None = None) -> JobPage:
    """Return a page of jobs; the newest fifty when no query is given.

    Raises
    ------
    PayloadError
        The cursor is no cursor of this order.
    TooSlowError
        There are too many jobs to sort or search them in good time.
    """
    return pages.job_page(current().database, query or JobQuery())


def rows_before(query: JobQuery, cursor: str) -> int | None:
    """Count the jobs of a query before the row of a cursor; None for more than 10,000.

    Raises
    ------
    PayloadError
        The cursor is no cursor of this order.
    TooSlowError
        There are too many jobs to sort or search them in good time.
    """
    return pages.rows_before(current().database, query, cursor)


def job_counts(query: JobQuery | None = None) -> dict[JobState, int]:
    """Count the jobs of a query by state, whatever states and page it asks for.

    Raises
    ------
    TooSlowError
        There are too many jobs to search them in good time.
    """
    return pages.job_counts(current().database, query or JobQuery())


def job_story(job_id: str | UUID) -> JobStory:
    """Return everything about one job: data, result, error, attempts in time, AI calls.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    return read.job_story(current().database, parse_job_id(str(job_id)))


def matching_ids(query: JobQuery, *, size: int = 500) -> Iterator[list[str]]:
    """List the ids of all jobs of a query, ``size`` at a time, the newest first.

    Jobs that are changed by whoever reads the list are not listed twice.
    """
    wanted = replace(
        query, order=JobOrder.SUBMITTED, descending=True, size=size, after=None, before=None
    )
    while True:
        page = job_page(wanted)
        if page.rows:
            yield [str(row.job_id) for row in page.rows]
        if page.next is None:
            return
        wanted = replace(wanted, after=page.next)


def change_mark() -> str:
    """Return a text that changes with every write to the server of the tracking table.

    Costs next to nothing: while it stays the same, nothing that was read has changed.
    """
    return pages.change_mark(current().database)
