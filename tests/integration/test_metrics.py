"""Counters: each row once, whoever counts and wherever it is cut off, and never falling."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

import photoqueue
from chaos.workers import children_of
from photoqueue.client.metrics import Recent, RecentMetrics
from photoqueue.client.observe import Stats
from photoqueue.faces.http.metrics import CONTENT_TYPE
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import tally
from photoqueue.queue.database import Database, load_statements, migrate
from photoqueue.queue.ledger import Claim, Failure, Ledger
from photoqueue.queue.tally import Total, WindowCount, counting
from photoqueue.records.snapshots import AiCall, QueueStats
from photoqueue.words import Outcome
from tests import warm
from tests.api_server import TOKEN, client_of
from tests.conftest import Worker, eventually, submit
from tests.integration.test_schema import alembic_config
from tests.ledgers import complete

WORKER = UUID(int=7)
ADVANCE = """
import sys
from photoqueue.queue.database import Database
from photoqueue.queue.tally import counting
database = Database(sys.argv[1])
print("counting", flush=True)
while True:
    with counting(database) as tally:
        tally.advance(most=7)
"""


class Counting:
    """Counts and reads as a scrape does, in a transaction for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def advance(self, *, most: int) -> bool:
        with counting(self._database) as metrics:
            return metrics.advance(most=most)

    def totals(self) -> list[Total]:
        with counting(self._database) as metrics:
            return metrics.totals()

    def window(self, minutes: int) -> dict[tuple[str, str], WindowCount]:
        with counting(self._database) as metrics:
            return metrics.window(minutes)


@pytest.fixture
def metrics(database: Database) -> Counting:
    return Counting(database)


def counts(metrics: Counting) -> Counter[tuple[str, str]]:
    """Add the totals up by name and outcome, over buckets and queues."""
    found: Counter[tuple[str, str]] = Counter()
    for total in metrics.totals():
        found[total.name, total.outcome] += total.count
    return found


def claim(ledger: Ledger, photo_id: str) -> Claim:
    job = submit(photo_id)
    claimed = ledger.claim(UUID(job.id), PHOTO_ANALYZE, worker_id=WORKER, slot=1)
    assert claimed is not None
    return claimed


FAILURE = Failure("ValueError", "no", "", permanent=False)


def test_each_end_of_an_attempt_is_counted_as_what_it_is(
    database: Database, metrics: Counting
) -> None:
    with closing(Ledger(database)) as ledger:
        complete(
            ledger,
            claim(ledger, "a"),
            "{}",
            [AiCall(photo_id="a", engine="llm", model="m", latency_ms=120.0, success=True)],
        )
        ledger.fail(claim(ledger, "b"), FAILURE, delay_ms=10)
        permanent = Failure("ValueError", "no", "", permanent=True)
        ledger.fail(claim(ledger, "c"), permanent, delay_ms=0)
        claim(ledger, "d")
        ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
        # The last of its attempts is lost as well: it fails.
        with database.begin() as connection:
            connection.execute(sa.text("UPDATE jobs SET max_attempts = attempts + 1"))
        job = UUID(submit("d").id)
        ledger.claim(job, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
        # It was claimed to run alone: that it had begun is what makes it count.
        ledger.recover([WORKER], outcome=Outcome.TIMEOUT, message="too long", at=job)
        claim(ledger, "e")
        ledger.release(WORKER)
    metrics.advance(most=100)
    found = counts(metrics)
    assert found["submitted", ""] == 5
    assert found["failed", ""] == 2
    assert found["retried", ""] == 2
    assert {outcome: n for (name, outcome), n in found.items() if name == "ended"} == {
        "completed": 1,
        "error": 2,
        "worker_lost": 1,
        "timeout": 1,
        "released": 1,
    }
    # How long one waited that was lost while it ran alone is not on record.
    assert found["wait", ""] == 5
    assert found["ai", "completed"] == 1
    assert metrics.window(5)["failed", "photo-analyze"].now == 2
    before = metrics.totals()
    metrics.advance(most=100)
    assert metrics.totals() == before


def test_photo_that_cannot_be_read_counts_as_submitted_and_failed(metrics: Counting) -> None:
    photoqueue.submit_photos([b"no picture"], user_id="u1")
    metrics.advance(most=100)
    assert counts(metrics) == {("submitted", ""): 1, ("failed", ""): 1}


def test_values_fall_into_the_bucket_whose_edge_they_do_not_exceed(
    database: Database, metrics: Counting
) -> None:
    latencies = [0.0, 50.0, 50.001, 119_999.0, 120_000.0, 120_001.0, 9e9]
    with closing(Ledger(database)) as ledger:
        calls = [
            AiCall(photo_id="a", engine="llm", model="m", latency_ms=latency, success=True)
            for latency in latencies
        ]
        complete(ledger, claim(ledger, "a"), "{}", calls)
    metrics.advance(most=100)
    found = {t.le: t.count for t in metrics.totals() if t.name == "ai"}
    assert found == {0.05: 2, 0.1: 1, 120.0: 2, math.inf: 2}


FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, max_attempts, budget)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n, 'photo-analyze', 'completed', '{}',
        'u1', 4, 4
    FROM generate_series(%(first)s::int, %(last)s::int) AS n;
