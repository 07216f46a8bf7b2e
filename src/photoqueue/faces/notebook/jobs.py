"""The table of jobs: filtered, sorted and in pages, with the story of one job beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

import traitlets

from photoqueue.client.control import cancel, retry
from photoqueue.client.observe import as_queue, as_state
from photoqueue.client.pages import (
    END,
    JobOrder,
    JobPage,
    JobQuery,
    job_counts,
    job_page,
    job_story,
    matching_ids,
)
from photoqueue.errors import PhotoqueueError, StateError, TooSlowError, UnknownJobError
from photoqueue.faces.notebook.job_words import controls_shown, page_shown, retried, story_shown
from photoqueue.faces.notebook.view import LiveView, Scope, script, style
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd

#: A count that took t seconds is not repeated before this many times t.
_REST: Final = 20.0


class PacedCounts:
    """Counts the jobs of a query by state.

    Of ten thousand jobs that takes some milliseconds, of a million a good part of a second:
    too long for twice a second. Then the counts may be some seconds older than the rows.

    Attributes
    ----------
    stale : bool
        Whether the last answer was an older count, so that one more is due.
    """

    def __init__(self) -> None:
        self.stale = False
        self._of: JobQuery | None = None
        self._counts: Mapping[JobState, int] = {}
        self._again = 0.0

    def of(self, query: JobQuery, *, anew: bool = False) -> Mapping[JobState, int]:
        """Return the counts of a query, whatever states, order and page it asks for.

        Parameters
        ----------
        query
            Another one than the last is always counted.
        anew
            Count, however dear it is.
        """
        counted = replace(
            query, states=(), order=JobOrder.SUBMITTED, descending=True, after=None, before=None
        )
        begin = time.monotonic()
        self.stale = not anew and counted == self._of and begin < self._again
        if not self.stale:
            self._counts = job_counts(counted)
            self._of = counted
            end = time.monotonic()
            self._again = end + _REST * (end - begin)
        return self._counts


#: Jobs started anew in one step.
_RETRY_STEP: Final = 500


class JobsView(LiveView):
    """Jobs in pages of fifty, and everything about the one that is opened.

    Attributes
    ----------
    query : JobQuery
        What is shown; set it to filter, sort or turn pages from Python. A project or batch
        that it does not name is that of the scope.
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

    #: Rows, and where they are in the list.
    page = traitlets.Dict().tag(sync=True)
    #: Jobs by state, whatever states are chosen.
    counts = traitlets.Dict().tag(sync=True)
    #: What is filtered and sorted by.
    controls = traitlets.Dict().tag(sync=True)
    #: Everything about the selected job; empty while none is.
    story = traitlets.Dict().tag(sync=True)
    #: Whether buttons that change something are there.
    may_act = traitlets.Bool(True).tag(sync=True)
    #: Whether other jobs than those shown are asked for, and not read yet.
    reading = traitlets.Bool(False).tag(sync=True)
    #: Whether many jobs are being started anew, and how far that is.
    busy = traitlets.Bool(False).tag(sync=True)
    progress = traitlets.Unicode("").tag(sync=True)

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        super().__init__(
            scope, actions=actions, **{"query": JobQuery(), "may_act": actions, **traits}
        )
        self._page = JobPage((), None, None)
        self._shown: JobQuery | None = None
        #: The query that was read last, as it was asked for.
        self._readable = JobQuery()
        self._counts = PacedCounts()
        self._refreshing = threading.Lock()
        self.observe(self._on_query, "query")
        self.observe(self._on_selection, "selected")
        self.scope.observe(self._on_scope)

    @property
    def ages(self) -> bool:
        """Whether the counts are older than the page, to spare a large installation."""
        return self._counts.stale

    def refresh(self) -> None:
        """Read the page, the counts and the open job anew.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used.
        """
        asked = self.query
        try:
            self._read(asked)
        except TooSlowError as exc:
            # Asked again it would take as long again: what could be read is shown.
            self.notice = str(exc)
            self.query = self._readable if self._readable != asked else JobQuery()
        else:
            self._readable = asked
        finally:
            self.reading = False

    def _read(self, asked: JobQuery) -> None:
        with self._refreshing:  # of two at once the later one has the newer state
            query = self._meant(asked)
            self.reading = query != self._shown
            self._page = page = job_page(query)
            if query != self._shown:  # to count a million jobs takes longer than to list fifty
                with self.hold_sync():
                    self.controls = controls_shown(query)
                    self.page = page_shown(query, page, None)
                self._shown = query
            self.reading = False
            counts = self._counts.of(query, anew=not self.driven)
            shown, story = page_shown(query, page, counts), self._read_story()
            with self.hold_sync():
                self.counts = {str(state): number for state, number in counts.items()}
                self.page = shown
                self.story = story

    def frame(self) -> pd.DataFrame:
        """Return the page that is shown as a DataFrame, one row a job."""
        import pandas as pd

        from photoqueue.client.pages import JobRow

        columns = list(JobRow.__dataclass_fields__)
        frame = pd.DataFrame([asdict(row) for row in self._page.rows], columns=columns)
        return frame.astype({"job_id": str, "queue": str, "state": str})

    def handle(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Do what the person asked for.

        Raises
        ------
        PhotoqueueError
            It could not be done.
        """
        kind = message.get("kind")
        if kind == "filter":
            self._filter(message)
        elif kind == "sort":
            self._sort(_as_order(message.get("order")))
        elif kind == "turn":
            self._turn(str(message.get("to")))
        elif kind == "open":
            self.selected = str(message.get("job_id") or "")
        elif kind == "retry":
            self._act(retry, message)
        elif kind == "cancel":
            self._act(cancel, message)
        elif kind == "retry_all":
            self._retry_all()

    def _filter(self, message: dict[str, Any]) -> None:
        queue = message.get("queue")
        states = message.get("states") or ()
        self.query = replace(
            _first(self.query),
            queue=as_queue(queue) if queue else None,
            states=tuple(as_state(state) for state in JobState if str(state) in states),
            text=str(message.get("text") or ""),
        )

    def _sort(self, order: JobOrder) -> None:
        """Sort by a column; the other way round when it is sorted by it already."""
        query = self.query
        # Names and states read from the top; of times and numbers the largest matter.
        first = order not in (JobOrder.NAME, JobOrder.ROOM, JobOrder.STATE)
        descending = not query.descending if query.order is order else first
        self.query = replace(_first(query), order=order, descending=descending)

    def _turn(self, to: str) -> None:
        query, page = _first(self.query), self._page
        if to == "next" and page.next is not None:
            query = replace(query, after=page.next)
        elif to == "previous" and page.previous is not None:
            query = replace(query, before=page.previous)
        elif to == "last":
            query = replace(query, before=END)
        self.query = query

    def _act(self, verb: Any, message: dict[str, Any]) -> None:
        self._check_allowed()
        verb(str(message.get("job_id")))
        self.wanted()

    def _retry_all(self) -> None:
        """Start all failed jobs that are meant anew, in a thread: there may be thousands."""
        self._check_allowed()
        if self.busy:
            raise StateError("Failed jobs are being started anew already; wait for the end of it.")
        self.busy = True
        query = replace(self._meant(self.query), states=(JobState.FAILED,))
        threading.Thread(
            target=self._retry_matching, args=(query,), name="photoqueue-retry", daemon=True
        ).start()

    def _retry_matching(self, query: JobQuery) -> None:
        started = seen = 0
        try:
            total = job_counts(query)[JobState.FAILED]
            for ids in matching_ids(query, size=_RETRY_STEP):
                started += retry(ids)
                seen += len(ids)
                self.progress = f"Started {started:,} of {max(total, seen):,} failed jobs anew…"
            self.progress = retried(started, seen)
            self.wanted()
        except PhotoqueueError as exc:
            self.progress = f"Started {started:,} failed job{'' if started == 1 else 's'} anew."
            self.notice = str(exc)
        finally:
            self.busy = False

    def _check_allowed(self) -> None:
        if not self.actions:
            raise StateError("This view only shows; retry and cancel jobs in a Workbench.")

    def _meant(self, query: JobQuery) -> JobQuery:
        """Return a query with the scope in it."""
        return replace(
            query,
            project_id=query.project_id or self.scope.project or None,
            batch_id=query.batch_id or self.scope.batch or None,
        )

    def _read_story(self) -> dict[str, Any]:
        if not self.selected:
            return {}
        try:
            return story_shown(job_story(self.selected))
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
        query = _first(self.query)
        if query == self.query:
            self.wanted()
        else:  # cursors of another scope lead nowhere
            self.query = query


def _first(query: JobQuery) -> JobQuery:
    return replace(query, after=None, before=None)


def _as_order(name: object) -> JobOrder:
    try:
        return JobOrder(str(name))
    except ValueError:
        raise StateError(
            f"Jobs cannot be sorted by {str(name)[:40]!r}; {', '.join(JobOrder)} can be."
        ) from None
