"""The peers by name, in the order of the table."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import psycopg

from benchmarks.peers.peer import PEERS_PYTHON, ROOT, Peer
from benchmarks.servers import Servers
from photoqueue.jobs import PHOTO_ANALYZE

_HERE = "benchmarks.peers"
#: Where ``make bench`` has npm put the packages of package.json.
NODE_MODULES = ROOT / "out" / "bench" / "node" / "node_modules"


def all_peers() -> dict[str, Peer]:
    """Return every peer, also those that cannot run here."""
    peers = [
        _photoqueue(),
        _huey(),
        _bullmq(rows=False),
        _bullmq(rows=True),
        _celery(),
        _rq(),
        _dramatiq(),
        _procrastinate(),
    ]
    return {peer.name: peer for peer in peers}


def _photoqueue() -> Peer:
    program = (sys.executable, "-m", f"{_HERE}.photoqueue_peer")
    return Peer(
        name="photoqueue",
        program=program,
        workers=((*program, "work", "2"),),
        left=_photoqueue_left,
        tracks="row, attempts, lease",
        jobs=10_000,
    )


def _photoqueue_left(servers: Servers) -> int:
    waiting = servers.installation.broker.size(_queue())
    if waiting:
        return waiting
    with servers.installation.database.begin() as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'active', 'delayed')"
            ).scalar_one()
        )


def _queue() -> Any:

    return PHOTO_ANALYZE


def _huey() -> Peer:
    module = f"{_HERE}.huey_peer"
    return Peer(
        name="huey",
        program=(str(PEERS_PYTHON), "-m", module),
        workers=(
            (
                str(PEERS_PYTHON.with_name("huey_consumer")),
                f"{_HERE}.huey_tasks.huey",
                *("-k", "process", "-w", "2", "-q"),
            ),
        ),
        left=lambda servers: int(servers.redis.llen("huey.redis.bench")),
        tracks="nothing",
        jobs=10_000,
        missing=_no_python(),
    )


def _bullmq(*, rows: bool) -> Peer:
    program = ("node", str(ROOT / "benchmarks" / "peers" / "bullmq_peer.cjs"))
    queue = "rows" if rows else "bare"
    keys = (f"bull:{queue}:wait", f"bull:{queue}:active")
    return Peer(
        name="bullmq+rows" if rows else "bullmq",
        program=program,
        workers=((*program, "work", "1"), (*program, "work", "1")),
        left=lambda servers: sum(int(servers.redis.llen(key)) for key in keys),
        tracks="row, two updates" if rows else "nothing",
        jobs=5_000 if rows else 10_000,
        missing=_no_node(),
        variables={"NODE_PATH": str(NODE_MODULES), "BENCH_ROWS": "1" if rows else "0"},
    )


def _celery() -> Peer:
    module = f"{_HERE}.celery_peer"
    return Peer(
        name="celery",
        program=(str(PEERS_PYTHON), "-m", module),
        workers=(
            (
                str(PEERS_PYTHON.with_name("celery")),
                *("-A", f"{module}:app", "worker", "--concurrency", "2", "-l", "WARNING"),
                # what its documentation says costs time and is not needed by one worker
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ),
        ),
        left=lambda servers: int(servers.redis.llen("celery")) + int(servers.redis.hlen("unacked")),
        tracks="nothing",
        jobs=4_000,
        missing=_no_python(),
    )


def _rq() -> Peer:
    program = (str(PEERS_PYTHON), "-m", f"{_HERE}.rq_peer")
    return Peer(
        name="rq",
        program=program,
        workers=((*program, "work", "1"), (*program, "work", "1")),
        left=lambda servers: (
            int(servers.redis.llen("rq:queue:bench")) + int(servers.redis.zcard("rq:wip:bench"))
        ),
        tracks="job hash",
        jobs=2_000,
        missing=_no_python(),
    )


def _dramatiq() -> Peer:
    module = f"{_HERE}.dramatiq_peer"
    return Peer(
        name="dramatiq",
        program=(str(PEERS_PYTHON), "-m", module),
        workers=(
            (
                str(PEERS_PYTHON.with_name("dramatiq")),
                *(module, "--processes", "2", "--threads", "1"),
            ),
        ),
        left=lambda servers: int(servers.redis.hlen("dramatiq:default.msgs")),
        tracks="nothing",
        jobs=4_000,
        missing=_no_python(),
    )


def _procrastinate() -> Peer:
    module = f"{_HERE}.procrastinate_peer"
    worker = (
        str(PEERS_PYTHON.with_name("procrastinate")),
        *("--app", f"{module}.app", "worker", "--concurrency", "1"),
    )
    return Peer(
        name="procrastinate",
        program=(str(PEERS_PYTHON), "-m", module),
        workers=(worker, worker),
        left=_procrastinate_left,
        tracks="row, events",
        jobs=1_500,
        missing=_no_python(),
    )


def _procrastinate_left(servers: Servers) -> int:
    with psycopg.connect(servers.peers_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        ).fetchone()
    return int(row[0]) if row else 0


def _no_python() -> str | None:
    return None if PEERS_PYTHON.exists() else "no .venv-bench: run `make bench`"


def _no_node() -> str | None:
    if shutil.which("node") is None:
        return "no node on this machine"
    return None if (NODE_MODULES / "bullmq").exists() else "no npm packages: run `make bench`"


def clear(servers: Servers) -> None:
    """Forget the jobs of all peers: each measurement begins with empty queues and tables."""
    servers.redis.flushdb()
    _truncate(servers.installation.database.libpq_url, ("jobs", "job_attempts", "ai_metrics"))
    _truncate(servers.installation.database.libpq_url, ("photos", "batches", "batch_jobs"))
    _truncate(servers.peers_dsn, ("bullmq_jobs", "procrastinate_jobs"))


def _truncate(dsn: str, tables: tuple[str, ...]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in tables:
            (found,) = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() or (None,)
            if found:
                connection.execute(f"TRUNCATE {table} CASCADE")
