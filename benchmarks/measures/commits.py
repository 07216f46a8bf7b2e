"""The least that one job can take: its three commits and two Redis commands, one after the other.

One process does what a submitter and a worker do in turn, with plain prepared statements: it
inserts the rows of a photo, its job and the count of submissions; sends the id to a sorted set and
takes it from there; claims the job; writes the result and the attempt. They are the rows of
photoqueue, in tables with the same indexes, so these are the commits that no tracked queue can do
without. There is no process to wake, nothing is looked up, and no statement is fenced.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import psycopg
import redis

from benchmarks.servers import Servers
from benchmarks.summary import percentile
from photoqueue.queue.ids import new_uuid

_JOBS = 150
_WARM = 20
_RESULT = '{"photoId": "p", "items": [], "roomType": "salon", "confidence": 0.0}'
_SUBMIT = (
    "INSERT INTO photos (photo_id, user_id, sha256) VALUES (%(photo)s, 'u1', %(sha256)s)",
    "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id,"
    " max_attempts, budget, ready_at) VALUES (%(job)s, 'photo-' || %(photo)s, 'photo-analyze',"
    " 'waiting', %(payload)s, %(photo)s, 'u1', 4, 4, now())",
    "INSERT INTO metric_submissions (queue_name, submitted, failed) VALUES ('photo-analyze', 1, 0)",
)
_CLAIM = (
    "UPDATE jobs SET state = 'active', attempts = 1, worker_id = %(worker)s, slot = 1,"
    " started_at = now(), wait_ms = 1 WHERE job_id = %(job)s",
)
_END = (
    "UPDATE jobs SET state = 'completed', finished_at = now(), job_duration_ms = 1, success = true,"
    " result = %(result)s WHERE job_id = %(job)s",
    "INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,"
    " ended_at) VALUES (%(job)s, 1, 'completed', %(worker)s, 1, 1, now(), now())",
)


def loop(servers: Servers, scale: float) -> dict[str, float]:
    """Do one job at a time; return the milliseconds of one."""
    took = []
    with (
        closing(redis.Redis(unix_socket_path=servers.redis_socket, db=1)) as broker,
        psycopg.connect(servers.installation.database.libpq_url, autocommit=True) as connection,
    ):
        connection.prepare_threshold = 0

        def commit(statements: tuple[str, ...], values: dict[str, Any]) -> None:
            with connection.pipeline():  # one round trip, and one transaction
                for statement in statements:
                    connection.execute(statement, values)

        worker = new_uuid()
        for _ in range(_WARM + max(10, round(_JOBS * scale))):
            job = new_uuid()
            values = {
                "job": job,
                "worker": worker,
                "photo": job.hex,
                "sha256": job.hex * 2,
                "payload": '{"photoId": "p", "userId": "u1"}',
                "result": _RESULT,
            }
            began = time.perf_counter()
            commit(_SUBMIT, values)
            broker.zadd("bare_jobs", {job.bytes: 0})
            broker.bzpopmin("bare_jobs", 1)
            commit(_CLAIM, values)
            commit(_END, values)
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
    return {"p50 ms": percentile(took[_WARM:], 50), "p95 ms": percentile(took[_WARM:], 95)}
