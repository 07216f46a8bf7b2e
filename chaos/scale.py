"""Where the limits are: ``python -m chaos.scale`` (about twenty minutes and 15 GB of disk).

100,000 jobs submitted at once; 2 to 190 connections that claim and record; 1,000,000 and
10,000,000 jobs tracked; rows pruned, and a partitioned table beside that. The statements are the
package's own.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psutil

import photoqueue
from chaos import scale_tables
from chaos.servers import Servers
from photoqueue import Settings
from photoqueue.installation import current
from photoqueue.jobs import PHOTO_ANALYZE, job_types
from photoqueue.queue.database import load_statements
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.submission import NewBatch, NewJob, NewPhoto, accept
from photoqueue.queue.workers import Register, Renewal
from photoqueue.services.programs import DATABASE, find_postgres
from photoqueue.words import Message
from photoqueue.worker.identity import this_host
from photoqueue.worker.recovery import Recovery

QUEUE: Final = PHOTO_ANALYZE
_SECONDS = 8
_RESULT: Final = '{"photoId": "p", "items": [], "roomType": "kitchen", "confidence": 0}'


class Figures:
    """What was measured, told at once and kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.values: dict[str, Any] = {}

    def add(self, name: str, value: float, unit: str) -> None:
        """Keep a figure."""
        self.values[name] = {"value": value, "unit": unit}
        print(f"{time.strftime('%T')} {name}: {value:,.4g} {unit}", file=sys.stderr, flush=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.values, indent=1))

    @contextmanager
    def timed(self, name: str, factor: float = 1.0, unit: str = "s") -> Iterator[None]:
        """Keep how long something takes."""
        begin = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - begin) * factor, unit)


def submit_at_once(figures: Figures, count: int) -> None:
    """Submit so many jobs in one call, and let Redis forget them all."""
    installation = current()
    photos, jobs = [], []
    for _ in range(count):
        job = new_uuid()
        sha256 = f"{job.int:064x}"
        payload = {"photoId": f"p{job.hex}", "userId": "u1", "sha256": sha256}
        photos.append(NewPhoto(photo_id=f"p{job.hex}", user_id="u1", sha256=sha256))
        jobs.append(
            NewJob(
                job_id=job,
                job_key=f"photo-p{job.hex}",
                queue=QUEUE,
                payload_json=json.dumps(payload),
                user_id="u1",
                max_attempts=4,
                photo_id=f"p{job.hex}",
                sha256=sha256,
            )
        )
    batch = NewBatch(batch_id=f"b-{uuid4().hex[:8]}", user_id="u1")
    with figures.timed(f"rows of {count:,} jobs"):
        accept(installation.database, jobs=jobs, photos=photos, batch=batch)
    messages = [Message(QUEUE, job.job_id, 0) for job in jobs]
    with installation.broker._redis as client:
        before = client.info("memory")["used_memory"]
        with figures.timed(f"messages of {count:,} jobs"):
            installation.broker.enqueue(messages)
        used = client.info("memory")["used_memory"] - before
        figures.add("Redis memory a waiting job", used / count, "bytes")
        client.flushall()
    with _recovery() as recovery:
        with figures.timed("round of the leader after FLUSHALL"):
            recovery.run(_LEADING)
        figures.add("jobs that it announced", installation.broker.size(QUEUE), "")


#: What a worker is told that leads recovery.
_LEADING: Final = Renewal(
    registered=True,
    leads=True,
    held=(),
    queues=(str(QUEUE),),
    paused=frozenset(),
    backlogs={},
)


@contextmanager
def _recovery() -> Iterator[Recovery]:
    installation = current()
    ledger = Ledger(installation.database, name="scale")
    yield Recovery(installation, ledger, worker_id=new_uuid(), host=this_host(), lease_seconds=10)
    ledger.close()


