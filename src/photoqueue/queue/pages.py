"""Pages of jobs, filtered, sorted and limited in SQL."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from photoqueue.errors import PayloadError
from photoqueue.queue.database import Database, storable
from photoqueue.queue.read import LISTED, OF_PHOTO, WITH_PHOTOS, as_job_id, job_fields
from photoqueue.queue.tables import batch_jobs, jobs, photos
from photoqueue.records.snapshots import JobSnapshot
from photoqueue.words import JobState, JobType, retry_helps

Found = TypeVar("Found")
#: The cursor after the last row: the page before it is the last page.
END: Final = "end"


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order of rows by a value: rows without a value come last, ties newest first."""

    #: Part of each cursor, so that a cursor of another order is refused.
    name: str
    #: The sort value; None to sort by the id.
    value: sa.ColumnElement[Any] | None
    row_id: sa.ColumnElement[Any]
    descending: bool
    #: Whether the value can be null.
    nullable: bool = False

    def by(self, *, backward: bool = False) -> list[sa.ColumnElement[Any]]:
        """Return the ORDER BY expressions; ``backward`` reverses them."""
        if self.value is None:
            return [_directed(self.row_id, self.descending != backward)]
        keys = [_directed(self.value, self.descending != backward)]
        if self.nullable:
            keys.insert(0, _directed(self.value.is_(None), backward))
        return [*keys, _directed(self.row_id, not backward)]

    def beyond(self, cursor: str, *, backward: bool = False) -> sa.ColumnElement[bool]:
        """Return the condition for rows after a cursor, or before it if ``backward``.

        Raises
        ------
        PayloadError
            The cursor is not valid, or belongs to another order.
        """
        place, row_id = self._read(cursor)
        if self.value is None:
            return _beyond(self.row_id, row_id, self.descending != backward)
        tie = _beyond(self.row_id, row_id, not backward)
        if place is None:
            same: sa.ColumnElement[bool] = sa.and_(self.value.is_(None), tie)
            return sa.or_(self.value.is_not(None), same) if backward else same
        further = sa.or_(
            _beyond(self.value, place, self.descending != backward),
            sa.and_(self.value == place, tie),
        )
        if self.nullable and not backward:
            return sa.or_(further, self.value.is_(None))
        return further

    def cursor(self, value: Any, row_id: UUID) -> str:
        """Return the cursor of a row."""
        if isinstance(value, datetime):
            value = [value.isoformat()]  # a list, to distinguish it from a text
        text = json.dumps([self._tag, value, row_id.hex])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def _tag(self) -> str:
        return f"{'-' if self.descending else ''}{self.name}"

    def _read(self, cursor: str) -> tuple[Any, UUID]:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            tag, value, row_id = json.loads(base64.urlsafe_b64decode(padded.encode()))
            if isinstance(value, list):
                value = datetime.fromisoformat(value[0])
            place = value, UUID(hex=row_id)
        except (ValueError, TypeError, AttributeError, IndexError):
            raise PayloadError(
                f"{str(cursor)[:40]!r} is not a cursor of a page. Use next or previous of a page, "
                "or leave it out for the first page."
            ) from None
        if tag != self._tag:
            raise PayloadError(
                f"This cursor belongs to a list ordered by {str(tag)[:40]!r}, not by "
                f"{self._tag!r}. Leave it out to start at the first page."
            )
        return place


def _directed(key: sa.ColumnElement[Any], descending: bool) -> sa.ColumnElement[Any]:
    return key.desc() if descending else key.asc()


def _beyond(key: sa.ColumnElement[Any], place: Any, descending: bool) -> sa.ColumnElement[bool]:
    further: sa.ColumnElement[bool] = key < place if descending else key > place
    return further


@dataclass(frozen=True, slots=True)
class Page(Generic[Found]):
    """A page of rows, and the cursors of the adjacent pages; None if there is no such page.

    The next page is after the cursor ``next``, the previous one before the cursor ``previous``.
    """

    rows: tuple[Found, ...] = ()
    next: str | None = None
    previous: str | None = None


def read_page(
    read: Callable[[str | None, bool, int], list[Found]],
    cursor_of: Callable[[Found], str],
    *,
    size: int,
    after: str | None,
    before: str | None,
) -> Page[Found]:
    """Read a page after a cursor or before one.

    Parameters
    ----------
    read
        Reads rows beyond a cursor (None: from the first row on), backward or not, at most so many.
    cursor_of
        Returns the cursor of a row.
    """
    backward = before is not None
    place = before if backward else after
    found = read(None if place == END else place, backward, size + 1)
    more = len(found) > size
    if backward and not more:  # show a full first page
        return read_page(read, cursor_of, size=size, after=None, before=None)
    found = found[:size]
    if not found:
        return Page((), None, None if place is None else END)
    if backward:
        found.reverse()
    has_next = (place != END) if backward else more
    has_previous = more if backward else place is not None
    first, last = cursor_of(found[0]), cursor_of(found[-1])
    return Page(tuple(found), last if has_next else None, first if has_previous else None)


