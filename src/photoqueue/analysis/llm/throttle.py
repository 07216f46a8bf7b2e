"""The rate limit of an engine that no worker runs: within this process only."""

from __future__ import annotations

import threading
import time


class LocalThrottle:
    """A :class:`~photoqueue.analysis.engine.Throttle` of one process, for use without a worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def take(self, name: str, *, interval: float, patience: float) -> float:
        """Reserve the next request; return the seconds until it may be made."""
        with self._lock:
            now = time.monotonic()
            free_at = max(self._free_at.get(name, now), now)
            if free_at - now <= patience:
                self._free_at[name] = free_at + interval
            return free_at - now

    def hold(self, name: str, seconds: float) -> None:
        """Let no thread ask the service within so many seconds."""
        with self._lock:
            until = time.monotonic() + seconds
            self._free_at[name] = max(self._free_at.get(name, until), until)
