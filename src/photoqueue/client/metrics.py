"""Figures for charts, monitoring systems and alerts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from photoqueue.client.observe import Stats, as_queue, stats
from photoqueue.errors import PhotoqueueError
from photoqueue.installation import current
from photoqueue.queue import tally
from photoqueue.queue.tally import Total, WindowCount
from photoqueue.records.figures import Figures

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

#: Seconds that a reader waits for a new value if it has an older one.
_PATIENCE_SECONDS: Final = 0.01
#: Seconds after which counts are too old to be shown.
_STALE_SECONDS: Final = 60.0


def figures(
    *,
    project_id: str | None = None,
    batch_id: str | None = None,
    queue: str | None = None,
    since: datetime | None = None,
) -> Figures:
    """Return what the overview charts show.

    Percentiles are accurate to 1 %, all else is exact. Pruned jobs are included, except in the
    figures of a project or batch.

    Parameters
    ----------
    project_id, batch_id, queue
        Only jobs of this project, batch or queue.
    since
        Only what happened from the minute of this moment on (with its time zone); from its hour
        on if that is more than eight days ago.

    Raises
    ------
    StateError
        The queue does not exist.
    DatabaseUnavailableError
        PostgreSQL cannot be reached.
    """
    return tally.read_figures(
        current().database,
        project_id=project_id,
        batch_id=batch_id,
        queue=None if queue is None else as_queue(queue),
        since=since,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All metrics at one moment."""

    #: Counters and histograms, as rows.
    totals: tuple[Total, ...]
    #: Seconds since a worker of each queue last renewed its lease.
    last_seen_s: Mapping[str, float]
    #: Jobs by state, live workers, refused messages and so on; the same as ``photoqueue.stats()``.
    queues: Stats


class Recent(Generic[Found]):
    """The newest value of something that is slow to read, such as the counts of a million jobs.

    If a new reading takes too long, the value before is returned, and the new one next time.

    Parameters
    ----------
    read
        Function that reads the value; called by one thread at a time.
    """

    def __init__(self, read: Callable[[], Found]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._reading: threading.Thread | None = None
        self._found: tuple[Found, float] | None = None
        self._error: PhotoqueueError | None = None

    def begin(self) -> threading.Thread:
        """Start a reading in a thread, unless one is running."""
        with self._lock:
            if self._reading is None:
                self._reading = threading.Thread(target=self._run, daemon=True)
                self._reading.start()
            return self._reading

    def get(self, patience: float = _PATIENCE_SECONDS) -> Found:
        """Return a new value, or after ``patience`` seconds the last one, at most a minute old.

        Raises
        ------
        PhotoqueueError
            The value could not be read.
        """
        reading, known = self.begin(), self._found
        fresh_enough = known is not None and time.monotonic() - known[1] < _STALE_SECONDS
        reading.join(max(patience, 0.0) if fresh_enough else None)
        with self._lock:
            found, error = self._found, self._error
        if error is not None:
            raise error.with_traceback(None)
        assert found is not None
        return found[0]

    def _run(self) -> None:
        began = time.monotonic()
        found, error = None, None
        try:
            found = self._read()
        except PhotoqueueError as exc:
            error = exc
        except Exception as exc:
            error = PhotoqueueError(f"The metrics could not be read ({exc!r:.200}).")
            logger.exception("metrics could not be read")
        with self._lock:
            self._reading, self._error = None, error
            if found is not None:
                self._found = (found, began)


class RecentMetrics:
    """Reads all metrics, for a scraper that needs a fast reply."""

    def __init__(self) -> None:
        self._counted = Recent(_counted)
        self._queues = Recent(stats)

    def __call__(self) -> Reading:
        """Return the newest available values, almost without waiting.

        Raises
        ------
        PhotoqueueError
            PostgreSQL cannot be queried.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        # The tally first: counting a million jobs keeps the server's cores busy.
        totals, last_seen_s = self._counted.get()
        queues = self._queues.get(until - time.monotonic())
        return Reading(totals=totals, last_seen_s=last_seen_s, queues=queues)


def _counted() -> tuple[tuple[Total, ...], dict[str, float]]:
    with tally.counting(current().database) as counted:
        counted.advance(most=tally.SCRAPE_ROWS)
        return tuple(counted.totals()), counted.last_seen()


def recent_counts(minutes: int) -> dict[tuple[str, str], WindowCount]:
    """Return counts of the last ``minutes`` and of as many before, by name and queue.

    The names are those of :meth:`photoqueue.queue.tally.Tally.window`.
    """
    database = current().database
    # Count only part of a long backlog, so that a check stays fast.
    for _ in range(5):
        with tally.counting(database) as counted:
            if not counted.advance(most=tally.WORKER_ROWS):
                break
    with tally.counting(database) as counted:
        return counted.window(minutes)
