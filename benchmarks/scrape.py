"""How long a scrape of the metrics takes while many jobs are tracked.

Starts servers of its own in a temporary folder, fills the tracking table with jobs that count as
counted, and scrapes while more of them end. ``python -m benchmarks.scrape --help``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psycopg

from photoqueue import Settings, services
from photoqueue.client.metrics import RecentMetrics
from photoqueue.faces.http.metrics import exposition, installation_metrics
from photoqueue.installation import current, use

_FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id, attempts,
        max_attempts, budget, ready_at, finished_at, success, job_duration_ms, wait_ms)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n,
        CASE WHEN n %% 20 = 0 THEN 'inventory-sync' ELSE 'photo-analyze' END,
        CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 500 = 1 THEN 'waiting' ELSE 'completed' END,
        '{}', 'p' || n, 'u1', 1, 4, 4, now(),
        CASE WHEN n %% 500 <> 1 THEN now() END, CASE WHEN n %% 500 <> 1 THEN n %% 50 > 0 END,
        10, 5
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
_ATTEMPTS = """
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at, recorded_xid)
    SELECT job_id, 1, CASE state WHEN 'failed' THEN 'error' ELSE 'completed' END, 5,
        clock_timestamp() - random() * interval '9 s',
        CASE WHEN %(counted)s THEN NULL ELSE pg_current_xact_id()::text::bigint END
    FROM jobs
    WHERE state <> 'waiting'
      AND job_id BETWEEN lpad(to_hex(%(first)s::int), 32, '0')::uuid
          AND lpad(to_hex(%(last)s::int), 32, '0')::uuid
"""
_CALLS = """
    INSERT INTO ai_metrics (job_id, attempt, call, engine, model, latency_ms, success, cost_usd,
        recorded_xid)
    SELECT job_id, 1, 1, 'llm', 'm', random() * 9000, random() > 0.1, 0.001, NULL FROM jobs
"""


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--scrapes", type=int, default=40)
    parser.add_argument(
        "--between", type=int, default=500, help="attempts that end between two scrapes"
    )
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="pq-"))
    settings = Settings(home=home)
    try:
        use(settings)
        url = current().database.libpq_url
        with psycopg.connect(url, autocommit=True) as connection:
            whole = {"first": 1, "last": chosen.jobs, "counted": True}
            for statement in (_FILL, _ATTEMPTS, _CALLS):
                connection.execute(statement, whole)
            connection.execute("VACUUM ANALYZE")
            recent = RecentMetrics()
            began = time.perf_counter()
            exposition(*installation_metrics(recent()))
            first = time.perf_counter() - began
            print(f"first scrape, which waits for the counts of the queues: {first:.2f} s")
            took = []
            for number in range(chosen.scrapes):
                start = chosen.jobs + number * chosen.between + 1
                part = {"first": start, "last": start + chosen.between - 1, "counted": False}
                connection.execute(_FILL, part)
                connection.execute(_ATTEMPTS, part)
                time.sleep(0.2)
                began = time.perf_counter()
                exposition(*installation_metrics(recent()))
                took.append((time.perf_counter() - began) * 1000)
                time.sleep(1.0)  # what counts the queues behind its back comes to its end
        took.sort()
        print(
            f"{chosen.jobs:,} jobs, {chosen.between} attempts between scrapes: median "
            f"{statistics.median(took):.1f} ms, 95 % {took[int(len(took) * 0.95) - 1]:.1f} ms, "
            f"longest {took[-1]:.1f} ms"
        )
    finally:
        use(None)
        services.down(settings)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
