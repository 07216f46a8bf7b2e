"""The records of finished jobs that Redis keeps for a while, for a look with ``redis-cli``.

Redis keys, one sorted set each per queue and installation (score = end of the job in
seconds since the epoch, member = JSON ``{"jobId", "photoId", "attempts", "durationMs"}``):
``photoqueue:<installation>:<queue>:completed`` and ``…:failed``. The tracking table is
not touched by retention.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Final

from photoqueue.models import JobState, JobType


@dataclass(frozen=True, slots=True)
class Keep:
    """How many records of one kind are kept, and for how long."""

    count: int
    seconds: int


RETENTION: Final = {
    JobState.COMPLETED: Keep(count=100, seconds=24 * 3600),
    JobState.FAILED: Keep(count=50, seconds=7 * 24 * 3600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job that has ended, as its record shows it."""

    queue: JobType
    job_id: str
    state: JobState
    attempts: int
    duration_ms: float
    photo_id: str | None = None


class Records:
    """The retained records of one installation."""

    def __init__(self, redis: Any, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace

    def key(self, queue: JobType, state: JobState) -> str:
        """Name of the sorted set of one queue and state."""
        return f"photoqueue:{self._namespace}:{queue}:{state}"

    def add(self, finished: Finished) -> None:
        """Keep the record of a job; drop what is beyond the limits. One round trip."""
        record = {
            "jobId": finished.job_id,
            "photoId": finished.photo_id,
            "attempts": finished.attempts,
            "durationMs": round(finished.duration_ms, 1),
        }
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(self.key(finished.queue, finished.state), {json.dumps(record): time.time()})
            self._trim(pipe, finished.queue, finished.state)
            pipe.execute()

    def trim(self) -> None:
        """Drop what is beyond the limits, on idle queues too."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in JobType:
                for state in RETENTION:
                    self._trim(pipe, queue, state)
            pipe.execute()

    def read(self, queue: JobType, state: JobState) -> list[dict[str, Any]]:
        """List the records of one queue and state, newest first."""
        return [
            json.loads(record)
            for record in self._redis.zrange(self.key(queue, state), 0, -1, desc=True)
        ]

    def _trim(self, pipe: Any, queue: JobType, state: JobState) -> None:
        key, keep = self.key(queue, state), RETENTION[state]
        pipe.zremrangebyrank(key, 0, -keep.count - 1)
        pipe.zremrangebyscore(key, "-inf", time.time() - keep.seconds)
        # Should no worker ever run again, Redis itself forgets.
        pipe.expire(key, keep.seconds)
