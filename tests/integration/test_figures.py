"""Figures of charts: SQL and DataFrames add the same tables up to the same records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from alembic import command

import photoqueue
from photoqueue.client.figure_records import Figures, Throughput, ThroughputBin
from photoqueue.client.figures import activity, figures
from photoqueue.errors import StateError
from photoqueue.faces.notebook.charts.reduction import ai_of, durations_of, retries_of, waits_of
from photoqueue.faces.notebook.charts.time_reduction import failures_of, throughput_of
from photoqueue.installation import current
from photoqueue.queue import figure_sums
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.figure_extent import Extent
from photoqueue.queue.figures import FiguresReading
from photoqueue.queue.metrics import reading
from tests.conftest import eventually
from tests.integration.test_schema import alembic_config

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


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute(FILL)
    return connection


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
        assert close(one.percentiles) == close(two.percentiles)
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


def test_sql_and_frames_agree(filled: psycopg.Connection) -> None:
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
def test_scopes_narrow_all_figures(filled: psycopg.Connection, scope: dict[str, str]) -> None:
    names = {"project_id": "project_id", "batch_id": "batch", "queue": "queue"}
    jobs = photoqueue.history(**{names[name]: value for name, value in scope.items()})  # type: ignore[arg-type]
    members = set(jobs["job_id"])
    attempts, calls = (
        frame[frame["job_id"].isin(members)]
        for frame in (photoqueue.attempts(), photoqueue.ai_calls())
    )
    assert 0 < len(jobs) < 3000
    found = figures(**scope)
    assert_same(found, of_frames(found, jobs, attempts, calls))


def test_since_leaves_out_what_happened_before(filled: psycopg.Connection) -> None:
    since = datetime.now(UTC) - timedelta(hours=2)
    found = figures(since=since)
    jobs, attempts, calls = photoqueue.history(), photoqueue.attempts(), photoqueue.ai_calls()
    ended = jobs[(jobs["finished_at"] >= since) & (jobs["state"] == "failed")]
    late = attempts[attempts["ended_at"] >= since]
    assert found.durations.completed.count == (late["outcome"] == "completed").sum()
    assert close(found.waits.wait) == close(waits_of(late).wait)
    assert sum(count for _, count in found.retries.failed) == len(ended)
    submitted = sum(one.submitted for one in found.throughput.bins)
    # Submission is told by the id, to the millisecond.
    assert submitted == pytest.approx((jobs["created_at"] >= since).sum(), abs=1)
    assert sum(model.calls for model in found.ai.models) == (calls["created_at"] >= since).sum()
    assert found.failures == failures_of(
        late,
        since=found.throughput.period.since,
        now=found.throughput.period.until,  # type: ignore[union-attr]
    )


def test_longest_waits_are_those_of_all_attempts(filled: psycopg.Connection) -> None:
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
    eventually(lambda: _scans(filled)["job_attempts"] > 0)
    assert _scans(filled)["jobs"] == 0


def _scans(connection: psycopg.Connection) -> dict[str, int]:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    rows = connection.execute(
        "SELECT relname, coalesce(seq_scan, 0) FROM pg_stat_user_tables"
    ).fetchall()
    return {str(name): int(count) for name, count in rows}


def test_activity_tells_that_something_was_written(filled: psycopg.Connection) -> None:
    # Given counters that this very session has flushed
    filled.execute("SELECT pg_stat_force_next_flush()")
    before = activity()
    # When nothing happens
    assert activity() == before
    # And when something does
    filled.execute("UPDATE jobs SET priority = 1 WHERE job_key = 'photo-p1'")
    filled.execute("SELECT pg_stat_force_next_flush()")
    assert activity() > before


SUMS_SCOPES: list[dict[str, str]] = [{}, {"queue": "inventory-sync"}, {"queue": "photo-analyze"}]
#: What submitting would have written beside the jobs.
SUBMISSIONS = """
    INSERT INTO metric_submissions (queue_name, submitted, failed, created_at)
    SELECT queue_name, 1, 0, created_at FROM jobs
