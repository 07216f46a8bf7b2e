"""Results as DataFrames: the same whether rows or Arrow columns are read, from any server."""

from __future__ import annotations

import logging
import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from pandas.testing import assert_frame_equal
from psycopg import sql

from photoqueue.errors import DatabaseUnavailableError, PayloadError
from photoqueue.queue import dataframes, read
from photoqueue.queue.database import Database
from photoqueue.queue.dataframes import read_frame
from photoqueue.queue.tables import jobs
from photoqueue.words import JobState
from tests.conftest import eventually
from tests.tls import TlsProxy, make_certificate

needs_arrow = pytest.mark.skipif(
    find_spec("adbc_driver_postgresql") is None,
    reason="The extra 'arrow' is not installed: results are always read as rows.",
)
FILL = r"""
    INSERT INTO photos (photo_id, room, file_name, user_id)
    SELECT 'p' || n, CASE WHEN n % 4 = 0 THEN 'Küche ' || n END, repeat('x', n % 100) || '.jpg', 'u'
    FROM generate_series(1, {rows}) AS n WHERE n % 3 > 0;
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, attempts, max_attempts,
        budget, photo_id, project_id, ready_at, started_at, finished_at, success, wait_ms,
        job_duration_ms, error_type, error_message)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-' || n, 'photo-analyze', 'completed', '{{}}',
        'u' || n % 3, 1, 4, 4, 'p' || n, '100% of ''it''\' || n % 2,
        now(), now() - n * interval '1.000001 s',
        CASE WHEN n % 2 = 0 THEN timestamptz '1987-06-05 04:03:02.123456+02' END,
        (ARRAY[true, false, NULL])[n % 3 + 1], CASE WHEN n % 5 > 0 THEN n / 7.0 END,
        (ARRAY['infinity', '-infinity', 'NaN', NULL, '1e-300'])[n % 5 + 1]::float8,
        CASE WHEN n % 4 = 0 THEN '' WHEN n % 4 = 1 THEN 'ÿ' END,
        CASE WHEN n % 3 = 0 THEN E'line\n\x01\x1f\t"é😀' WHEN n % 3 = 1 THEN repeat('é', 20000) END
    FROM generate_series(1, {rows}) AS n;
    INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, concurrency)
    VALUES ('00000000-0000-0000-0000-000000000001', 'cellar', '', 1, 1, '{{}}', 1);
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at, error_type, retry_delay_ms)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 'error',
        CASE WHEN n % 2 = 0 THEN uuid '00000000-0000-0000-0000-000000000001' END,
        CASE WHEN n % 7 > 0 THEN n END, n / 3.0, now() - n * interval '1.000001 s',
        now() - n % 2 * interval '1 s', 'Error', CASE WHEN n % 2 = 0 THEN n * 10000000000 END
    FROM generate_series(1, {rows}) AS n;
    INSERT INTO ai_metrics (job_id, attempt, call, engine, model, latency_ms, tokens_in, cost_usd,
        success, error)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 1, 'llm', 'm', n / 9.0, n,
        CASE WHEN n % 2 = 0 THEN n / 1e6 END, n % 2 = 0, CASE WHEN n % 2 = 1 THEN 'no' END
    FROM generate_series(1, {rows}) AS n
"""
READS: dict[str, Callable[[Database], pd.DataFrame]] = {
    "history": read.history,
    "some": lambda database: read.history(database, limit=20),
    "none": lambda database: read.history(database, limit=0),
    "of a project": lambda database: read.history(database, project_id="100% of 'it'\\1"),
    "of states": lambda database: read.history(
        database, states=[JobState.FAILED, JobState.COMPLETED]
    ),
    "attempts": read.attempts,
    "calls": read.ai_calls,
}


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def arrow(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Read every result as Arrow columns; hold the statements that were."""
    statements: list[str] = []
    read_arrow = dataframes._read_arrow

    def note(connection: Any, statement: str) -> pd.DataFrame:
        statements.append(statement)
        return read_arrow(connection, statement)

    monkeypatch.setattr(dataframes, "MANY_ROWS", 0)
    monkeypatch.setattr(dataframes, "_read_arrow", note)
    return statements


def fill(connection: psycopg.Connection[Any], rows: int) -> None:
    connection.execute(FILL.format(rows=rows).encode())


@needs_arrow
@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("rows", [0, 1, 103])
def test_arrow_columns_are_what_rows_are(
    database: Database,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    arrow: list[str],
    rows: int,
    name: str,
) -> None:
    fill(connection, rows)
    columns = READS[name](database)
    assert len(arrow) == 1
    monkeypatch.setattr(dataframes, "MANY_ROWS", 10**9)
    monkeypatch.setattr(dataframes, "_CHUNK", 50)
    plain = READS[name](database)

    assert len(arrow) == 1
    assert_frame_equal(columns, plain)


def test_types_of_the_columns_do_not_depend_on_their_values(
    database: Database, connection: psycopg.Connection[Any]
) -> None:
    empty = read.history(database)
    fill(connection, 12)
    full = read.history(database)

    assert (full.dtypes == empty.dtypes).all()
    assert {str(dtype): list(full.columns[full.dtypes == dtype]) for dtype in full.dtypes} == {
        "str": [
            *("job_id", "queue_name", "job_key", "state", "photo_id", "project_id", "room"),
            *("file_name", "user_id", "batch_id", "error_type", "error_message"),
        ],
        "int64": ["priority", "attempts", "max_attempts"],
        "object": ["success"],
        "float64": ["wait_ms", "job_duration_ms"],
        "datetime64[us, UTC]": ["created_at", "started_at", "finished_at"],
    }
    assert set(full.success) == {True, False, None}
    assert str(full.finished_at[0]) == "1987-06-05 02:03:02.123456+00:00"


def test_missing_text_is_missing_in_every_version_of_pandas(
    database: Database, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(connection, 4)
    to_array = pd.array

    def array(values: Any, dtype: Any) -> Any:
        named = isinstance(dtype, str) and dtype == "str"
        return to_array([*map(str, values)] if named else values, dtype=dtype)

    monkeypatch.setattr(pd, "array", array)
    assert list(read.history(database)["batch_id"].isna()) == [True] * 4


@needs_arrow
def test_arrow_columns_that_never_come_end_the_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch, arrow: list[str]
) -> None:
    monkeypatch.setattr(dataframes, "_HUNG_SECONDS", 0.1)
    # As of a frozen server: it ends nothing itself.
    slow = sa.select(sa.func.pg_sleep(5))
    with pytest.raises(DatabaseUnavailableError, match=r"no answer within 0\.1 s"):
        read_frame(database, slow)


@needs_arrow
def test_arrow_columns_have_a_time_limit(database: Database, arrow: list[str]) -> None:
    limit = sa.select(sa.func.current_setting("statement_timeout", type_=sa.Text).label("limit"))
    assert list(read_frame(database, limit)["limit"]) == ["10min"] and arrow


@needs_arrow
def test_few_rows_are_read_over_the_connection_there_is(
    database: Database, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(connection, 500)
    connection.execute("ANALYZE")
    monkeypatch.setattr(dataframes, "MANY_ROWS", 400)
    used: list[int] = []
    columns = dataframes._read_arrow
    monkeypatch.setattr(dataframes, "_read_arrow", lambda *given: used.append(1) or columns(*given))

    assert len(read.history(database, limit=399)) == 399 and not used
    assert len(read.history(database)) == 500 and used


def test_rows_are_read_where_arrow_is_not_installed(
    database: Database,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    arrow: list[str],
) -> None:
    fill(connection, 3)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)

    assert len(read.history(database)) == 3
    assert not arrow


@needs_arrow
def test_rows_are_read_where_no_other_connection_can_be_had(
    database: Database, arrow: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(database.libpq_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS alone")
        admin.execute("CREATE ROLE alone LOGIN CONNECTION LIMIT 1")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO alone")
        url = database.url.set(username="alone", password="hunter2")
        alone = Database(url.render_as_string(hide_password=False))
        with closing(alone), caplog.at_level(logging.WARNING):
            assert read.history(alone).empty
        admin.execute("DROP OWNED BY alone; DROP ROLE alone")
    assert not arrow
    assert "too many connections for role" in caplog.text
    assert "hunter2" not in caplog.text


@needs_arrow
def test_what_fails_is_translated_as_everywhere(database: Database, arrow: list[str]) -> None:
    rows = sa.func.generate_series(sa.text("0, 9")).column_valued("n")
    with pytest.raises(DatabaseUnavailableError, match="terminating connection") as cut:
        read_frame(database, sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())))
    with pytest.raises(PayloadError, match="division by zero") as wrong:
        read_frame(database, sa.select(sa.literal(1) / rows).where(sa.literal("secret") != ""))
    with pytest.raises(DatabaseUnavailableError, match="read-only transaction"):
        read_frame(database, sa.select(sa.func.lo_create(0)))

    assert len(arrow) == 3
    assert "secret" not in f"{cut.value}{wrong.value}"


@needs_arrow
def test_limits_of_the_address_hold(database: Database, arrow: list[str]) -> None:
    limited = database.url.update_query_dict({"options": "-c statement_timeout=100"})
    with (
        closing(Database(limited.render_as_string(hide_password=False))) as hurried,
        pytest.raises(DatabaseUnavailableError, match="statement timeout"),
    ):
        read_frame(hurried, sa.select(sa.func.pg_sleep(60)))
    assert arrow


PASSWORD = "p@ss/w%:rd'é"
#: As it stands in an address.
ENCODED = "p%40ss%2Fw%25%3Ard%27%C3%A9"
#: How a client of PostgreSQL asks for TLS, and what it is answered.
ASK_FOR_TLS = (struct.pack("!ii", 8, 80877103), b"S")


@pytest.fixture
def tls(database: Database, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Put TLS in front of PostgreSQL, and have a user there who needs a password.

    Yields the port and the certificate.
    """
    with psycopg.connect(database.libpq_url, autocommit=True) as admin:
        # Not by its own name of the file: the servers of root know their folder as a descriptor.
        settings = Path(admin.info.host).parent / "postgres" / "data" / "pg_hba.conf"
        before = settings.read_text()
        admin.execute(sql.SQL("CREATE ROLE ana LOGIN PASSWORD {}").format(PASSWORD))
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ana")
        settings.write_text(f"local all ana scram-sha-256\n{before}")
        admin.execute("SELECT pg_reload_conf()")
        certificate, key = make_certificate(tmp_path)
        target = f"{admin.info.host}/.s.PGSQL.{admin.info.port}"
        try:
            with closing(TlsProxy(certificate, key, target, asked=ASK_FOR_TLS)) as proxy:
                yield proxy.port, certificate
        finally:
            settings.write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("DROP OWNED BY ana; DROP ROLE ana")


@needs_arrow
@pytest.mark.parametrize("hosts", ["127.0.0.1", "127.0.0.1,127.0.0.1"])
def test_columns_come_over_tls_with_a_password_from_one_of_several_hosts(
    database: Database,
    connection: psycopg.Connection[Any],
    tls: tuple[int, Path],
    arrow: list[str],
    hosts: str,
) -> None:
    fill(connection, 3)
    port, certificate = tls
    ports = f"{port}" if hosts == "127.0.0.1" else f"1,{port}"
    url = (
        f"postgresql://ana:{ENCODED}@/{database.url.database}?host={hosts}&port={ports}"
        f"&sslmode=verify-full&sslrootcert={certificate}"
    )
    with closing(Database(url)) as secure:
        assert len(read.history(secure)) == 3
        user = read_frame(secure, sa.select(sa.literal_column("current_user", sa.Text)))
    assert len(arrow) == 2
    assert user.iloc[0, 0] == "ana"


@needs_arrow
def test_password_is_in_no_error(
    database: Database, tls: tuple[int, Path], arrow: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    place = f"127.0.0.1:{tls[0]}/{database.url.database}"
    with (
        closing(Database(f"postgresql://ana:{ENCODED}@{place}?sslmode=require")) as secure,
        caplog.at_level(logging.WARNING),
        pytest.raises(DatabaseUnavailableError, match="read-only") as error,
    ):
        read_frame(secure, sa.select(sa.func.lo_create(0)))
    assert arrow
    assert "p@ss" not in str(error.value) and ENCODED not in str(error.value)
    assert not caplog.text


@needs_arrow
def test_frame_can_be_changed(
    database: Database, connection: psycopg.Connection[Any], arrow: list[str]
) -> None:
    fill(connection, 4)
    query = sa.select(jobs.c.queue_name, jobs.c.budget, jobs.c.created_at)
    frame = read_frame(database, query)
    calls = read.ai_calls(database)
    calls.loc[0, "latency_ms"] = 1.5
    calls.loc[0, "success"] = True
    frame.loc[0, "budget"] = 9
    frame.loc[0, "created_at"] = pd.Timestamp("2026-01-01", tz="UTC")
    frame.loc[0, "queue_name"] = "other"
    assert len(arrow) == 2
    assert frame.loc[0, "budget"] == 9 and calls.loc[0, "latency_ms"] == 1.5


@needs_arrow
def test_read_can_be_interrupted(
    database: Database, connection: psycopg.Connection[Any], arrow: list[str]
) -> None:
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY %pg_sleep(3600%'"

    def interrupt() -> None:
        eventually(lambda: connection.execute(running).fetchone() == (1,))
        os.kill(os.getpid(), signal.SIGINT)

    with ThreadPoolExecutor(1) as beside:
        interrupted = beside.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            read_frame(database, sa.select(sa.func.pg_sleep(3600)))
        interrupted.result()
    assert arrow
    assert read_frame(database, sa.select(sa.literal(1).label("one"))).one.tolist() == [1]
