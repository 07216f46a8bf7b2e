"""Counts that are kept between looks are the same as those counted anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import queue_counts
from photoqueue.queue.database import Database
from photoqueue.queue.queue_counts import LiveCounts
from photoqueue.words import JobState
from tests.conftest import eventually

FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, max_attempts, budget,
        ready_at, finished_at)
    SELECT gen_random_uuid(), 'photo-' || gen_random_uuid(),
        (ARRAY['photo-analyze', 'inventory-sync'])[n %% 2 + 1], %s, '{}', 'u1', 4, 4, now(),
        CASE WHEN %s::float IS NOT NULL THEN clock_timestamp() - make_interval(secs => %s) END
    FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


def same(counts: LiveCounts, connection: psycopg.Connection[Any]) -> bool:
    """Whether the counts are those of the table."""
    query = "SELECT queue_name, state, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"
    return sorted(
        (str(name), str(state), number)
        for name, queue in counts.read().items()
        for state in JobState
        if (number := getattr(queue, state))
    ) == list(connection.execute(query))


def test_kept_counts_equal_fresh_ones_through_every_change(
    database: Database, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_counts, "_MOST_RECENT", 20)
    counts = LiveCounts(database, 10.0)
    assert same(counts, connection)

    def add(state: str, number: int, seconds_ago: float | None = None) -> None:
        connection.execute(FILL, (state, seconds_ago, seconds_ago, number))

    add("completed", 100, 3600.0)
    counts = LiveCounts(database, 10.0)
    for state, number, age in (
        ("completed", 7, 0.0),
        ("waiting", 11, None),
        ("completed", 30, 30.0),  # more than is counted at each look: kept once they have settled
        ("failed", 5, 0.0),
        ("completed", 3, 0.0),
        ("cancelled", 2, 0.0),
    ):
        add(state, number, age)
        assert same(counts, connection), state
    connection.execute(
        "UPDATE jobs SET state = 'waiting', finished_at = NULL WHERE state = 'failed'"
    )
    connection.execute(
        "UPDATE jobs SET state = 'completed', finished_at = clock_timestamp() "
        "WHERE state = 'waiting' AND queue_name = 'photo-analyze'"
    )
    for _ in range(3):
        assert same(counts, connection)


def test_moment_moves_on_and_nothing_is_counted_twice(
    database: Database, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_counts, "_MOST_RECENT", 5)
    monkeypatch.setattr(queue_counts, "_SETTLED_SECONDS", 0)
    counts = LiveCounts(database, 10.0)
    counts.read()
    for number in range(1, 4):
        connection.execute(FILL, ("completed", 0.0, 0.0, 10))
        before = counts._moment
        assert counts.read()[PHOTO_ANALYZE].completed == 5 * number
        assert counts._moment is not None
        assert before is not None
        assert counts._moment > before


@pytest.mark.parametrize("statement", ["DELETE FROM jobs", "TRUNCATE jobs"])
def test_deleted_rows_are_missed_soon(
    database: Database, connection: psycopg.Connection[Any], statement: str
) -> None:
    connection.execute(FILL, ("completed", 3600.0, 3600.0, 10))
    counts = LiveCounts(database, 10.0)
    assert counts.read()[PHOTO_ANALYZE].completed == 5
    connection.execute(statement)
    # PostgreSQL's own count of deletions follows when the connection has nothing to do.
    connection.execute("SELECT pg_stat_force_next_flush()")
    eventually(lambda: counts.read()[PHOTO_ANALYZE].completed == 0)


def test_few_jobs_are_counted_anew_at_each_look(
    database: Database, connection: psycopg.Connection[Any]
) -> None:
    counts = LiveCounts(database, 10.0, few=30)
    for total in (5, 10, 15):
        # As a restore does it: jobs that ended long ago, and come now.
        connection.execute(FILL, ("completed", 3600.0, 3600.0, 10))
        assert counts.read()[PHOTO_ANALYZE].completed == total


def test_all_is_counted_anew_after_a_while(
    database: Database, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = LiveCounts(database, 10.0)
    counts.read()
    connection.execute(FILL, ("completed", 3600.0, 3600.0, 10))
    monkeypatch.setattr(queue_counts, "_RECOUNT_SECONDS", 0.0)
    assert counts.read()[PHOTO_ANALYZE].completed == 5
