"""The test kit, used as by a project that builds on photoqueue."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

import photoqueue
from photoqueue import (
    Analysis,
    Item,
    JobFailedError,
    JobState,
    JobType,
    PermanentError,
    join_transaction,
    open_batch,
    submit_inventory,
    submit_photo,
    submit_photos,
)
from photoqueue.errors import RateLimitedError
from photoqueue.installation import Installation
from photoqueue.testing import ScriptedEngine, inline
from tests.conftest import REPOSITORY, eventually, picture
from tests.processes import processes_of

SOFA = Item(name="sofa", category="furniture", key="sofa", volume=1.5)


@pytest.fixture
def engine(installation: Installation) -> Iterator[ScriptedEngine]:
    engine = ScriptedEngine()
    with inline(engine):
        yield engine


def test_submitted_photo_has_ended_as_the_script_says(engine: ScriptedEngine) -> None:
    engine.answers["p1"] = Analysis(items=(SOFA,), room_type="living room", confidence=0.5)
    engine.answers["hall"] = PermanentError("Too dark.")
    sofa = submit_photo(picture(1), photo_id="p1", room="hall", user_id="u1")
    assert [item.name for item in sofa.result().items] == ["sofa"]
    dark = submit_photo(picture(2), room="hall", user_id="u1")
    with pytest.raises(JobFailedError, match=r"Too dark"):
        dark.result()
    assert [item.name for item in submit_photo(picture(3)).result().items] == ["chair"]
    assert [hint.room for hint in engine.hints] == ["hall", "hall", None]


def test_retries_follow_at_once_and_are_on_record(engine: ScriptedEngine) -> None:
    engine.answers["p1"] = [ConnectionError("busy"), Analysis(items=(SOFA,))]
    job = submit_photo(picture(1), photo_id="p1", user_id="u1")
    assert job.state is JobState.COMPLETED
    assert list(job.attempts()["outcome"]) == ["error", "completed"]
    engine.answers["p2"] = ConnectionError("busy")
    failed = submit_photo(picture(2), photo_id="p2", user_id="u1")
    assert (failed.state, len(failed.attempts())) == (JobState.FAILED, 4)
    engine.answers["p2"] = Analysis()
    assert photoqueue.retry(failed) == 1
    assert failed.state is JobState.COMPLETED


def test_answers_are_given_in_turn_each_time_they_are_set(engine: ScriptedEngine) -> None:
    once_busy = [ConnectionError("busy"), Analysis(items=(SOFA,))]
    for number in range(2):
        engine.answers["salon"] = once_busy
        job = submit_photo(picture(number), room="salon", user_id="u1")
        assert [len(job.attempts()), job.state] == [2, "completed"]
    assert len(once_busy) == 2


@pytest.mark.parametrize("answer", ["sofa", [], ConnectionError])
def test_answer_that_is_none_is_named(engine: ScriptedEngine, answer: object) -> None:
    engine.answers["salon"] = answer
    with pytest.raises(JobFailedError, match=rf"cannot answer {re.escape(repr(answer))}\. Give"):
        submit_photo(picture(1), room="salon", user_id="u1").result()


def test_log_of_a_failed_job_says_which_and_why(
    engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.otherwise = PermanentError("100 % dark.")
    submit_photo(picture(1), photo_id="p1", user_id="u1")
    assert re.search(r"ERROR.* failed queue=.* photo=p1 .*error=.*100 % dark", caplog.text)


def test_wait_that_a_server_asks_for_is_not_cut_short(engine: ScriptedEngine) -> None:
    engine.otherwise = RateLimitedError("later", seconds=60)
    assert submit_photo(picture(1), user_id="u1").state is JobState.DELAYED


def test_inventory_runs_once_its_batch_has_ended(engine: ScriptedEngine) -> None:
    early = open_batch(project_id="m1", user_id="u1")
    waits = submit_inventory("m1", after=early, user_id="u1")
    early.add([picture(1)], room="salon")
    assert waits.state is JobState.WAITING
    early.close()
    assert waits.result().rooms == ("salon",)
    late = submit_photos({"hall": [picture(2)]}, project_id="m1", user_id="u1")
    assert submit_inventory("m1", after=late, user_id="u1").result().rooms == ("hall", "salon")


def test_job_in_a_transaction_runs_after_its_commit(
    installation: Installation, engine: ScriptedEngine
) -> None:
    with psycopg.connect(installation.database.libpq_url) as own, join_transaction(own):
        with own.transaction():
            job = submit_photo(picture(1), user_id="u1")
            assert engine.hints == []
        assert job.state is JobState.WAITING
    assert job.state is JobState.COMPLETED


def build(workplace: object) -> object:
    """Build a handler whose jobs submit others."""

    def count(payload: dict[str, int], calls: list[object]) -> dict[str, int]:
        if payload["n"]:
            photoqueue.submit(COUNT, {"n": payload["n"] - 1}, user_id="u1")
        return payload

    return count


COUNT = JobType("kit-count", handler=f"{__name__}:build", key="count-{n}")


@pytest.mark.usefixtures("engine")
def test_job_that_is_submitted_by_a_job_runs_after_it() -> None:
    job = photoqueue.submit(COUNT, {"n": 3}, user_id="u1")
    assert job.result() == {"n": 3}
    jobs = photoqueue.history(queue="kit-count")
    assert list(jobs.sort_values("finished_at")["job_key"]) == [f"count-{n}" for n in (3, 2, 1, 0)]


def test_nothing_runs_inline_after_the_block(installation: Installation) -> None:
    with inline():  # the engine of the settings
        assert submit_photo(picture(1), user_id="u1").state is JobState.COMPLETED
    assert submit_photo(picture(2), user_id="u1").state is JobState.WAITING


#: Tests of two installations, and that nothing of the environment is used.
OTHER_TESTS = """
import photoqueue
import pytest
from test_moves import picture

