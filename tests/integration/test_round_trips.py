"""What it costs to submit a job and to wait for it: round trips, which take the same everywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import psycopg
import pytest

import photoqueue
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import connections as pool
from photoqueue.queue import read, submission
from photoqueue.queue.database import Database
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.submission import NewBatch, accept
from tests.conftest import submit
from tests.integration.test_submission import WORKER, make_job, make_photo
from tests.ledgers import complete


def round_trips(database: Database, call: Callable[[], object]) -> int:
    """Count how often PostgreSQL was waited for, from what went over the connection."""
    with tempfile.TemporaryFile("w+") as trace:
        with database.direct() as connection:
            connection.pgconn.trace(trace.fileno())
        call()
        with database.direct() as connection:
            connection.pgconn.untrace()
        trace.seek(0)
        # How PostgreSQL says that it is done with what it was sent.
        return sum("ReadyForQuery" in line for line in trace)


def test_new_photo_is_submitted_in_one_round_trip(database: Database) -> None:
    trips = round_trips(
        database, lambda: accept(database, jobs=[make_job()], photos=[make_photo()])
    )
    assert trips == 1


def test_small_new_batch_is_submitted_in_one_round_trip(database: Database) -> None:
    names = ["a", "b", "c"]
    trips = round_trips(
        database,
        lambda: accept(
            database,
            jobs=[make_job(name) for name in names],
            photos=[make_photo(name) for name in names],
            batch=NewBatch(batch_id="b-1", user_id="u1"),
        ),
    )
    assert trips == 1
    assert sum(read.batch_counts(database, "b-1").values()) == 3


def test_submit_photo_asks_postgresql_once(installation: Installation) -> None:
    submit("a")  # opens what is opened once
    assert round_trips(installation.database, lambda: submit("b")) == 1


def test_result_that_is_there_is_one_round_trip(installation: Installation) -> None:
    database = installation.database
    job = submit("a")
    (accepted,) = accept(database, jobs=[make_job("b")], photos=[make_photo("b")])
    ledger = Ledger(database)
    claim = ledger.claim(accepted.job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
    assert claim is not None
    complete(ledger, claim, '{"photoId":"b","items":[],"roomType":"salon","confidence":0.5}')
    ledger.close()
    done = photoqueue.job(str(accepted.job_id))
    assert round_trips(database, lambda: done.result(60)) == 1
    assert round_trips(database, lambda: read.outcome(database, job._uuid)) == 1


@pytest.mark.parametrize("few", [0, 50], ids=["many", "few"])
def test_few_and_many_jobs_leave_the_same_rows(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(submission, "_FEW", few)
    odd = "a\tb\\N\n\r\\.é\x01"
    accept(
        database,
        jobs=[
            make_job("p1", priority=3, project_id=odd, payload_json='{"photoId": "\\\\N\\t"}'),
            make_job("p2", after_batch="b-0"),
            make_job("p3", error_type=odd, error_message=""),
        ],
        photos=[make_photo("p1", room=odd, byte_size=2**40), make_photo("p2"), make_photo("p3")],
        batch=NewBatch(batch_id="b-1", user_id="u1"),
    )
    with psycopg.connect(database.libpq_url) as connection:
        jobs = connection.execute(
            """
            SELECT job_key, queue_name, state, priority, payload, photo_id, project_id, user_id,
                batch_id, after_batch, error_type, error_message
            FROM jobs ORDER BY job_id
            """
        ).fetchall()
        # attempts, their budget, and PostgreSQL's clock
        starts = connection.execute(
            """
            SELECT attempts, max_attempts, budget, ready_at = created_at,
                finished_at = created_at, success, now() - created_at < interval '1 minute'
            FROM jobs ORDER BY job_id
            """
        ).fetchall()
        photos = connection.execute(
            "SELECT photo_id, user_id, room, byte_size, width FROM photos ORDER BY photo_id"
        ).fetchall()
        places = connection.execute(
            "SELECT batch_id, position, job_key FROM batch_jobs JOIN jobs USING (job_id, batch_id)"
            " ORDER BY position"
        ).fetchall()
        counted = connection.execute(
            "SELECT queue_name, submitted, failed FROM metric_submissions"
        ).fetchall()
    photo, tabbed = "photo-analyze", {"photoId": "\\N\t"}
    said, failed = {"photoId": "p2", "sha256": "aa"}, {"photoId": "p3", "sha256": "aa"}
    assert jobs == [
        ("photo-p1", photo, "waiting", 3, tabbed, "p1", odd, "u1", "b-1", None, None, None),
        ("photo-p2", photo, "waiting", 0, said, "p2", None, "u1", "b-1", "b-0", None, None),
        ("photo-p3", photo, "failed", 0, failed, "p3", None, "u1", "b-1", None, odd, ""),
    ]
    assert starts == [
        (0, 4, 4, True, None, None, True),
        (0, 4, 4, None, None, None, True),
        (0, 4, 4, True, True, False, True),
    ]
    assert photos == [
        ("p1", "u1", odd, 2**40, None),
        ("p2", "u1", None, None, None),
        ("p3", "u1", None, None, None),
    ]
    assert places == [("b-1", place, f"photo-p{place + 1}") for place in range(3)]
    assert counted == [("photo-analyze", 3, 1)]


def test_connection_that_the_server_closed_is_replaced_unnoticed(database: Database) -> None:
    accept(database, jobs=[make_job("a")], photos=[make_photo("a")])
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        for use in (
            lambda: accept(database, jobs=[make_job("b")], photos=[make_photo("b")]),
            database.server_version,
            lambda: read.batch_counts(database, "b-1"),
        ):
            # waits until they are gone
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            use()


def test_connection_that_lay_idle_is_asked_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (accepted,) = accept(database, jobs=[make_job()])
    monkeypatch.setattr(pool, "_TRUSTED_SECONDS", 0.0)
    # the question for the statement, and for what ends the count
    assert round_trips(database, lambda: read.outcome(database, accepted.job_id)) == 3


def test_statement_that_failed_leaves_its_connection_usable(database: Database) -> None:
    with (
        pytest.raises(photoqueue.PhotoqueueError, match="division by zero"),
        database.direct() as connection,
    ):
        connection.execute("SELECT 1 / 0")
    with database.direct() as connection:
        assert connection.autocommit
    with database.begin() as pooled:
        assert not pooled.connection.driver_connection.autocommit  # type: ignore[union-attr]  # psycopg's
    (accepted,) = accept(database, jobs=[make_job(job_id=new_uuid())])
    assert accepted.created


def test_connection_that_was_interrupted_is_not_lent_again(database: Database) -> None:
    with pytest.raises(KeyboardInterrupt), database.direct() as connection:
        copy = connection.cursor().copy("COPY photos (photo_id, user_id) FROM STDIN")
        copy.__enter__()
        raise KeyboardInterrupt
    assert connection.closed
    assert accept(database, jobs=[make_job()])[0].created
