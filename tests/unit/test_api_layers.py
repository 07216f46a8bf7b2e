"""The layers around the HTTP API, which answer before any server is asked."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from photoqueue import errors
from photoqueue.errors import ConfigurationError, DatabaseUnavailableError, PhotoqueueError
from photoqueue.faces import shared_script
from photoqueue.faces.http import backend
from photoqueue.faces.http.access import is_loopback
from photoqueue.faces.http.backend import Calls, Gate, SharedRead
from photoqueue.faces.http.middleware import MAX_JSON, RateLimit
from photoqueue.faces.http.problems import KINDS, ProblemError, answer_for
from photoqueue.faces.http.server import check_token, create_app
from photoqueue.settings import Settings

TOKEN = "a-token-that-only-this-test-knows"
LOOPBACK = "http://127.0.0.1:8080"


def client(base_url: str = LOOPBACK, **settings: Any) -> TestClient:
    return TestClient(create_app(Settings(**settings)), base_url=base_url)


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert {"type", "title", "detail"} <= told.keys()
    return told


# -- errors -----------------------------------------------------------------------------------


def test_every_error_has_its_own_problem() -> None:
    classes = {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, PhotoqueueError)
    }
    assert set(KINDS) == classes
    assert len({kind.slug for kind in KINDS.values()}) == len(KINDS)


def test_unforeseen_error_tells_a_reference_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = answer_for(ValueError("postgresql://worker:hunter2@db/photos"))
    assert answer.status_code == 500
    said = bytes(answer.body).decode()
    assert "hunter2" not in said
    assert "Traceback" not in said
    assert caplog.records[-1].getMessage().split()[-1] in said


def test_unknown_address_and_wrong_method_are_problems() -> None:
    with client() as api:
        assert problem_of(api.get("/api/nothing"))["status"] == 404
        assert problem_of(api.delete("/healthz"))["status"] == 405


def test_every_answer_has_the_headers_of_caution() -> None:
    with client() as api:
        for path in ("/healthz", "/api/nothing", "/"):
            headers = api.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "default-src 'none'" in headers["content-security-policy"]
        policy = api.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


# -- who may ask ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN}x", "Bearer é"],
)
def test_wrong_token_is_refused(given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.encode()}
    with client(api_token=SecretStr(TOKEN)) as api:
        answer = api.get("/api/nothing", headers=headers)  # type: ignore[arg-type]  # bytes will do
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text
    assert "PHOTOQUEUE_API_TOKEN" in problem_of(answer)["detail"]


def test_right_token_opens_and_probes_need_none() -> None:
    with client("http://photos.example", api_token=SecretStr(TOKEN)) as api:
        headers = {"Authorization": f"bearer {TOKEN}", "Origin": "https://other.example"}
        assert api.get("/api/nothing", headers=headers).status_code == 404
        assert api.get("/openapi.json").status_code == 401
        assert api.get("/healthz").status_code == 200
        assert api.get("/").status_code == 200
        assert shared_script() in api.get("/board/jobs.js").text
        assert api.get("/board/../../settings.py", headers=headers).status_code in {404, 401}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "10.0.0.7", "", "127.0.0.1.nip.io"]
)
def test_page_whose_name_leads_here_is_refused(host: str) -> None:
    with client() as api:
        answer = api.get("/healthz", headers={"Host": host})
    assert answer.status_code == 403
    assert problem_of(answer)["type"] == "urn:photoqueue:problem:host"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "localhost"])
def test_names_of_the_loopback_are_answered(host: str) -> None:
    with client() as api:
        assert api.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_page_of_another_site_cannot_change_anything(headers: dict[str, str]) -> None:
    with client() as api:
        answer = api.post("/api/queues/photo-analyze/pause", headers=headers)
        assert problem_of(answer)["type"] == "urn:photoqueue:problem:cross-site"
        assert api.post("/api/nothing", headers={"Origin": LOOPBACK}).status_code in {404, 405}


def test_no_answer_lets_other_sites_read_it() -> None:
    with client() as api:
        answer = api.get("/healthz", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.1.1.1", False), ("my-host", False), ("", False)],
)  # fmt: skip
def test_loopback_is_told_from_other_addresses(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_other_addresses_need_a_token_that_cannot_be_guessed() -> None:
    check_token(Settings(), "127.0.0.1")
    check_token(Settings(api_token=SecretStr(TOKEN)), "0.0.0.0")
    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_API_TOKEN must be set"):
        check_token(Settings(), "0.0.0.0")
    with pytest.raises(ConfigurationError, match="shorter than 16") as raised:
        check_token(Settings(api_token=SecretStr("hunter2")), "127.0.0.1")
    assert "hunter2" not in str(raised.value)


def test_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(Settings(api_token=SecretStr(TOKEN)))


# -- how much and how often -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/photos", "multipart/form-data; boundary=x"), ("/api/inventory", "application/json")],
)
def test_body_of_a_gigabyte_is_refused_by_its_announcement(path: str, kind: str) -> None:
    with client(max_photo_mb=1.0) as api:
        headers = {"Content-Type": kind, "Content-Length": str(2**30)}
        told = problem_of(api.post(path, content=b"", headers=headers))
    assert told["status"] == 413
    assert "limit" in told["detail"]


@pytest.mark.parametrize("path", ["/api/inventory", "/api/photos", "/api/queue/test"])
def test_body_without_a_length_is_counted(path: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b'"' + b"a" * MAX_JSON

    with client() as api:
        answer = api.post(path, content=endless(), headers={"Content-Type": "application/json"})
    assert problem_of(answer)["status"] == 413


def test_each_client_has_a_rate_of_its_own_and_gets_it_back() -> None:
    now = [0.0]
    limit = RateLimit(None, per_second=10, clock=lambda: now[0])  # type: ignore[arg-type]  # no request is sent
    assert [limit._take("a") for _ in range(20)] == [0] * 20
    assert limit._take("a") == 1
    assert limit._take("b") == 0
    now[0] = 0.1
    assert limit._take("a") == 0
    assert limit._take("a") == 1


def test_flood_gets_429_with_a_time_and_probes_still_pass() -> None:
    with client(api_requests_per_second=0.01) as api:
        answers = [api.get("/api/nothing") for _ in range(10)]
        assert api.get("/healthz").status_code == 200
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 9
    assert int(refused[0].headers["retry-after"]) >= 1
    assert "PHOTOQUEUE_API_REQUESTS_PER_SECOND" in problem_of(refused[0])["detail"]


def test_clients_that_are_remembered_are_bounded() -> None:
    limit = RateLimit(None, per_second=1)  # type: ignore[arg-type]  # no request is sent
    for number in range(10_100):
        limit._take(str(number))
    assert len(limit._left) == 10_000


# -- reads made for many ----------------------------------------------------------------------


class Source:
    """A read that counts how often it is done."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.reads = 0
        self._seconds = seconds

    async def __call__(self) -> int:
        self.reads += 1
        number = self.reads
        await asyncio.sleep(self._seconds)
        return number


