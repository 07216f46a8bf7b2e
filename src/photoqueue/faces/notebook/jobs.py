"""The table of jobs with filters, sorting and pages, and the details of one job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import traitlets
from pydantic import TypeAdapter

from photoqueue.client.control import cancel, retry
from photoqueue.client.observe import as_queue, as_state, ask, story
from photoqueue.errors import StateError, TooSlowError, UnknownJobError
from photoqueue.faces.notebook.pages import fact_columns, script, style, table_columns
from photoqueue.faces.notebook.view import (
    Background,
    LiveView,
    Message,
    Paced,
    Scope,
)
from photoqueue.format import counted, number
from photoqueue.jobs import job_types
from photoqueue.queue.pages import (
    END,
    Cause,
    JobOrder,
    JobQuery,
    Page,
    failure_causes,
    job_counts,
    job_page,
    matching_jobs,
    rows_before,
)
from photoqueue.records.snapshots import Attempt, JobSnapshot, JobStory
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd

#: A count that took t seconds is not repeated within this many times t: counting a million jobs
#: takes a large part of a second. Counts may then be some seconds older than the rows.
_REST: Final = 20.0
#: Jobs retried in one step.
_RETRY_STEP: Final = 500
#: Up to this many jobs, a page's position is counted for any order and search text.
_COUNTED_ALWAYS: Final = 20_000
#: Characters of an error shown in one line.
_ERROR_LENGTH: Final = 500
#: Causes of failures that are sent to the page.
_CAUSES: Final = 100
_CAUSE: Final = TypeAdapter(Cause)
_JOB: Final = TypeAdapter(JobSnapshot)
_STORY: Final = TypeAdapter(JobStory)
_QUERY: Final = TypeAdapter(JobQuery)


class JobsView(LiveView):
    """Jobs in pages of fifty, and the details of the opened one.

    Attributes
    ----------
    query : JobQuery
        Current query; set it to filter, sort or turn pages from Python. The scope supplies a
        missing project or batch.
    selected : str
        Id of the open job; empty for none.

    Examples
    --------
    >>> view = JobsView()  # doctest: +SKIP
    >>> view.query = JobQuery(states=(JobState.FAILED,))  # doctest: +SKIP
    >>> view.frame()  # doctest: +SKIP
    """

    _esm = script("job_details", "jobs")
    _css = style("jobs")

    query = traitlets.Instance(JobQuery)
    selected = traitlets.Unicode("").tag(sync=True)

    #: Rows, and their position in the list.
    page = traitlets.Dict().tag(sync=True)
    #: Jobs by state, whatever states are chosen.
    counts = traitlets.Dict().tag(sync=True)
    #: Why jobs failed, whatever states are chosen; the most frequent cause first.
    causes: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    #: Current filter and sort order.
    controls = traitlets.Dict().tag(sync=True)
    #: Columns of the table, and how they are drawn.
    columns: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    #: Details of the selected job; empty if there is none.
    story = traitlets.Dict().tag(sync=True)
    #: Whether a new query has been set and not read yet.
    reading = traitlets.Bool(False).tag(sync=True)
    #: Whether many jobs are being retried, and the progress.
    busy = traitlets.Bool(False).tag(sync=True)
    #: Whether a photo can be replaced or excluded on a page beside this one.
    reviewable = traitlets.Bool(False).tag(sync=True)
    progress = traitlets.Unicode("").tag(sync=True)

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        super().__init__(
            scope,
            actions=actions,
            **{"query": JobQuery(), "columns": table_columns(), **traits},
        )
        self._page: Page[JobSnapshot] = Page()
        self._shown: JobQuery | None = None
        #: The last query that was read, as it was given.
        self._readable = JobQuery()
        self._counts = Paced(lambda query: ask(job_counts, query), rest=_REST)
        self._causes = Paced(lambda query: ask(failure_causes, query), rest=_REST)
        #: Shows a photo, given its id and its project, where it can be put right.
        self.to_review: Callable[[str, str], None] | None = None
        self._work = Background(self._say)
        self._refreshing = threading.Lock()
        self.observe(self._on_query, "query")
        self.observe(self._on_selection, "selected")
        self.scope.observe(self._on_scope)

    @property
    def ages(self) -> bool:
        """Whether the counts are older than the page, as in a large installation."""
        return self._counts.stale or self._causes.stale

    def refresh(self) -> None:
        """Read the page, the counts and the open job again.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used.
        """
        asked = self.query
        try:
            self._read(asked)
        except TooSlowError as exc:
            # Repeating it would take as long again: show what could be read.
            self.notice = str(exc)
            self.query = self._readable if self._readable != asked else JobQuery()
        else:
            self._readable = asked
        finally:
            self.reading = False

    def _read(self, asked: JobQuery) -> None:
        with self._refreshing:  # of two concurrent reads the later one has the newer state
            query = self._meant(asked)
            self.reading = query != self._shown
            self._page = page = ask(job_page, query)
            if query != self._shown:  # counting a million jobs takes longer than listing fifty
                with self.hold_sync():
                    queues = [str(queue) for queue in job_types()]
                    self.controls = {**_QUERY.dump_python(query, mode="json"), "queues": queues}
                    self.page = _page_shown(query, page, None)
                self._shown = query
            self.reading = False
            counts = self._counts.of(_for_counts(query), anew=self.alone)
            total = sum(counts[state] for state in query.states or JobState)
            if query.cause:
                self._read_causes(query, counts)
                total = sum(one["count"] for one in self.causes if one["text"] == query.cause)
            shown, story = _page_shown(query, page, total), self._read_story()
            shown["failed"] = _failed_jobs(query)
            with self.hold_sync():
                self.counts = {str(state): number for state, number in counts.items()}
                self.page = shown
                self.story = story
            if not query.cause:  # grouping thousands of failures takes longer than counting them
                self._read_causes(query, counts)

    def _read_causes(self, query: JobQuery, counts: Mapping[JobState, int]) -> None:
        found: list[Cause] = []
        if counts[JobState.FAILED]:
            found = self._causes.of(_for_counts(query), anew=self.alone)
        self.causes = [_CAUSE.dump_python(cause, mode="json") for cause in found[:_CAUSES]]

    def frame(self) -> pd.DataFrame:
        """Return the current page as a DataFrame, one row per job."""
        import pandas as pd

        columns = [field.name for field in fields(JobSnapshot)]
        frame = pd.DataFrame([asdict(job) for job in self._page.rows], columns=columns)
        return frame.astype({"job_id": str, "queue": str, "state": str})

    def _filter(self, message: Message) -> None:
        queue = message.get("queue")
        states = message.get("states") or ()
        self.query = replace(
            _first(self.query),
            queue=as_queue(queue) if queue else None,
            states=tuple(as_state(state) for state in JobState if str(state) in states),
            cause=str(message.get("cause") or ""),
            text=str(message.get("text") or ""),
        )

    def _sort(self, message: Message) -> None:
        """Sort by a column; reverse the order if it is already the sort column."""
        order = _as_order(message.get("order"))
        query = self.query
        # Names and states start ascending; times and numbers descending.
        first = order not in (JobOrder.NAME, JobOrder.ROOM, JobOrder.STATE)
        descending = not query.descending if query.order is order else first
        self.query = replace(_first(query), order=order, descending=descending)

    def _turn(self, message: Message) -> None:
        to = message.get("to")
        query, page = _first(self.query), self._page
        if to == "next" and page.next is not None:
            query = replace(query, after=page.next)
        elif to == "previous" and page.previous is not None:
            query = replace(query, before=page.previous)
        elif to == "last":
            query = replace(query, before=END)
        self.query = query

    def _open(self, message: Message) -> None:
        self.selected = str(message.get("job_id") or "")

    def _retry(self, message: Message) -> None:
        retry(str(message.get("job_id")))
        self.wanted()

    def _cancel(self, message: Message) -> None:
        cancel(str(message.get("job_id")))
        self.wanted()

    def _retry_all(self, message: Message) -> None:
        """Retry all failed jobs of the filter, or of one cause, in a thread: there may be many."""
        if self._work.busy:
            raise StateError("Failed jobs are being retried already; wait until that is done.")
        self.busy = True
        cause = str(message.get("cause") or "")
        query = replace(self._meant(self.query), states=(JobState.FAILED,), cause=cause)
        self._work.run(lambda: self._retry_matching(query), before="", after=self._retried)

    def _retry_matching(self, query: JobQuery) -> str:
        started = tried = useless = 0
        for jobs in ask(matching_jobs, query, size=_RETRY_STEP):
            chosen = [str(job.job_id) for job in jobs if job.can_retry]
            useless += len(jobs) - len(chosen)
            tried += len(chosen)
            started += retry(chosen)
            self.progress = f"Retried {counted(started, 'failed job')} so far."
        text = f"Retried {counted(started, 'failed job')}."
        if started < tried:
            text = (
                f"Retried {number(started)} of {number(tried)} failed jobs. The others stay: "
                "another job of the same photo waits, runs or has completed since."
            )
        if useless:
            text += f" {counted(useless, 'job')} would fail again and stay."
        return text

    def _review(self, message: Message) -> None:
        """Lead to the photo of a job, or of the newest job that failed for a cause."""
        found: Sequence[JobSnapshot]
        if cause := str(message.get("cause") or ""):
            found = ask(job_page, replace(_for_counts(self._meant(self.query)), cause=cause)).rows
        else:
            found = [story(str(message.get("job_id")))]
        if self.to_review is None or not found or not found[0].photo_id:
            raise StateError("No page beside this one shows its photo.")
        self.to_review(found[0].photo_id, found[0].project_id or "")

    def _retried(self) -> None:
        try:
            self.wanted()
        finally:
            self.busy = False

    def _say(self, text: str, urgent: bool) -> None:
        if urgent:
            self.notice = text
        else:
            self.progress = text

    refreshed = False
    looking = frozenset({"filter", "sort", "turn", "open"})
    verbs: ClassVar = {
        "filter": _filter,
        "sort": _sort,
        "turn": _turn,
        "open": _open,
        "retry": _retry,
        "cancel": _cancel,
        "retry_all": _retry_all,
        "review": _review,
    }

    def _meant(self, query: JobQuery) -> JobQuery:
        """Return a query completed by the scope."""
        return replace(
            query,
            project_id=query.project_id or self.scope.project or None,
            batch_id=query.batch_id or self.scope.batch or None,
        )

    def _read_story(self) -> dict[str, Any]:
        if not self.selected:
            return {}
        try:
            return _story_shown(story(self.selected))
        except UnknownJobError as exc:
            self.notice = str(exc)
            self.selected = ""
            return {}

    def _on_query(self, _change: object) -> None:
        self.wanted()

    def _on_selection(self, change: Any) -> None:
        if change["new"]:
            self.wanted()
        else:
            self.story = {}

    def _on_scope(self, _change: object) -> None:
        """Start anew: what was chosen and opened belongs to the jobs shown before."""
        self.selected = ""
        query = JobQuery(size=self.query.size)
        if query == self.query:
            self.wanted()
        else:
            self.query = query


def _first(query: JobQuery) -> JobQuery:
    return replace(query, after=None, before=None)


def _for_counts(query: JobQuery) -> JobQuery:
    """Return a query without what does not change the counts by state and cause."""
    return replace(_first(query), states=(), cause="", order=JobOrder.SUBMITTED, descending=True)


def _as_order(name: object) -> JobOrder:
    try:
        return JobOrder(str(name))
    except ValueError:
        raise StateError(
            f"Jobs cannot be sorted by {str(name)[:40]!r}; {', '.join(JobOrder)} can be."
        ) from None


def _job_shown(job: JobSnapshot) -> dict[str, Any]:
    """Return a row of the table, with the error in one line."""
    shown: dict[str, Any] = _JOB.dump_python(job, mode="json")
    del shown["error_message"], shown["error_type"]
    return {**shown, "name": job.name, "error": _error_line(job)}


def _story_shown(story: JobStory) -> dict[str, Any]:
    """Return the details of a job, and which actions are possible."""
    shown: dict[str, Any] = _STORY.dump_python(story, mode="json")
    shown["name"] = story.name
    shown["facts"] = [
        {**fact, "value": value}
        for fact in fact_columns()
        if (value := shown[fact["name"]]) not in (None, "")
        and (fact["name"], value) != ("priority", 0)
    ]
    shown["can_retry"], shown["can_cancel"] = story.can_retry, story.can_cancel
    for attempt, listed in zip(story.attempt_list, shown["attempt_list"], strict=True):
        listed["error"] = _error_line(attempt)
    if story.state.finished:
        del shown["now_ms"]  # the job has ended: nothing changes any more
    return shown


def _error_line(one: JobSnapshot | Attempt) -> str:
    # A cancelled job already shows "cancelled" as its state.
    message = None if one.error_type == one.error_message else one.error_message
    return " ".join(": ".join(filter(None, (one.error_type, message))).split())[:_ERROR_LENGTH]


def _failed_jobs(query: JobQuery) -> str:
    """Say which failed jobs a filter means, such as ``of batch “b-1”``."""
    text = query.text.strip()[:60]
    where = (
        query.project_id and f"of project “{query.project_id}”",
        query.batch_id and f"of batch “{query.batch_id}”",
        query.queue and f"in queue {query.queue}",
        text and f"with “{text}” in them",
    )
    return " ".join([words for words in where if words] or ["of this installation"])


def _page_shown(query: JobQuery, page: Page[JobSnapshot], total: int | None) -> dict[str, Any]:
    """Return the rows, and their position in the list once it is counted."""
    return {
        "rows": [_job_shown(job) for job in page.rows],
        "next": page.next is not None,
        "previous": page.previous is not None,
        "total": total,
        "position": None if total is None else _position(query, page, total),
    }


def _position(query: JobQuery, page: Page[JobSnapshot], total: int) -> int | None:
    """Return the number of jobs before the page, if that is cheap to know."""
    if page.previous is None:
        return 0
    if page.next is None:
        return max(total - len(page.rows), 0)
    cheap = query.order is JobOrder.SUBMITTED and not query.text
    return ask(rows_before, query, page.previous) if cheap or total <= _COUNTED_ALWAYS else None
