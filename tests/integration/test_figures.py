"""Figures of charts: SQL and DataFrames add the same tables up to the same records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

import photoqueue
from photoqueue.client.metrics import figures
from photoqueue.errors import StateError
from photoqueue.faces.notebook.charts.reduction import (
    ai_of,
    durations_of,
    failures_of,
    retries_of,
    throughput_of,
    waits_of,
)
from photoqueue.installation import current, use
from photoqueue.queue.database import Database
from photoqueue.queue.tally import counting, read_figures
from photoqueue.records.figures import Distribution, Figures, Throughput, bin_sql, bins_of
from photoqueue.services import Endpoints
from photoqueue.settings import Settings
from tests.conftest import eventually, settings_of
from tests.databases import Databases

# 3,000 jobs of five hours: most succeed, some after retries, some never, some still wait,
# some were cancelled; ids are UUIDv7 of the time of submission.
FILL = """
    CREATE TEMPORARY TABLE made AS
    SELECT n,
        date_trunc('milliseconds', now() - interval '5 hours' + n * interval '6 s') AS created,
        CASE WHEN n % 41 = 0 THEN 0 ELSE exp(n % 97 / 10.0) END AS wait,
        exp(n % 89 / 9.0) AS run,
        CASE WHEN n % 25 = 0 THEN 'inventory-sync' ELSE 'photo-analyze' END AS queue,
        CASE WHEN n > 2900 THEN 'waiting' WHEN n % 60 = 7 THEN 'cancelled'
             WHEN n % 15 = 4 THEN 'failed' ELSE 'completed' END AS state,
        CASE WHEN n % 15 = 4 THEN 1 + n % 4 WHEN n % 12 = 1 THEN 2 ELSE 1 END AS tries
    FROM generate_series(1, 3000) AS n;
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, project_id, user_id,
        max_attempts, budget, attempts, created_at, ready_at, started_at, finished_at, wait_ms,
        job_duration_ms, success, error_type)
    SELECT (lpad(to_hex((extract(epoch FROM created) * 1000)::bigint), 12, '0') || '7000'
            || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
        'photo-p' || n, queue, state, '{}', 'p' || n, 'm' || n % 10, 'u1', 4, 4,
        CASE WHEN state = 'waiting' THEN 0 ELSE tries END, created, created,
        CASE WHEN state <> 'waiting' THEN created + wait * interval '1 ms' END,
        CASE WHEN state <> 'waiting' THEN created + (wait + run) * interval '1 ms' END,
        CASE WHEN state <> 'waiting' THEN wait END, CASE WHEN state <> 'waiting' THEN run END,
        CASE WHEN state <> 'waiting' THEN state = 'completed' END,
        CASE WHEN state = 'failed' THEN 'Kind' || n % 3 END
    FROM made;
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at, ended_at, error_type,
        retry_delay_ms)
    SELECT job_id, attempt,
        CASE WHEN attempt < attempts THEN (ARRAY['error', 'timeout', 'worker_lost', 'released'])
                 [1 + (attempt + length(job_key)) % 4]
             WHEN state = 'completed' THEN 'completed' WHEN state = 'failed' THEN 'error'
             ELSE 'cancelled' END,
        wait_ms / attempt, started_at, finished_at,
        CASE WHEN attempt < attempts THEN 'Passing' ELSE error_type END,
        CASE WHEN attempt < attempts THEN 5000 END
    FROM jobs, generate_series(1, attempts) AS attempt WHERE state <> 'waiting';
    INSERT INTO ai_metrics (job_id, attempt, call, engine, model, latency_ms, tokens_in,
        tokens_out, cost_usd, success, created_at)
    SELECT job_id, attempts, 1, CASE WHEN dear THEN 'llm' ELSE 'builtin' END,
        CASE WHEN dear THEN 'vision' ELSE 'rooms' END, job_duration_ms,
        CASE WHEN dear THEN 900 END, CASE WHEN dear THEN 200 END,
        CASE WHEN dear THEN 0.25 END, success, finished_at
    FROM (SELECT *, length(job_key) % 2 = 0 AS dear FROM jobs WHERE state <> 'waiting') AS ended;
    INSERT INTO batches (batch_id, user_id) VALUES ('b-1', 'u1');
    INSERT INTO batch_jobs (batch_id, position, job_id)
    SELECT 'b-1', row_number() OVER (ORDER BY job_id), job_id FROM jobs WHERE length(job_key) = 9;
    ANALYZE;
