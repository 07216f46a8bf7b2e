"""What several files of integration tests share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from photoqueue import Settings
from photoqueue.faces.cli import main
from photoqueue.faces.http.server import ApiServer, make_server
from photoqueue.installation import Installation, current, use
from photoqueue.services import Endpoints
from tests.api_server import asking, client_of, reads_nothing, running
from tests.conftest import (
    Worker,
    eventually,
    launch_worker,
    settings_of,
    wait_until_ready,
)
from tests.databases import Databases

#: A password that no command shows.
SECRET = "hunter2-never-shown"


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, with the installation in use: quicker than one of its own."""

    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["photoqueue", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert SECRET not in shown.out + shown.err
        return Outcome(int(ended.value.code or 0), shown.out, shown.err)

    return run


@pytest.fixture
def api(installation: Installation) -> Iterator[httpx.Client]:
    """The HTTP API of the test's installation, without a token and without a rate limit."""
    settings = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with client_of(settings) as client:
        yield client


@pytest.fixture(scope="module")
def shared(
    databases: Databases, servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Keep an installation for all tests of a module."""
    url = databases.take()
    yield settings_of(servers, url, tmp_path_factory.mktemp("home"))
    databases.give_back(url)


@pytest.fixture(scope="module")
def shared_worker(shared: Settings) -> Iterator[Worker]:
    """Keep one worker with a process for each queue: to start one takes a second."""
    runs = shared.home / "runs"
    runs.mkdir()
    worker = launch_worker(shared, shared.home / "worker.log", PQ_TEST_RUNS=str(runs))
    try:
        wait_until_ready(worker)
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.kill_group()


@pytest.fixture
def working(shared: Settings, shared_worker: Worker) -> Iterator[Installation]:
    """Make photoqueue's verbs use the installation that has a worker."""
    use(shared)
    yield current()
    use(None)


@pytest.fixture(scope="module")
def _shared_server(shared: Settings) -> Iterator[tuple[ApiServer, httpx.Client]]:
    server = make_server(shared.model_copy(update={"api_requests_per_second": 0.0}))
    with running(server) as address, asking(address) as client:
        yield server, client


@pytest.fixture
def shared_api(
    shared: Settings, _shared_server: tuple[ApiServer, httpx.Client]
) -> Iterator[httpx.Client]:
    """The HTTP API of an installation for all tests of a module, which leave nothing in it."""
    server, client = _shared_server
    use(shared)
    yield client
    # A read that goes on would open the default installation.
    eventually(lambda: reads_nothing(server))
    use(None)
