"""A worker in its ordinary life: retries, permanent errors, logs, inventory."""

from __future__ import annotations

import json
import signal

import pytest

import photoqueue
from photoqueue import JobState
from tests.conftest import eventually, submit


def test_exception_is_retried_with_growing_back_off_until_the_budget_is_spent(start_worker):
    start_worker("--queue", "photo-analyze")
    job = submit("raise-1")
    error = job.exception(60)
    assert "the engine does not like this photo" in str(error)
    assert "RuntimeError" in error.remote_traceback
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["error"] * 4
    # The test's first wait is 20 ms; each further one is four times the last.
    assert list(attempts["retry_delay_ms"][:3]) == [20, 80, 320]
    assert attempts["retry_delay_ms"].isna()[3]


def test_permanent_error_is_not_retried(start_worker):
    start_worker("--queue", "photo-analyze")
    job = submit("permanent-1")
    assert "can never be analysed" in str(job.exception(30))
    assert job.poll().attempt == 1


def test_engine_that_calls_exit_fails_its_photo_only(start_worker):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    job = submit("exit-1")
    assert "SystemExit" in str(job.exception(30))
    assert submit("salon-1").result(30).items
    assert "process ended" not in worker.log


def test_passing_error_is_mended_by_a_retry(start_worker, tmp_path, monkeypatch):
    monkeypatch.setenv("PQ_TEST_RUNS", str(tmp_path))
    start_worker("--queue", "photo-analyze")
    job = submit("flaky-1")
    assert job.result(30).items
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
    job.result(30)
    batch.wait(60, progress="none")
    assert job.poll().finished_at < batch.poll()["finished_at"].max()
    assert (batch.poll()["started_at"] < job.poll().started_at).sum() <= 1


def test_each_ai_call_is_measured_failed_ones_too(start_worker, database):
    start_worker("--queue", "photo-analyze")
    submit("salon-1").wait(30)
    submit("raise-1").wait(30)
    calls = photoqueue.queue.read.ai_calls(database)
    assert list(calls["success"]) == [True] + [False] * 4
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
    result = inventory.result(60)
    assert batch.done()
    assert (result.total_items, result.rooms) == (1, ("salon",))
    assert result.total_volume == pytest.approx(0.25)
    assert result.missing_photos == ("permanent-1",)
    assert len(result.lines[0].photos) == 4


def test_thumbnail_is_made_by_the_worker(start_worker, installation):
    start_worker("--queue", "photo-analyze")
    job = submit("salon-1")
    job.result(30)
    (sha256,) = [photo.sha256 for photo in _photos(installation)]
    assert installation.photo_store.get_thumbnail(sha256).startswith(b"\xff\xd8")


def test_log_names_queue_job_and_photo_and_the_end_carries_duration_and_attempts(start_worker):
    worker = start_worker("--queue", "photo-analyze")
    job = submit("salon 1")
    job.result(30)
    eventually(lambda: "completed" in worker.log)
    (line,) = [line for line in worker.log.splitlines() if "completed" in line]
    assert f" INFO photo-analyze completed job={job.id} " in line
    assert 'photo="salon 1"' in line
    assert "duration_ms=" in line
    assert line.endswith("attempts=1")


def test_json_log_has_one_object_a_line(start_worker):
    worker = start_worker("--queue", "photo-analyze", "--log-format", "json", wait=False)
    job = submit("raise-1")
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers > 0)
    job.wait(60)
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
    assert worker.wait(60) == 78
    assert "nonexistent" in worker.log
    assert "Traceback" not in worker.log


def test_paused_queue_is_left_alone_until_it_is_resumed(start_worker):
    start_worker("--queue", "photo-analyze")
    photoqueue.pause("photo-analyze")
    job = submit("salon-1")
    with pytest.raises(photoqueue.PhotoqueueError):
        job.wait(2)
    assert job.poll().state is JobState.WAITING
    photoqueue.resume()
    assert job.result(30).items


def _picture(number: int) -> bytes:
    from tests.conftest import picture

    return picture(number)


def _photos(installation):
    with installation.database.begin() as connection:
        return list(connection.exec_driver_sql("SELECT sha256 FROM photos"))
