"""Memory that a worker process shares with its supervisor to report its state."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

#: Most jobs that a process has at a time.
MOST_JOBS: Final = 32
_ID_BYTES: Final = 16


class StatusBoard(ctypes.Structure):
    """State of one process; share it as ``multiprocessing.sharedctypes.RawValue(StatusBoard)``.

    It has no lock: a process can be killed at any moment, and a lock that it held would never be
    released.
    """

    _fields_: ClassVar = [
        ("busy_since", ctypes.c_double),
        ("_at", ctypes.c_ubyte * _ID_BYTES),
        ("looked_at", ctypes.c_double),
        ("settled_at", ctypes.c_double),
        ("asked", ctypes.c_double),
        ("granted", ctypes.c_double),
        ("_jobs", ctypes.c_ubyte * (MOST_JOBS * _ID_BYTES)),
        ("ready", ctypes.c_bool),
        ("paused", ctypes.c_bool),
        ("held", ctypes.c_bool),
    ]
    #: When work on the current job began, on the monotonic clock; 0 if there is none.
    busy_since: float
    #: When the process last checked its queue, on the monotonic clock; 0 if never.
    looked_at: float
    #: When :meth:`set_jobs` was last called, on the monotonic clock; 0 if never.
    settled_at: float
    #: When the process asked to be alone for a job, on the monotonic clock; 0 if it does not.
    asked: float
    #: The request that the supervisor has granted last.
    granted: float
    #: Whether the process has loaded its engine and takes jobs.
    ready: bool
    #: Whether the queue is paused.
    paused: bool
    #: Whether the process must not begin a job, as another one is to be alone.
    held: bool
    _at: Any
    _jobs: Any

    @property
    def at(self) -> UUID | None:
        """The job that the process is working on; None if there is none."""
        found = bytes(self._at)
        return UUID(bytes=found) if any(found) else None

    @property
    def takes(self) -> bool:
        """Whether the process may take jobs."""
        return not self.paused and not self.held

    def set_busy(self, job_id: UUID | None) -> None:
        """Set the current job; None when only its record is left to write."""
        if job_id is None:
            # First: during a long job the process does not check its queue, and must not look stuck
            # until its record is written.
            self.set_looked()
        self._at[:] = bytes(_ID_BYTES) if job_id is None else job_id.bytes
        self.busy_since = 0.0 if job_id is None else time.monotonic()

    def set_looked(self) -> None:
        """Note that the process checks its queue, whether or not there is work."""
        self.looked_at = time.monotonic()

    @property
    def job_ids(self) -> frozenset[UUID]:
        """The jobs that the process has; may be inconsistent while they change."""
        found = bytes(self._jobs)
        parts = (found[start : start + _ID_BYTES] for start in range(0, len(found), _ID_BYTES))
        return frozenset(UUID(bytes=part) for part in parts if any(part))

    def set_jobs(self, job_ids: Sequence[UUID]) -> None:
        """Set the jobs that the process has; called when no claim is still unanswered."""
        self._jobs[:] = b"".join(job_id.bytes for job_id in job_ids).ljust(len(self._jobs), b"\0")
        self.settled_at = time.monotonic()
