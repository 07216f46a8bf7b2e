"""Looking: results, tables, counts and waiting, with one worker for the whole module."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pandas as pd
import pytest

import photoqueue
from photoqueue import Settings, collect, poll, submit_inventory, submit_photos
from photoqueue.client.handles import Batch, Job
from photoqueue.errors import (
    ConfigurationError,
    JobCancelledError,
    JobFailedError,
    NoWorkerError,
    PayloadError,
    ResultTimeoutError,
    StateError,
    UnknownBatchError,
    UnknownJobError,
    UnknownProjectError,
)
from photoqueue.installation import Installation, use
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.records.results import InventoryResult, PhotoResult
from tests.conftest import (
    picture,
    submit,
)

HOSTILE = '<script>alert("1")</script>'


# --- results -----------------------------------------------------------------


@pytest.mark.usefixtures("working")
def test_result_of_a_photo_is_typed() -> None:
    job = submit("result-1", room="salon", room_type="cuisine", project_id="m1")
    result = job.result(120)
    assert isinstance(result, PhotoResult)
    assert (result.photo_id, result.room_type, result.engine) == ("result-1", "cuisine", "scripted")
    assert [item.name for item in result.items] == ["chair"]
    assert job.exception() is None
    assert job.done()
    assert poll(job).progress == 1.0
    assert poll(job).job_duration_ms is not None


@pytest.mark.usefixtures("working")
def test_failure_carries_the_error_and_the_traceback_of_the_worker() -> None:
    job = submit("permanent-1")
    with pytest.raises(JobFailedError) as caught:
        job.result(120)
    error = caught.value
    assert (error.job_id, error.error_type) == (job.id, "PermanentError")
    assert "this photo can never be analysed" in str(error)
    assert "after 1 attempt" in str(error)
    assert f"retry({job.id!r})" in str(error)
    assert "tests/engines.py" in error.remote_traceback
    assert isinstance(job.exception(), JobFailedError)


@pytest.mark.usefixtures("working")
def test_retried_job_tells_each_of_its_attempts() -> None:
    job = submit("flaky-1")
    assert job.result(120).items
    frame = photoqueue.attempts(job)
    assert list(frame["outcome"]) == ["error", "completed"]
    assert frame["error_type"][0] == "ConnectionError"
    assert frame["retry_delay_ms"][0] == 20
    assert frame["host"].notna().all()
    assert photoqueue.attempts(job.id).equals(frame)
    assert photoqueue.attempts(job.key).equals(frame)
    assert set(frame["job_id"]) <= set(photoqueue.attempts()["job_id"])


@pytest.mark.usefixtures("working")
def test_spent_budget_is_four_attempts() -> None:
    job = submit("raise-1")
    assert isinstance(job.exception(120), JobFailedError)
    assert poll(job).attempts == 4
    assert poll(job).error == "RuntimeError: the engine does not like this photo"
    assert len(job.attempts()) == 4


@pytest.mark.usefixtures("working")
def test_cancelled_job_has_no_result(shared: Settings) -> None:
    photoqueue.pause("photo-analyze")
    try:
        job = submit("cancel-1")
        assert photoqueue.cancel(job) == 1
        with pytest.raises(JobCancelledError, match=r"was cancelled.*retry\(job\)"):
            job.result(60)
    finally:
        photoqueue.resume()


@pytest.mark.usefixtures("working")
def test_job_can_be_awaited() -> None:
    async def both() -> list[Any]:
        return list(await asyncio.gather(submit("await-1"), submit("await-2")))

    results = asyncio.run(both())
    assert [result.photo_id for result in results] == ["await-1", "await-2"]


@pytest.mark.usefixtures("working")
def test_collected_batch_has_a_row_for_each_photo(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("no picture")
    batch = submit_photos(
        [
            {"photo": picture(1), "photo_id": "collect-1", "room": "salon"},
            {"photo": picture(2), "photo_id": "permanent-2"},
            {"photo": tmp_path / "letter.jpg"},
            {"photo": picture(3), "photo_id": "collect-3"},
        ],
        project_id="m2",
    )
    frame = collect(batch, 120, progress=False)
    assert list(frame.columns) == [
        "photo_id",
        "file_name",
        "room",
        "state",
        "room_type",
        "confidence",
        "item_count",
        "items",
        "volume",
        "warnings",
        "attempts",
        "wait_ms",
        "job_duration_ms",
        "error_type",
        "error_message",
        "job_id",
    ]
    assert list(frame["state"]) == ["completed", "failed", "failed", "completed"]
    assert frame["item_count"].tolist() == [1, pd.NA, pd.NA, 1]
    assert list(frame["items"].fillna("")) == ["chair", "", "", "chair"]
    assert frame["volume"][0] == 0.25
    assert frame["warnings"][0] == "too small: 48×32; too dark"
    assert list(frame["warnings"].isna()) == [False, True, True, False]
    assert list(frame["error_type"].fillna("")) == [
        "",
        "PermanentError",
        "UnreadablePhotoError",
        "",
    ]
    assert batch.done()
    items = batch.items()
    assert list(items["photo_id"]) == ["collect-1", "collect-3"]
    assert (items["x0"][0], items["y1"][0], items["score"][0]) == (0.1, 0.6, 0.9)
    assert len(batch.attempts()) == 3


@pytest.mark.usefixtures("working")
def test_tables_translate_and_results_keep_the_words_of_the_caller() -> None:
    batch = submit_photos(
        [
            {"photo": picture(1), "photo_id": "lang-1", "room_type": "salon"},
            {"photo": picture(2), "photo_id": "lang-2", "room_type": "véranda"},
            {"photo": picture(3), "photo_id": "lang-3"},
        ],
        project_id="m-lang",
    )
    with pytest.raises(ConfigurationError, match="no names in 'de'"):
        collect(batch, 120, progress=False, lang="de")

    french = collect(batch, 120, progress=False, lang="fr")
    english = collect(batch, 120, progress=False)
    inventory = collect(submit_inventory("m-lang"), 60, lang="fr")
    first = next(iter(batch)).result()

    assert list(french["room_type"]) == ["salon", "véranda", "cuisine"]
    assert list(french["items"]) == ["chaise"] * 3
    assert list(english["room_type"]) == ["living room", "véranda", "kitchen"]
    assert list(english["items"]) == ["chair"] * 3
    assert set(inventory["name"]) == {"chaise"}
    assert set(inventory["room_type"]) == {"salon", "véranda", "cuisine"}
    assert set(batch.items(lang="fr")["name"]) == {"chaise"}
    assert set(batch.items()["name"]) == {"chair"}
    assert isinstance(first, PhotoResult)
    assert (first.room_type, first.items[0].name) == ("salon", "chair")


@pytest.mark.usefixtures("working")
def test_collect_of_one_photo_is_one_row() -> None:
    frame = collect(submit("single-1"), 30)
    assert list(frame["photo_id"]) == ["single-1"]
    # a column of texts stays one where all are missing
    assert {str(frame[name].dtype) for name in ("file_name", "error_type", "room")} == {"str"}
    assert list(collect(submit("permanent-3"), 30)["state"]) == ["failed"]


@pytest.mark.usefixtures("working")
def test_inventory_runs_when_its_batch_has_ended() -> None:
    batch = submit_photos(
        [
            {"photo": picture(n), "photo_id": f"inventory-{n}", "room": f"room {n % 2}"}
            for n in range(4)
        ],
        project_id="m3",
    )
    job = submit_inventory("m3", after=batch)
    result = job.result(120)
    assert isinstance(result, InventoryResult)
    assert (result.project_id, result.total_items, set(result.rooms)) == (
        "m3",
        2,
        {"room 0", "room 1"},
    )
    assert batch.done()
    lines = collect(job, 120)
    assert {"room", "name", "count", "volume"} <= set(lines.columns)
    assert submit_inventory("m3").id != job.id


@pytest.mark.usefixtures("working")
def test_batch_is_reopened_by_its_id() -> None:
    batch = submit_photos([picture(n) for n in range(3)], project_id="m4")
    again = photoqueue.batch(batch.id)
    assert again == batch
    assert (len(again), again.project_id) == (3, "m4")
    assert [job.id for job in again] == list(poll(batch)["job_id"])
    assert poll(again)["job_id"].equals(poll(batch)["job_id"])
    again.wait(120, progress="none")
    assert again.counts() == {"completed": 3}


@pytest.mark.usefixtures("working")
def test_text_progress_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    batch = submit_photos([picture(n) for n in (11, 12)])
    collect(batch, 120, progress="text")
    captured = capfd.readouterr()
    assert "2/2" in captured.err
    assert captured.out == ""
    collect(batch, 120, progress="none")
    collect(batch, 120)  # neither a notebook nor a terminal
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


# --- the tracking table -------------------------------------------------------


@pytest.mark.usefixtures("working")
def test_history_has_the_names_of_the_contract_and_can_be_narrowed() -> None:
    job = submit("history-1", project_id="m-history")
    job.wait(120)
    frame = photoqueue.history(project_id="m-history")
    (row,) = frame.to_dict("records")
    assert (row["job_id"], row["queue_name"], row["attempts"]) == (job.id, "photo-analyze", 1)
    assert row["success"] is True
    assert row["job_duration_ms"] > 0
    assert pd.isna(row["error_message"])
    assert len(photoqueue.history(queue="inventory-sync", project_id="m-history")) == 0
    assert len(photoqueue.history(state="failed", project_id="m-history")) == 0
    assert len(photoqueue.history(state=["failed", "completed"], project_id="m-history")) == 1
    assert len(photoqueue.history(limit=1)) == 1


@pytest.mark.usefixtures("working")
def test_stats_are_counts_by_queue() -> None:
    submit("stats-1").wait(120)
    stats = photoqueue.stats()
    assert list(stats) == ["photo-analyze", "inventory-sync"]
    assert len(stats) == 2
    photos = stats["photo-analyze"]
    assert photos.completed >= 1
    assert photos.workers == 1
    frame = stats.to_frame()
    assert list(frame["queue"]) == list(stats)
    assert frame["total"][0] == photos.total
    assert "1 worker" in repr(stats)
    ElementTree.fromstring(stats._repr_html_())
    with pytest.raises(KeyError):
        stats["video-analyze"]


# --- what does not exist --------------------------------------------------------


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    "text",
    [
        str(UUID(int=17, version=4)),
        "",
        "nonsense",
        "photo-nobody",
        "inventory-nobody",
        "photo-\x00",
        "x" * 10_000,
        "'; DROP TABLE jobs; --",
    ],
)
@pytest.mark.parametrize(
    "verb", [poll, photoqueue.job, photoqueue.attempts, photoqueue.retry, photoqueue.cancel]
)
def test_unknown_job_is_an_error_and_not_pending(verb: Any, text: str) -> None:
    with pytest.raises(UnknownJobError) as error:
        verb(text)
    assert len(str(error.value)) < 500


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("value", [17, None, UUID(int=17, version=4), b"photo-1", 1.5])
def test_poll_of_something_else_is_an_unknown_job(value: Any) -> None:
    with pytest.raises(UnknownJobError):
        poll(value)


@pytest.mark.usefixtures("installation")
def test_id_of_a_snapshot_can_be_polled() -> None:
    job = submit("p1")
    assert poll(poll(job).job_id).job_key == "photo-p1"
    assert photoqueue.job(job.id.upper()) == photoqueue.job(job.key) == job


@pytest.mark.usefixtures("installation")
def test_unknown_batch_and_project_are_errors() -> None:
    for batch_id in ("b-20260101-00000000", "", "x" * 10_000, "\x00"):
        with pytest.raises(UnknownBatchError):
            photoqueue.batch(batch_id)
    with pytest.raises(UnknownProjectError):
        submit_inventory("nobody")
    with pytest.raises(PayloadError):
        submit_inventory("x" * 10_000)


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("arguments", [{"queue": "videos"}, {"state": "done"}, {"state": ["ok"]}])
def test_unknown_queue_or_state_lists_those_there_are(arguments: dict[str, Any]) -> None:
    with pytest.raises(StateError, match=r"photo-analyze|waiting"):
        photoqueue.history(**arguments)


@pytest.mark.usefixtures("installation")
def test_job_of_another_installation_is_unknown(
    installation: Installation, shared: Settings
) -> None:
    job = submit("p1")
    use(shared)
    with pytest.raises(UnknownJobError, match="another installation"):
        poll(job.id)


# --- waiting --------------------------------------------------------------------


async def awaited(job: Job) -> object:
    return await job


@pytest.mark.usefixtures("installation")
def test_waiting_without_a_worker_says_so_at_once() -> None:
    job, batch = submit("p1", project_id="m1"), submit_photos([picture(5)])
    for wait in (
        job.result,
        job.wait,
        job.exception,
        submit_inventory("m1").result,
        lambda: collect(batch),
        lambda: collect(job),
        lambda: asyncio.run(awaited(job)),
    ):
        with pytest.raises(NoWorkerError, match=r"no worker .*start_worker\(\).*photoqueue worker"):
            wait()


@pytest.mark.usefixtures("working")
def test_waiting_ends_with_its_timeout_and_the_job_goes_on() -> None:
    photoqueue.pause()
    try:
        job = submit("timeout-1")
        batch = submit_photos([picture(21), picture(22)])
        with pytest.raises(ResultTimeoutError, match=r"within 0\.2 s \(1 waiting\)"):
            job.result(timeout=0.2)
        with pytest.raises(ResultTimeoutError, match=r"within 0 s \(2 waiting\)"):
            collect(batch, timeout=0)
        with pytest.raises(TimeoutError):
            job.exception(timeout=0)
        assert poll(job).state == "waiting"
    finally:
        photoqueue.resume()
    assert job.result(120).photo_id == "timeout-1"
    assert len(collect(batch, 120)) == 2


# --- handles ----------------------------------------------------------------------


def make_job_handle(photo_id: str) -> Job:
    """Make a handle that cannot do any I/O: it has no installation."""
    return Job(None, uuid4(), f"photo-{photo_id}", PHOTO_ANALYZE)  # type: ignore[arg-type]  # no I/O is done


def make_batch_handle(project_id: str | None, size: int = 3) -> Batch:
    return Batch(None, "b-20261123-3f9a2c81", project_id, size)  # type: ignore[arg-type]  # no I/O is done


@pytest.mark.parametrize("name", ["p1", "x" * 200, "🛋️" * 100, HOSTILE])
def test_repr_is_short_and_does_no_io(name: str) -> None:
    for handle in (
        make_job_handle(name),
        make_batch_handle(name),
        make_batch_handle(None),
        make_batch_handle(name, 1_000_000),
    ):
        assert len(repr(handle)) < 80
        assert repr(handle) == repr(handle)
        assert "\n" not in repr(handle)
        assert " 0x" not in repr(handle)


@pytest.mark.parametrize("name", ["p1", "x" * 200, HOSTILE, "a&b", "'\"", "]]>", "🛋️"])
def test_html_of_handles_is_escaped_and_well_formed(name: str) -> None:
    for handle in (make_job_handle(name), make_batch_handle(name)):
        html = handle._repr_html_()
        ElementTree.fromstring(html)
        assert "<script" not in html


@pytest.mark.usefixtures("installation")
def test_repr_of_a_real_handle_works_after_its_installation_is_closed(
    installation: Installation,
) -> None:
    job = submit(HOSTILE)
    batch = submit_photos([picture(1)], project_id=HOSTILE)
    installation.close()
    assert job.id in repr(job)
    assert batch.id in repr(batch)
    ElementTree.fromstring(job._repr_html_())
    ElementTree.fromstring(batch._repr_html_())


def test_handles_compare_by_what_they_stand_for() -> None:
    job_id = UUID(int=5)
    one, same = (Job(None, job_id, "photo-a", PHOTO_ANALYZE) for _ in range(2))  # type: ignore[arg-type]  # no I/O is done
    assert one == same
    assert len({one, same, make_job_handle("a")}) == 2
    assert make_batch_handle("a") == make_batch_handle("b")
    assert one != "photo-a"


def test_batch_of_one_is_spoken_of_in_the_singular() -> None:
    assert repr(make_batch_handle(None, 1)) == "<Batch b-20261123-3f9a2c81: 1 photo>"
    assert repr(make_batch_handle("m1", 2)) == "<Batch b-20261123-3f9a2c81: 2 photos, project m1>"


def test_results_can_be_written_as_json_again() -> None:
    result = PhotoResult(photo_id="p", items=(), room_type="salon", confidence=0.5)
    assert json.loads(result.to_json())["photoId"] == "p"
