"""Accepting work: which job stands for a submitted one, and all rows or none."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from photoqueue.errors import PhotoConflictError, PhotoqueueError
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue import read
from photoqueue.queue.database import Database
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.submission import Accepted, NewBatch, NewJob, NewPhoto, accept
from photoqueue.words import JobState
from tests.conftest import eventually
from tests.ledgers import complete
from tests.processes import at_once

WORKER = UUID(int=1)

RACE = """
import sys
from photoqueue.queue.database import Database
from tests.integration.test_submission import make_job, make_photo
from photoqueue.queue.submission import accept
database = Database(sys.argv[1])
for number in range(20):
    (accepted,) = accept(database, jobs=[make_job(f"p{number}")], photos=[make_photo(f"p{number}")])
    print(accepted.job_id, accepted.created)
"""


def make_photo(photo_id: str = "p1", **options: Any) -> NewPhoto:
    return NewPhoto(**{"photo_id": photo_id, "user_id": "u1", "sha256": "aa", **options})


def make_job(photo_id: str = "p1", **options: Any) -> NewJob:
    values: dict[str, Any] = {
        "job_id": new_uuid(),
        "job_key": f"photo-{photo_id}",
        "queue": PHOTO_ANALYZE,
        "payload_json": json.dumps({"photoId": photo_id, "sha256": options.get("sha256", "aa")}),
        "user_id": "u1",
        "max_attempts": 4,
        "photo_id": photo_id,
        "sha256": "aa",
    }
    return NewJob(**{**values, **options})


def make_inventory(**options: Any) -> NewJob:
    return make_job(
        job_key="inventory-m1",
        queue=INVENTORY_SYNC,
        payload_json="{}",
        photo_id=None,
        sha256=None,
        **options,
    )


class Desk:
    """Takes in photos, and looks into the tables."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self._connection = psycopg.connect(
            database.libpq_url, autocommit=True, row_factory=dict_row
        )

    def close(self) -> None:
        self.ledger.close()
        self._connection.close()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return self._connection.execute(query, values).fetchall()

    def count(self, table: str) -> int:
        return self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]

    def accept(self, *jobs: NewJob, photos: Sequence[NewPhoto] = (), **options: Any) -> list[Any]:
        return accept(self.database, jobs=jobs, photos=photos, **options)

    def accept_one(self, job: NewJob, **options: Any) -> Accepted:
        (accepted,) = self.accept(job, **options)
        return accepted

    def lead(self, job_id: UUID, state: JobState) -> None:
        """Lead a waiting job into a state."""
        if state is JobState.CANCELLED:
            self.ledger.cancel([job_id])
        elif state is not JobState.WAITING:
            queue = read.snapshot(self.database, job_id).queue
            claim = self.ledger.claim(job_id, queue, worker_id=WORKER, slot=1)
            assert claim is not None
            if state is JobState.COMPLETED:
                complete(self.ledger, claim, "{}")
            elif state in (JobState.DELAYED, JobState.FAILED):
                permanent = state is JobState.FAILED
                self.ledger.fail(claim, Failure("E", "e", "", permanent), delay_ms=10_000)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with closing(Desk(database)) as desk:
        yield desk


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("has_photo", [True, False])
def test_one_job_is_written_as_each_of_several_is(desk: Desk, has_photo: bool, waits: bool) -> None:
    # One job has a statement of its own; two have another.
    said = {"project_id": "m1", "room_type": "salon"}

    def new(name: str) -> tuple[NewJob, list[NewPhoto]]:
        after = "b-1" if waits else None
        job = make_job(name, priority=7, sha256=name, after_batch=after, **said)
        photo = make_photo(
            name,
            **{**said, "sha256": f"{name}-stored", "room": "salon", "asset_id": "a"},
            file_name="a.jpg",
            image_format="JPEG",
            byte_size=2**40,
            width=4032,
            height=3024,
        )
        return job, [photo] if has_photo else []

    one, photos = new("p1")
    desk.accept(one, photos=photos)
    more, others = zip(*(new(name) for name in ("p2", "p3")), strict=True)
    desk.accept(*more, photos=[photo for found in others for photo in found])

    def alike(row: dict[str, Any]) -> dict[str, str]:
        own = {"job_id", "created_at", "queued_at", "recorded_xid", "turn"}
        named = {name: str(value) for name, value in row.items() if name not in own}
        if not waits and "ready_at" in row:
            named["ready_at"] = str(row["ready_at"] == row["created_at"])
        return {name: re.sub(r"\bp\d", "p", value) for name, value in named.items()}

    for table, number in (("jobs", 3), ("photos", 3 * has_photo)):
        rows = [alike(row) for row in desk.rows(f"SELECT * FROM {table}")]
        assert rows == rows[:1] * number
    # Jobs that wait for a batch hold up no later one: they get another turn once they are ready.
    turns = [row["turn"] for row in desk.rows("SELECT turn FROM jobs ORDER BY job_id")]
    assert turns == ([1, 1, 2] if waits else [1, 2, 3])
    counted = "SELECT sum(submitted) AS submitted, sum(failed) AS failed FROM metric_submissions"
    assert desk.rows(counted) == [{"submitted": 3, "failed": 0}]


