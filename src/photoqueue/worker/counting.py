"""Counting history forward, beside the rounds of a supervisor and never in their way."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from photoqueue.errors import ServiceError
from photoqueue.queue.metrics import WORKER_PATIENCE, WORKER_ROWS, reading

if TYPE_CHECKING:
    from photoqueue.queue.database import Database

logger = logging.getLogger(__name__)

#: Seconds between two counts of what is new in history.
_COUNT_SECONDS: Final = 5.0
#: Seconds between two looks for counts by the minute that are to be forgotten.
_FORGET_SECONDS: Final = 3600.0


class Counting:
    """Counts what is new, so that whoever scrapes finds little left to count.

    In a thread and on a connection of its own: a lock, a long statement or a mistake in here
    must not keep a worker from renewing its lease or from recovering jobs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread: threading.Thread | None = None
        self._count_at = 0.0
        self._forget_at = 0.0
        self._told = False

    def start(self) -> None:
        """Begin to count, unless it goes on already or was done just now; waits for nothing."""
        if time.monotonic() < self._count_at or (self._thread and self._thread.is_alive()):
            return
        # Daemonic: a worker that ends does not wait for it. What it was at is counted later.
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        more = False
        try:
            more = self._count()
            self._told = False
        except Exception as exc:
            # Nothing hangs on it: the rows are still there to be counted.
            if not self._told:
                expected = isinstance(exc, ServiceError)
                logger.warning(
                    "history is not counted for now: %s", exc, exc_info=None if expected else exc
                )
                self._told = True
        self._count_at = time.monotonic() + (0.0 if more else _COUNT_SECONDS)

    def _count(self) -> bool:
        with reading(self._database, patience=WORKER_PATIENCE) as metrics:
            more = metrics.advance(most=WORKER_ROWS)
        if time.monotonic() > self._forget_at:
            with reading(self._database) as metrics:
                metrics.forget()
            self._forget_at = time.monotonic() + _FORGET_SECONDS
        return more