def run(body: Callable[[], Any]) -> Any:
    return asyncio.run(body())


def test_one_read_serves_all_who_ask_at_once() -> None:
    async def body() -> None:
        source = Source(0.05)
        shared = SharedRead(source)
        assert await asyncio.gather(*(shared.get() for _ in range(50))) == [1] * 50
        assert source.reads == 1

    run(body)


def test_after_a_change_only_a_later_read_will_do() -> None:
    async def body() -> None:
        shared = SharedRead(Source(0.05))
        under_way = asyncio.create_task(shared.get())
        await asyncio.sleep(0.01)
        shared.forget()
        assert await shared.get() == 2
        assert await under_way == 1

    run(body)


def test_change_at_the_end_of_a_read_does_not_stop_the_server() -> None:
    found: list[int] = []

    async def ask() -> None:
        source, ended = Source(), asyncio.Event()

        async def read() -> int:
            number = await source()
            ended.set()  # wakes the change before anybody learns that the read has ended
            return number

        shared = SharedRead(read)

        async def change() -> int:
            await ended.wait()
            shared.forget()
            return await shared.get()

        changed = asyncio.create_task(change())
        await asyncio.sleep(0)
        found.extend([await shared.get(), await changed])

    thread = threading.Thread(target=lambda: asyncio.run(ask()), daemon=True)
    thread.start()
    thread.join(30)
    assert found == [1, 2]


def test_old_value_is_served_while_a_new_one_is_read_but_never_a_stale_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(backend, "time", SimpleNamespace(monotonic=lambda: now[0]))

    async def body() -> None:
        shared = SharedRead(Source(), fresh_seconds=1.0, stale_seconds=10.0)
        assert await shared.get() == 1
        now[0] += 2
        assert await shared.get() == 1
        while shared._task is not None:  # the read in the background
            await asyncio.sleep(0)
        assert await shared.get() == 2
        now[0] += 11
        assert await shared.get() == 3

    run(body)


def test_read_that_takes_longer_than_its_value_lasts_still_answers() -> None:
    async def body() -> None:
        shared = SharedRead(Source(0.1), fresh_seconds=0.01, stale_seconds=0.02)
        assert await shared.get() == 1

    run(body)


def test_failed_read_is_told_to_all_and_tried_again() -> None:
    async def body() -> None:
        answers = iter([DatabaseUnavailableError("away"), 7])

        async def read() -> int:
            answer = next(answers)
            await asyncio.sleep(0.01)
            if isinstance(answer, Exception):
                raise answer
            return int(answer)

        shared = SharedRead(read)
        told = await asyncio.gather(*(shared.get() for _ in range(3)), return_exceptions=True)
        assert all(isinstance(one, DatabaseUnavailableError) for one in told)
        assert await shared.get() == 7

    run(body)


def test_more_calls_than_can_wait_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "current", lambda: None)

    async def body() -> None:
        limited = Calls(threads=1, waiting=1)
        goes_on = threading.Event()
        running = [asyncio.create_task(limited(goes_on.wait, 60)) for _ in range(2)]
        await asyncio.sleep(0)  # they begin
        with pytest.raises(ProblemError) as raised:
            await limited(time.sleep, 0)
        assert raised.value.kind.status == 503
        assert raised.value.headers["Retry-After"]
        goes_on.set()
        assert await asyncio.gather(*running) == [True, True]
        await limited(time.sleep, 0)

    run(body)


def test_servers_that_are_away_are_looked_for_once_a_second_not_by_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def current() -> None:
        tried.append(1)
        raise DatabaseUnavailableError("away")

    monkeypatch.setattr(backend, "current", current)
    gate = Gate()
    for _ in range(10):
        with pytest.raises(DatabaseUnavailableError):
            gate.pass_through()
    assert len(tried) == 1
