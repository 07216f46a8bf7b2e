"""The HTTP API under load while workers are killed: what it accepted is done, once."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

import photoqueue
from photoqueue.client import verbs
from tests.api_server import client_of
from tests.chaos.conftest import assert_one_effect
from tests.conftest import eventually, picture, submit
from tests.redis_servers import free_port

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


def test_killed_servers_do_nothing_twice_that_has_a_key(installation, serve):
    submit("p1", project_id="m1", room="hall")
    url, port = installation.database.libpq_url, free_port()
    stop = threading.Event()

    def send(number: int) -> int:
        """Send an edit until it is answered; return its number."""
        headers = {"Idempotency-Key": f"edit-{number}"}
        body = {"verb": "count", "userId": "u1", "room": "hall", "item": "chair", "count": number}
        while not stop.is_set():
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.post(
                    f"http://127.0.0.1:{port}/api/projects/m1/edits",
                    json=body,
                    headers=headers,
                    timeout=30,
                )
                if answer.is_success:
                    return int(answer.json()["number"])
                assert answer.status_code in {409, 503}, answer.text
            stop.wait(0.02)
        return 0

    with ThreadPoolExecutor(SENDERS) as pool, psycopg.connect(url, autocommit=True) as sql:
        sent = [pool.submit(send, number) for number in range(SENDERS * PHOTOS)]
        try:
            for least in (5, 20, 35):
                server = serve("--port", str(port))
                eventually(lambda n=least: len(verbs.edits("m1")) >= n)
                server.process.kill()
                server.process.wait()
                # As if its lease had ended.
                sql.execute("UPDATE api_answers SET held_until = now() WHERE status IS NULL")
            serve("--port", str(port))
            eventually(lambda: all(one.done() for one in sent))
        finally:
            stop.set()
    assert sorted(one.result() for one in sent) == list(range(1, SENDERS * PHOTOS + 1))
    assert len(verbs.edits("m1")) == SENDERS * PHOTOS