#: Most rows of one page.
MAX_PAGE: Final = 500
#: Longest search text in characters; a longer one is cut.
_MAX_TEXT: Final = 500


class JobOrder(StrEnum):
    """Sort orders of jobs."""

    SUBMITTED = "submitted"
    FINISHED = "finished"
    STATE = "state"
    #: File name, else photo id, else job key.
    NAME = "name"
    ROOM = "room"
    ATTEMPTS = "attempts"
    #: How long the last attempt waited.
    WAIT = "wait"
    #: How long the last attempt ran.
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Filters, order and page of a list of jobs.

    Raises
    ------
    PayloadError
        The size is out of range, or both cursors are given.
    """

    #: Filters; None or empty for no filter.
    queue: JobType | None = None
    states: tuple[JobState, ...] = ()
    project_id: str | None = None
    batch_id: str | None = None
    #: Only jobs that failed for this reason: :attr:`Cause.text`.
    cause: str = ""
    #: Searched in file name, room, job key (which contains the photo id), batch id and error,
    #: ignoring case. A job id finds that job.
    text: str = ""
    #: Rows without a value come last in either direction; ties are sorted newest first.
    order: JobOrder = JobOrder.SUBMITTED
    descending: bool = True
    #: Rows per page, 1 to 500.
    size: int = 50
    #: Cursor after or before which the page lies. The last page is the one before
    #: :data:`~photoqueue.queue.pages.END`.
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_PAGE:
            raise PayloadError(f"A page has 1 to {MAX_PAGE} rows, not {self.size}.")
        if self.after is not None and self.before is not None:
            raise PayloadError("A page is after a cursor or before one; give only one of them.")


#: Orders by columns of ``photos``.
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
#: The searched text of a row. The photo id is part of the job key.
_SEARCHED: Final = sa.func.concat_ws(
    "\n",
    photos.c.file_name,
    photos.c.room,
    jobs.c.job_key,
    jobs.c.batch_id,
    jobs.c.error_type,
    jobs.c.error_message,
)

#: Names in quotes, ids, sizes and other numbers, but no HTTP status: what differs among photos.
_VARYING: Final = (
    r"(?<!\w)'[^']+'(?!\w)|\"[^\"]+\"|“[^”]+”"
    r"|\m[0-9a-f]{8}[0-9a-f-]+\M|[0-9]+(?:[.,][0-9]+)+|\m(?:[0-9]{1,2}|[6-9][0-9]{2}|[0-9]{4,})\M"
)


def _without(text: Any, name: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return SQL for a text in which a name is a mark."""
    return sa.func.replace(text, sa.func.coalesce(name, "…"), "…")


#: The error of a job without what differs from photo to photo.
_CAUSE: Final = sa.func.concat_ws(
    ": ",
    jobs.c.error_type,
    sa.func.regexp_replace(
        _without(
            _without(sa.func.left(jobs.c.error_message, 600), photos.c.file_name), jobs.c.photo_id
        ),
        _VARYING,
        "…",
        "g",
    ),
)

#: Those of the tables: another process may have entered one that this process does not know.
_ALL_QUEUES: Final[sa.ColumnElement[Any]] = sa.literal_column(
    "ARRAY(SELECT queue_name FROM queues)"
)


def _ordering(query: JobQuery) -> Ordering:
    value, nullable = _VALUES.get(query.order, (None, False))
    return Ordering(str(query.order), value, jobs.c.job_id, query.descending, nullable)


def _source(query: JobQuery) -> sa.FromClause:
    """Return the tables that filters and order need."""
    named = _searched(query) or query.cause or query.order in PHOTO_ORDERS
    return WITH_PHOTOS if named else jobs


def _filters(connection: sa.Connection, query: JobQuery) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a query's filters; a text that is the id of a job names it."""
    found: list[sa.ColumnElement[bool]] = []
    if query.queue is not None:
        found.append(jobs.c.queue_name == str(query.queue))
    if query.states:
        if query.queue is None:  # list all queues, so that the index on queue and state is used
            found.append(jobs.c.queue_name == sa.any_(_ALL_QUEUES))
        found.append(jobs.c.state.in_([str(state) for state in query.states]))
    if query.project_id is not None:
        found.append(jobs.c.project_id == storable(query.project_id))
    if query.batch_id is not None:
        members = sa.select(batch_jobs.c.job_id).where(
            batch_jobs.c.batch_id == storable(query.batch_id)
        )
        found.append(jobs.c.job_id.in_(members))
    if query.cause:
        found += [jobs.c.state == str(JobState.FAILED), _CAUSE.in_([storable(query.cause)])]
    text = _searched(query)
    job_id = as_job_id(text)
    named = jobs.c.job_id == job_id
    if job_id and connection.scalar(sa.select(jobs.c.job_id).where(named)) is not None:
        found.append(named)
    elif text:
        found.append(_contains(_SEARCHED, text))
    return found


