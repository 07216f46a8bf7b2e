"""Memory that a worker process shares with its supervisor to report its state."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any, Final
from uuid import UUID

#: Most jobs that a process has at a time.
MOST_JOBS: Final = 32
_ID_BYTES: Final = 16


class StatusBoard:
    """State of one process, in memory that it shares with its supervisor.

    It has no lock: a process can be killed at any moment, and a lock that it held would never be
    released.
    """

    def __init__(self) -> None:
        self._busy_since: Any = RawValue(ctypes.c_double, 0.0)
        self._at: Any = RawArray(ctypes.c_ubyte, _ID_BYTES)
        self._looked_at: Any = RawValue(ctypes.c_double, 0.0)
        self._settled_at: Any = RawValue(ctypes.c_double, 0.0)
        self._jobs: Any = RawArray(ctypes.c_ubyte, MOST_JOBS * _ID_BYTES)
        self._ready: Any = RawValue(ctypes.c_bool, False)
        self._paused: Any = RawValue(ctypes.c_bool, False)

    @property
    def busy_since(self) -> float:
        """When work on the current job began, on the monotonic clock; 0 if there is none."""
        return float(self._busy_since.value)

    @property
    def at(self) -> UUID | None:
        """The job that the process is working on; None if there is none."""
        found = bytes(self._at)
        return UUID(bytes=found) if any(found) else None

    def set_busy(self, job_id: UUID | None) -> None:
        """Set the current job; None when only its record is left to write."""
        if job_id is None:
            # First: during a long job the process does not check its queue, and must not look stuck
            # until its record is written.
            self.set_looked()
        self._at[:] = bytes(_ID_BYTES) if job_id is None else job_id.bytes
        self._busy_since.value = 0.0 if job_id is None else time.monotonic()

    @property
    def looked_at(self) -> float:
        """When the process last checked its queue, on the monotonic clock; 0 if never."""
        return float(self._looked_at.value)

    def set_looked(self) -> None:
        """Note that the process checks its queue, whether or not there is work."""
        self._looked_at.value = time.monotonic()

    @property
    def job_ids(self) -> frozenset[UUID]:
        """The jobs that the process has; may be inconsistent while they change."""
        found = bytes(self._jobs)
        parts = (found[start : start + _ID_BYTES] for start in range(0, len(found), _ID_BYTES))
        return frozenset(UUID(bytes=part) for part in parts if any(part))

    @property
    def settled_at(self) -> float:
        """When :meth:`set_jobs` was last called, on the monotonic clock; 0 if never."""
        return float(self._settled_at.value)

    def set_jobs(self, job_ids: Sequence[UUID]) -> None:
        """Set the jobs that the process has; called when no claim is still unanswered."""
        self._jobs[:] = b"".join(job_id.bytes for job_id in job_ids).ljust(len(self._jobs), b"\0")
        self._settled_at.value = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the process has loaded its engine and takes jobs."""
        return bool(self._ready.value)

    def set_ready(self) -> None:
        """Note that the process takes jobs from now on."""
        self._ready.value = True

    @property
    def paused(self) -> bool:
        """Whether the queue is paused."""
        return bool(self._paused.value)

    def set_paused(self, paused: bool) -> None:
        """Set whether the queue is paused."""
        self._paused.value = paused
