"""Edges of the SDK: forks, cancelled waits, clashing submissions, secrets in addresses."""

from __future__ import annotations

import os

import pytest

import photoqueue
from photoqueue import JobState
from photoqueue.errors import PhotoConflictError, StateError
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ledger import Ledger
from tests.conftest import picture, submit


def test_forked_process_has_connections_of_its_own(installation) -> None:
    job = submit("salon-1")
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                states = {job.poll().state for _ in range(20)}
                os._exit(0 if states == {JobState.WAITING} else 1)
            except BaseException:
                os._exit(2)
        children.append(child)
    assert [job.poll().state for _ in range(20)] == [JobState.WAITING] * 20
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4


def test_inventory_that_still_waits_takes_over_a_later_submission(installation) -> None:
    submit("salon-1", project_id="m1")
    batch = photoqueue.submit_photos([picture(1)], project_id="m1")
    first = photoqueue.submit_inventory("m1")
    second = photoqueue.submit_inventory("m1", after=batch, strategy="sum")
    assert second == first
    assert second.poll().ready_at is None
    photoqueue.cancel(batch)
    with installation.database.begin() as connection:
        payload = connection.exec_driver_sql(
            "SELECT payload FROM jobs WHERE job_key = 'inventory-m1'"
        ).scalar_one()
    assert (payload["strategy"], payload["afterBatch"]) == ("sum", batch.id)


def test_running_inventory_is_not_handed_back_for_another_question(installation) -> None:
    submit("salon-1", project_id="m1")
    running = photoqueue.submit_inventory("m1")
    ledger = Ledger(installation.database)
    ledger.claim(running._uuid, running.queue, worker_id=running._uuid, slot=1)
    assert photoqueue.submit_inventory("m1") == running
    with pytest.raises(StateError, match="is already running"):
        photoqueue.submit_inventory("m1", strategy="sum")
    ledger.close()


def test_photo_id_stays_in_its_project(installation) -> None:
    submit("mv", project_id="a")
    with pytest.raises(PhotoConflictError, match="belongs to project 'a'"):
        submit("mv", project_id="b")


def test_secret_in_an_address_is_not_kept(installation) -> None:
    batch = photoqueue.submit_photos(["http://127.0.0.1:9/x.jpg?token=SECRET&sig=SECRET"])
    row = batch.poll().iloc[0]
    assert (row["state"], row["file_name"]) == ("failed", "x.jpg")
    assert "SECRET" not in batch.poll().to_csv()
    assert "could not be tried" in str(next(iter(batch)).exception(1))
    assert photoqueue.retry(batch) == 0


def test_handles_stay_with_their_installation(installation, settings, tmp_path) -> None:
    job = submit("salon-1")
    photoqueue.use(settings.model_copy(update={"home": tmp_path / "elsewhere"}))
    assert photoqueue.cancel(job) == 1
    assert job.poll().state is JobState.CANCELLED
    job.installation.close()  # connected anew by its handle


@pytest.mark.parametrize("broker", ["auto", "postgres"])
def test_messages_of_cancelled_jobs_do_not_pile_up(installation, settings, broker) -> None:
    photoqueue.use(settings.model_copy(update={"broker": broker}))
    batch = photoqueue.submit_photos([picture(number) for number in range(5)])
    kept = submit("salon-1")
    assert photoqueue.cancel(batch) == 5
    carried = photoqueue.installation.current().broker
    assert carried.size(PHOTO_ANALYZE) == 1
    assert str(carried.take(PHOTO_ANALYZE)) == kept.id
