"""What jobs are asked for: filters, order and place, and the SQL that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import PayloadError
from photoqueue.models import JobState, JobType
from photoqueue.tracking.cursors import Ordering
from photoqueue.tracking.tables import batch_jobs, jobs, photos

#: Most rows of one page.
MAX_PAGE: Final = 500
#: Longest text that is looked for, in characters; the rest of a longer one is left out.
_MAX_TEXT: Final = 500


class JobOrder(StrEnum):
    """What jobs can be sorted by."""

    SUBMITTED = "submitted"
    FINISHED = "finished"
    STATE = "state"
    #: File name; of a job without one the photo id, else the job key.
    NAME = "name"
    ROOM = "room"
    ATTEMPTS = "attempts"
    #: How long the last attempt waited.
    WAIT = "wait"
    #: How long the last attempt ran.
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs, in which order, and which page of them.

    Attributes
    ----------
    queue, states, project_id, batch_id
        Limits; None or empty is no limit.
    text : str
        Found in file name, room, job key (and with it the photo id), batch id and error,
        upper or lower case alike. The id of a job finds that job.
    order, descending
        Rows without a value come last in either direction, the newest of equal ones first.
    size : int
        Rows of a page, 1 to 500.
    after, before : str or None
        Cursor of a page: the rows behind it, or those before it. The last page is that
        before :data:`~photoqueue.tracking.cursors.END`.

    Raises
    ------
    PayloadError
        The size is out of range, or both cursors are given.
    """

    queue: JobType | None = None
    states: tuple[JobState, ...] = ()
    project_id: str | None = None
    batch_id: str | None = None
    text: str = ""
    order: JobOrder = JobOrder.SUBMITTED
    descending: bool = True
    size: int = 50
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_PAGE:
            raise PayloadError(f"A page has 1 to {MAX_PAGE} rows, not {self.size}.")
        if self.after is not None and self.before is not None:
            raise PayloadError("A page begins after one cursor or ends before one; give one.")


#: Orders by what ``photos`` knows.
PHOTO_ORDERS: Final = frozenset({JobOrder.NAME, JobOrder.ROOM})

_STATE_RANK: Final = sa.case(
    {str(state): rank for rank, state in enumerate(JobState)}, value=jobs.c.state
)
_VALUES: Final[dict[JobOrder, tuple[sa.ColumnElement[Any], bool]]] = {
    JobOrder.FINISHED: (jobs.c.finished_at, True),
    JobOrder.STATE: (_STATE_RANK, False),
    JobOrder.NAME: (
        sa.func.lower(sa.func.coalesce(photos.c.file_name, jobs.c.photo_id, jobs.c.job_key)),
        False,
    ),
    JobOrder.ROOM: (sa.func.lower(photos.c.room), True),
    JobOrder.ATTEMPTS: (jobs.c.attempts, False),
    JobOrder.WAIT: (jobs.c.wait_ms, True),
    JobOrder.RUN: (jobs.c.job_duration_ms, True),
}
#: One text a row, so that each row is searched once. The photo id is part of the job key.
_SEARCHED: Final = sa.func.concat_ws(
    "\n",
    photos.c.file_name,
    photos.c.room,
    jobs.c.job_key,
    jobs.c.batch_id,
    jobs.c.error_type,
    jobs.c.error_message,
)


def ordering(query: JobQuery) -> Ordering:
    """Return the order that a query asks for."""
    value, nullable = _VALUES.get(query.order, (None, False))
    return Ordering(str(query.order), value, jobs.c.job_id, query.descending, nullable)


def needs_photos(query: JobQuery) -> bool:
    """Whether the filters look into ``photos``."""
    return bool(storable_text(query.text))


def conditions(query: JobQuery, *, states: bool = True) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a query's filters, or of all but the states."""
    found: list[sa.ColumnElement[bool]] = []
    if query.queue is not None:
        found.append(jobs.c.queue_name == str(query.queue))
    if states and query.states:
        if query.queue is None:  # named, so that the index of queue and state is of use
            found.append(jobs.c.queue_name.in_([str(queue) for queue in JobType]))
        found.append(jobs.c.state.in_([str(state) for state in query.states]))
    if query.project_id is not None:
        found.append(jobs.c.project_id == storable_text(query.project_id))
    if query.batch_id is not None:
        members = sa.select(batch_jobs.c.job_id).where(
            batch_jobs.c.batch_id == storable_text(query.batch_id)
        )
        found.append(jobs.c.job_id.in_(members))
    text = storable_text(query.text)
    if text:
        found.append(_contains(_SEARCHED, text))
    return found


def _contains(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column contains a text, in upper or lower case."""
    if text.isascii():
        return column.icontains(text, autoescape=True)
    # A database in the C locale, as the embedded one, knows no case beyond ASCII.
    return column.op("~*", is_comparison=True)("".join(map(_either_case, text)))


def _either_case(mark: str) -> str:
    """Write one character of a regular expression that is meant as it is."""
    if mark.isascii():
        return mark if mark.isalnum() else f"\\{mark}"
    return f"[{''.join({mark, *(one for one in (mark.lower(), mark.upper()) if len(one) == 1)})}]"


def as_job_id(text: str) -> UUID | None:
    """Read a text that may be the id of a job."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def storable_text(text: str) -> str:
    """Make a text fit to be looked for: PostgreSQL takes neither NUL nor broken Unicode."""
    cleaned = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").strip()[:_MAX_TEXT]
    return cleaned.encode("utf-8", "replace").decode("utf-8")
