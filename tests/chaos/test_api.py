"""The HTTP API under load while workers are killed: what it accepted is done, once."""

from __future__ import annotations

import threading

import httpx
import pytest

import photoqueue
from tests.api_server import client_of
from tests.chaos.conftest import assert_one_effect
from tests.conftest import eventually, picture

pytestmark = pytest.mark.chaos

SENDERS, PHOTOS = 4, 15


class Load:
    """Clients that send photos, and one that asks for the counts all the while."""

    def __init__(self, client: httpx.Client) -> None:
        self.accepted: list[str] = []
        self.problems: list[str] = []
        self._client = client
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(sender * PHOTOS,))
            for sender in range(SENDERS)
        ]
        self._threads.append(threading.Thread(target=self._ask))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def completed(self) -> int:
        return int(self._client.get("/api/queue/test").json()["queues"][0]["completed"])

    def _send(self, first: int) -> None:
        for number in range(first, first + PHOTOS):
            answer = self._client.post(
                "/api/photos",
                files={"photo": ("a.jpg", picture(number))},
                data={"userId": "u1", "photoId": f"sleep-{number}"},
            )
            if answer.is_success:
                self.accepted.append(answer.json()["jobId"])
            else:
                self.problems.append(answer.text)

    def _ask(self) -> None:
        while not self._done.wait(0.1):
            answer = self._client.get("/api/queue/test")
            if not answer.is_success:
                self.problems.append(answer.text)


def test_killed_workers_lose_nothing_that_the_api_accepted(start_worker, installation):
    settings = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with client_of(settings) as client:
        client.timeout = 60.0
        with Load(client) as load:
            for least in (5, 20):
                worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
                eventually(lambda n=least: load.completed() >= n, timeout=90, worker=worker)
                worker.kill_group()
            worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
            eventually(lambda: load.completed() == SENDERS * PHOTOS, timeout=90, worker=worker)
        assert load.problems == []
        assert len(set(load.accepted)) == SENDERS * PHOTOS
    assert_one_effect([photoqueue.job(job_id) for job_id in load.accepted])