settings = []


@pytest.fixture
def photoqueue_settings():
    return {"max_retries": 2}


def test_jobs_wait_in_an_installation_of_its_own(photoqueue_installation):
    assert photoqueue.history().empty
    photoqueue.submit_photo(picture("red"))
    assert photoqueue.stats()["photo-analyze"].waiting == 1
    settings.append(photoqueue_installation.settings)


def test_environment_is_not_used(photoqueue_installation, photoqueue_servers, record_property):
    (first,), second = settings, photoqueue_installation.settings
    assert photoqueue.history().empty
    assert first.database_url != second.database_url
    assert first.home != second.home
    assert second.redis_url == photoqueue_servers.redis_url
    assert (second.max_retries, second.backoff_delay) == (2, 5000)
    assert second.photo_store is second.alert_url is None
    record_property("url", second.database_url.get_secret_value())
"""


@pytest.mark.timeout(400)
def test_project_uses_the_fixtures_whatever_its_environment_names(tmp_path: Path) -> None:
    # Given the projects of the documentation
    page = (REPOSITORY / "docs" / "how-to" / "test.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"```python\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    for path in (REPOSITORY / "docs" / "examples").iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    (tmp_path / "test_other.py").write_text(OTHER_TESTS)
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@production.invalid/photos",
        "REDIS_URL": "redis://production.invalid",
        "QUEUE_MAX_RETRIES": "9",
        "QUEUE_BACKOFF_DELAY": "9",
        "PHOTOQUEUE_PHOTO_STORE": "s3://production.invalid/photos",
        "PHOTOQUEUE_ALERT_URL": "https://production.invalid/alerts",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    # When its tests run, with servers of production in the environment
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=said", "."],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    # Then they pass, and leave neither processes nor folders
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
    assert processes_of(tmp_path) == []
    said = unquote((tmp_path / "said").read_text())
    (home,) = re.findall(r"host=(\S+?)/services", said)
    assert not Path(home).exists()


#: Tests that do not end by themselves.
ENDLESS_TESTS = """
import time
from pathlib import Path


def test_waits(photoqueue_servers, tmp_path):
    Path("started.new").write_text(photoqueue_servers.database_url.get_secret_value())
    Path("started.new").rename("started")
    while True:
        time.sleep(1)
"""


def test_servers_end_with_tests_that_are_killed(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["photoqueue.testing"]')
    (tmp_path / "test_endless.py").write_text(ENDLESS_TESTS)
    # When the tests are killed, with all that Ctrl-C would reach
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as tests:
        started = tmp_path / "started"
        eventually(started.exists)
        (home,) = re.findall(r"host=(\S+?)/services", unquote(started.read_text()))
        os.killpg(tests.pid, signal.SIGKILL)
    # Then its servers end, and leave nothing
    eventually(lambda: not (Path(home).exists() or processes_of(Path(home))))


def test_package_registers_no_plugin() -> None:
    names = {entry.group for entry in distribution("photoqueue").entry_points}
    assert names == {"console_scripts"}
