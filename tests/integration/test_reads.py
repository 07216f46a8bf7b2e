"""Reads: snapshots, batches, projects, and the tracking table as DataFrames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from photoqueue.errors import UnknownBatchError, UnknownJobError, UnknownProjectError
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue import projects, read, workers
from photoqueue.queue.database import Database
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.queue_counts import LiveCounts
from photoqueue.queue.submission import NewBatch, accept
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState, Outcome
from tests.integration.test_submission import Desk, make_inventory, make_job, make_photo
from tests.ledgers import complete

WORKER = UUID(int=1)
PHOTOS, INVENTORY = PHOTO_ANALYZE, INVENTORY_SYNC


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with closing(Desk(database)) as desk:
        yield desk


def put(desk: Desk, photo_id: str, state: JobState = JobState.WAITING, **options: Any) -> UUID:
    """Put in a photo with its job, and lead the job into a state."""
    room, project_id = options.pop("room", None), options.get("project_id")
    (accepted,) = accept(
        desk.database,
        jobs=[make_job(photo_id, **options)],
        photos=[
            make_photo(
                photo_id, room=room, project_id=project_id, sha256=options.get("sha256", "aa")
            )
        ],
        resubmit=True,
    )
    desk.lead(accepted.job_id, state)
    return accepted.job_id


def test_snapshot_of_a_waiting_job(desk: Desk, database: Database) -> None:
    job_id = put(desk, "p1", project_id="m1")
    snapshot = read.snapshot(database, job_id)
    assert (snapshot.state, snapshot.queue, snapshot.job_key) == ("waiting", PHOTOS, "photo-p1")
    assert (snapshot.photo_id, snapshot.project_id) == ("p1", "m1")
    assert (snapshot.attempts, snapshot.max_attempts, snapshot.progress) == (0, 4, 0.0)
    assert (snapshot.error, snapshot.job_duration_ms, snapshot.finished_at) == (None, None, None)


@pytest.mark.parametrize(
    ("state", "progress"),
    [("active", 0.5), ("delayed", 0.0), ("completed", 1.0), ("failed", 1.0), ("cancelled", 1.0)],
)
def test_snapshot_tells_state_and_progress(
    desk: Desk, database: Database, state: str, progress: float
) -> None:
    snapshot = read.snapshot(database, put(desk, "p1", JobState(state)))
    assert (snapshot.state, snapshot.progress) == (state, progress)


def test_snapshot_of_a_failed_job_tells_its_error(desk: Desk, database: Database) -> None:
    snapshot = read.snapshot(database, put(desk, "p1", JobState.FAILED))
    assert snapshot.error == "E: e"
    assert snapshot.attempts == 1
    assert snapshot.wait_ms is not None
    assert snapshot.job_duration_ms is not None


def test_unknown_job_is_an_error_that_says_where_it_was_looked_for(database: Database) -> None:
    job_id = uuid4()
    with pytest.raises(UnknownJobError, match=rf"{job_id}.*PHOTOQUEUE_HOME and DATABASE_URL"):
        read.snapshot(database, job_id)
    with pytest.raises(UnknownJobError):
        read.outcome(database, job_id)


@pytest.mark.parametrize(
    "name", ["photo-nobody", "", "1234", "z" * 36, "x" * 10_000, "photo-a\x00b", "photo-\udc80"]
)
def test_unknown_name_is_an_unknown_job_that_says_what_a_name_looks_like(
    database: Database, name: str
) -> None:
    for find in (read.snapshot, lambda *asked: read.resolve_jobs(asked[0], [asked[1]])):
        with pytest.raises(UnknownJobError, match="Give an id or a job key like") as error:
            find(database, name)
        assert len(str(error.value)) < 500


def test_key_leads_to_its_newest_job(desk: Desk, database: Database) -> None:
    put(desk, "p1", JobState.COMPLETED)
    newest = put(desk, "p1", JobState.FAILED)
    assert read.snapshot(database, "photo-p1").job_id == newest


@pytest.mark.parametrize("batch_id", ["b-20260101-00000000", "", "x" * 10_000, "b\x00"])
def test_unknown_batch_is_an_error(database: Database, batch_id: str) -> None:
    with pytest.raises(UnknownBatchError, match="No batch") as error:
        read.batch_row(database, batch_id)
    assert len(str(error.value)) < 500


def put_batch(desk: Desk, batch_id: str = "b-1", count: int = 4, **options: Any) -> list[UUID]:
    names = [f"{batch_id}-{number}" for number in range(count)]
    accepted = accept(
        desk.database,
        jobs=[make_job(name, **options) for name in names],
        photos=[make_photo(name, room=f"room {name}", file_name=f"{name}.jpg") for name in names],
        batch=NewBatch(batch_id=batch_id, user_id="u1", project_id="m1"),
    )
    return [one.job_id for one in accepted]


def test_batch_is_read_in_the_order_of_submission(desk: Desk, database: Database) -> None:
    ids = put_batch(desk, count=20)
    assert read.batch_job_ids(database, "b-1") == ids
    frame = read.batch_history(database, "b-1")
    assert list(frame["job_id"]) == list(map(str, ids))
    assert list(frame["room"])[:2] == ["room b-1-0", "room b-1-1"]
    assert read.batch_row(database, "b-1")["project_id"] == "m1"


def test_batch_is_counted_by_state(desk: Desk, database: Database) -> None:
    first, second, *_ = put_batch(desk)
    desk.lead(first, JobState.COMPLETED)
    desk.lead(second, JobState.FAILED)
    assert read.batch_counts(database, "b-1") == {"waiting": 2, "completed": 1, "failed": 1}
    assert read.batch_counts(database, "unknown") == {}


def test_project_reads_each_photo_with_its_newest_result(desk: Desk, database: Database) -> None:
    put(desk, "p1", JobState.COMPLETED, project_id="m1", room="salon")
    put(desk, "p2", JobState.FAILED, project_id="m1")
    put(desk, "p3", project_id="m1")
    put(desk, "other", JobState.COMPLETED, project_id="m2")
    photos = {photo.photo_id: photo for photo in projects.project_photos(database, "m1")}
    assert {name: photo.state for name, photo in photos.items()} == {
        "p1": "completed",
        "p2": "failed",
        "p3": "waiting",
    }
    assert (photos["p1"].room, photos["p1"].result) == ("salon", {})


def test_photo_that_is_analysed_again_keeps_its_result_meanwhile(
    desk: Desk, database: Database
) -> None:
    put(desk, "p1", JobState.COMPLETED, project_id="m1")
    put(desk, "p1", JobState.FAILED, project_id="m1")
    (photo,) = projects.project_photos(database, "m1")
    assert photo.state is JobState.COMPLETED


def test_result_of_another_picture_under_the_same_id_does_not_count(
    desk: Desk, database: Database
) -> None:
    put(desk, "p1", JobState.COMPLETED, project_id="m1")
    put(desk, "p1", project_id="m1", sha256="bb")
    (photo,) = projects.project_photos(database, "m1")
    assert (photo.state, photo.result, photo.sha256) == ("waiting", None, "bb")


def test_project_without_photos_is_unknown(database: Database) -> None:
    with pytest.raises(UnknownProjectError):
        projects.require_project(database, "m9")
    with pytest.raises(UnknownProjectError, match=r"'m9'.*submit_photos"):
        projects.project_photos(database, "m9")


# --- the tracking table as DataFrames ---------------------------------------


def test_history_has_the_names_of_the_contract(desk: Desk, database: Database) -> None:
    put(desk, "p1", JobState.COMPLETED)
    frame = read.history(database)
    assert {
        "job_id",
        "queue_name",
        "job_duration_ms",
        "attempts",
        "success",
        "error_message",
    } <= set(frame.columns)
    (row,) = frame.to_dict("records")
    assert (row["queue_name"], row["attempts"], row["success"]) == ("photo-analyze", 1, True)
    assert row["job_duration_ms"] >= 0


def test_history_is_newest_first_and_can_be_narrowed(desk: Desk, database: Database) -> None:
    first = put(desk, "p1", JobState.COMPLETED, project_id="m1")
    second = put(desk, "p2", JobState.FAILED, project_id="m2")
    (inventory,) = accept(database, jobs=[make_inventory(project_id="m1")])
    (batched,) = put_batch(desk, count=1)

    def ids(**options: Any) -> list[str]:
        return list(read.history(database, **options)["job_id"])

    assert ids() == list(map(str, [batched, inventory.job_id, second, first]))
    assert ids(queue=INVENTORY) == [str(inventory.job_id)]
    assert ids(states=[JobState.FAILED]) == [str(second)]
    assert ids(states=[JobState.FAILED, JobState.COMPLETED]) == [str(second), str(first)]
    assert ids(project_id="m1") == [str(inventory.job_id), str(first)]
    assert ids(batch_id="b-1") == [str(batched)]
    assert ids(limit=1) == [str(batched)]
    assert ids(since=datetime.now(UTC) - timedelta(hours=1)) == ids()
    assert ids(since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_empty_tables_have_their_columns_and_types(database: Database) -> None:
    for frame in (
        read.history(database),
        read.batch_history(database, "b-1"),
        read.batch_history(database, "b-1", results=True),
        read.attempts(database),
        read.ai_calls(database),
    ):
        assert len(frame) == 0
        assert "job_id" in frame.columns
        for column in frame.columns:
            if column.endswith("_at"):
                assert str(frame[column].dtype).startswith("datetime64"), column


def test_times_have_their_zone(desk: Desk, database: Database) -> None:
    put(desk, "p1", JobState.COMPLETED)
    frame = read.history(database)
    for column in ("created_at", "started_at", "finished_at"):
        assert str(frame[column].dt.tz) == "UTC"
    assert (frame["finished_at"] >= frame["started_at"]).all()


def test_attempts_have_one_row_each_in_the_order_of_their_end(
    desk: Desk, database: Database
) -> None:
    (job_id,) = put_batch(desk, count=1)
    with closing(Ledger(database)) as ledger:
        claim = ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
        assert claim is not None
        ledger.fail(claim, Failure("OSError", "no", "at", False), delay_ms=0)
        ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
        ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
        claim = ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
        assert claim is not None
        call = AiCall(photo_id="p", engine="llm", model="m", latency_ms=5, success=True)
        complete(ledger, claim, "{}", [call])
    for frame in (
        read.attempts(database),
        read.attempts(database, job_id=job_id),
        read.attempts(database, batch_id="b-1"),
    ):
        assert list(frame["outcome"]) == ["error", "worker_lost", "completed"]
        assert list(frame["attempt"]) == [1, 2, 3]
        assert frame["retry_delay_ms"][0] == 0
        assert (frame["duration_ms"] >= 0).all()
    assert len(read.attempts(database, job_id=uuid4())) == 0
    calls = read.ai_calls(database, batch_id="b-1")
    assert list(calls["latency_ms"]) == [5]
    assert list(calls["attempt"]) == [3]


def add_worker(desk: Desk, number: int, state: str, queues: str, age: float = 0) -> None:
    desk.rows(
        "INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, concurrency,"
        " state, last_seen_at) VALUES (%s, 'h', 'h', %s, 0, %s, 2, %s,"
        " clock_timestamp() - %s * interval '1 s') RETURNING 1",
        UUID(int=number),
        number,
        queues,
        state,
        age,
    )


def test_stats_count_jobs_workers_and_the_oldest_waiting(desk: Desk, database: Database) -> None:
    for number, state in enumerate(JobState):
        for copy in range(number + 1):
            put(desk, f"{state}-{copy}", state)
    desk.rows(
        "UPDATE jobs SET ready_at = ready_at - interval '90 s' WHERE state = 'waiting' RETURNING 1"
    )
    accept(database, jobs=[make_inventory(after_batch="b-1")])
    add_worker(desk, 1, "running", "{photo-analyze,inventory-sync}")
    add_worker(desk, 2, "starting", "{photo-analyze}")
    # Long ago: PostgreSQL may have just started, and waits for those seen shortly before that.
    add_worker(desk, 3, "running", "{photo-analyze}", age=3600)
    add_worker(desk, 4, "stopped", "{photo-analyze}")
    stats = LiveCounts(database, 10).read()
    photos, inventory = stats[PHOTOS], stats[INVENTORY]
    assert [getattr(photos, state) for state in JobState] == [1, 2, 3, 4, 5, 6]
    assert photos.total == 21
    assert photos.oldest_waiting_s == pytest.approx(90, abs=30)
    assert (photos.workers, inventory.workers) == (2, 1)
    # A job that waits for a batch has not been waiting for a worker.
    assert (inventory.waiting, inventory.oldest_waiting_s) == (1, None)
    assert workers.queue_status(database, PHOTOS, 10).live == 2
    assert workers.queue_status(database, INVENTORY, 10).live == 1


@pytest.mark.parametrize(
    ("state", "seen_s", "started_s", "live"),
    [
        ("running", 0, 7200, True),
        ("starting", 0, 10, True),
        ("starting", 0, 120, False),  # it does not come up
        ("draining", 0, 7200, False),
        ("running", 3600, 7200, False),
    ],
)
def test_every_read_has_the_same_idea_of_a_live_worker(
    desk: Desk, database: Database, state: str, seen_s: float, started_s: float, live: bool
) -> None:
    put(desk, "p1")
    add_worker(desk, 1, state, "{photo-analyze}", age=seen_s)
    desk.rows(
        "UPDATE workers SET started_at = clock_timestamp() - %s * interval '1 s' RETURNING 1",
        started_s,
    )
    (listed,) = workers.list_workers(database, 10, lost=True)
    assert listed.live is live
    assert LiveCounts(database, 10).read()[PHOTOS].workers == live
    assert workers.queue_status(database, PHOTOS, 10).live == live


def test_stats_of_an_empty_installation_are_zero(database: Database) -> None:
    stats = LiveCounts(database, 10).read()
    assert set(stats) == {PHOTOS, INVENTORY}
    assert all(counts.total == 0 and not counts.paused for counts in stats.values())


def test_pausing_is_seen_in_the_counts(database: Database) -> None:
    workers.set_paused(database, PHOTOS, True)
    assert LiveCounts(database, 10).read()[PHOTOS].paused
    assert not LiveCounts(database, 10).read()[INVENTORY].paused
    workers.set_paused(database, PHOTOS, False)
    assert not LiveCounts(database, 10).read()[PHOTOS].paused


def test_connections_of_reads_are_given_back(database: Database) -> None:
    for _ in range(30):
        with pytest.raises(UnknownJobError):
            read.snapshot(database, uuid4())
    with psycopg.connect(database.libpq_url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        (open_connections,) = connection.execute(query).fetchone() or (0,)
    assert open_connections <= 4
