"""The memory in which a process of a worker and its supervisor tell each other how they are."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any, Final
from uuid import UUID

#: Jobs that a process has at most.
MOST_JOBS: Final = 32
_ID_BYTES: Final = 16


class StatusBoard:
    """State of one process, in memory that it shares with its supervisor.

    Without a lock: a process can be killed at any moment, and a lock that it held would stay
    taken.
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
        """When the work on a job began, on the monotonic clock; 0 while there is none."""
        return float(self._busy_since.value)

    @property
    def at(self) -> UUID | None:
        """The job that the process is working on; None while there is none."""
        found = bytes(self._at)
        return UUID(bytes=found) if any(found) else None

    def set_busy(self, job_id: UUID | None) -> None:
        """Set the job that the process works on; None when only its record is left."""
        if job_id is None:
            # First: a process whose job was long has not looked at its queue meanwhile, and
            # must not appear as silent until its record is written.
            self.set_looked()
        self._at[:] = bytes(_ID_BYTES) if job_id is None else job_id.bytes
        self._busy_since.value = 0.0 if job_id is None else time.monotonic()

    @property
    def looked_at(self) -> float:
        """When the process last looked at its queue, on the monotonic clock; 0 before."""
        return float(self._looked_at.value)

    def set_looked(self) -> None:
        """Note that the process looks at its queue, whether or not there is work."""
        self._looked_at.value = time.monotonic()

    @property
    def job_ids(self) -> frozenset[UUID]:
        """The jobs that the process has; may be torn while they change."""
        found = bytes(self._jobs)
        parts = (found[start : start + _ID_BYTES] for start in range(0, len(found), _ID_BYTES))
        return frozenset(UUID(bytes=part) for part in parts if any(part))

    @property
    def settled_at(self) -> float:
        """When the process last knew which jobs it has, on the monotonic clock; 0 before."""
        return float(self._settled_at.value)

    def set_jobs(self, job_ids: Sequence[UUID]) -> None:
        """Set the jobs that the process has, once each claim it sent is answered or given up."""
        self._jobs[:] = b"".join(job_id.bytes for job_id in job_ids).ljust(len(self._jobs), b"\0")
        self._settled_at.value = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the process has its engine and takes jobs."""
        return bool(self._ready.value)

    def set_ready(self) -> None:
        """Note that the process takes jobs from now on."""
        self._ready.value = True

    @property
    def paused(self) -> bool:
        """Whether the queue is paused."""
        return bool(self._paused.value)

    def set_paused(self, paused: bool) -> None:
        """Tell the process whether its queue is paused."""
        self._paused.value = paused
