"""A PostgreSQL that is frozen: whoever waits is told so, and no worker looks stuck."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

import photoqueue
from photoqueue import services
from photoqueue.queue.connections import PostgresConnection
from photoqueue.worker.health import MIN_SILENCE_SECONDS
from tests.api_server import client_of
from tests.chaos.conftest import OwnServers, assert_one_effect
from tests.conftest import eventually, picture, submit
from tests.integration.test_worker_health import address

pytestmark = pytest.mark.chaos


@contextlib.contextmanager
def frozen(servers: OwnServers) -> Iterator[None]:
    """Freeze PostgreSQL, all of its processes."""
    (status,) = [one for one in services.status(servers._settings) if one.name == "PostgreSQL"]
    postmaster = psutil.Process(status.pid)
    stopped = [postmaster, *postmaster.children()]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


def test_frozen_postgres_ends_each_wait_and_stops_no_worker(
    own_servers, installation, start_worker, monkeypatch
):
    worker = start_worker("--queue", "photo-analyze", "--health-port", "0", PQ_TEST_SLEEP="0.05")
    batch = photoqueue.submit_photos(
        [{"photo": picture(number), "photo_id": f"sleep-{number}"} for number in range(60)]
    )
    with client_of(installation.settings) as client:
        assert client.get("/api/jobs").status_code == 200
        eventually(lambda: batch.counts().get(photoqueue.JobState.COMPLETED, 0) >= 3, worker=worker)
        monkeypatch.setattr(PostgresConnection, "limit", 1.0)
        with frozen(own_servers):
            since = time.monotonic()
            with pytest.raises(photoqueue.PhotoqueueError, match=r"cannot be used.*doctor"):
                submit("salon-1")
            answer = client.get("/api/jobs", timeout=60)
            assert answer.status_code == 503 and "PostgreSQL" in answer.text
            # Longer than a process of the worker may be silent for any other reason.
            while time.monotonic() - since < 2 * MIN_SILENCE_SECONDS:
                assert httpx.get(f"{address(worker)}/healthz").status_code == 200, worker.log
                time.sleep(0.2)
        monkeypatch.undo()
    eventually(batch.done, timeout=90, worker=worker)
    assert worker.process.poll() is None
    assert_one_effect([*batch])
