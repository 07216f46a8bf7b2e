"""How quick ``GET /api/queue/test`` is while many jobs are tracked and many clients ask.

Starts servers of its own in a temporary folder, fills the tracking table, serves the API in a
process of its own and asks it from another. ``python -m benchmarks.queue_counts --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from photoqueue import Settings, services
from photoqueue.installation import Installation

_FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id, attempts,
        max_attempts, budget, ready_at, finished_at, success, job_duration_ms, wait_ms)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n,
        CASE WHEN n % 20 = 0 THEN 'inventory-sync' ELSE 'photo-analyze' END,
        CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 500 = 1 THEN 'waiting' ELSE 'completed' END,
        '{{}}', 'p' || n, 'u1', 1, 4, 4, now(),
        CASE WHEN n % 500 <> 1 THEN now() - n * interval '0.1 s' END,
        CASE WHEN n % 500 <> 1 THEN n % 50 > 0 END,
        10, 5
    FROM generate_series(1, {jobs}) AS n
"""
#: Seconds of asking before it counts.
_WARM_SECONDS = 2.0
_REQUEST = b"GET /api/queue/test HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def _client(port: int, delay: float, pause: float, until: float, took: list[float]) -> None:
    """Ask again and again over one connection, ``pause`` seconds apart, after a ``delay``."""
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(_REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(max(0.0, pause - (time.perf_counter() - began)))
    writer.close()


async def _ask(port: int, clients: int, pause: float, seconds: float) -> list[float]:
    took: list[float] = []
    # People do not ask all at once: each client begins a little later than the one before.
    delays = [pause * number / clients for number in range(clients)]
    for spent, answers in ((_WARM_SECONDS, []), (seconds, took)):  # the first one warms up
        until = time.perf_counter() + spent
        await asyncio.gather(*(_client(port, delay, pause, until, answers) for delay in delays))
    return took


def _serve(settings: Settings, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "photoqueue", "serve", "--port", "0"],
            env={**os.environ, **settings.to_environment()},
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + 120
    while (found := re.search(r"serving on http://127.0.0.1:(\d+)", log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SystemExit(f"The server did not start:\n{log.read_text()}")
        time.sleep(0.1)
    return process, int(found[1])


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs that are tracked")
    parser.add_argument("--clients", type=int, default=50, help="clients that ask at a time")
    parser.add_argument(
        "--rate",
        type=float,
        nargs="*",
        default=[2, 10, 0],
        help="requests a second of each client; 0 is as many as it can",
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="for each rate")
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="pq-"))
    settings = Settings(home=home, api_requests_per_second=0.0)
    server = None
    try:
        installation = Installation.open(settings)
        with psycopg.connect(installation.database.libpq_url, autocommit=True) as connection:
            connection.execute(_FILL.format(jobs=chosen.jobs))
            connection.execute("VACUUM ANALYZE jobs")
        from photoqueue.queue.queue_counts import LiveCounts

        counting = []
        for _ in range(5):
            began = time.perf_counter()
            LiveCounts(installation.database, settings.lease_seconds).read()
            counting.append((time.perf_counter() - began) * 1000)
        installation.close()
        print(
            f"{chosen.jobs:,} jobs; counting them once takes {statistics.median(counting):.0f} ms"
        )
        server, port = _serve(settings, home / "serve.log")
        for rate in chosen.rate:
            before = sum(psutil.Process(server.pid).cpu_times()[:2])
            pause = 1 / rate if rate else 0.0
            took = sorted(asyncio.run(_ask(port, chosen.clients, pause, chosen.seconds)))
            spent = sum(psutil.Process(server.pid).cpu_times()[:2]) - before
            p50, p99 = (took[int(len(took) * part)] for part in (0.5, 0.99))
            # On a busy machine the clients and the servers wait for a core; this they do not.
            core = spent / (chosen.seconds + _WARM_SECONDS)
            print(
                f"{chosen.clients} clients, {rate or 'all the'} requests/s each: "
                f"{len(took) / chosen.seconds:,.0f} answers/s, p50 {p50:.1f} ms, "
                f"p99 {p99:.1f} ms, longest {took[-1]:.1f} ms, server {core:.0%} of a core"
            )
    finally:
        if server is not None:
            server.terminate()
            server.wait(20)
        services.down(settings)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
