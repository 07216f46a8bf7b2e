"""A worker in its ordinary life: retries, permanent errors, logs, inventory.

Tests that ask for ``working`` share one worker.
"""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

import photoqueue
from photoqueue import JobState
from tests.conftest import eventually, submit


def test_exception_is_retried_with_growing_back_off_until_the_budget_is_spent(working):
    job = submit("raise-1")
    error = job.exception(120)
    assert "the engine does not like this photo" in str(error)
    assert "RuntimeError" in error.remote_traceback
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["error"] * 4
    # The test's first wait is 20 ms; each further one is four times the last.
    assert list(attempts["retry_delay_ms"][:3]) == [20, 80, 320]
    assert attempts["retry_delay_ms"].isna()[3]


def test_permanent_error_is_not_retried(working):
    job = submit("permanent-1")
    assert "can never be analysed" in str(job.exception(120))
    assert job.poll().attempts == 1


def test_engine_that_calls_exit_fails_its_photo_only(working, shared_worker):
    job = submit("exit-1")
    assert "SystemExit" in str(job.exception(120))
    assert submit("salon-1").result(120).items
    assert "process ended" not in shared_worker.log


def test_engine_that_returns_no_analysis_is_told_what_to_return(working):
    job = submit("nothing-1")
    assert "is not an Analysis" in str(job.exception(120))
    assert job.poll().attempts == 1


def test_passing_error_is_overcome_by_a_retry(working):
    job = submit("flaky-1")
    assert job.result(120).items
    assert list(job.attempts()["outcome"]) == ["error", "completed"]
    assert job.poll().error is None


def test_single_photo_passes_a_batch(start_worker, installation):
    photoqueue.pause("photo-analyze")
    batch = photoqueue.submit_photos(
        [{"photo": _picture(n), "photo_id": f"sleep-{n}"} for n in range(20)]
    )
    job = submit("salon-1")
    start_worker("--queue", "photo-analyze", "--concurrency", "1", PQ_TEST_SLEEP="0.05")
    photoqueue.resume("photo-analyze")
    job.result(120)
    batch.wait(120, progress="none")
    assert job.poll().finished_at < batch.poll()["finished_at"].max()
    assert (batch.poll()["started_at"] < job.poll().started_at).sum() <= 1


def test_each_ai_call_is_measured_failed_ones_too(working):
    good, bad = submit("good-2"), submit("raise-2")
    good.wait(120)
    bad.wait(120)
    assert list(photoqueue.ai_calls(good)["success"]) == [True]
    calls = photoqueue.ai_calls(bad)
    assert list(calls["success"]) == [False] * 4
    assert (calls["latency_ms"] >= 0).all()
    assert set(calls["engine"]) == {"scripted"}
    assert "does not like" in calls["error"].iloc[-1]


def test_inventory_waits_for_its_batch_and_adds_it_up(start_worker):
    batch = photoqueue.submit_photos(
        [{"photo": _picture(n), "photo_id": f"sleep-{n}", "room": "salon"} for n in range(4)]
        + [{"photo": _picture(9), "photo_id": "permanent-1", "room": "salon"}],
        project_id="m1",
    )
    inventory = photoqueue.submit_inventory("m1", after=batch)
    start_worker(PQ_TEST_SLEEP="0.2")
    result = inventory.result(120)
    assert batch.done()
    assert (result.total_items, result.rooms) == (1, ("salon",))
    assert result.total_volume == pytest.approx(0.25)
    assert result.missing_photos == ("permanent-1",)
    assert len(result.lines[0].photos) == 4


def test_thumbnail_is_made_by_the_worker(working):
    job = submit("thumbnail-1")
    job.result(120)
    with working.database.begin() as connection:
        query = "SELECT sha256 FROM photos WHERE photo_id = 'thumbnail-1'"
        sha256 = connection.exec_driver_sql(query).scalar_one()
    assert working.photo_store.get_thumbnail(sha256).startswith(b"\xff\xd8")


def test_log_names_queue_job_and_photo_and_the_end_carries_duration_and_attempts(
    working, shared_worker
):
    job = submit("salon 1")
    job.result(120)
    said = f" INFO photo-analyze completed job={job.id} "
    eventually(lambda: said in shared_worker.log)
    (line,) = [line for line in shared_worker.log.splitlines() if said in line]
    assert 'photo="salon 1"' in line
    assert "duration_ms=" in line
    assert line.endswith("attempts=1")


def test_json_log_has_one_object_a_line(start_worker):
    worker = start_worker("--queue", "photo-analyze", "--log-format", "json", wait=False)
    job = submit("raise-1")
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers > 0)
    job.wait(120)
    worker.signal(signal.SIGTERM)
    worker.wait()
    entries = [json.loads(line) for line in worker.log.splitlines()]
    (end,) = [entry for entry in entries if entry["event"] == "failed"]
    assert end["job"] == job.id
    assert end["photo"] == "raise-1"
    assert end["attempts"] == 4
    assert end["duration_ms"] >= 0
    assert {"time", "level"} <= end.keys()


def test_worker_that_cannot_build_its_engine_ends_and_says_why(start_worker, installation):
    settings = installation.settings.model_copy(update={"engine": "tests.engines:nonexistent"})
    worker = start_worker("--queue", "photo-analyze", wait=False, settings=settings)
    assert worker.wait(120) == 78
    assert "nonexistent" in worker.log
    assert "Traceback" not in worker.log


def test_paused_queue_is_left_alone_until_it_is_resumed(working, caplog):
    photoqueue.pause("photo-analyze")
    job = submit("paused-1")
    with pytest.raises(photoqueue.ResultTimeoutError):
        job.wait(2)
    assert "queue photo-analyze is paused" in caplog.text
    assert job.poll().state is JobState.WAITING
    photoqueue.resume()
    assert job.result(120).items


def test_another_kind_of_room_is_analysed_anew(working):
    first = submit("room-1")
    assert first.result(120).room_type == "kitchen"
    second = submit("room-1", room_type="salon")
    assert second != first
    assert (second.result(120).room_type, second.result().room_type_confidence) == ("salon", 1.0)
    assert submit("room-1", room_type="salon") == second
    assert submit("room-1") == second


def test_awaited_job_can_be_given_up(working):
    photoqueue.pause("photo-analyze")
    job = submit("awaited-1")

    async def give_up() -> None:
        # Were it not given up, its time-out would be an error of its own.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, 0.3)

    asyncio.run(give_up())
    assert not job.done()
    photoqueue.cancel(job)
    photoqueue.resume()


def test_cancelled_job_is_not_taken(working):
    photoqueue.pause("photo-analyze")
    job, other = submit("cancelled-1"), submit("after-1")
    photoqueue.cancel(job)
    photoqueue.resume()
    assert other.result(120)
    assert job.state == "cancelled"
    assert len(job.attempts()) == 0


def test_running_job_is_stopped_and_its_worker_goes_on(working):
    job = submit("hang-1")
    eventually(lambda: job.state == "active")
    assert photoqueue.cancel(job) == 1
    # The process is freed for the next job, although the cancelled one never ends.
    assert submit("freed-1").result(120)
    assert job.state == "cancelled"
    assert list(job.attempts()["outcome"]) == ["cancelled"]


def _picture(number: int) -> bytes:
    from tests.conftest import picture

    return picture(number)