"""


def sums(monkeypatch: pytest.MonkeyPatch, **scope: Any) -> Figures:
    """Make figures of sums, however few attempts there are."""
    with monkeypatch.context() as patch:
        patch.setattr(figure_sums.open_reading, "__kwdefaults__", {"many": 0})
        return figures(**scope)


def assert_close(found: Figures, exact: Figures) -> None:
    """Compare: percentiles within 1 %, all else to the last digit."""
    for one, two in (
        (found.durations.completed.percentiles, exact.durations.completed.percentiles),
        (found.durations.failed.percentiles, exact.durations.failed.percentiles),
        (found.waits.wait, exact.waits.wait),
        *(
            (one.latency, two.latency)
            for one, two in zip(found.ai.models, exact.ai.models, strict=True)
        ),
    ):
        assert one.count == two.count
        for name in ("p50", "p95", "p99"):
            assert getattr(one, name) == pytest.approx(getattr(two, name), rel=0.01)
    for kind in ("completed", "failed"):
        one, two = getattr(found.durations, kind), getattr(exact.durations, kind)
        assert (one.bins, one.least, one.most) == (two.bins, two.least, two.most)
    assert found.waits.cells == exact.waits.cells
    assert found.retries == exact.retries
    assert (found.failures.kinds, found.failures.bins) == (
        exact.failures.kinds,
        exact.failures.bins,
    )
    assert found.throughput.bins == exact.throughput.bins
    for one, two in zip(found.ai.models, exact.ai.models, strict=True):
        assert replace(one, latency=two.latency) == two


@pytest.mark.parametrize("scope", SUMS_SCOPES)
def test_sums_and_rows_agree_however_much_is_counted(
    filled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, scope: dict[str, str]
) -> None:
    filled.execute(SUBMISSIONS)
    with filled.transaction():
        # While another one counts, nothing is counted: all is read row by row.
        filled.execute("SELECT source FROM metric_marks FOR UPDATE")
        exact = figures(**scope)
        assert_close(sums(monkeypatch, **scope), exact)
    assert_close(sums(monkeypatch, **scope), exact)


def test_sums_of_the_last_hours_begin_where_they_are_asked_to(
    filled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.execute(SUBMISSIONS)
    for hours in (1.3, 2.7):
        for scope in SUMS_SCOPES:
            since = datetime.now(UTC) - timedelta(hours=hours)
            exact, found = figures(since=since, **scope), sums(monkeypatch, since=since, **scope)
            # Longest waits begin with a whole minute.
            assert _first_of(found, since) == _first_of(exact, since)
            assert_close(_rest_of(found, since), _rest_of(exact, since))


def _first_of(one: Figures, since: datetime) -> list[ThroughputBin]:
    """Return the bin that `since` lies in, if anything but a wait is in it."""
    first = [
        replace(bin, longest_wait_ms=None, submitted=0)
        for bin in one.throughput.bins
        if bin.start <= since
    ]
    return [bin for bin in first if bin != ThroughputBin(start=bin.start)]


def _rest_of(one: Figures, since: datetime) -> Figures:
    bins = tuple(bin for bin in one.throughput.bins if bin.start > since)
    return replace(one, throughput=replace(one.throughput, bins=bins))


def test_sums_keep_what_was_pruned_and_projects_do_not(
    filled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.execute(SUBMISSIONS)
    before = sums(monkeypatch)
    for table in ("job_attempts", "ai_metrics", "jobs"):
        filled.execute(f"DELETE FROM {table}")
    after = sums(monkeypatch)
    assert after.durations == before.durations
    assert after.ai == before.ai
    assert after.failures.kinds == before.failures.kinds
    assert sums(monkeypatch, project_id="m3").durations.completed.count == 0


def test_figures_of_everything_are_exact_where_there_are_few(filled: psycopg.Connection) -> None:
    with current().database.begin() as connection:
        assert type(figure_sums.open_reading(connection, Extent())) is FiguresReading
    figures()
    with current().database.begin() as connection:
        many = figure_sums.open_reading(connection, Extent(), many=2000)
        assert type(many) is figure_sums.SumsReading
    old = Extent(since=datetime.now(UTC) - timedelta(days=9))
    for extent in (old, Extent(project_id="m3")):
        with current().database.begin() as connection:
            found = figure_sums.open_reading(connection, extent, many=0)
            assert type(found) is FiguresReading


def test_migration_sums_up_what_was_counted_and_the_rest_follows(
    filled: psycopg.Connection, database: Database
) -> None:
    columns = "coalesce(sum(count), 0), min(least), max(most), count(*)"
    bins = f"SELECT start::text, name, {columns} FROM figure_bins GROUP BY 1, 2 ORDER BY 1, 2"
    times = "SELECT seconds, name, sum(count), min(first_at), max(last_at), max(longest_wait_ms), "
    times += "count(*) FROM figure_times GROUP BY 1, 2 ORDER BY 1, 2"
    calls = "SELECT start::text, engine, sum(count), sum(cost_usd), sum(tokens_in), count(*) "
    calls += "FROM figure_calls GROUP BY 1, 2 ORDER BY 1, 2"
    # One submission is not counted yet when the tables are migrated
    filled.execute(SUBMISSIONS)
    with reading(database) as metrics:
        metrics.advance(most=100_000)
    counted = [filled.execute(query).fetchall() for query in (bins, times, calls)]  # type: ignore[call-overload]  # our own words
    filled.execute(SUBMISSIONS + " WHERE job_key = 'photo-p77'")
    config = alembic_config()
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    migrate(database)
    with reading(database) as metrics:
        metrics.advance(most=100_000)
    assert [filled.execute(query).fetchall() for query in (bins, times, calls)] == counted  # type: ignore[call-overload]  # our own words
