"""A job names its engine: what is accepted, who analyses it, and what a worker lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

import photoqueue
from photoqueue import Hint, JobState, Settings
from photoqueue.engines.llm.access import access_of
from photoqueue.engines.registry import available_engines
from photoqueue.errors import PayloadError, ThrottledError
from photoqueue.installation import Installation, current, settings_in_use, use
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.jobs.handling import Workplace
from photoqueue.jobs.photo_analyze import Engines
from photoqueue.queue.database import Database
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.rate_limits import RateLimits
from photoqueue.queue.submission import NewJob, accept
from tests.bench import Bench
from tests.conftest import picture, submit
from tests.llm_server import ChatServer, chat_server
from tests.models import authors_model


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
def detector(tmp_path: Path) -> str:
    """Path of a detector that sees a person everywhere, whom movers do not list."""
    file = authors_model(tmp_path / "tiny.onnx", boxes=[[0, 0, 1, 1]], scores=[0.9], labels=[0])
    return str(file)


def change(installation: Installation, **changes: Any) -> Installation:
    use(Settings(**{**installation.settings.model_dump(), **changes}))
    return current()


def count(database: Database, table: str) -> int:
    with psycopg.connect(database.libpq_url) as connection:
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[misc]  # a count is always there
    return int(number)


def stored_photos(installation: Installation) -> list[Path]:
    folder = installation.settings.home / "photos" / "originals"
    return [path for path in folder.rglob("*") if path.is_file()]


# -- what is accepted


@pytest.mark.parametrize("engine", ["auto", "builtin", "detector", "llm"])
def test_engine_is_in_the_job_data(installation: Installation, engine: str) -> None:
    submit("p1", engine=engine)
    photoqueue.submit_photos([picture(n) for n in range(2)], engine=engine)
    with psycopg.connect(installation.database.libpq_url) as connection:
        rows = connection.execute("SELECT payload ->> 'engine' FROM jobs").fetchall()
    assert rows == [(engine,)] * 3


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("detectr", "Did you mean 'detector'"),
        ("tests.engines:scripted", "PHOTOQUEUE_ENGINE"),
        ("os:getcwd", "must not name code"),
        ("", "empty"),
        ("x" * 10_000, "10,000 characters"),
        (17, "give a text"),
    ],
)
def test_wrong_engine_is_refused_before_anything_is_stored(
    installation: Installation, engine: Any, told: str
) -> None:
    with pytest.raises(PayloadError, match=told):
        photoqueue.submit_photo(picture(1), engine=engine)
    with pytest.raises(PayloadError, match=told):
        photoqueue.submit_photos([picture(1)], engine=engine)
    assert count(installation.database, "jobs") == count(installation.database, "photos") == 0
    assert count(installation.database, "batches") == 0
    assert stored_photos(installation) == []


# -- what was analysed already


def test_photo_analysed_by_another_engine_is_analysed_again(installation: Installation) -> None:
    bench = Bench(installation)
    # Given a photo that the worker's own engine analysed
    own = submit("p1")
    assert bench(own).engine == "scripted"
    # When it is submitted for another engine
    other = submit("p1", engine="builtin")
    # Then it runs anew, and that result stands for it from then on
    assert other != own
    assert bench(other).engine == "builtin"
    assert submit("p1", engine="builtin") == other
    assert submit("p1") == other
    assert submit("p1", engine="builtin", resubmit=True) != other


def test_engine_of_the_newest_result_counts(installation: Installation, detector: str) -> None:
    bench = Bench(change(installation, model=detector))
    first = submit("p1", engine="builtin")
    bench(first)
    bench(submit("p1", engine="detector"))
    # An inventory takes the newest result: the older one would not be used.
    assert submit("p1", engine="builtin") != first


def test_photo_that_the_workers_own_engine_analysed_is_not_asked_of_it_again(
    installation: Installation,
) -> None:
    bench = Bench(change(installation, engine="builtin"))
    own = submit("p1")
    bench(own)
    assert submit("p1", engine="builtin") == own


def test_best_engine_asked_for_twice_is_one_job(installation: Installation) -> None:
    bench = Bench(installation)
    best = submit("p1", engine="auto")
    assert bench(best).engine == "builtin"
    assert submit("p1", engine="auto") == best


def test_unfinished_job_stands_whatever_its_engine(installation: Installation) -> None:
    job = submit("p1", engine="builtin")
    assert submit("p1", engine="detector") == job
    assert submit("p1") == job


# -- which engines a process has


def engines_of(installation: Installation) -> Engines:
    return Engines(Workplace(installation.settings, installation.database))


def test_own_engine_is_not_built_twice(
    installation: Installation, detector: str, server: ChatServer
) -> None:
    llm = {"llm_base_url": server.address, "llm_model": "test-vision"}
    for options in (
        {"engine": "builtin"},
        {"engine": "detector", "model": detector},
        {"engine": "auto", "model": detector},
        {"engine": "llm", "model": detector, **llm},
        {"engine": "auto", "model": detector, **llm},
    ):
        engines = engines_of(change(installation, **options))
        own = engines(None)
        assert engines(own.name) is own
        assert own.name == "builtin" or engines("auto") is own
        assert engines("builtin") is engines("builtin")


def test_choices_are_those_of_the_installation_in_use(
    installation: Installation, detector: str
) -> None:
    assert not {c.name: c for c in available_engines(settings_in_use())}["detector"].available
    change(installation, model=detector)
    assert {c.name: c for c in available_engines(settings_in_use())}["detector"].available


# -- at work


def test_each_job_is_analysed_by_the_engine_that_it_names(
    start_worker, installation: Installation, server: ChatServer, detector: str
) -> None:
    changed = change(
        installation, model=detector, llm_base_url=server.address, llm_model="test-vision"
    )
    worker = start_worker(
        "--queue", "photo-analyze", "--concurrency", "1", settings=changed.settings
    )
    names = [None, "builtin", "detector", "llm", "auto", "llm", None]
    jobs = [submit(f"p{number}", engine=name) for number, name in enumerate(names)]
    results = [job.result(120) for job in jobs]
    assert [result.engine for result in results] == [
        *("scripted", "builtin", "detector", "llm", "llm", "llm", "scripted")
    ]
    assert [result.model for result in results[2:4]] == ["tiny", "test-vision"]
    # Each was built once, and its calls are on record under its name.
    assert worker.log.count("engine built for a job") == 3
    assert [photoqueue.ai_calls(job)["engine"].tolist() for job in jobs] == [
        [result.engine] for result in results
    ]


def test_engine_that_cannot_be_built_fails_its_job_at_once_and_the_worker_goes_on(
    start_worker, installation: Installation, detector: str
) -> None:
    # Given a worker whose detector has no model yet
    changed = change(installation, model=detector)
    file = Path(detector)
    content = file.read_bytes()
    file.unlink()
    worker = start_worker(
        "--queue", "photo-analyze", "--concurrency", "1", settings=changed.settings
    )
    # When jobs ask for engines that it does not have
    jobs = [submit("p1", engine="detector"), submit("p2", engine="llm")]
    # Then they fail in their first attempt, and say what to do
    for job, advice in zip(jobs, ("PHOTOQUEUE_MODEL", "PHOTOQUEUE_LLM_BASE_URL"), strict=True):
        error = job.exception(120)
        assert advice in str(error)
        assert "another engine" in str(error)
        snapshot = job.poll()
        assert (snapshot.state, snapshot.attempts) == (JobState.FAILED, 1)
        assert snapshot.error_type == "EngineUnavailableError"
        assert photoqueue.ai_calls(job).empty
    # And a damaged model is no different
    file.write_bytes(b"no model")
    damaged = submit("p3", engine="detector")
    assert "tiny.onnx" in str(damaged.exception(120))
    assert damaged.poll().attempts == 1
    # And the same process analyses the others, and these once it has what they need
    assert submit("p4").result(120).engine == "scripted"
    file.write_bytes(content)
    photoqueue.retry(jobs[0])
    assert jobs[0].result(120).engine == "detector"
    assert "process ended" not in worker.log


@pytest.mark.parametrize("engine", ["tests.engines:scripted", "os:getcwd", "detectr", 17, ""])
def test_forged_engine_fails_at_once_as_wrong_job_data(
    installation: Installation, engine: object
) -> None:
    content = picture(1)
    sha256 = hashlib.sha256(content).hexdigest()
    installation.photo_store.put(content, sha256)
    payload = {"photoId": "p1", "userId": "u1", "sha256": sha256, "engine": engine}
    job_id = new_uuid()
    accept(
        installation.database,
        jobs=[
            NewJob(
                job_id=job_id,
                job_key="photo-p1",
                queue=PHOTO_ANALYZE,
                payload_json=json.dumps(payload),
                user_id="u1",
                max_attempts=4,
                photo_id="p1",
            )
        ],
    )
    job = photoqueue.job(str(job_id))
    with pytest.raises(photoqueue.JobFailedError, match="engine"):
        Bench(installation)(job)
    assert job.poll().error_type == "PayloadError"
    assert job.poll().attempts == 1


def test_rate_of_an_engine_that_a_job_names_is_that_of_all_workers(
    installation: Installation, server: ChatServer
) -> None:
    changed = change(installation, llm_base_url=server.address, llm_model="test-vision")
    # Given a server that has told another worker to leave it alone for an hour
    RateLimits(changed.database).hold(access_of(changed.settings).name, 3600.0)
    # Then an engine that is built for a job does not ask it either
    engine = engines_of(changed)("llm")
    with pytest.raises(ThrottledError):
        engine.analyse(Image.new("RGB", (32, 24)), Hint(photo_id="p1"))
    assert server.requests == []
