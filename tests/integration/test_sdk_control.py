"""Steering: retry, cancel, pause, resume, and what they refuse."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest

import photoqueue
from photoqueue import cancel, pause, poll, resume, retry, submit_photos
from photoqueue.errors import PhotoqueueError, StateError
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.words import JobState
from tests.conftest import picture, submit
from tests.ledgers import complete

pytestmark = pytest.mark.usefixtures("installation")
WORKER = UUID(int=1)


@pytest.fixture
def ledger(installation: Installation) -> Any:
    ledger = Ledger(installation.database)
    yield ledger
    ledger.close()


def lead(ledger: Ledger, job: photoqueue.Job, state: str) -> photoqueue.Job:
    """Lead a waiting job into a state."""
    if state == "cancelled":
        ledger.cancel([UUID(job.id)])
    elif state != "waiting":
        claim = ledger.claim(UUID(job.id), job.queue, worker_id=WORKER, slot=1)
        assert claim is not None
        if state == "completed":
            complete(ledger, claim, "{}")
        elif state in ("failed", "delayed"):
            failure = Failure("OSError", "no", "", state == "failed")
            ledger.fail(claim, failure, delay_ms=60_000)
    assert job.state == state
    return job


# --- retry ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_retry_starts_a_job_anew_and_rings_for_it(
    ledger: Ledger, installation: Installation, state: str
) -> None:
    job = lead(ledger, submit("p1"), state)
    installation.broker.take(PHOTO_ANALYZE)
    assert retry(job) == 1
    snapshot = poll(job)
    assert (snapshot.state, snapshot.error, snapshot.finished_at) == ("waiting", None, None)
    assert snapshot.max_attempts == snapshot.attempts + 4
    assert str(installation.broker.take(PHOTO_ANALYZE)) == job.id


@pytest.mark.parametrize("state", ["waiting", "active", "delayed", "completed"])
def test_retry_of_a_job_that_has_not_failed_says_where_it_stands(
    ledger: Ledger, state: str
) -> None:
    job = lead(ledger, submit("p1"), state)
    with pytest.raises(StateError, match=f"photo-p1 cannot be started again: it is {state}"):
        retry(job)
    assert job.state == state


def test_retry_while_another_job_of_the_photo_runs_points_to_it(ledger: Ledger) -> None:
    failed = lead(ledger, submit("p1"), "failed")
    submit("p1")
    with pytest.raises(StateError, match=r"another job of this key.*poll\('photo-p1'\)"):
        retry(failed)


def test_retry_takes_ids_keys_lists_and_batches(ledger: Ledger) -> None:
    jobs = [lead(ledger, submit(f"p{number}"), "failed") for number in range(4)]
    assert retry(jobs[0].id) == 1
    assert retry("photo-p1") == 1
    assert retry([jobs[2], jobs[3].id, "photo-p0"]) == 2
    assert retry([]) == 0


def test_retry_of_a_batch_starts_what_failed(ledger: Ledger) -> None:
    batch = submit_photos([picture(number) for number in range(4)])
    for job, state in zip(batch, ["failed", "cancelled", "completed", "waiting"], strict=True):
        lead(ledger, job, state)
    assert retry(batch) == 2
    assert list(poll(batch)["state"]) == ["waiting", "waiting", "completed", "waiting"]
    assert retry(batch) == 0


def test_retry_of_all_that_ever_failed_starts_each_photo_once(ledger: Ledger) -> None:
    # Given a photo that failed in two jobs
    for _ in range(2):
        lead(ledger, submit("p1"), "failed")
    lead(ledger, submit("p2"), "failed")
    # When everything that failed is retried
    failed = photoqueue.history(state="failed")["job_id"]
    assert len(failed) == 3
    # Then each photo has one job again
    assert retry(failed) == 2
    assert photoqueue.stats()["photo-analyze"].waiting == 2


def test_retry_and_submission_at_once_leave_one_job(ledger: Ledger) -> None:
    for number in range(15):
        failed = lead(ledger, submit(f"p{number}"), "failed")
        start = threading.Barrier(2)
        errors: list[Exception] = []

        def again(job: photoqueue.Job, start: Any = start, errors: Any = errors) -> None:
            start.wait()
            try:
                retry(job)
            except PhotoqueueError as exc:
                errors.append(exc)

        thread = threading.Thread(target=again, args=(failed,))
        thread.start()
        start.wait()
        submit(f"p{number}")
        thread.join()
        assert all(isinstance(error, StateError) for error in errors), errors
        frame = photoqueue.history()
        states = frame[frame["photo_id"] == f"p{number}"]["state"]
        assert (states == "waiting").sum() == 1


# --- cancel ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
def test_cancel_ends_an_unfinished_job(ledger: Ledger, state: str) -> None:
    job = lead(ledger, submit("p1"), state)
    assert cancel(job) == 1
    assert poll(job).state is JobState.CANCELLED
    assert poll(job).finished_at is not None


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_cancel_of_an_ended_job_says_where_it_stands(ledger: Ledger, state: str) -> None:
    job = lead(ledger, submit("p1"), state)
    with pytest.raises(StateError, match=rf"photo-p1 cannot be cancelled.*{state}"):
        cancel(job)


def test_cancel_of_a_batch_leaves_what_has_ended(ledger: Ledger) -> None:
    batch = submit_photos([picture(number) for number in range(3)])
    lead(ledger, next(iter(batch)), "completed")
    assert cancel(batch) == 2
    assert list(poll(batch)["state"]) == ["completed", "cancelled", "cancelled"]
    assert cancel(batch) == 0
    assert batch.done()


# --- pause and resume -----------------------------------------------------------


def test_pause_stops_one_queue_or_all() -> None:
    def paused() -> list[bool]:
        return [counts.paused for counts in photoqueue.stats().values()]

    pause("photo-analyze")
    assert paused() == [True, False]
    pause("photo-analyze")
    pause()
    assert paused() == [True, True]
    resume("photo-analyze")
    assert paused() == [False, True]
    resume()
    assert paused() == [False, False]
    assert "(paused)" not in repr(photoqueue.stats())


def test_unknown_queue_cannot_be_paused() -> None:
    for verb in (pause, resume):
        with pytest.raises(StateError, match=r"No queue 'videos'.*photo-analyze.*inventory-sync"):
            verb("videos")
