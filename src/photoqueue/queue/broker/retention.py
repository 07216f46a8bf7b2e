"""Records of finished jobs that Redis keeps for a while, to inspect with ``redis-cli``.

Redis keys, one sorted set each per queue and installation (score = end of the job in
seconds since the epoch, member = JSON ``{"jobId", "photoId", "attempts", "durationMs"}``):
``photoqueue:<installation>:<queue>:completed`` and ``…:failed``. The tracking table is
not touched by retention.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from photoqueue.words import JobState


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

    queue: str
    job_id: str
    state: JobState
    attempts: int
    duration_ms: float
    photo_id: str | None = None


#: Adds records and drops those beyond the limits; then takes messages from a queue.
#: KEYS: the records; the queue, if messages are to be taken. ARGV: number of messages to take,
#: number of records to keep, seconds to keep them, time of the new records, the new records.
_KEEP_AND_TAKE: Final = """
if #ARGV > 4 then
    local members = {}
    for place = 5, #ARGV do
        members[#members + 1] = ARGV[4]
        members[#members + 1] = ARGV[place]
    end
    redis.call('ZADD', KEYS[1], unpack(members))
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[4] - ARGV[3])
    -- Redis drops them itself if no worker ever runs again.
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return KEYS[2] and redis.call('ZPOPMIN', KEYS[2], ARGV[1]) or {}
"""


class Records:
    """The retained records of one installation."""

    def __init__(self, redis: Any, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._keep_and_take = redis.register_script(_KEEP_AND_TAKE)

    def key(self, queue: str, state: JobState) -> str:
        """Name of the sorted set of one queue and state."""
        return f"photoqueue:{self._namespace}:{queue}:{state}"

    def add(
        self,
        queue: str,
        state: JobState,
        finished: Sequence[Finished],
        *,
        queue_key: str = "",
        count: int = 0,
    ) -> list[tuple[bytes, float]]:
        """Keep records of one queue and state within the limits, and take messages.

        One round trip.

        Returns
        -------
        list of tuple
            Up to ``count`` members of the sorted set ``queue_key`` with their scores, most
            urgent first.
        """
        keep = RETENTION[state]
        records = [
            json.dumps(
                {
                    "jobId": one.job_id,
                    "photoId": one.photo_id,
                    "attempts": one.attempts,
                    "durationMs": round(one.duration_ms, 1),
                }
            )
            # Not more than are kept; also, Lua's unpack is limited to a few thousand values.
            for one in finished[-keep.count :]
        ]
        taken = self._keep_and_take(
            # Only keys of photoqueue, as its Redis user may be limited to them.
            keys=[self.key(queue, state), *([queue_key] if count else [])],
            args=[count, keep.count, keep.seconds, time.time(), *records],
        )
        return [
            (member, float(score)) for member, score in zip(taken[::2], taken[1::2], strict=True)
        ]

    def trim(self, queues: Iterable[str]) -> None:
        """Drop records beyond the limits, on idle queues too."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                for state, keep in RETENTION.items():
                    key = self.key(queue, state)
                    pipe.zremrangebyrank(key, 0, -keep.count - 1)
                    pipe.zremrangebyscore(key, "-inf", time.time() - keep.seconds)
            pipe.execute()