"""
ATTEMPT = """
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at)
    VALUES (lpad(to_hex(%(n)s::int), 32, '0')::uuid, 1, 'completed', %(n)s, now())
"""


def fill(database: Database, first: int, last: int) -> None:
    """Write jobs and their attempts, each in a transaction of its own."""
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        connection.execute(FILL, {"first": first, "last": last})
        for number in range(first, last + 1):
            connection.execute(ATTEMPT, {"n": number})


def test_several_that_count_at_a_time_count_each_row_once(
    database: Database, metrics: Counting
) -> None:
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            metrics.advance(most=10)

    counting = [threading.Thread(target=count) for _ in range(4)]
    writing = [
        threading.Thread(target=fill, args=(database, start, start + 149))
        for start in (1, 1001, 2001)
    ]
    for thread in (*counting, *writing):
        thread.start()
    for thread in writing:
        thread.join()
    done.set()
    for thread in counting:
        thread.join()
    eventually(lambda: not metrics.advance(most=10) and counts(metrics)["wait", ""] >= 450)
    metrics.advance(most=1000)
    assert counts(metrics)["ended", "completed"] == 450
    assert sum(t.sum for t in metrics.totals() if t.name == "wait") == pytest.approx(
        sum(n for start in (1, 1001, 2001) for n in range(start, start + 150)) / 1000
    )


def test_rows_of_a_transaction_that_is_still_open_are_counted_after_it(
    database: Database, metrics: Counting
) -> None:
    with closing(psycopg.connect(database.libpq_url)) as late:
        late.execute(FILL, {"first": 1, "last": 1})
        late.execute(ATTEMPT, {"n": 1})
        fill(database, 2, 5)  # begun later, committed sooner
        metrics.advance(most=100)
        late.commit()
    metrics.advance(most=100)
    assert counts(metrics)["ended", "completed"] == 5


def test_killed_while_counting_loses_nothing_and_counts_nothing_twice(
    database: Database, metrics: Counting, tmp_path: Path
) -> None:
    for start in (1, 101, 201):
        told = tmp_path / f"told-{start}"
        with told.open("wb") as output:
            process = warm.interpreter().start(
                [database.libpq_url], environment=os.environ, output=output, program=ADVANCE
            )
        eventually(told.read_bytes)
        fill(database, start, start + 99)
        process.kill()
        assert process.wait() == -signal.SIGKILL, told.read_text()
    eventually(lambda: metrics.advance(most=100) or counts(metrics)["ended", "completed"] >= 300)
    metrics.advance(most=1000)
    assert counts(metrics)["ended", "completed"] == 300


def test_deleting_history_takes_nothing_away(database: Database, metrics: Counting) -> None:
    fill(database, 1, 20)
    metrics.advance(most=100)
    before = metrics.totals()
    with database.begin() as connection:
        for table in ("job_attempts", "ai_metrics", "jobs"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    metrics.advance(most=100)
    assert metrics.totals() == before
    fill(database, 21, 22)
    metrics.advance(most=100)
    assert counts(metrics)["ended", "completed"] == 22


def test_migration_counts_what_was_there_and_the_rest_follows(
    database: Database, metrics: Counting
) -> None:
    with closing(Ledger(database)) as ledger:
        calls = [
            AiCall(
                photo_id="a",
                engine="llm",
                model="m",
                latency_ms=120.0,
                success=False,
                cost_usd=0.5,
                tokens_in=3,
            )
        ]
        complete(ledger, claim(ledger, "a"), "{}", calls)
        ledger.fail(claim(ledger, "b"), FAILURE, delay_ms=10)
        metrics.advance(most=100)
        counted = metrics.totals()
        config = alembic_config()
        with database.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0003")
        migrate(database)
        assert metrics.totals() == counted
        metrics.advance(most=100)
        assert metrics.totals() == counted
        complete(ledger, claim(ledger, "c"), "{}")
    metrics.advance(most=100)
    assert counts(metrics)["ended", "completed"] == 2
    assert counts(metrics)["submitted", ""] == 3


def test_restored_in_a_server_with_lower_numbers_goes_on_counting(
    database: Database, metrics: Counting
) -> None:
    fill(database, 1, 6)
    metrics.advance(most=100)
    far = 10**12
    with database.begin() as connection:
        # As a dump of a server that was far ahead has it: 1 to 4 counted, 5 and 6 not yet.
        connection.execute(
            sa.text("UPDATE job_attempts SET recorded_xid = :far + wait_ms::int"), {"far": far}
        )
        connection.execute(sa.text("UPDATE metric_totals SET count = 4 WHERE name = 'ended'"))
        connection.execute(
            sa.text("UPDATE metric_marks SET counted_below = :mark WHERE source = 'attempts'"),
            {"mark": far + 5},
        )
    fill(database, 7, 9)
    # A few at a time: a dump of millions must not hold up whoever scrapes.
    while metrics.advance(most=2):
        pass
    eventually(lambda: metrics.advance(most=2) or counts(metrics)["ended", "completed"] >= 9)
    metrics.advance(most=100)
    assert counts(metrics)["ended", "completed"] == 9


def test_counting_reads_no_whole_table(database: Database) -> None:
    statements = load_statements("tally.sql")
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        connection.execute(FILL, {"first": 1, "last": 20_000})
        connection.execute(
            "INSERT INTO job_attempts (job_id, attempt, outcome) "
            "SELECT job_id, 1, 'completed' FROM jobs"
        )
        connection.execute(
            "INSERT INTO ai_metrics (job_id, attempt, call, engine, model, latency_ms, success) "
            "SELECT job_id, 1, 1, 'e', 'm', 1, true FROM jobs"
        )
        connection.execute("ANALYZE")
        # Nearly all rows of a table that was migrated have no number.
        for recorded in (True, False):
            if not recorded:
                connection.execute("UPDATE job_attempts SET recorded_xid = NULL")
                connection.execute("UPDATE ai_metrics SET recorded_xid = NULL")
                connection.execute("VACUUM ANALYZE")
            rows = connection.execute("EXPLAIN " + statements["pending"]).fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert "job_attempts_recorded" in plan, plan
            assert "Seq Scan on job_attempts" not in plan, plan
            assert "Seq Scan on ai_metrics" not in plan, plan
        for source in ("attempts", "ai_calls"):
            rows = connection.execute(
                "EXPLAIN " + tally.COUNT[source], tally.count_values(tally.SCRAPE_ROWS)
            ).fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert "jobs_pkey" in plan, plan
            # Not the whole index with a filter behind it.
            assert "Index Cond: ((recorded_xid >= span" in plan, plan
            for table in ("jobs", "job_attempts", "ai_metrics"):
                assert f"Seq Scan on {table}" not in plan, plan


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read an exposition with the parser of Prometheus' own client library."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_scrape_of_the_api_tells_what_was_counted(
    api: httpx.Client, database: Database, installation: Installation
) -> None:
    with closing(Ledger(database)) as ledger:
        call = AiCall(
            photo_id="a",
            engine="llm",
            model="m",
            latency_ms=120.0,
            success=True,
            cost_usd=0.25,
            tokens_in=7,
            tokens_out=3,
        )
        complete(ledger, claim(ledger, "a"), "{}", [call])
        submit("b")
    response = api.get("/metrics", timeout=60)
    assert response.status_code == 200
    assert response.headers["content-type"] == CONTENT_TYPE
    found = samples(response.text)

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset({"queue": "photo-analyze", **labels}.items())]

    assert value("photoqueue_jobs_submitted_total") == 2
    assert value("photoqueue_jobs_completed_total") == 1
    assert value("photoqueue_jobs_failed_total") == 0
    assert value("photoqueue_attempts_retried_total") == 0
    assert value("photoqueue_attempts_recovered_total") == 0
    assert value("photoqueue_messages_refused_total") == 0
    assert value("photoqueue_jobs", state="waiting") == 1
    assert value("photoqueue_jobs", state="completed") == 1
    assert value("photoqueue_workers") == 0
    assert value("photoqueue_oldest_waiting_seconds") > 0
    ai = {"engine": "llm", "model": "m"}
    assert value("photoqueue_ai_cost_usd_total", **ai) == 0.25
    assert value("photoqueue_ai_tokens_total", direction="in", **ai) == 7
    assert value("photoqueue_ai_call_seconds_count", outcome="completed", **ai) == 1
    assert value("photoqueue_ai_call_seconds_sum", outcome="completed", **ai) == 0.12
    assert value("photoqueue_job_wait_seconds_bucket", le="+Inf") == 1
    assert value("photoqueue_attempt_run_seconds_bucket", outcome="completed", le="+Inf") == 1


def test_metrics_need_the_token_where_there_is_one(installation: Installation) -> None:
    secured = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    with client_of(secured) as client:
        client.timeout = 60.0  # type: ignore[assignment]  # a busy machine
        assert client.get("/metrics").status_code == 401
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200


def test_counts_of_before_are_shown_while_new_ones_take_long(installation: Installation) -> None:
    go, numbers = threading.Event(), iter(range(1, 9))

    def slow() -> Stats:
        number = next(numbers)
        if number > 1:
            go.wait()
        return Stats({PHOTO_ANALYZE: QueueStats(name="photo-analyze", waiting=number)})

    recent = Recent(slow)
    assert recent.get()["photo-analyze"].waiting == 1
    assert recent.get()["photo-analyze"].waiting == 1
    go.set()
    eventually(lambda: recent.get()["photo-analyze"].waiting > 1)


def test_scrape_does_not_wait_for_what_cannot_be_counted_now(
    database: Database, installation: Installation
) -> None:
    read = RecentMetrics()
    before = read().totals
    fill(database, 1, 3)
    with closing(psycopg.connect(database.libpq_url)) as other:
        other.execute("LOCK TABLE metric_totals IN ACCESS EXCLUSIVE MODE")
        assert read().totals == before  # while the lock is held: it is answered without
    eventually(lambda: sum(t.count for t in read().totals if t.name == "ended") == 3)


def test_worker_renews_its_lease_and_replaces_processes_while_counting_is_stuck(
    start_worker: Callable[..., Worker], database: Database
) -> None:
    def stuck() -> bool:
        return bool(
            one(
                database,
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                "'metric_totals'::regclass",
            )
        )

    with closing(psycopg.connect(database.libpq_url)) as other:
        other.execute("LOCK TABLE metric_totals IN ACCESS EXCLUSIVE MODE")
        worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
        submit("a").result(timeout=60)
        eventually(stuck)
        then = one(database, "SELECT clock_timestamp()")
        for process in children_of(worker.pid):
            process.kill()
        submit("b").result(timeout=60)
        eventually(lambda: one(database, "SELECT max(last_seen_at) FROM workers") > then)


def test_worker_goes_on_where_history_cannot_be_counted(
    start_worker: Callable[..., Worker], database: Database
) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("DROP TABLE metric_marks"))
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    submit("a").result(timeout=60)
    eventually(lambda: "history is not counted" in worker.log)
    for process in children_of(worker.pid):
        process.kill()
    submit("b").result(timeout=60)
    assert worker.log.count("history is not counted") == 1


def test_workers_keep_their_leases_and_jobs_while_the_tables_are_migrated(
    start_worker: Callable[..., Worker], database: Database
) -> None:
    lock: str = import_module(
        "photoqueue.queue.migrations.versions.0004_metrics_and_incidents"
    )._LOCK
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    with closing(psycopg.connect(database.libpq_url)) as migration:
        migration.execute(lock)
        then = one(database, "SELECT clock_timestamp()")
        job = submit("a")
        # The lease is 2 s. Its end waits for the lock.
        eventually(
            lambda: (
                one(database, "SELECT max(last_seen_at) FROM workers") - then > timedelta(seconds=5)
            )
        )
        assert job.poll().state == "active"
    job.result(timeout=60)
    assert list(job.attempts()["outcome"]) == ["completed"]


def one(database: Database, statement: str) -> Any:
    """Read one value."""
    with database.begin() as connection:
        return connection.scalar(sa.text(statement))