def test_accepted_job_waits_with_all_that_was_said(desk: Desk) -> None:
    job = make_job(priority=7, project_id="m1")
    accepted = desk.accept_one(job, photos=[make_photo(project_id="m1", room="salon")])
    assert accepted[:2] == (job.job_id, True)
    (row,) = desk.rows("SELECT * FROM jobs")
    assert (row["state"], row["priority"], row["attempts"], row["max_attempts"]) == (
        "waiting",
        7,
        0,
        4,
    )
    assert row["payload"] == {"photoId": "p1", "sha256": "aa"}
    assert (row["success"], row["finished_at"], row["batch_id"]) == (None, None, None)
    assert row["ready_at"] == row["created_at"]
    (photo,) = desk.rows("SELECT * FROM photos")
    assert (photo["room"], photo["project_id"], photo["sha256"]) == ("salon", "m1", "aa")


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
@pytest.mark.parametrize("resubmit", [False, True])
def test_unfinished_photo_returns_its_job(desk: Desk, state: str, resubmit: bool) -> None:
    first = desk.accept_one(make_job())
    desk.lead(first.job_id, JobState(state))
    again = desk.accept_one(make_job(), resubmit=resubmit)
    assert again[:2] == (first.job_id, False)
    assert desk.count("jobs") == 1


def test_analysed_photo_returns_its_finished_job(desk: Desk) -> None:
    first = desk.accept_one(make_job())
    desk.lead(first.job_id, JobState.COMPLETED)
    assert desk.accept_one(make_job())[:2] == (first.job_id, False)


def test_analysed_photo_is_analysed_again_on_request(desk: Desk) -> None:
    first = desk.accept_one(make_job())
    desk.lead(first.job_id, JobState.COMPLETED)
    again = desk.accept_one(make_job(), resubmit=True)
    assert again.created
    desk.lead(again.job_id, JobState.COMPLETED)
    # From then on the newer one stands for it.
    assert desk.accept_one(make_job())[:2] == (again.job_id, False)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_photo_that_was_not_analysed_gets_a_new_job(desk: Desk, state: str) -> None:
    first = desk.accept_one(make_job())
    desk.lead(first.job_id, JobState(state))
    assert desk.accept_one(make_job()).created
    assert desk.count("jobs") == 2


def test_completed_job_stands_for_a_photo_that_failed_later(desk: Desk) -> None:
    first = desk.accept_one(make_job())
    desk.lead(first.job_id, JobState.COMPLETED)
    again = desk.accept_one(make_job(), resubmit=True)
    desk.lead(again.job_id, JobState.FAILED)
    assert desk.accept_one(make_job())[:2] == (first.job_id, False)


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_changed_picture_of_an_ended_photo_gets_a_new_job(desk: Desk, state: str) -> None:
    first = desk.accept_one(make_job(), photos=[make_photo()])
    desk.lead(first.job_id, JobState(state))
    assert desk.accept_one(make_job(sha256="bb"), photos=[make_photo(sha256="bb")]).created
    assert desk.rows("SELECT sha256 FROM photos") == [{"sha256": "bb"}]


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
def test_changed_picture_of_an_unfinished_photo_is_a_conflict(desk: Desk, state: str) -> None:
    first = desk.accept_one(make_job(), photos=[make_photo()])
    desk.lead(first.job_id, JobState(state))
    with pytest.raises(PhotoConflictError, match=f"'p1'.*{first.job_id}.*another photo id"):
        desk.accept_one(make_job(sha256="bb"), photos=[make_photo(sha256="bb")])
    assert desk.rows("SELECT sha256 FROM photos") == [{"sha256": "aa"}]


def test_two_pictures_under_one_id_in_one_batch_are_a_conflict(desk: Desk) -> None:
    with pytest.raises(PhotoConflictError, match="'p1' is given to two different pictures"):
        desk.accept(
            make_job(),
            make_job(sha256="bb"),
            photos=[make_photo(), make_photo(sha256="bb")],
            batch=NewBatch(batch_id="b-1", user_id="u1"),
        )
    assert [desk.count(table) for table in ("jobs", "photos", "batches")] == [0, 0, 0]


