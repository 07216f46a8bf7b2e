"""Open batches: photos are added one after the other, and nothing ends before they are closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import photoqueue
from photoqueue import open_batch, submit_inventory, submit_photos
from photoqueue.client.observe import ask, story
from photoqueue.client.pruning import erase_project
from photoqueue.errors import PayloadError, PhotoConflictError, StateError, UnknownBatchError
from photoqueue.installation import Installation
from photoqueue.queue.batch_changes import batch_changes
from photoqueue.queue.database import migrate
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.submission import NewBatch
from photoqueue.queue.submission import open_batch as begin_batch
from tests.bench import Bench
from tests.conftest import eventually, picture
from tests.integration.test_edits_migration import downgrade

OVER = "UPDATE batches SET closed_at = clock_timestamp() - interval '1 ms' WHERE batch_id = %s"


@pytest.fixture
def ledger(installation: Installation) -> Iterator[Ledger]:
    with closing(Ledger(installation.database)) as ledger:
        yield ledger


@pytest.fixture
def sql(installation: Installation) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(installation.database.libpq_url, autocommit=True)) as connection:
        yield connection


def test_inventory_waits_until_its_batch_is_closed_and_has_ended(
    installation: Installation, ledger: Ledger
) -> None:
    batch = open_batch(project_id="m1", user_id="u1")
    inventory = submit_inventory("m1", after=batch)  # before the first photo
    bench = Bench(installation)
    assert ledger.release_blocked() == [], "an empty batch is open"
    (first,) = batch.add(picture(1), room="salon")
    bench(first)
    assert ledger.release_blocked() == [], "all its jobs have ended, but more may come"
    assert not batch.done()
    assert not ask(batch_changes, batch.id).done
    (second,) = batch.add([picture(2)], room="hall")
    batch.close()
    assert ledger.release_blocked() == []
    bench(second)
    assert batch.done()
    assert ask(batch_changes, batch.id).done
    assert [str(message.job_id) for message in ledger.release_blocked()] == [inventory.id]
    assert bench(inventory).rooms == ("hall", "salon")
    assert len(batch) == 2 == len(photoqueue.batch(batch.id))


def test_photos_have_what_is_said_of_the_batch_and_their_places(
    installation: Installation, tmp_path: Path
) -> None:
    batch = open_batch(project_id="m1", user_id="u7", engine="builtin", priority=9)
    (tmp_path / "kitchen").mkdir()
    (tmp_path / "kitchen" / "1.jpg").write_bytes(picture(1))
    (tmp_path / "kitchen" / "plan.pdf").write_bytes(b"%PDF-1.7")
    batch.add(tmp_path / "kitchen", room="kitchen")
    batch.add([picture(2), b"no picture"], room="hall")
    polled = batch.poll()
    assert list(polled["room"]) == ["kitchen", "hall", "hall"]
    assert list(polled["state"]) == ["waiting", "waiting", "failed"]
    assert set(polled["priority"]) == {9}
    assert set(polled["user_id"]) == {"u7"}
    assert set(polled["project_id"]) == {"m1"}
    assert {job.payload["engine"] for job in map(story, polled["job_id"])} == {"builtin"}
    assert batch.left_out["file"].tolist() == ["plan.pdf"]


def test_photo_that_is_sent_again_is_in_its_batch_once(installation: Installation) -> None:
    batch, other = open_batch(project_id="m1"), open_batch(project_id="m1")
    both = batch.add([picture(1), picture(2), picture(1)], room="hall")
    assert both[0] == both[2]
    assert batch.add([picture(2), picture(3), picture(2)], room="hall")[0] == both[1]
    assert len(batch) == len(batch.poll()) == 3
    assert other.add(picture(1), room="hall") == both[:1]
    assert len(other) == other.known == 1
    # A batch that is submitted as a whole has a row for each photo that was given.
    assert len(submit_photos([picture(1), picture(1)], project_id="m1")) == 2


def test_closed_batch_takes_nothing_more_and_stays_as_it_is(
    installation: Installation, sql: psycopg.Connection
) -> None:
    batch = open_batch(project_id="m1")
    batch.close()
    closed_at = "SELECT closed_at FROM batches WHERE batch_id = %s"
    before = sql.execute(closed_at, (batch.id,)).fetchone()
    batch.close()
    assert sql.execute(closed_at, (batch.id,)).fetchone() == before
    assert not batch.open
    for one in (batch, submit_photos([picture(1)])):
        with pytest.raises(StateError, match="is closed; nothing was accepted"):
            one.add(picture(2))
    assert photoqueue.history()["batch_id"].tolist() == [one.id]


def test_batch_closes_when_nothing_was_added_for_long(
    installation: Installation, ledger: Ledger, sql: psycopg.Connection
) -> None:
    batch = open_batch(project_id="m1")
    (job,) = batch.add(picture(1))
    inventory = submit_inventory("m1", after=batch)
    Bench(installation)(job)
    hour = "SELECT extract(epoch FROM closed_at - now()) FROM batches WHERE batch_id = %s"
    ((left,),) = sql.execute(hour, (batch.id,)).fetchall()
    assert 3500 < left <= 3600
    sql.execute("UPDATE batches SET closed_at = now() + interval '1 min'")
    batch.add(picture(1))  # puts it off
    ((left,),) = sql.execute(hour, (batch.id,)).fetchall()
    assert left > 3500
    sql.execute(OVER, (batch.id,))
    assert batch.done()
    batch.wait(1, progress="none")
    assert [str(message.job_id) for message in ledger.release_blocked()] == [inventory.id]
    with pytest.raises(StateError, match="closed"):
        batch.add(picture(2))


def test_nothing_is_released_while_photos_are_added_at_the_last_moment(
    installation: Installation, ledger: Ledger, sql: psycopg.Connection
) -> None:
    """The time to close comes while an addition has locked the batch and is not committed."""
    batch = open_batch(project_id="m1")
    submit_inventory("m1", after=batch)
    sql.execute(OVER, (batch.id,))
    with psycopg.connect(installation.database.libpq_url) as adding:
        adding.execute("UPDATE batches SET closed_at = clock_timestamp() + interval '1 h'")
        assert ledger.release_blocked() == []
    assert ledger.release_blocked() == []
    assert batch.open


def test_many_add_at_once_and_each_photo_has_a_place(installation: Installation) -> None:
    batch = open_batch(project_id="m1")

    def add(number: int) -> None:
        batch.add([picture(number), picture(number + 100)], room=f"room {number % 3}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(12)))
    polled = photoqueue.batch(batch.id).poll()
    assert len(polled) == 24
    with closing(psycopg.connect(installation.database.libpq_url)) as connection:
        places = connection.execute("SELECT position FROM batch_jobs ORDER BY 1").fetchall()
    assert [place for (place,) in places] == list(range(24))


def test_additions_and_the_end_meet_without_a_loss(installation: Installation) -> None:
    """Whatever was accepted before the batch was closed is in it; the rest is refused."""
    batch = open_batch(project_id="m1")
    taken: list[int] = []

    def add() -> None:
        for number in range(200):
            try:
                batch.add(picture(number))
            except StateError:
                return
            taken.append(number)

    adding = threading.Thread(target=add)
    adding.start()
    eventually(lambda: len(taken) >= 3)
    photoqueue.batch(batch.id).close()
    adding.join(60)
    assert 3 <= len(taken) < 200
    assert sum(photoqueue.batch(batch.id).counts().values()) == len(taken)


@pytest.mark.usefixtures("installation")
def test_conflicting_photos_are_refused_whole() -> None:
    batch = open_batch(project_id="m1")
    same = [{"photo": picture(n), "photo_id": "p1"} for n in (1, 2)]
    with pytest.raises(PhotoConflictError, match="nothing was accepted"):
        batch.add(same)
    assert batch.counts() == {}
    with pytest.raises(PayloadError):
        batch.add(picture(1), room="")
    with pytest.raises(PayloadError):
        open_batch(engine="none")


def test_batch_of_an_erased_project_is_gone(installation: Installation, ledger: Ledger) -> None:
    batch = open_batch(project_id="m1")
    batch.add(picture(1))
    submit_photos([picture(2)], project_id="m2")
    other = submit_inventory("m2", after=batch)
    photoqueue.cancel(batch)
    erase_project("m1")
    with pytest.raises(UnknownBatchError):
        batch.add(picture(3))
    assert [str(message.job_id) for message in ledger.release_blocked()] == [other.id], (
        "it waits no more"
    )


def test_batches_of_the_version_before_are_closed(
    installation: Installation, sql: psycopg.Connection
) -> None:
    batch = submit_photos([picture(1)], project_id="m1")
    downgrade(installation, "0010")
    migrate(installation.database)
    same = "SELECT closed_at = created_at FROM batches WHERE batch_id = %s"
    assert sql.execute(same, (batch.id,)).fetchone() == (True,)
    # As that version writes one.
    sql.execute("INSERT INTO batches (batch_id, user_id) VALUES ('old', 'u1')")
    assert not photoqueue.batch("old").open
    assert photoqueue.batch("old").done()


def test_waiting_goes_on_while_a_batch_is_open(installation: Installation) -> None:
    batch = open_batch(project_id="m1")
    done = threading.Event()

    def wait() -> None:
        batch.wait(60, progress="none")
        done.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not done.wait(0.5)
    (job,) = batch.add(b"no picture")  # it has failed: no moment in which it waits for a worker
    assert job.poll().state == "failed"
    assert not done.wait(0.5)
    photoqueue.batch(batch.id).close()
    waiting.join(60)
    assert done.is_set()


def test_opening_for_longer_than_a_clock_knows_is_refused(installation: Installation) -> None:
    with pytest.raises(ValueError, match="less than or equal"):
        photoqueue.Settings(batch_idle_seconds=1e12)
    begin_batch(
        installation.database,
        NewBatch("b-1", "u1"),
        engine=None,
        priority=0,
        idle_seconds=2_592_000,
    )
    assert photoqueue.batch("b-1").open
