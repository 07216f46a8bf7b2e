"""What must not work over HTTP is refused with a problem that says what to do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from photoqueue.installation import Installation, use
from photoqueue.settings import Settings
from tests.api_server import TOKEN, client_of, serving
from tests.conftest import picture, submit

GOOD = {"userId": "u1", "photoId": "p1", "roomType": "salon"}
LONG = "x" * 10_240


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:photoqueue:problem:")
    assert len(told["detail"]) > 20
    assert "Traceback" not in answer.text
    assert len(answer.content) < 5000, "what was sent is not sent back whole"
    return told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b"[1, 2",
        b"\xff\xfe",
        b'{"userId": "\\ud800", "photoId": "p1"}',
        b"[" * 60_000,
        b'{"userId": NaN}',
        b"null",
        b"[]",
        b'"text"',
        b"12",
    ],
)
@pytest.mark.parametrize("path", ["/api/queue/test", "/api/photos", "/api/inventory"])
def test_malformed_json_is_refused(shared_api: httpx.Client, path: str, body: bytes) -> None:
    answer = shared_api.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    problem_of(answer, answer.status_code)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"photoId": None}, "photoId"),
        ({"photoId": ...}, "photoId"),
        ({"userId": ...}, "userId"),
        ({"photoId": 7}, "photoId"),
        ({"photoId": True}, "photoId"),
        ({"photoId": ["p1"]}, "photoId"),
        ({"photoId": {"a": 1}}, "photoId"),
        ({"photoId": ""}, "photoId"),
        ({"photoId": "   "}, "photoId"),
        ({"photoId": LONG}, "photoId"),
        ({"photoId": "a\x00b"}, "photoId"),
        ({"photoId": "a\nb"}, "photoId"),
        ({"roomType": LONG}, "roomType"),
        ({"userId": 1.5}, "userId"),
        ({"path": "/etc/passwd"}, "path"),
        ({"url": "http://169.254.169.254/"}, "url"),
        ({"photo_url": "x"}, "photo_url"),
    ],
)
def test_wrong_fields_are_named(
    shared_api: httpx.Client, change: dict[str, Any], where: str
) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    told = problem_of(shared_api.post("/api/queue/test", json=body), 422)
    assert where in told["detail"]
    assert where in json.dumps(told["errors"])
    assert shared_api.get("/api/queue/test").json()["queues"][0]["total"] == 0, (
        "nothing was accepted"
    )


def test_whole_number_may_be_written_with_a_point(api: httpx.Client) -> None:
    body = {"userId": "u1", "projectId": "m1", "priority": 3.0}
    assert api.post("/api/batches", json=body).json()["priority"] == 3
    for wrong in (3.5, "3", True, 1e300):
        told = problem_of(api.post("/api/batches", json={**body, "priority": wrong}), 422)
        assert "priority" in told["detail"]


def test_text_in_any_language_is_good(api: httpx.Client) -> None:
    body = {"userId": "Zoë 🏠", "photoId": "../../été/写真 <b>", "roomType": "salle à manger"}
    assert api.post("/api/queue/test", json=body).json()["bullJobId"] == f"photo-{body['photoId']}"
    found = api.get("/api/jobs", params={"search": "写真"}).json()["jobs"]
    assert [job["photoId"] for job in found] == [body["photoId"]]


@pytest.mark.parametrize(
    "name", [LONG, "photo-" + LONG, "%00", "photo-%00", "no-such", "%F0%9F%8F%A0"]
)
def test_ids_of_no_job_are_not_found(shared_api: httpx.Client, name: str) -> None:
    problem_of(shared_api.get(f"/api/jobs/{name}"), 404)
    for action in ("retry", "cancel"):
        problem_of(shared_api.post(f"/api/jobs/{name}/{action}"), 404)
    assert shared_api.get(f"/api/projects/{name}/inventory").status_code in {404, 422}


@pytest.mark.parametrize(
    "query",
    ["state=lost", "limit=0", "limit=501", "limit=x", "after=zzz", "before=zzz", "order=colour",
     "queue=none", "after=a&before=b", "descending=maybe", f"after={LONG}"],
)  # fmt: skip
def test_wrong_queries_are_refused(shared_api: httpx.Client, query: str) -> None:
    problem_of(shared_api.get(f"/api/jobs?{query}"), 422)


@pytest.mark.parametrize(
    "search", ["%00", "%25_%5C", LONG, "'; DROP TABLE jobs; --", "(((", "\ud83c"]
)
def test_any_text_can_be_searched_for(shared_api: httpx.Client, search: str) -> None:
    answer = shared_api.get(
        "/api/jobs?search=" + search.encode("utf-8", "surrogatepass").decode("latin-1")
    )
    assert answer.json() == {"jobs": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("files", "data", "where"),
    [
        ({}, {"userId": "u1"}, "photo"),
        ({"photo": ("a.jpg", b"")}, {"userId": "u1"}, None),
        ({"photo": ("a.jpg", b"no picture")}, {"userId": "u1"}, None),
        ({"photo": ("a.jpg", picture(1))}, {}, "userId"),
        ({"photo": ("a.jpg", picture(1))}, {"userId": "u1", "url": "http://x"}, "url"),
        ({"photo": ("a.jpg", picture(1))}, {"userId": "u1", "resubmit": "maybe"}, "resubmit"),
        ({"photo": ("a.jpg", picture(1))}, {"userId": "u1", "photoId": "x" * 300}, "photoId"),
        ({"other": ("a.jpg", picture(1))}, {"userId": "u1"}, "other"),
        ({}, {"userId": "u1", "photo": "/etc/passwd"}, "photo"),
    ],
)
def test_wrong_uploads_are_refused(
    shared_api: httpx.Client, files: Any, data: dict[str, str], where: str | None
) -> None:
    # Without a file httpx would send a form of another kind.
    sent = files or {"nothing": (None, "")}
    answer = shared_api.post("/api/photos", files=sent, data=data)
    told = problem_of(answer, 422)
    assert where is None or where in json.dumps(told["errors"])


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno end", 400),
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"userId=u1", 415),
        ("image/jpeg", picture(1), 415),
    ],
)
def test_bodies_of_other_kinds_are_refused(
    shared_api: httpx.Client, kind: str, body: bytes, status: int
) -> None:
    problem_of(shared_api.post("/api/photos", content=body, headers={"Content-Type": kind}), status)
    answer = shared_api.post("/api/inventory", content=body, headers={"Content-Type": kind})
    assert answer.status_code in {415, 422}


def test_photo_id_of_another_picture_is_refused(
    api: httpx.Client, installation: Installation
) -> None:
    submit("taken-1")
    answer = api.post(
        "/api/photos",
        files={"photo": ("b.jpg", picture(99))},
        data={"userId": "u1", "photoId": "taken-1"},
    )
    problem_of(answer, 409)


def test_photo_of_too_many_pixels_is_refused(installation: Installation) -> None:
    settings = installation.settings.model_copy(update={"max_photo_megapixels": 0.001})
    use(settings)
    with client_of(settings) as api:
        files = {"photo": ("b.jpg", picture(1))}
        answer = api.post("/api/photos", files=files, data={"userId": "u1"})
    assert "megapixels" in problem_of(answer, 413)["detail"]


def test_upload_of_a_gigabyte_is_refused_before_it_is_read(installation: Installation) -> None:
    with serving(installation.settings) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
            connection.sendall(
                b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n\r\n"
            )
            said = b""
            while piece := connection.recv(65536):  # ends: the server closes the connection
                said += piece
    assert said.startswith(b"HTTP/1.1 413"), "refused, and never told to go on"
    assert b"PHOTOQUEUE_MAX_PHOTO_MB" in said


def test_upload_without_a_length_is_cut_off_at_the_limit(installation: Installation) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        while sent < 2**30:
            sent += 2**16
            yield b"\xff" * 2**16

    settings = installation.settings.model_copy(update={"max_photo_mb": 1.0})
    with client_of(settings) as api:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        # The server may have closed the connection before the answer was read.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):
            problem_of(api.post("/api/photos", content=endless(), headers=headers), 413)
        assert sent < 64 * 2**20
        assert api.get("/healthz").status_code == 200


def test_flood_is_turned_away_and_the_server_goes_on(installation: Installation) -> None:
    settings = installation.settings.model_copy(update={"api_requests_per_second": 2.0})
    with serving(settings) as address:

        def flood(_: int) -> list[httpx.Response]:
            with httpx.Client(base_url=address, timeout=60) as api:
                return [api.get("/api/queue/test") for _ in range(100)]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [answer for one in pool.map(flood, range(8)) for answer in one]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert len(refused) > 400
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        problem_of(refused[0], 429)
        with httpx.Client(base_url=address) as api:
            assert api.get("/healthz").status_code == 200


def test_wrong_token_is_refused_and_the_right_one_opens(installation: Installation) -> None:
    secret = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    with client_of(secret) as api:
        problem_of(api.get("/api/queue/test"), 401)
        problem_of(
            api.post("/api/queue/test", json=GOOD, headers={"Authorization": "Bearer no"}), 401
        )
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert api.post("/api/queue/test", json=GOOD, headers=right).status_code == 200
        submit("alone-1")
        told = api.get("/readyz")
        assert told.status_code == 503
        assert [check["problem"] for check in told.json()["checks"]] == [None] * 3
        assert "worker" in api.get("/readyz", headers=right).text.split("problem", 3)[3]


def test_schema_that_is_ahead_is_told_with_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE photoqueue_version SET version_num = '9999'")
    use(None)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with client_of(settings) as api:
        for path in ("/api/queue/test", "/api/jobs", "/api/workers", "/api/changes"):
            answer = api.get(path)
            told = problem_of(answer, 503)
            assert "Upgrade photoqueue" in told["detail"]
            assert answer.headers["retry-after"]
        ready = api.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"][0]["name"] == "schema"
        assert api.get("/healthz").status_code == 200


def test_database_that_goes_away_is_told_and_found_again(
    api: httpx.Client, installation: Installation
) -> None:
    good = installation.database.engine
    broken = installation.database.__class__("postgresql://nobody@/none?host=/nowhere")
    installation.database.engine = broken.engine
    told = problem_of(api.get("/api/jobs"), 503)
    assert told["type"] == "urn:photoqueue:problem:database"
    assert api.get("/readyz").status_code == 503
    installation.database.engine = good
    assert api.get("/api/jobs").status_code == 200


def test_many_submit_at_once_and_each_gets_its_job(api: httpx.Client) -> None:
    def post(number: int) -> str:
        body = {"userId": "u1", "photoId": f"many-{number % 20}"}
        with httpx.Client(base_url=api.base_url, timeout=60) as client:
            answer = client.post("/api/queue/test", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["jobId"])

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        jobs = list(pool.map(post, range(60)))
    assert len(set(jobs)) == 20
    assert api.get("/api/queue/test").json()["queues"][0]["waiting"] == 20
    assert threading.active_count() < 100
