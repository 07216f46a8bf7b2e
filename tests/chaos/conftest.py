"""Servers that a test may stop and restart, and what must hold after every accident."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import photoqueue
from photoqueue import Settings, services
from photoqueue.installation import Installation, current, use
from photoqueue.queue.database import Database, migrate
from photoqueue.words import JobState
from tests.conftest import eventually


class OwnServers:
    """A PostgreSQL and a Redis of the test's own, to be stopped and started at will."""

    def __init__(self, home: Path) -> None:
        self._settings = Settings(home=home)
        self.endpoints = services.ensure(self._settings)

    def start(self) -> None:
        assert services.ensure(self._settings) == self.endpoints

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Stop one of the servers and wait until it is gone."""
        (status,) = [one for one in services.status(self._settings) if one.name == name]
        assert status.pid is not None, f"{name} is not running"
        process = psutil.Process(status.pid)
        os.kill(status.pid, number)
        process.wait(120)

    def down(self) -> None:
        services.down(self._settings)


@pytest.fixture
def own_servers() -> Iterator[OwnServers]:
    home = Path(tempfile.mkdtemp(prefix="pq-"))
    servers = OwnServers(home)
    yield servers
    use(None)
    servers.down()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Use the shared servers, or those of ``own_servers`` where the test asks for them."""
    if "own_servers" in request.fixturenames:
        endpoints = request.getfixturevalue("own_servers").endpoints
        # Given as configured servers: nothing but the test starts them again.
        configured = Settings(
            home=tmp_path / "home",
            database_url=endpoints.database_url,
            redis_url=endpoints.redis_url,
            engine="tests.engines:scripted",
            concurrency=1,
            backoff_delay=20,
            lease_seconds=2.0,
            grace_seconds=5.0,
        )
        database = Database(endpoints.database_url.get_secret_value())
        migrate(database)
        database.close()
        use(configured)
    else:
        # Tests of killed workers wait until a lease has run out.
        settings: Settings = request.getfixturevalue("settings")
        use(settings.model_copy(update={"lease_seconds": 2.0}))
    yield current()
    use(None)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Count how often the engine was given a photo."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("PQ_TEST_RUNS", str(folder))

    def count(photo_id: str) -> int:
        path = folder / photo_id
        return len(path.read_text().splitlines()) if path.exists() else 0

    return count


def wait_active(job: photoqueue.Job) -> None:
    eventually(lambda: job.poll().state is JobState.ACTIVE)


def assert_one_effect(jobs: list[photoqueue.Job]) -> None:
    """Every job has ended as completed, by exactly one recorded attempt."""
    for job in jobs:
        snapshot = job.poll()
        assert snapshot.state is JobState.COMPLETED, (job.key, snapshot)
        attempts = job.attempts()
        assert list(attempts["outcome"]).count("completed") == 1, attempts.to_string()
        assert list(attempts["attempt"]) == list(range(1, snapshot.attempts + 1))
        assert snapshot.attempts <= snapshot.max_attempts