"""
#: What submitting would have written beside the jobs.
SUBMISSIONS = """
    INSERT INTO metric_submissions (queue_name, submitted, failed, created_at)
    SELECT queue_name, 1, 0, created_at FROM jobs
"""


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a test that asks for filled tables a copy of them: to fill them takes a second."""
    filled = "filled" in request.fixturenames
    url = databases.take(f"{FILL};{SUBMISSIONS}".encode() if filled else b"")
    yield url
    databases.give_back(url)


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    return connection


@pytest.fixture(scope="module")
def _read_only(
    databases: Databases, servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    url = databases.take(f"{FILL};{SUBMISSIONS}".encode())
    yield settings_of(servers, url, tmp_path_factory.mktemp("home"))
    databases.give_back(url)


@pytest.fixture
def read_only(_read_only: Settings) -> Iterator[None]:
    """Use an installation that is filled once, for the tests that only read."""
    use(_read_only)
    yield
    use(None)


def of_frames(
    found: Figures, jobs: pd.DataFrame, attempts: pd.DataFrame, calls: pd.DataFrame
) -> Any:
    """Reduce frames for the same stretch of time as figures have."""
    period = found.throughput.period
    assert period is not None
    stretch: dict[str, Any] = {"since": period.since, "now": period.until}
    return Figures(
        durations=durations_of(attempts),
        waits=waits_of(attempts),
        retries=retries_of(jobs),
        failures=failures_of(attempts, **stretch),
        throughput=throughput_of(jobs, **stretch),
        ai=ai_of(calls),
    )


def assert_same(found: Figures, other: Figures) -> None:
    for kind in ("completed", "failed"):
        one, two = getattr(found.durations, kind), getattr(other.durations, kind)
        assert one.bins == two.bins
        assert close(one) == close(two)
        assert (one.least, one.most) == pytest.approx((two.least, two.most))
    assert found.waits.cells == other.waits.cells
    assert close(found.waits.wait) == close(other.waits.wait)
    assert found.retries == other.retries
    assert found.failures == other.failures
    assert without_waits(found.throughput) == without_waits(other.throughput)
    assert len(found.ai.models) == len(other.ai.models)
    for one, two in zip(found.ai.models, other.ai.models, strict=True):
        assert close(one.latency) == close(two.latency)
        assert replace(one, latency=two.latency) == two


def close(percentiles: Any) -> Any:
    values = (percentiles.p50, percentiles.p95, percentiles.p99)
    return (percentiles.count, *(None if value is None else round(value, 6) for value in values))


def without_waits(found: Throughput) -> Any:
    """Leave out what a frame of jobs cannot know: waits before the last attempt."""
    bins = tuple(replace(one, longest_wait_ms=None) for one in found.bins)
    return replace(found, bins=bins, oldest_waiting_s=round(found.oldest_waiting_s or 0, 3))


def test_sql_and_frames_agree(read_only: None) -> None:
    found = figures()
    frames = (photoqueue.history(), photoqueue.attempts(), photoqueue.ai_calls())
    assert_same(found, of_frames(found, *frames))
    assert found.durations.completed.count > 2000
    assert found.durations.failed.count > 200
    assert sum(one.submitted for one in found.throughput.bins) == 3000
    assert len(found.ai.models) == 2


@pytest.mark.parametrize(
    "scope",
    [
        {"project_id": "m3"},
        {"batch_id": "b-1"},
        {"queue": "inventory-sync"},
        {"queue": "photo-analyze"},
        {"project_id": "m4", "queue": "photo-analyze"},
    ],
)
def test_scopes_narrow_all_figures(read_only: None, scope: dict[str, Any]) -> None:
    names = {"project_id": "project_id", "batch_id": "batch", "queue": "queue"}
    jobs = photoqueue.history(**{names[name]: value for name, value in scope.items()})
    members = set(jobs["job_id"])
    attempts, calls = (
        frame[frame["job_id"].isin(members)]
        for frame in (photoqueue.attempts(), photoqueue.ai_calls())
    )
    assert 0 < len(jobs) < 3000
    found = figures(**scope)
    assert_same(found, of_frames(found, jobs, attempts, calls))


def minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


@pytest.mark.parametrize("hours", [0.2, 1.3, 2.7, 24 * 9])
@pytest.mark.parametrize("queue", [None, "inventory-sync", "photo-analyze"])
def test_since_leaves_out_what_happened_before(
    read_only: None, hours: float, queue: str | None
) -> None:
    since = datetime.now(UTC) - timedelta(hours=hours)
    found = figures(since=since, queue=queue)
    minute = minute_of(since)
    if hours > 24:
        minute = minute.replace(minute=0)
    assert found.throughput.period is not None
    assert found.throughput.period.since == minute
    jobs = photoqueue.history(queue=queue)
    members = jobs["job_id"]
    attempts, calls = (
        frame[frame["job_id"].isin(members) & (frame[at] >= minute)]
        for frame, at in (
            (photoqueue.attempts(), "ended_at"),
            (photoqueue.ai_calls(), "created_at"),
        )
    )
    ended = jobs[jobs["finished_at"] >= minute]
    expected = replace(of_frames(found, jobs, attempts, calls), retries=retries_of(ended))
    # Attempts that completed are counted, whatever became of their jobs.
    done = attempts.loc[attempts["outcome"] == "completed", "attempt"].value_counts()
    completed = tuple(sorted((int(n), int(count)) for n, count in done.items()))  # type: ignore[call-overload]  # numbers of attempts
    expected = replace(expected, retries=replace(expected.retries, completed=completed))
    assert_same(found, expected)


def test_longest_waits_are_those_of_all_attempts(read_only: None) -> None:
    found = figures().throughput
    assert found.period is not None
    attempts = photoqueue.attempts()
    starts = attempts["started_at"].dt.floor(f"{found.period.seconds}s")
    expected = attempts["wait_ms"].groupby(starts).max()
    assert {
        one.start: one.longest_wait_ms for one in found.bins if one.longest_wait_ms is not None
    } == expected.to_dict()


def test_oldest_waiting_job_is_one_that_could_start(filled: psycopg.Connection) -> None:
    filled.execute("UPDATE jobs SET ready_at = now() - interval '90 s' WHERE state = 'waiting'")
    filled.execute("UPDATE jobs SET ready_at = NULL WHERE job_key = 'photo-p2950'")
    assert figures().throughput.oldest_waiting_s == pytest.approx(90, abs=60)
    filled.execute("DELETE FROM jobs WHERE state = 'waiting'")
    assert figures().throughput.oldest_waiting_s is None


def test_photos_that_were_refused_are_failures_without_attempts(
    connection: psycopg.Connection,
) -> None:
    connection.execute(
        "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, max_attempts,"
        " budget, finished_at, success, error_type) VALUES (gen_random_uuid(), 'photo-p',"
        " 'photo-analyze', 'failed', '{}', 'u1', 4, 4, now(), false, 'UnreadablePhotoError')"
    )
    found = figures()
    assert found.retries.failed == ((0, 1),)
    assert [(kind.error_type, kind.count) for kind in found.failures.kinds] == [
        ("UnreadablePhotoError", 1)
    ]


def test_empty_installation_has_empty_figures(database: Database) -> None:
    found = figures()
    assert found.durations.completed.count == 0
    assert found.throughput == Throughput()
    assert not found.waits.cells
    assert not found.failures.kinds
    assert not found.ai.models
    assert figures(project_id="nobody", since=datetime.now(UTC)).failures.ended == 0


def test_queue_that_does_not_exist_is_refused(database: Database) -> None:
    with pytest.raises(StateError, match="No queue 'photos'"):
        figures(queue="photos")


def test_figures_read_jobs_through_indexes_only(filled: psycopg.Connection) -> None:
    """Rows of jobs carry payloads and results: reading them all takes many times as long."""
    filled.execute("UPDATE jobs SET payload = jsonb_build_object('much', repeat(md5('x'), 50))")
    filled.execute("VACUUM FULL ANALYZE")
    filled.execute("VACUUM")
    # A session tells its scans to the server's statistics when it is asked to, when it is idle
    # for some seconds, and when it ends. Told before the reset, those of VACUUM do not count.
    filled.execute("SELECT pg_stat_force_next_flush()")
    filled.execute("SELECT pg_stat_reset()")
    assert _scans(filled)["jobs"] == 0
    figures()
    current().database.close()
    eventually(lambda: _scans(filled)["metric_marks"] > 0)
    assert _scans(filled)["jobs"] == 0


def _scans(connection: psycopg.Connection) -> dict[str, int]:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    rows = connection.execute(
        "SELECT relname, coalesce(seq_scan, 0) FROM pg_stat_user_tables"
    ).fetchall()
    return {str(name): int(count) for name, count in rows}


SCOPES: list[dict[str, str]] = [{}, {"queue": "inventory-sync"}, {"queue": "photo-analyze"}]


@pytest.mark.parametrize("scope", SCOPES)
def test_figures_are_the_same_however_much_is_counted(
    filled: psycopg.Connection, database: Database, scope: dict[str, str]
) -> None:
    with filled.transaction():
        # While another one counts, nothing is counted: all is read row by row.
        filled.execute("SELECT source FROM metric_marks FOR UPDATE")
        uncounted = at_any_time(figures(**scope))
    assert counted(filled) == 0
    with counting(database) as tally:
        tally.advance(most=700)
    assert counted(filled) > 0
    with filled.transaction():
        filled.execute("SELECT source FROM metric_marks FOR UPDATE")
        half = at_any_time(figures(**scope))
    # The transaction that wrote them all is counted as a whole; another one follows.
    filled.execute("UPDATE job_attempts SET recorded_xid = recorded_xid + 0 WHERE attempt > 1")
    assert_same(half, uncounted)
    assert_same(at_any_time(figures(**scope)), uncounted)


def at_any_time(found: Figures) -> Figures:
    """Leave out what changes with the time of reading."""
    return replace(
        found,
        failures=replace(found.failures, period=None),
        throughput=replace(found.throughput, period=None, oldest_waiting_s=None),
    )


def counted(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM tally WHERE seconds = 0 AND measure = 'run'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_percentiles_are_within_one_percent_of_those_of_all_values(read_only: None) -> None:
    found = figures()
    attempts, calls = photoqueue.attempts(), photoqueue.ai_calls()
    ended = attempts[attempts["outcome"].isin(["completed", "error", "timeout", "worker_lost"])]
    done = ended["outcome"] == "completed"
    values: list[tuple[Distribution, Any]] = [
        (found.durations.completed, ended.loc[done, "duration_ms"]),
        (found.durations.failed, ended.loc[~done, "duration_ms"]),
        (found.waits.wait, ended["wait_ms"]),
        *(
            (
                model.latency,
                calls.loc[
                    calls["success"].astype(bool)
                    & (calls["engine"] == model.engine)
                    & (calls["model"] == model.model),
                    "latency_ms",
                ],
            )
            for model in found.ai.models
        ),
    ]
    for percentiles, exact in values:
        assert percentiles.count == len(exact)
        assert (percentiles.p50, percentiles.p95, percentiles.p99) == pytest.approx(
            tuple(np.quantile(exact, (0.5, 0.95, 0.99))), rel=0.01
        )


def test_bins_are_the_same_in_sql_and_in_python(connection: psycopg.Connection) -> None:
    edges = [10 ** (n / 120) for n in range(-140, 900)]
    values = [0.0, 1e-9, *edges, *np.nextafter(edges, 0), *np.nextafter(edges, np.inf)]
    rows = connection.execute(
        f"SELECT {bin_sql('ms')} FROM unnest(%s::float8[]) WITH ORDINALITY AS n (ms, i) ORDER BY i",  # type: ignore[arg-type]  # our own words
        [list(map(float, values))],
    ).fetchall()
    assert [place for (place,) in rows] == bins_of(values).tolist()


def test_what_was_pruned_stays_counted_but_not_of_its_project(filled: psycopg.Connection) -> None:
    before = figures()
    for table in ("job_attempts", "ai_metrics", "jobs"):
        filled.execute(f"DELETE FROM {table}")
    after = figures()
    assert after.durations == before.durations
    assert after.ai == before.ai
    assert after.failures.kinds == before.failures.kinds
    assert [one.submitted for one in after.throughput.bins] == [
        one.submitted for one in before.throughput.bins
    ]
    assert figures(project_id="m3").durations.completed.count == 0


def test_queue_of_any_name_is_counted_and_read_by_it(
    connection: psycopg.Connection, database: Database
) -> None:
    connection.execute("INSERT INTO queues (queue_name) VALUES ('room-describe')")
    connection.execute(FILL.replace("inventory-sync", "room-describe"))
    connection.execute(SUBMISSIONS)
    one = read_figures(database, queue="room-describe")
    attempts = photoqueue.attempts()
    jobs = connection.execute("SELECT job_id::text FROM jobs WHERE queue_name = 'room-describe'")
    members = attempts[attempts["job_id"].isin([job for (job,) in jobs])]
    assert one.durations == durations_of(members)
    assert one.durations.completed.count > 50
    assert sum(found.submitted for found in one.throughput.bins) == 120
    by_queue = connection.execute(
        "SELECT queue_name, sum(count) FROM tally"
        " WHERE seconds = 3600 AND measure = 'submitted' GROUP BY 1"
    ).fetchall()
    assert dict(by_queue) == {"photo-analyze": 2880, "room-describe": 120}
