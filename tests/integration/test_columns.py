"""Columns that are packed by PostgreSQL hold what rows read one by one hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa

from photoqueue.queue import columns, read
from photoqueue.queue.columns import read_columns
from photoqueue.queue.database import Database
from photoqueue.queue.tables import jobs

FILL = r"""
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, attempts, max_attempts,
        budget, ready_at, started_at, finished_at, success, wait_ms, error_type, error_message)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-' || n, 'photo-analyze', 'completed', '{}',
        'u' || n % 3, 1, 4, 4, now(), now() - n * interval '1.000001 s',
        CASE WHEN n % 2 = 0 THEN timestamptz '1987-06-05 04:03:02.123456+02' END,
        (ARRAY[true, false, NULL])[n % 3 + 1], CASE WHEN n % 5 > 0 THEN n / 7.0 END,
        CASE WHEN n % 4 = 0 THEN '' WHEN n % 4 = 1 THEN 'ÿ' END,
        CASE WHEN n % 3 = 0 THEN E'line\n\x01\x1f\t"é😀' END
    FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("rows", "limit", "page"),
    [
        (0, None, 7),
        (8, None, 1),
        (7, None, 7),
        (100, None, 7),
        (100, 14, 7),
        (100, 20, 7),
        (9, 0, 7),
        (100, None, 1000),
    ],
)
def test_packed_columns_are_what_rows_hold(
    database: Database,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    limit: int | None,
    page: int,
) -> None:
    monkeypatch.setattr(columns, "_PAGE", page)
    connection.execute(FILL.replace("%s", str(rows)).encode())
    query = sa.select(*read._JOB_COLUMNS).select_from(read._WITH_PHOTOS)
    ordered = query.order_by(jobs.c.job_id.desc()).limit(limit)
    plain = read._frame(database, ordered)
    with database.begin() as opened:
        packed = pd.DataFrame(read_columns(opened, query, jobs.c.job_id, limit=limit))
    assert list(packed.columns) == list(plain.columns)
    missing = packed.astype(object).where(packed.notna(), None)
    pd.testing.assert_frame_equal(
        missing, plain.astype(object).where(plain.notna(), None), check_dtype=False
    )


def test_column_of_another_type_is_refused(database: Database) -> None:
    with database.begin() as opened, pytest.raises(TypeError, match="payload"):
        read_columns(opened, sa.select(jobs.c.payload), jobs.c.job_id)


def test_halves_of_a_long_table_are_read_beside_each_other_and_see_the_same(
    database: Database,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection.execute(FILL.replace("%s", "500").encode())
    monkeypatch.setattr(columns, "_PAGE", 70)
    alone = read.history(database)
    monkeypatch.setattr(columns, "_MANY", 400)
    connection.execute("ANALYZE jobs")
    lent: list[int] = []
    begin = database.begin

    def beside() -> Any:
        # What is written meanwhile is in neither half.
        lent.append(connection.execute("DELETE FROM jobs WHERE user_id = 'u1'").rowcount)
        return begin()

    with begin() as first:
        query = sa.select(jobs.c.job_id, jobs.c.job_key, jobs.c.user_id)
        found = read_columns(first, query, jobs.c.job_id, beside=beside)
    assert len(lent) == 1 and lent[0] > 100
    assert list(found["job_key"]) == list(alone["job_key"])
    assert list(found["job_id"]) == list(alone["job_id"])


def test_short_table_is_read_over_one_connection(
    database: Database, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(FILL.replace("%s", "50").encode())
    connection.execute("ANALYZE jobs")
    with database.begin() as first:
        query = sa.select(jobs.c.job_id)
        found = read_columns(first, query, jobs.c.job_id, beside=pytest.fail)
    assert len(found["job_id"]) == 50
