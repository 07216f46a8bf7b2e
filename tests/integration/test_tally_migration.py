"""Migrating the sums of revision 0005: nothing falls, doubles or is lost, whoever counts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from photoqueue.client.metrics import RecentMetrics, figures
from photoqueue.faces.http.metrics import exposition, installation_metrics
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.tables import SCHEMA_REVISION
from photoqueue.queue.tally import EDGES, counting
from tests.conftest import eventually
from tests.integration.test_figures import FILL, SUBMISSIONS
from tests.integration.test_metrics import samples
from tests.integration.test_schema import alembic_config

_OLD = Path(__file__).with_name("counting_0005.sql").read_text().split("-- name: ")[1:]
#: Source → the statement by which revision 0005 counts it.
OLD = {re.match(r"count_(\w+)", text)[1]: text.partition("\n")[2] for text in _OLD}  # type: ignore[index]  # each has a name
EVENT = """
    WITH job AS (
        INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, attempts,
            max_attempts, budget, finished_at)
        VALUES (gen_random_uuid(), 'photo-' || gen_random_uuid(), 'photo-analyze', 'completed',
            '{}', 'u1', 1, 4, 4, now())
        RETURNING job_id
    ), submitted AS (
        INSERT INTO metric_submissions (queue_name, submitted, failed)
        VALUES ('photo-analyze', 1, 0)
    ), called AS (
        INSERT INTO ai_metrics
            (job_id, attempt, call, engine, model, latency_ms, success, cost_usd, tokens_in)
        SELECT job_id, 1, 1, 'llm', 'm', 120, true, 0.5, 3 FROM job
    )
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at)
    SELECT job_id, 1, 'completed', 5, now() - interval '20 ms' FROM job
"""


@pytest.fixture
def old(database: Database) -> Iterator[psycopg.Connection]:
    """Have the tables of revision 0005, and a connection of the version that goes with it."""
    config = alembic_config()
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


def count_as_before(connection: psycopg.Connection, most: int = 100_000) -> None:
    """Count everything by the statements of revision 0005, each committed by itself."""
    values: dict[str, Any] = {f"{name}_edges": edges for name, edges in EDGES.items()}
    for statement in OLD.values():
        connection.execute(statement, {**values, "most": most})  # type: ignore[arg-type]  # our own words


def scrape(database: Database) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = samples(exposition(*installation_metrics(RecentMetrics()())).decode())
    gauges = ("photoqueue_oldest", "photoqueue_worker", "photoqueue_jobs{")
    return {key: value for key, value in found.items() if not key[0].startswith(gauges)}


def fill(connection: psycopg.Connection) -> None:
    connection.execute(FILL)
    connection.execute(SUBMISSIONS)


def test_nothing_falls_or_changes_its_name_where_history_was_pruned(
    old: psycopg.Connection, database: Database
) -> None:
    fill(old)
    count_as_before(old)
    for table in ("job_attempts", "ai_metrics", "jobs"):
        old.execute(f"DELETE FROM {table} WHERE job_id IN (SELECT job_id FROM jobs LIMIT 2000)")
    old.execute(
        "INSERT INTO metric_submissions (queue_name, submitted, failed) VALUES"
        " ('photo-analyze', 3, 1)"
    )
    totals = "SELECT * FROM metric_totals ORDER BY 1, 2, 3, 4, 5, 6"
    before = old.execute(totals).fetchall()
    assert migrate(database) is True
    assert old.execute(totals).fetchall() == before
    after = scrape(database)
    assert after["photoqueue_jobs_submitted_total", frozenset({("queue", "photo-analyze")})] == 2883
    # What charts show is what was counted, in the same bins.
    shown = figures()
    assert shown.durations.completed.count + shown.durations.failed.count == sum_of(
        old, "figure_bins", "start = '-infinity' AND name = 'run'"
    )
    assert sum(one.submitted for one in shown.throughput.bins) == 3003
    assert sum(kind.count for kind in shown.failures.kinds) == sum_of(
        old, "figure_times", "seconds = 3600 AND name = 'failed'"
    )
    assert sum(model.calls for model in shown.ai.models) == sum_of(
        old, "figure_calls", "start = '-infinity'"
    )
    assert sum(model.cost_usd or 0 for model in shown.ai.models) == pytest.approx(
        sum_of(old, "figure_calls", "start = '-infinity'", "cost_usd")
    )
    with counting(database) as tally:
        window = tally.window(60 * 6)
    assert {name: one.now for (name, queue), one in window.items() if queue == "photo-analyze"}[
        "worker_lost"
    ] == sum_of(old, "metric_minutes", "name = 'worker_lost' AND queue_name = 'photo-analyze'")


def sum_of(
    connection: psycopg.Connection, table: str, condition: str, column: str = "count"
) -> float:
    row = connection.execute(
        f"SELECT coalesce(sum({column}), 0) FROM {table} WHERE {condition}"  # type: ignore[arg-type]  # our own words
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_the_tally_is_the_same_whichever_version_counted(
    old: psycopg.Connection, database: Database
) -> None:
    # The old version counts one half before the migration, the rest after it
    fill(old)
    old.execute("UPDATE job_attempts SET recorded_xid = recorded_xid + 0 WHERE attempt = 1")
    with old.transaction():
        late = old.execute("SELECT job_id FROM job_attempts WHERE attempt = 2").fetchall()
        old.execute("CREATE TABLE later AS SELECT * FROM job_attempts WHERE attempt = 2")
        old.execute("DELETE FROM job_attempts WHERE attempt = 2")
    assert late
    count_as_before(old)
    migrate(database)
    old.execute("INSERT INTO job_attempts SELECT * FROM later")
    old.execute(
        "UPDATE job_attempts SET recorded_xid = pg_current_xact_id()::text::bigint"
        " WHERE attempt = 2"
    )
    count_as_before(old)
    carried = rows(old)
    totals = scrape(database)
    # When this version counts the same from the start
    old.execute("TRUNCATE tally, metric_totals")
    old.execute("UPDATE metric_marks SET counted_below = 0")
    old.execute(SUBMISSIONS)
    with counting(database) as tally:
        tally.advance(most=100_000)
    # Then what charts and alerts read is the same
    assert rows(old) == carried
    assert scrape(database) == pytest.approx(totals)  # sums in another order


def rows(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return the tally without what the old version did not know (sums of tokens have counts)."""
    return connection.execute("""
        SELECT seconds, measure, start::text, queue_name, outcome, labels, bin,
            CASE WHEN measure NOT LIKE 'tokens%' THEN count END, sum,
            CASE WHEN measure IN ('run', 'wait', 'call', 'submitted', 'failure') THEN least END,
            CASE WHEN measure IN ('run', 'wait', 'call', 'submitted', 'failure', 'started')
                THEN most END
        FROM tally ORDER BY 1, 2, 3, 4, 5, 6, 7
    """).fetchall()


