"""What a monitoring system reads: totals that never fall, and how things are now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from photoqueue.client.observe import Stats, StatsReader, stats
from photoqueue.errors import PhotoqueueError
from photoqueue.installation import current
from photoqueue.tracking.metrics import SCRAPE_ROWS, WORKER_ROWS, Lately, Total, reading

__all__ = ["Lately", "Reading", "RecentStats", "Total", "lately", "read_metrics"]

#: Seconds that a reader waits for new counts where older ones are known.
_PATIENCE_SECONDS: Final = 0.01
#: Seconds after which counts are too old to be shown.
_STALE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that is measured, at one moment.

    Attributes
    ----------
    totals : tuple of Total
        Counters and histograms, as rows.
    refused : mapping
        Refused broker messages by queue.
    last_seen_s : mapping
        Seconds since a worker of each queue was last seen: its supervisor renewed its lease.
    queues : Stats
        Jobs by state, live workers, oldest waiting job; the same as ``photoqueue.stats()``.
    """

    totals: tuple[Total, ...]
    refused: Mapping[str, int]
    last_seen_s: Mapping[str, float]
    queues: Stats


class RecentStats:
    """The counts of the queues, as new as they can be had in a moment.

    To count a million jobs takes longer than a scrape may: then the counts of before are shown,
    and the new ones next time. They are counted in a thread, one at a time.

    Parameters
    ----------
    count
        Counts; called by one thread at a time.
    """

    def __init__(self, count: Callable[[], Stats] | None = None) -> None:
        self._stats = count or StatsReader()
        self._lock = threading.Lock()
        self._counting: threading.Thread | None = None
        self._found: tuple[Stats, float] | None = None
        self._error: PhotoqueueError | None = None

    def get(self) -> Stats:
        """Return the counts, at most a minute old.

        Raises
        ------
        PhotoqueueError
            They could not be read.
        """
        with self._lock:
            known = self._found
            if self._counting is None:
                self._counting = threading.Thread(target=self._read, daemon=True)
                self._counting.start()
            counting = self._counting
        fresh_enough = known is not None and time.monotonic() - known[1] < _STALE_SECONDS
        counting.join(_PATIENCE_SECONDS if fresh_enough else None)
        with self._lock:
            found, error = self._found, self._error
        if error is not None:
            raise error.with_traceback(None)
        assert found is not None
        return found[0]

    def _read(self) -> None:
        began = time.monotonic()
        found, error = None, None
        try:
            found = self._stats()
        except PhotoqueueError as exc:
            error = exc
        with self._lock:
            self._counting, self._error = None, error
            if found is not None:
                self._found = (found, began)


def read_metrics(recent: RecentStats | None = None) -> Reading:
    """Read everything that is measured; counts what is new since the last time.

    Parameters
    ----------
    recent
        Where the counts of the queues come from, for whoever reads often; they are counted
        anew when left out.

    Raises
    ------
    PhotoqueueError
        PostgreSQL cannot be asked.
    """
    with reading(current().database) as metrics:
        metrics.advance(most=SCRAPE_ROWS)
        totals, refused, seen = metrics.totals(), metrics.refused(), metrics.last_seen()
    return Reading(
        # Last: to count a million jobs keeps the server's cores from all else.
        queues=recent.get() if recent is not None else stats(),
        totals=tuple(totals),
        refused=refused,
        last_seen_s=seen,
    )


def lately(minutes: int) -> dict[tuple[str, str], Lately]:
    """Return what was counted in the last minutes, and in as many before, by name and queue.

    The names are ``failed`` (jobs), ``retried``, the outcomes of attempts, and ``ai_completed``
    and ``ai_error`` (calls of engines).
    """
    database = current().database
    # Up to here: of a backlog, at most so much that a check stays quick.
    for _ in range(5):
        with reading(database) as metrics:
            if not metrics.advance(most=WORKER_ROWS):
                break
    with reading(database) as metrics:
        return metrics.lately(minutes)
