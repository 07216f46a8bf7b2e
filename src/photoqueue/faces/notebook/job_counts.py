"""Counts beside a table: as new as it is, unless counting is dear."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from photoqueue.client.pages import JobOrder, JobQuery, job_counts
from photoqueue.words import JobState

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
