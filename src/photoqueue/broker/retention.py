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


#: Keeps a record and drops what is beyond the limits; then takes the head of a queue.
#: KEYS: the records, the queue (none: takes nothing). ARGV: record, its time, how many are kept,
#: for how many seconds.
_ADD_AND_TAKE: Final = """
if ARGV[1] ~= '' then
    redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[4])
    -- Should no worker ever run again, Redis itself forgets.
    redis.call('EXPIRE', KEYS[1], ARGV[4])
end
return KEYS[2] and redis.call('ZPOPMIN', KEYS[2])[1] or false
"""


class Records:
    """The retained records of one installation."""

    def __init__(self, redis: Any, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._add_and_take = redis.register_script(_ADD_AND_TAKE)

    def key(self, queue: JobType, state: JobState) -> str:
        """Name of the sorted set of one queue and state."""
        return f"photoqueue:{self._namespace}:{queue}:{state}"

    def add(self, finished: Finished) -> None:
        """Keep the record of a job; drop what is beyond the limits. One round trip."""
        self._run(finished)

    def add_and_take(self, finished: Finished | None, queue_key: str) -> bytes | None:
        """Keep the record of a job, and take the most urgent message. One round trip."""
        return self._run(finished, queue_key)

    def _run(self, finished: Finished | None, *queue_key: str) -> bytes | None:
        arguments: list[str | float]
        if finished is None:
            keys, arguments = [""], [""]
        else:
            record = {
                "jobId": finished.job_id,
                "photoId": finished.photo_id,
                "attempts": finished.attempts,
                "durationMs": round(finished.duration_ms, 1),
            }
            keep = RETENTION[finished.state]
            keys = [self.key(finished.queue, finished.state)]
            arguments = [json.dumps(record), time.time(), keep.count, keep.seconds]
        taken: bytes | None = self._add_and_take(keys=[*keys, *queue_key], args=arguments)
        return taken

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
