"""Connections that answer wrongly or not at all, and servers with settings of their own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import photoqueue
from photoqueue.errors import BrokerUnavailableError, DatabaseUnavailableError
from photoqueue.installation import Installation, current, use
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.connections import PostgresConnection
from photoqueue.queue.database import Database, Statements, migrate
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Claim, Ledger
from photoqueue.queue.submission import NewBatch, accept
from photoqueue.queue.workers import _WORKERS, Register
from photoqueue.records.snapshots import AiCall
from photoqueue.services import Endpoints
from photoqueue.testing import with_database
from photoqueue.words import Message
from photoqueue.worker import recovery as recovery_module
from photoqueue.worker.identity import this_host
from photoqueue.worker.recovery import Recovery
from tests.conftest import settings_of, submit
from tests.databases import new_name
from tests.integration.test_submission import WORKER, make_job, make_photo
from tests.ledgers import complete

Admin = psycopg.Connection[Any]


@pytest.fixture
def admin(database: Database) -> Iterator[Admin]:
    """Connect beside the code under test, as an operator does."""
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def set_for_all(admin: Admin, **settings: str) -> None:
    """Set what connections get that are opened from now on."""
    for name, value in settings.items():
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET {name} = {value}".encode())


def claim(ledger: Ledger, name: str = "a", database: Database | None = None) -> Claim:
    (accepted,) = accept(
        database or ledger._database, jobs=[make_job(name)], photos=[make_photo(name)]
    )
    claimed = ledger.claim(accepted.job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
    assert claimed is not None
    return claimed


def test_connection_to_a_server_that_takes_no_writes_is_closed(
    database: Database, admin: Admin
) -> None:
    set_for_all(admin, default_transaction_read_only="on")
    database.engine.dispose()
    with closing(Ledger(database)) as ledger:
        with pytest.raises(DatabaseUnavailableError, match="target_session_attrs=read-write"):
            accept(database, jobs=[make_job()], photos=[make_photo()])
        with pytest.raises(DatabaseUnavailableError, match="read-only transaction"):
            ledger.claim(WORKER, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
        # From now on the address leads to the new primary.
        set_for_all(admin, default_transaction_read_only="off")
        assert claim(ledger).attempt == 1


def test_connection_whose_prepared_statements_are_gone_is_closed(database: Database) -> None:
    with closing(Ledger(database)) as ledger:
        for _ in range(10):  # often enough to be prepared
            ledger.release_blocked()
        ledger.connection().pgconn.exec_(b"DEALLOCATE ALL")
        with pytest.raises(photoqueue.PhotoqueueError, match="prepared statement"):
            ledger.release_blocked()
        ledger.release_blocked()


@contextlib.contextmanager
def frozen(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Freeze the server's process of a connection."""
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("jobs", [1, 60], ids=["statement", "COPY"])
def test_submission_to_a_hung_server_ends_with_what_to_do(
    database: Database, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    # Before the connection goes back to the pool, which sets its limit anew.
    monkeypatch.setattr(PostgresConnection, "limit", 0.3)
    with database.direct() as pooled:
        pass
    with (
        frozen(pooled),
        pytest.raises(DatabaseUnavailableError, match=r"no answer within .* s.*photoqueue doctor"),
    ):
        accept(
            database,
            jobs=[make_job(str(number)) for number in range(jobs)],
            batch=NewBatch(batch_id="b-1", user_id="u1"),
        )
    assert pooled.closed
    monkeypatch.undo()
    # What was sent is done or not done, but never half.
    again = accept(database, jobs=[make_job(str(number)) for number in range(jobs)])
    assert len({one.created for one in again}) == 1


@pytest.mark.parametrize("calls", [0, 1], ids=["statement", "pipeline"])
def test_record_to_a_hung_server_is_made_on_another_connection(
    database: Database, calls: int
) -> None:
    call = AiCall(photo_id="a", engine="e", model="m", latency_ms=1.0, success=True)
    with closing(Ledger(database)) as ledger:
        claimed, connection = claim(ledger), ledger.connection()
        connection.limit = 0.3
        result = '{"photoId":"a","items":[],"roomType":"salon","confidence":0.5}'
        with frozen(connection), pytest.raises(DatabaseUnavailableError, match="no answer"):
            complete(ledger, claimed, result, calls=[call] * calls)
        assert connection.closed
        assert complete(ledger, claimed, result, calls=[call] * calls) is not None


def test_messages_in_a_hung_server_are_not_waited_for(database: Database) -> None:
    with closing(Broker(None, database_url=database.libpq_url, namespace="x")) as broker:
        connection = broker._huey(PHOTO_ANALYZE).storage.conn
        connection.limit = 0.3
        with frozen(connection), pytest.raises(BrokerUnavailableError, match="no answer within"):
            broker.enqueue([Message(PHOTO_ANALYZE, WORKER)])
        assert broker.size(PHOTO_ANALYZE) == 0
        assert broker.enqueue([Message(PHOTO_ANALYZE, new_uuid())]) == 1


def test_leases_that_a_frozen_server_let_run_out_cost_no_attempt(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(recovery_module, "time", clock)
    with closing(Ledger(installation.database)) as ledger:
        worker_id, register, host = new_uuid(), Register(ledger), this_host()
        register.add(worker_id, host, queues=[PHOTO_ANALYZE], concurrency=1, engine="e")
        recovery = Recovery(
            installation, ledger, worker_id=worker_id, host=host, lease_seconds=10.0
        )
        renewal = register.renew(worker_id, state="running")
        recovery.run(renewal)
        # Another host's worker is at a job; then the server answers nobody for 75 s.
        claimed = claim(ledger)
        ledger.run("UPDATE jobs SET started_at = started_at - interval '75 s'")
        monkeypatch.setattr("photoqueue.queue.workers._WORKERS", _without_restart())
        clock.now += 75
        recovery.run(renewal)
        assert ledger.held([claimed.job_id], worker_id=WORKER, slot=1)
        # It is not seen afterwards either.
        clock.now += 9
        recovery.run(renewal)
        assert ledger.held([claimed.job_id], worker_id=WORKER, slot=1)
        clock.now += 2
        recovery.run(renewal)
        assert not ledger.held([claimed.job_id], worker_id=WORKER, slot=1)


@pytest.mark.parametrize("hours", [1, -1])
def test_clock_of_the_server_that_is_set_costs_no_attempt(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(recovery_module, "time", clock)
    with closing(Ledger(installation.database)) as ledger:
        worker_id, register, host = new_uuid(), Register(ledger), this_host()
        register.add(worker_id, host, queues=[PHOTO_ANALYZE], concurrency=1, engine="e")
        recovery = Recovery(
            installation, ledger, worker_id=worker_id, host=host, lease_seconds=10.0
        )
        renewal = register.renew(worker_id, state="running")
        recovery.run(renewal)
        claimed = claim(ledger)
        monkeypatch.setattr("photoqueue.queue.workers._WORKERS", _without_restart(hours))
        for passed in (1, 9):  # the other worker may renew its lease
            clock.now += passed
            recovery.run(renewal)
            assert ledger.held([claimed.job_id], worker_id=WORKER, slot=1)
        clock.now += 2
        recovery.run(renewal)
        assert not ledger.held([claimed.job_id], worker_id=WORKER, slot=1)


def _without_restart(hours: int = 0) -> Statements:
    """Return the statements as if PostgreSQL had been started long ago, and its clock was set."""
    moved = {
        "pg_postmaster_start_time() BETWEEN": "'-infinity' BETWEEN",
        "clock_timestamp()": f"(clock_timestamp() + interval '{hours} h')",
    }
    found = dict(_WORKERS)
    for was, text in moved.items():
        found["look"] = found["look"].replace(was, text)
    return Statements(found)


SETTINGS = {
    "array_nulls": "off",
    "datestyle": "German",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-15",
    "intervalstyle": "sql_standard",
    "statement_timeout": "1500",
    "timezone": "'Asia/Kolkata'",
}


def test_settings_of_the_database_change_no_answer(
    installation: Installation, database: Database, admin: Admin
) -> None:
    set_for_all(admin, **SETTINGS)
    database.engine.dispose()
    with closing(Ledger(database)) as ledger:
        claimed = claim(ledger)
        complete(ledger, claimed, '{"photoId":"a","items":[],"roomType":"salon","confidence":0.5}')
        levels = [ledger.run("SHOW transaction_isolation")[0]["transaction_isolation"]]
    with database.direct() as connection:
        levels += [connection.execute("SELECT interval '1 day', 1/3::float").fetchone()]
    assert levels == ["read committed", (timedelta(days=1), 1 / 3)]
    snapshot = photoqueue.poll(photoqueue.job(str(claimed.job_id)))
    assert snapshot.finished_at is not None and snapshot.finished_at.utcoffset() == timedelta(0)
    assert photoqueue.history()["finished_at"].dt.tz is not None
    assert photoqueue.stats()["photo-analyze"].completed == 1
    with database.begin() as pooled:  # an operator's limit holds
        assert pooled.exec_driver_sql("SHOW statement_timeout").scalar() == "1500ms"
    with database.begin(60) as pooled:
        assert pooled.exec_driver_sql("SHOW statement_timeout").scalar() == "1min"


def test_database_without_an_encoding_keeps_names(servers: Endpoints, tmp_path: Path) -> None:
    url, name = servers.database_url.get_secret_value(), new_name()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0".encode()
        )
    url = with_database(url, name)
    try:
        with closing(Database(url)) as database:
            migrate(database)
        use(settings_of(servers, url, tmp_path / "home"))
        job = submit("a", project_id="Umzug Müller", room="Küche 🛋")
        photoqueue.correct("Umzug Müller", room="Küche 🛋", item="sofa", count=2)
        assert photoqueue.poll(job).room == "Küche 🛋"
        assert current().counts.read()[PHOTO_ANALYZE].waiting == 1
        assert list(photoqueue.history()["project_id"]) == ["Umzug Müller"]
    finally:
        use(None)
        with psycopg.connect(servers.database_url.get_secret_value(), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
