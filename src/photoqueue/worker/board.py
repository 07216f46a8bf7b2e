"""What a supervisor and one of its processes tell each other."""

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
    """What a supervisor and one of its processes tell each other, in shared memory.

    Plain memory and no lock: a process can be killed at any moment, and a lock that
    it held would stay taken.
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
        """Say that the work on a job begins, or (None) that only its record is left."""
        if job_id is None:
            # First: a process whose job was long has not looked at its queue meanwhile, and
            # must not appear as silent until its record is written.
            self.set_looked()
        self._at[:] = bytes(_ID_BYTES) if job_id is None else job_id.bytes
        self._busy_since.value = 0.0 if job_id is None else time.monotonic()

    @property
    def looked_at(self) -> float:
        """When the process last turned to its queue, on the monotonic clock; 0 before."""
        return float(self._looked_at.value)

    def set_looked(self) -> None:
        """Say that the process turns to its queue, whether or not there is work."""
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
        """Say which jobs the process has, once every claim that it sent is answered or given up."""
        self._jobs[:] = b"".join(job_id.bytes for job_id in job_ids).ljust(len(self._jobs), b"\0")
        self._settled_at.value = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the process has its engine and takes jobs."""
        return bool(self._ready.value)

    def set_ready(self) -> None:
        """Say that the process takes jobs from now on."""
        self._ready.value = True

    @property
    def paused(self) -> bool:
        """Whether the process is to leave its queue alone."""
        return bool(self._paused.value)

    def set_paused(self, paused: bool) -> None:
        """Make the process leave its queue alone, or take from it again."""
        self._paused.value = paused
