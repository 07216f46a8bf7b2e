"""The engine `llm` in a real worker: from a photo to its result, its calls and its cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import photoqueue
from photoqueue import JobState
from photoqueue.engines.llm.access import access_of
from photoqueue.installation import Installation, current, use
from photoqueue.queue.rate_limits import RateLimits
from photoqueue.settings import Settings
from tests.conftest import eventually, picture, submit
from tests.llm_server import ChatServer, chat_server, completion, good, hang, refuse, things

KEY = "sk-hunter2-do-not-show"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, server: ChatServer) -> Settings:
    return settings.model_copy(
        update={
            **Settings(
                engine="llm",
                llm_base_url=server.address,
                llm_model="test-vision",
                llm_api_key=KEY,
                llm_price_in=2.5,
                llm_price_out=10.0,
            ).model_dump(
                include={
                    *("engine", "llm_base_url", "llm_model", "llm_api_key"),
                    *("llm_price_in", "llm_price_out"),
                }
            )
        }
    )


def change(installation: Installation, **changes: object) -> Settings:
    changed = installation.settings.model_copy(update=changes)
    use(changed)
    return changed


def test_photos_are_analysed_and_each_call_is_on_record(start_worker, server: ChatServer) -> None:
    # Given a server without JSON modes, whose first answer is nonsense
    server.script(
        refuse(400),
        refuse(400),
        completion("nonsense", tokens=(900, 5)),
        things({}, {"name": "chaise", "count": "2-3", "box": None}),
    )
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    # When a photo is submitted
    job = submit("salon-1", room="salon")
    result = job.result(120)
    # Then its result has the catalogue's things
    assert [item.key for item in result.items] == ["sofa_3_seat", "chair", "chair"]
    assert (result.engine, result.model, result.room_type) == ("llm", "test-vision", "living room")
    # And what could not be used is said
    assert "chaise (2-3)" in "; ".join(result.warnings)
    # And all four calls are on record with their tokens and cost
    calls = photoqueue.ai_calls(job)
    assert list(calls["call"]) == [1, 2, 3, 4]
    assert list(calls["success"]) == [False, False, False, True]
    assert set(calls["engine"]) == {"llm"}
    assert set(calls["model"]) == {"test-vision"}
    assert set(calls["photo_id"]) == {"salon-1"}
    assert calls["tokens_in"].tolist()[2:] == [900, 1000]
    assert calls["cost_usd"].tolist()[2:] == pytest.approx([0.0023, 0.0045])
    assert calls["cost_usd"].isna().tolist() == [True, True, False, False]
    assert (calls["latency_ms"] > 0).all()
    # And the next photos go the way that was found
    second = submit("salon-22")
    second.result(120)
    assert len(photoqueue.ai_calls(second)) == 1
    assert len(photoqueue.ai_calls()) == 5
    batch = photoqueue.submit_photos([{"photo": picture(n), "photo_id": f"p{n}"} for n in range(3)])
    batch.wait(120, progress="none")
    assert sorted(photoqueue.ai_calls(batch)["photo_id"]) == ["p0", "p1", "p2"]

    # When the server fails for a while, then each attempt has its call
    server.script(refuse(500), refuse(503), refuse(429), good(), refuse(401, "bad key"))
    failing = submit("salon-3")
    failing.result(120)
    assert list(failing.attempts()["outcome"]) == ["error"] * 3 + ["completed"]
    assert list(photoqueue.ai_calls(failing)["attempt"]) == [1, 2, 3, 4]
    # And a refused key is not tried again, nor shown
    refused = submit("salon-4")
    assert "PHOTOQUEUE_LLM_API_KEY" in str(refused.exception(120))
    assert refused.poll().attempts == 1
    assert KEY not in worker.log
    assert KEY not in str(refused.exception(1))


def test_slow_server_is_a_timeout_of_the_attempt_and_not_the_end_of_the_process(
    start_worker, installation: Installation, server: ChatServer
) -> None:
    server.script(hang, good())
    changed = change(installation, llm_timeout_seconds=3.0)
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=changed)
    job = submit("salon-1")
    job.result(120)
    first, last = job.attempts().to_dict("records")
    assert (first["outcome"], first["error_type"]) == ("error", "EngineTimeoutError")
    assert last["outcome"] == "completed"
    assert list(photoqueue.ai_calls(job)["success"]) == [False, True]
    assert "process ended" not in worker.log


def test_workers_keep_to_one_rate(
    start_worker, installation: Installation, server: ChatServer
) -> None:
    # Given two workers that ask one service
    changed = change(installation, llm_requests_per_minute=300.0)
    for _ in range(2):
        start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=changed)
    start = time.monotonic()
    batch = photoqueue.submit_photos([{"photo": picture(n), "photo_id": f"p{n}"} for n in range(8)])
    batch.wait(120, progress="none")
    assert set(batch.poll()["state"]) == {JobState.COMPLETED}
    with installation.database.begin() as connection:
        workers = "SELECT count(DISTINCT worker_id) FROM job_attempts"
        assert connection.exec_driver_sql(workers).scalar_one() == 2
    assert len(server.requests) == 8
    # The last turn is seven intervals after the first one, which is not before the start.
    assert max(request.time for request in server.requests) - start >= 7 * 0.2


def test_job_without_a_turn_waits_for_it_at_no_cost(
    start_worker, installation: Installation, server: ChatServer
) -> None:
    # Given a server that asked for a pause, and a job that has neither the time to wait for
    # its end nor an attempt to spare
    changed = change(installation, job_timeout_seconds=6.0, max_retries=0)
    start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=changed)
    name = access_of(changed).name
    RateLimits(current().database).hold(name, 3600.0)
    job = submit("salon-1")
    # Then it is put back, and analysed when the pause is over
    eventually(lambda: job.state == "delayed")
    with current().database.begin() as connection:
        connection.exec_driver_sql("UPDATE ai_rate_limits SET free_at = clock_timestamp()")
        connection.exec_driver_sql("UPDATE jobs SET ready_at = clock_timestamp()")
    assert job.result(120).items
    assert list(job.attempts()["outcome"]) == ["released", "completed"]
    assert len(server.requests) == len(photoqueue.ai_calls(job)) == 1


def test_worker_without_a_model_ends_and_names_the_variable(
    start_worker, installation: Installation
) -> None:
    changed = installation.settings.model_copy(update={"llm_model": None})
    worker = start_worker("--queue", "photo-analyze", wait=False, settings=changed)
    assert worker.wait(120) == 78
    assert "PHOTOQUEUE_LLM_MODEL" in worker.log
    assert "Traceback" not in worker.log