def throughput(figures: Figures, servers: Servers, connections: int, label: str) -> None:
    """Claim and record jobs with so many connections at once."""
    script = _script(servers)
    command = [str(find_postgres() / "pgbench"), "-n", "-M", "prepared", "-f", str(script)]
    command += ["-c", str(connections), "-j", "2", "-T", str(_SECONDS), "-U", DATABASE]
    socket = servers.postgres_socket
    process = subprocess.Popen(
        [*command, "-h", str(socket.parent), DATABASE],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(_SECONDS / 2)
    backends = _memory_of(servers)
    output = process.communicate()[0]
    script.unlink()
    rate = re.search(r"tps = ([\d.]+)", output)
    if rate is None:
        raise RuntimeError(f"pgbench failed:\n{output[-2000:]}")
    figures.add(f"{label}: claims and records, {connections} connections", float(rate[1]), "jobs/s")
    if connections >= 100:
        figures.add(f"{label}: memory a connection", backends / connections / 2**20, "MiB")


def _script(servers: Servers) -> Path:
    """Write the two statements of a job for pgbench."""
    with servers.connect() as connection:
        connection.execute("DROP SEQUENCE IF EXISTS scale_next")
        connection.execute("DROP TABLE IF EXISTS scale_waiting")
        connection.execute(
            "CREATE TABLE scale_waiting AS SELECT row_number() OVER () AS n, job_id FROM "
            "(SELECT job_id FROM jobs WHERE state = 'waiting' AND ready_at < now() "
            " AND queue_name = 'photo-analyze' LIMIT 60000) AS found"
        )
        connection.execute("CREATE UNIQUE INDEX ON scale_waiting (n)")
        connection.execute("CREATE SEQUENCE scale_next")
    transitions = load_statements("transitions.sql")
    worker = f"'{new_uuid()}'"
    values = {
        "job_id": ":job_id",
        "job_ids": "ARRAY[:job_id]",
        "queue_name": "'photo-analyze'",
        "worker_id": worker,
        "slot": "1",
        "attempt": "ARRAY[1]",
        "result": f"ARRAY['{_RESULT}']",
        "ran_ms": "ARRAY[1.0]",
        "ended_ms": "ARRAY[0.0]",
        "next_jobs": "ARRAY[]",
        "together": "false",
    }

    def filled(name: str) -> str:
        text = re.sub(r"--[^\n]*", "", transitions[name])
        text = text.replace("%(job_id)b", "ARRAY[:job_id]")
        text = re.sub(r"%\((\w+)\)[sb]", lambda found: values[found[1]], text)
        return " ".join(text.replace(":job_id", ":job_id::uuid").split()).rstrip(";") + ";\n"

    take = "SELECT job_id FROM scale_waiting WHERE n = (SELECT nextval('scale_next')) \\gset\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as file:
        file.write(take + filled("claim") + filled("complete_and_claim"))
    return Path(file.name)


def _memory_of(servers: Servers) -> float:
    """Sum what the connections' processes have for themselves."""
    total = 0.0
    for process in servers.postgres.processes()[1:]:
        try:
            total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total


def reads_and_rounds(figures: Figures, label: str) -> None:
    """Time what people look at, and a round of a worker's supervisor."""
    installation = current()

    def best(action: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            action()
            times.append(time.perf_counter() - begin)
        return sorted(times)[2] * 1000

    figures.add(f"{label}: stats()", best(photoqueue.stats), "ms")
    figures.add(f"{label}: history(limit=1000)", best(lambda: photoqueue.history(limit=1000)), "ms")
    ledger = Ledger(installation.database, name="scale")
    register = Register(ledger)
    worker = new_uuid()
    register.add(worker, this_host(), queues=list(job_types()), concurrency=2, engine="none")
    figures.add(
        f"{label}: renewing a lease", best(lambda: register.renew(worker, state="running")), "ms"
    )
    with _recovery() as recovery:
        recovery.run(_LEADING)
        figures.add(f"{label}: round of the leader", best(lambda: recovery.run(_LEADING)), "ms")
        follows = replace(_LEADING, leads=False)
        figures.add(f"{label}: round of another worker", best(lambda: recovery.run(follows)), "ms")
    register.stop([worker])
    ledger.close()


def main() -> None:
    """Measure everything."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # cleans up all the same
    parser = argparse.ArgumentParser(prog="python -m chaos.scale", description=__doc__)
    parser.add_argument("--at-once", type=int, default=100_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--connections", type=int, nargs="+", default=[2, 10, 50, 100, 190])
    parser.add_argument("--out", type=Path, default=Path("out/chaos/scale.json"))
    chosen = parser.parse_args()
    figures = Figures(chosen.out)
    servers = Servers()
    folder = tempfile.TemporaryDirectory(prefix="pq-scale-")
    try:
        photoqueue.use(
            Settings(
                home=Path(folder.name),
                database_url=servers.database_url,
                redis_url=servers.redis_url,
            )
        )
        submit_at_once(figures, chosen.at_once)
        reads_and_rounds(figures, f"{chosen.at_once:,} waiting")
        for connections in chosen.connections:
            throughput(figures, servers, connections, "few rows")
        for rows in chosen.rows:
            label = f"{rows:,} rows"
            with figures.timed(f"{label}: filling"):
                scale_tables.fill(servers, rows)
            for name, size in scale_tables.sizes(servers).items():
                figures.add(f"{label}: {name}", size, "bytes a job")
            reads_and_rounds(figures, label)
            throughput(figures, servers, 4, label)
        scale_tables.prune(figures, servers, min(rows // 10, 500_000))
        scale_tables.partition(figures, servers, rows, min(rows // 2, 2_000_000))
        reads_and_rounds(figures, f"{rows:,} rows, pruned")
    finally:
        photoqueue.use(None)
        servers.close()
        folder.cleanup()


if __name__ == "__main__":
    main()