def test_same_photo_twice_in_a_batch_is_one_job_in_two_places(desk: Desk) -> None:
    accepted = desk.accept(
        make_job("a"),
        make_job("b"),
        make_job("a"),
        photos=[make_photo("a"), make_photo("b"), make_photo("a")],
        batch=NewBatch(batch_id="b-1", user_id="u1"),
    )
    assert [one.created for one in accepted] == [True, True, False]
    assert accepted[0].job_id == accepted[2].job_id
    places = desk.rows("SELECT position, job_id FROM batch_jobs ORDER BY position")
    assert [row["job_id"] for row in places] == [one.job_id for one in accepted]


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_inventory_always_runs_anew_once_the_last_one_ended(desk: Desk, state: str) -> None:
    first = desk.accept_one(make_inventory())
    desk.lead(first.job_id, JobState(state))
    assert desk.accept_one(make_inventory()).created


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
def test_unfinished_inventory_is_returned(desk: Desk, state: str) -> None:
    first = desk.accept_one(make_inventory())
    desk.lead(first.job_id, JobState(state))
    assert desk.accept_one(make_inventory())[:2] == (first.job_id, False)


def test_unread_photo_is_a_failed_job_from_the_start(desk: Desk) -> None:
    accepted = desk.accept_one(
        make_job(sha256="", error_type="UnreadablePhotoError", error_message="no picture"),
        photos=[make_photo(sha256=None)],
    )
    assert accepted.created
    (row,) = desk.rows("SELECT * FROM jobs")
    assert (row["state"], row["success"], row["attempts"]) == ("failed", False, 0)
    assert (row["error_type"], row["error_message"]) == ("UnreadablePhotoError", "no picture")
    assert row["finished_at"] is not None


@pytest.mark.parametrize("state", ["waiting", "active", "completed", "failed"])
def test_unread_photo_holds_up_nothing_and_changes_no_picture(desk: Desk, state: str) -> None:
    # Given a photo id with a good picture
    first = desk.accept_one(make_job(), photos=[make_photo(room="salon")])
    desk.lead(first.job_id, JobState(state))
    # When a batch gives the id to a file that cannot be read
    unread, other = desk.accept(
        make_job(sha256="", error_type="UnreadablePhotoError", error_message="no picture"),
        make_job("p2"),
        photos=[make_photo(sha256=None), make_photo("p2")],
        batch=NewBatch(batch_id="b-1", user_id="u1"),
    )
    # Then that is a failed row beside the job, and the photo stays as it was
    assert unread.created
    assert other.created
    assert desk.rows("SELECT state FROM jobs WHERE job_id = %s", first.job_id) == [{"state": state}]
    assert desk.rows("SELECT sha256, room FROM photos WHERE photo_id = 'p1'") == [
        {"sha256": "aa", "room": "salon"}
    ]


def test_what_is_said_later_is_added_and_what_is_left_unsaid_stays(desk: Desk) -> None:
    desk.accept_one(make_job(), photos=[make_photo(room="salon", file_name="a.jpg")])
    desk.accept_one(make_job(), photos=[make_photo(room="bureau", room_type="office")])
    (photo,) = desk.rows("SELECT * FROM photos")
    assert (photo["room"], photo["room_type"], photo["file_name"]) == ("bureau", "office", "a.jpg")
    desk.accept_one(make_job(), photos=[make_photo()])
    assert desk.rows("SELECT room FROM photos") == [{"room": "bureau"}]


def test_batch_of_five_thousand_keeps_its_order(desk: Desk) -> None:
    jobs = [make_job(f"p{number}") for number in range(5000)]
    photos = [make_photo(f"p{number}") for number in range(5000)]
    accepted = desk.accept(*jobs, photos=photos, batch=NewBatch(batch_id="b-1", user_id="u1"))
    assert [one.job_id for one in accepted] == [job.job_id for job in jobs]
    placed = desk.rows("SELECT job_id FROM batch_jobs ORDER BY position")
    assert [row["job_id"] for row in placed] == [job.job_id for job in jobs]
    assert [desk.count(table) for table in ("jobs", "photos", "batches")] == [5000, 5000, 1]
    # The same once more makes no job.
    again = desk.accept(
        *[make_job(f"p{number}") for number in range(5000)],
        photos=photos,
        batch=NewBatch(batch_id="b-2", user_id="u1"),
    )
    assert [one.job_id for one in again] == [job.job_id for job in jobs]
    assert desk.count("jobs") == 5000


