"""Tables with millions of rows: filled, pruned, partitioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from chaos.servers import Servers

if TYPE_CHECKING:
    from chaos.scale import Figures

_FILL = (
    """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, result, photo_id, user_id,
        project_id, attempts, max_attempts, budget, created_at, ready_at, started_at, finished_at,
        success, job_duration_ms, wait_ms, error_type, error_message)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-s' || n, 'photo-analyze',
        CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END,
        jsonb_build_object('photoId', 's' || n, 'userId', 'u1', 'sha256', md5(n::text)),
        '{{"items": [{{"name": "chair", "category": "furniture", "dismountable": true}}],
           "roomType": "kitchen", "confidence": 0.9}}',
        's' || n, 'u1', 'move-' || n / 40, 1, 4, 4,
        now() - ({last} - n) * interval '0.1 s', now() - ({last} - n) * interval '0.1 s',
        now() - ({last} - n) * interval '0.1 s', now() - ({last} - n) * interval '0.1 s',
        n % 50 > 0, 20 + n % 977, 5 + n % 131,
        CASE WHEN n % 50 = 0 THEN 'RuntimeError' END, CASE WHEN n % 50 = 0 THEN 'no' END
    FROM generate_series({first}, {last}) AS n
    """,
    """
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at, ended_at,
        recorded_xid)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1,
        CASE WHEN n % 50 = 0 THEN 'error' ELSE 'completed' END, 5 + n % 131,
        now() - ({last} - n) * interval '0.1 s', now() - ({last} - n) * interval '0.1 s', NULL
    FROM generate_series({first}, {last}) AS n
    """,
)
_TABLES = ("jobs", "job_attempts")


def fill(servers: Servers, rows: int) -> None:
    """Have so many ended jobs tracked, each with its attempt."""
    with servers.connect() as connection:
        connection.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        there = _value(connection, "SELECT count(*) FROM jobs WHERE photo_id LIKE 's%'")
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
            "AND indexname NOT LIKE '%%_pkey'",
            (list(_TABLES),),
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        for statement in _FILL:
            connection.execute(statement.format(first=there + 1, last=rows))
        for _, definition in indexes:
            connection.execute(str(definition))
        connection.execute("VACUUM ANALYZE")


def sizes(servers: Servers) -> dict[str, float]:
    """Tell what a job takes on disk."""
    with servers.connect() as connection:
        count = _value(connection, "SELECT count(*) FROM jobs")
        found = {}
        for table in _TABLES:
            heap = _value(connection, f"SELECT pg_table_size('{table}')")
            indexes = _value(connection, f"SELECT pg_indexes_size('{table}')")
            found[f"{table}, rows"] = heap / count
            found[f"{table}, indexes"] = indexes / count
        return found


def prune(figures: Figures, servers: Servers, rows: int) -> None:
    """Delete the oldest jobs and attempts, as the manual says, and clean up after it."""
    with servers.connect() as connection:
        bound = f"lpad(to_hex({rows}), 32, '0')::uuid"
        for table in ("job_attempts", "jobs"):
            with figures.timed(f"deleting {rows:,} of {table}"):
                connection.execute(f"DELETE FROM {table} WHERE job_id <= {bound}")
        with figures.timed(f"vacuum after {rows:,} deleted jobs"):
            connection.execute("VACUUM jobs")
            connection.execute("VACUUM job_attempts")


def partition(figures: Figures, servers: Servers, last: int, rows: int) -> None:
    """Put the last attempts into a table that is partitioned by the time in their job's id."""
    first = last - rows
    with servers.connect() as connection:
        connection.execute(
            "CREATE TABLE parted (LIKE job_attempts INCLUDING DEFAULTS INCLUDING CONSTRAINTS, "
            "PRIMARY KEY (job_id, attempt)) PARTITION BY RANGE (job_id)"
        )
        step = rows // 10
        for number in range(12):
            low, high = first + number * step, first + (number + 1) * step
            connection.execute(
                f"CREATE TABLE parted_{number} PARTITION OF parted FOR VALUES "
                f"FROM ('{low:032x}') TO ('{high:032x}')"
            )
        scope = f"job_id >= '{first:032x}' AND job_id < '{last:032x}'"
        moved = connection.execute(
            f"INSERT INTO parted SELECT * FROM job_attempts WHERE {scope}"
        ).rowcount
        connection.execute("ANALYZE parted")
        figures.add("attempts in a partitioned table", moved, "rows")
        key = f"{first + rows // 2:032x}"
        for table in ("job_attempts", "parted"):
            with figures.timed(f"1,000 lookups by job in {table}", 1.0, "ms a lookup"):
                for _ in range(1000):
                    connection.execute(f"SELECT * FROM {table} WHERE job_id = '{key}'")
        with figures.timed("dropping a tenth of them as a partition", 1000, "ms"):
            connection.execute("DROP TABLE parted_0")
        with figures.timed("deleting a tenth of them as rows", 1000, "ms"):
            connection.execute(
                f"DELETE FROM job_attempts WHERE {scope} AND job_id < '{first + step:032x}'"
            )
        figures.add("jobs can be partitioned", float(_jobs_can_be(connection)), "(1 is yes)")


def _jobs_can_be(connection: psycopg.Connection[Any]) -> bool:
    """Whether the rule that a key has one unfinished job survives partitioning."""
    try:
        connection.execute(
            "CREATE TABLE parted_jobs (LIKE jobs) PARTITION BY RANGE (job_id); "
            "CREATE UNIQUE INDEX ON parted_jobs (job_key) "
            "WHERE state IN ('waiting', 'active', 'delayed')"
        )
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


def _value(connection: psycopg.Connection[Any], query: str) -> int:
    return int(connection.execute(query).fetchone()[0])  # type: ignore[index]  # one row
