"""Redis fails over in place: open connections stay at what is a replica now, new ones do not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

import photoqueue
from chaos.proxy import Proxy
from photoqueue import Settings
from photoqueue.client.system import readiness
from photoqueue.installation import Installation, current, use
from tests.chaos.conftest import assert_one_effect, wait_active
from tests.conftest import Worker, eventually, submit
from tests.redis_servers import RedisServer, redis_server

pytestmark = pytest.mark.chaos


class Pair:
    """A primary and its replica behind one address."""

    def __init__(self, primary: RedisServer, replica: RedisServer, proxy: Proxy) -> None:
        replica.replicate(primary)
        self.primary, self.replica, self._proxy = primary, replica, proxy

    @property
    def url(self) -> str:
        return f"unix://{self._proxy.folder / self.primary.socket.name}"

    def fail_over(self) -> None:
        """Exchange the two; connections that are open lead to the former primary."""
        self.replica.ask("REPLICAOF", "NO", "ONE")
        self.primary.replicate(self.replica)
        self._proxy.lead_to(self.replica.socket)


@pytest.fixture
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="pq-"))  # short: the path of a socket has a limit
    try:
        with (
            redis_server(folder) as primary,
            redis_server(folder) as replica,
            closing(Proxy(primary.socket)) as proxy,
        ):
            yield Pair(primary, replica, proxy)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def installation(settings: Settings, pair: Pair) -> Iterator[Installation]:
    use(settings.model_copy(update={"redis_url": SecretStr(pair.url), "concurrency": 2}))
    yield current()
    use(None)


def test_workers_at_their_jobs_go_on_at_the_new_primary(
    installation: Installation,
    pair: Pair,
    start_worker: Callable[..., Worker],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PQ_TEST_GATE", str(tmp_path / "gate"))
    # Busy ones, and idle ones for inventories.
    worker = start_worker("--concurrency", "2")
    busy = [submit(f"gate-{number}") for number in range(2)]
    for job in busy:
        wait_active(job)
    waiting = [submit(f"salon-{number}") for number in range(10)]
    pair.fail_over()
    (tmp_path / "gate").touch()
    later = [submit(f"cuisine-{number}") for number in range(10)]
    assert caplog.text == "", "who submits notices nothing"
    jobs = [*busy, *waiting, *later]
    eventually(lambda: all(job.done() for job in jobs), worker=worker)
    assert_one_effect(jobs)
    assert installation.broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 0
    assert [check.problem for check in readiness()] == [None, None, None]