def test_empty_batch_is_a_batch_without_jobs(desk: Desk) -> None:
    assert desk.accept(batch=NewBatch(batch_id="b-1", user_id="u1")) == []
    assert [desk.count(table) for table in ("jobs", "batches")] == [0, 1]


@pytest.mark.parametrize(
    "broken",
    [
        {"photos": [make_photo("p1"), make_photo("p2", room="a\x00b")]},
        {"photos": [make_photo("p1"), make_photo("p2", byte_size=2**70)]},
        {"extra_job": {"payload_json": "{"}},
        {"extra_job": {"priority": 2**20}},
        {"batch": NewBatch(batch_id="b\x001", user_id="u1")},
    ],
    ids=["photo text", "photo number", "payload", "priority", "batch"],
)
def test_nothing_is_accepted_when_one_row_is_refused(desk: Desk, broken: dict[str, Any]) -> None:
    jobs = [make_job("p1"), make_job("p2", **broken.get("extra_job", {}))]
    with pytest.raises(PhotoqueueError):
        desk.accept(
            *jobs,
            photos=broken.get("photos", [make_photo("p1"), make_photo("p2")]),
            batch=broken.get("batch", NewBatch(batch_id="b-1", user_id="u1")),
        )
    tables = ("jobs", "photos", "batches", "batch_jobs")
    assert [desk.count(table) for table in tables] == [0, 0, 0, 0]


def test_threads_that_submit_one_photo_at_once_get_one_job(desk: Desk) -> None:
    rounds, width = 25, 4
    start = threading.Barrier(width)
    got: list[list[Accepted]] = [[] for _ in range(rounds)]

    def submit() -> None:
        for number in range(rounds):
            start.wait()
            got[number].append(
                desk.accept_one(make_job(f"p{number}"), photos=[make_photo(f"p{number}")])
            )

    threads = [threading.Thread(target=submit) for _ in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for accepted in got:
        assert len(accepted) == width
        assert len({one.job_id for one in accepted}) == 1
        assert sum(one.created for one in accepted) == 1
    assert desk.count("jobs") == rounds


def test_batches_of_the_same_photos_in_opposite_order_do_not_lock_each_other_out(
    desk: Desk,
) -> None:
    names = [f"p{number}" for number in range(300)]
    start = threading.Barrier(2)
    failures: list[Exception] = []

    def submit(order: list[str], batch_id: str) -> None:
        start.wait()
        try:
            desk.accept(
                *map(make_job, order),
                photos=list(map(make_photo, order)),
                batch=NewBatch(batch_id=batch_id, user_id="u1"),
            )
        except PhotoqueueError as exc:
            failures.append(exc)

    for number in range(5):
        threads = [
            threading.Thread(target=submit, args=(names, f"b-{number}-1")),
            threading.Thread(target=submit, args=(names[::-1], f"b-{number}-2")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert desk.count("jobs") == len(names)
        desk.rows("DELETE FROM jobs RETURNING 1")
        desk.rows("DELETE FROM photos RETURNING 1")


def test_submission_that_waits_in_a_circle_with_another_starts_over(desk: Desk) -> None:
    # p1 is new to both, but p2 to the other alone: it had looked before p2 was there.
    desk.accept(make_job("p2"), photos=[make_photo("p2")])
    found: list[Any] = []

    def submit() -> None:
        names = ("p1", "p2")
        try:
            found.extend(desk.accept(*map(make_job, names), photos=list(map(make_photo, names))))
        except PhotoqueueError as exc:
            found.append(exc)

    with psycopg.connect(desk.database.libpq_url) as other:
        other.execute("INSERT INTO photos (photo_id, user_id) VALUES ('p1', 'u2')")
        thread = threading.Thread(target=submit)
        thread.start()
        eventually(
            lambda: desk.rows(
                "SELECT pid FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
        other.execute("UPDATE photos SET room = 'salon' WHERE photo_id = 'p2'")
    thread.join(60)
    assert [one.created for one in found] == [True, False]


def test_processes_that_submit_the_same_photos_at_once_get_the_same_jobs(
    desk: Desk, database_url: str
) -> None:
    first, second = (
        [line.split() for line in output.splitlines()] for output in at_once(RACE, 2, database_url)
    )
    assert [job_id for job_id, _ in first] == [job_id for job_id, _ in second]
    assert all({a, b} == {"True", "False"} for (_, a), (_, b) in zip(first, second, strict=True))
    assert desk.count("jobs") == 20