def test_every_attempt_is_counted_once_while_both_versions_count_and_the_tables_are_migrated(
    old: psycopg.Connection, database: Database
) -> None:
    stop, wrong = threading.Event(), []

    def steadily(work: Any) -> threading.Thread:
        def run() -> None:
            with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
                while not stop.is_set():
                    try:
                        work(connection)
                    except Exception as exc:
                        wrong.append(exc)
                        return

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def count_now(_: psycopg.Connection) -> None:
        with counting(database) as tally:
            tally.advance(most=5)

    threads = [steadily(lambda connection: connection.execute(EVENT)) for _ in range(2)]
    threads += [steadily(lambda connection: count_as_before(connection, 5)) for _ in range(2)]
    eventually(lambda: sum_of(old, "figure_bins", "name = 'run'") > 20)
    migrate(database)
    threads.append(steadily(count_now))
    seen = sum_of(old, "tally", "seconds = 0 AND measure = 'run'")
    eventually(lambda: sum_of(old, "tally", "seconds = 0 AND measure = 'run'") > seen + 50)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    with counting(database) as tally:
        while tally.advance(most=1000):
            pass
    made = sum_of(old, "job_attempts", "true", "1")
    by_measure = old.execute(
        "SELECT measure, seconds, sum(count) FROM tally GROUP BY 1, 2"
    ).fetchall()
    found = {(measure, seconds): int(count) for measure, seconds, count in by_measure}
    for measure in ("run", "wait", "cell", "attempt", "call", "cost"):
        assert (measure, found[measure, 0], found[measure, 3600]) == (measure, made, made)
    for measure in ("submitted", "started", "ended", "called"):
        assert (measure, found[measure, 60], found[measure, 3600]) == (measure, made, made)
    shown = scrape(database)
    queue = ("queue", "photo-analyze")
    assert shown["photoqueue_jobs_submitted_total", frozenset({queue})] == made
    assert shown["photoqueue_jobs_completed_total", frozenset({queue})] == made
    with database.begin() as connection:
        assert (
            connection.scalar(
                sa.text("SELECT sum(sum) FROM tally WHERE measure = 'cost' AND seconds = 0")
            )
            == made / 2
        )


def test_workers_go_on_while_the_migration_waits_for_somebody_who_reads_jobs(
    old: psycopg.Connection, database: Database
) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with closing(psycopg.connect(database.libpq_url)) as reader:
        # Given somebody who reads for long
        reader.execute("SELECT FROM jobs LIMIT 1")
        migration = threading.Thread(target=migrate, args=[database])
        migration.start()
        eventually(lambda: sum_of(old, f"({waiting}) AS found", "true") > 0)
        # Then jobs can be written meanwhile
        old.execute("SET lock_timeout = '10s'")
        old.execute(EVENT)
        assert migration.is_alive()
        reader.rollback()
    migration.join()
    # and the migration ends as soon as that is over
    assert database.revision() == SCHEMA_REVISION