def _contains(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column contains a text, ignoring case."""
    if text.isascii():
        return column.icontains(text, autoescape=True)
    # In the C locale PostgreSQL ignores case for ASCII only, so both cases are written out.
    return column.op("~*", is_comparison=True)("".join(map(_either_case, text)))


def _either_case(mark: str) -> str:
    """Return a regular expression that matches one character in either case."""
    if mark.isascii():
        return mark if mark.isalnum() else f"\\{mark}"
    return f"[{''.join({mark, *(one for one in (mark.lower(), mark.upper()) if len(one) == 1)})}]"


def _searched(query: JobQuery) -> str:
    """Return the text to search for; a longer one is cut."""
    return storable(query.text.strip()[:_MAX_TEXT])


#: Most rows counted to find the position of a page.
_COUNTED_ROWS: Final = 10_000
#: Time limit of sorting or searching, in seconds; a million jobs take a few seconds.
_PATIENCE: Final = 15.0


def job_page(database: Database, query: JobQuery) -> Page[JobSnapshot]:
    """Read a page of jobs.

    Raises
    ------
    PayloadError
        The cursor is not valid, or belongs to another order.
    TooSlowError
        There are too many jobs to sort or search them in good time.
    """
    order = _ordering(query)

    def read(place: str | None, backward: bool, limit: int) -> list[sa.Row[Any]]:
        with _reading(database, query) as connection:
            chosen = _chosen(connection, query, order)
            if place is not None:
                chosen = chosen.where(order.beyond(place, backward=backward))
            # Sort ids first, so that the other columns are read for one page only.
            ids, inner = _limited(chosen, query, order, backward, limit)
            of_jobs = ids.join(jobs, jobs.c.job_id == ids.c.job_id).outerjoin(photos, OF_PHOTO)
            shown = sa.select(*LISTED, ids.c.sort_value).select_from(of_jobs)
            return list(connection.execute(shown.order_by(*inner.by(backward=backward))))

    page = read_page(
        read,
        lambda row: order.cursor(row.sort_value, row.job_id),
        size=query.size,
        after=query.after,
        before=query.before,
    )
    return Page(
        tuple(JobSnapshot(**job_fields(row)) for row in page.rows), page.next, page.previous
    )


def rows_before(database: Database, query: JobQuery, cursor: str) -> int | None:
    """Count the rows before a cursor; None if there are more than 10,000.

    Raises
    ------
    PayloadError
        The cursor is not valid, or belongs to another order.
    TooSlowError
        There are too many jobs to sort or search them in good time.
    """
    order = _ordering(query)
    with _reading(database, query) as connection:
        before = _chosen(connection, query, order).where(order.beyond(cursor, backward=True))
        counted = before.limit(_COUNTED_ROWS + 1).subquery()
        number = connection.scalar(sa.select(sa.func.count()).select_from(counted))
    return None if number is None or number > _COUNTED_ROWS else int(number)


def job_counts(database: Database, query: JobQuery) -> dict[JobState, int]:
    """Count the jobs of a query by state, ignoring its states and page.

    Every state is a key of the result.

    Raises
    ------
    TooSlowError
        There are too many jobs to search them in good time.
    """
    query = replace(query, order=JobOrder.SUBMITTED, states=())
    counted = sa.select(jobs.c.state, sa.func.count()).select_from(_source(query))
    with _reading(database, query) as connection:
        counted = counted.where(*_filters(connection, query)).group_by(jobs.c.state)
        found = {state: number for state, number in connection.execute(counted)}
    return {state: found.get(state, 0) for state in JobState}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why jobs failed: those whose errors differ only in names, ids and sizes are one cause."""

    #: ``type: message`` with ``…`` for what differs; for :attr:`JobQuery.cause`.
    text: str
    error_type: str | None
    #: The message of all of them, or what they have in common.
    message: str
    count: int
    #: Whether starting them again can help.
    can_retry: bool
    #: When the first and the last of them failed.
    first: datetime | None
    last: datetime | None


#: Failures that are grouped by cause at most, the newest ones.
_GROUPED: Final = 10_000


def failure_causes(database: Database, query: JobQuery) -> list[Cause]:
    """Group the failed jobs of a query by cause, the most frequent first, whatever its states.

    Of more than 10,000 failed jobs, the newest are grouped.

    Raises
    ------
    TooSlowError
        There are too many jobs to search them in good time.
    """
    query = replace(query, order=JobOrder.SUBMITTED, states=(JobState.FAILED,), cause="")
    columns = (jobs.c.error_type, jobs.c.error_message, jobs.c.finished_at)
    spent = (jobs.c.attempts >= jobs.c.max_attempts).label("spent")
    with _reading(database, query) as connection:
        failed = (
            sa.select(_CAUSE.label("cause"), spent, *columns)
            .select_from(WITH_PHOTOS)
            .where(*_filters(connection, query))
            .order_by(jobs.c.job_id.desc())
            .limit(_GROUPED)
            .subquery()
        )
        keys = (failed.c.cause, failed.c.error_type, failed.c.spent)
        one, other = sa.func.min(failed.c.error_message), sa.func.max(failed.c.error_message)
        number = sa.func.count().label("number")
        first, last = sa.func.min(failed.c.finished_at), sa.func.max(failed.c.finished_at)
        rows = connection.execute(
            sa.select(*keys, number, first.label("first"), last.label("last"), one, other)
            .group_by(*keys)
            .order_by(number.desc(), last.desc(), failed.c.cause)
        ).all()
    return [
        Cause(
            text=cause,
            error_type=error_type,
            message=(one if one == other else cause.removeprefix(f"{error_type}: ")) or "",
            count=number,
            can_retry=retry_helps(JobState.FAILED, error_type, int(spent), 1),
            first=first,
            last=last,
        )
        for cause, error_type, spent, number, first, last, one, other in rows
    ]


def matching_jobs(
    database: Database, query: JobQuery, *, size: int = 500
) -> Iterator[tuple[JobSnapshot, ...]]:
    """List all jobs of a query, ``size`` at a time, newest first.

    The caller may change the jobs while it iterates: none is listed twice.
    """
    wanted = replace(
        query, order=JobOrder.SUBMITTED, descending=True, size=size, after=None, before=None
    )
    while True:
        page = job_page(database, wanted)
        if page.rows:
            yield page.rows
        if page.next is None:
            return
        wanted = replace(wanted, after=page.next)


def change_mark(database: Database) -> str:
    """Return a text that changes with every transaction that writes; very cheap.

    If two calls return the same text, nothing was written to this server in between.
    """
    with database.begin() as connection:
        return str(connection.scalar(sa.text("SELECT pg_current_snapshot()::text")))


def _reading(database: Database, query: JobQuery) -> AbstractContextManager[sa.Connection]:
    """Begin to read, with a time limit if no index can be used."""
    if query.cause:
        work, instead = "to find those that failed so", "search for a word of the error"
    elif query.text:
        work = f"to look for “{query.text[:60]}” in all of them"
        instead = "type the id of a job"
    elif query.order is not JobOrder.SUBMITTED:
        work, instead = f"to sort them by {query.order}", "sort by the time of submission"
    else:
        return database.begin()
    return database.begin_within(
        _PATIENCE,
        f"There are too many jobs {work} within {_PATIENCE:g} s. Choose a batch, a project, a "
        f"queue or a state first, or {instead}.",
    )


def _chosen(connection: sa.Connection, query: JobQuery, order: Ordering) -> sa.Select[Any]:
    """Select id and sort value of the jobs that match a query, unsorted."""
    value = order.value if order.value is not None else sa.null()
    chosen = sa.select(jobs.c.job_id, value.label("sort_value")).select_from(_source(query))
    return chosen.where(*_filters(connection, query))


def _limited(
    chosen: sa.Select[Any], query: JobQuery, order: Ordering, backward: bool, limit: int
) -> tuple[sa.Subquery, Ordering]:
    """Limit jobs to a page; return it, and the order in terms of its columns."""
    if query.text or query.cause or query.batch_id is not None:
        # Filter first, then sort: otherwise PostgreSQL may scan all jobs in sort order until
        # enough of them match. OFFSET 0 keeps the planner from merging the two steps.
        found = chosen.offset(sa.literal_column("0")).subquery()
        order = _expressed_in(found, order)
        chosen = sa.select(found)
    page = chosen.order_by(*order.by(backward=backward)).limit(limit).subquery()
    return page, _expressed_in(page, order)


def _expressed_in(found: sa.Subquery, order: Ordering) -> Ordering:
    value = None if order.value is None else found.c.sort_value
    return replace(order, value=value, row_id=found.c.job_id)
