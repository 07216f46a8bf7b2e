"""Batches over HTTP: opened, filled, closed and read; or refused, with nothing accepted."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

import photoqueue
from photoqueue.installation import Installation
from photoqueue.queue.ledger import Ledger
from photoqueue.words import TokenScope
from tests.api_server import TOKEN, client_of
from tests.bench import Bench
from tests.conftest import picture
from tests.integration.test_api_bad_input import LONG, problem_of
from tests.integration.test_api_events import events, follow
from tests.integration.test_api_tokens import made
from tests.integration.test_open_batches import OVER

JPEG = "image/jpeg"


def opened(api: httpx.Client, **body: Any) -> str:
    answer = api.post("/api/batches", json={"userId": "u1", "projectId": "m1", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["batchId"])


def add(api: httpx.Client, batch_id: str, *seeds: int, **fields: Any) -> httpx.Response:
    files = [("photo", (f"{seed}.jpg", picture(seed), JPEG)) for seed in seeds]
    return api.post(f"/api/batches/{batch_id}/photos", files=files, data=fields)


def test_photos_become_an_inventory(api: httpx.Client, installation: Installation) -> None:
    batch_id = opened(api, priority=3)
    inventory = {"projectId": "m1", "userId": "u1", "afterBatch": batch_id}
    job = api.post("/api/inventory", json=inventory)
    assert job.status_code == 202, "before the first photo"
    told = api.get(f"/api/batches/{batch_id}").json()
    assert (told["open"], told["done"], told["total"]) == (True, False, 0)

    first = add(api, batch_id, 1, room="salon")
    assert first.status_code == 202, first.text
    several = add(api, batch_id, 2, 3, room=["hall", " "], photoId=["p2", "p3"], roomType="hall")
    (one,), both = first.json()["photos"], several.json()["photos"]
    assert [photo["position"] for photo in (one, *both)] == [0, 1, 2]
    assert (one["room"], one["fileName"], one["state"]) == ("salon", "1.jpg", "waiting")
    assert [photo["photoId"] for photo in both] == ["p2", "p3"]
    assert [photo.get("room") for photo in both] == ["hall", None]
    assert {photo["priority"] for photo in both} == {3}

    bench = Bench(installation)
    with closing(Ledger(installation.database)) as ledger:
        for photo in (one, *both):
            bench(photoqueue.job(photo["jobId"]))
        assert ledger.release_blocked() == [], "more may come"
        closed = api.post(f"/api/batches/{batch_id}/close").json()
        assert (closed["open"], closed["done"], closed["finished"]) == (False, True, 3)
        assert len(ledger.release_blocked()) == 1
    bench(photoqueue.job(job.json()["jobId"]))
    assert api.get("/api/projects/m1/inventory").json()["photoCount"] == 3


def test_results_are_read_in_pages_with_items_and_boxes(
    api: httpx.Client, installation: Installation
) -> None:
    batch_id = opened(api)
    files = [("photo", ("no.jpg", b"no picture")), ("photo", ("1.jpg", picture(1)))]
    answer = api.post(f"/api/batches/{batch_id}/photos", files=files, data={"room": "salon"})
    broken, good = answer.json()["photos"]
    assert (broken["state"], broken["fileName"]) == ("failed", "no.jpg")
    assert "picture" in broken["errorMessage"]
    Bench(installation)(photoqueue.job(good["jobId"]))
    address = f"/api/batches/{batch_id}/results"
    page = api.get(address, params={"limit": 1}).json()
    assert [photo["jobId"] for photo in page["photos"]] == [broken["jobId"]]
    assert "result" not in page["photos"][0]
    last = api.get(address, params={"after": page["next"]}).json()
    assert "next" not in last
    (item,) = last["photos"][0]["result"]["items"]
    assert item["name"]
    assert len(item["box"]) == 4
    assert last["photos"][0]["state"] == "completed"


def test_open_batch_is_followed_to_its_end(api: httpx.Client) -> None:
    batch_id = opened(api)
    with follow(api, batch_id) as answer:
        coming = events(answer)
        progress = next(coming)
        assert (progress.name, progress.data["open"], progress.data["done"]) == (
            "progress",
            True,
            False,
        )
        add(api, batch_id, 1)
        assert next(coming).data["total"] == 1
        photoqueue.cancel(photoqueue.batch(batch_id))
        assert [next(coming).name, next(coming).data["done"]] == ["job", False]
        api.post(f"/api/batches/{batch_id}/close")
        end = next(coming)
    assert (end.name, end.data["open"], end.data["done"]) == ("end", False, True)


def test_batch_is_closed_once_and_takes_nothing_more(api: httpx.Client) -> None:
    batch_id = opened(api)
    first = api.post(f"/api/batches/{batch_id}/close").json()
    again = api.post(f"/api/batches/{batch_id}/close")
    assert (again.status_code, again.json()) == (200, first)
    told = problem_of(add(api, batch_id, 1), 409)
    assert "closed; nothing was accepted" in told["detail"]
    assert api.get("/api/jobs").json()["jobs"] == []


def test_forgotten_batch_closes_by_the_clock(api: httpx.Client, installation: Installation) -> None:
    batch_id = opened(api)
    with installation.database.direct() as connection:
        connection.execute(OVER, (batch_id,))
    assert api.get(f"/api/batches/{batch_id}").json()["done"] is True
    problem_of(add(api, batch_id, 1), 409)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"userId": ...}, "userId"),
        ({"projectId": ""}, "projectId"),
        ({"projectId": LONG}, "projectId"),
        ({"priority": 1001}, "priority"),
        ({"priority": "1"}, "priority"),
        ({"engine": "none"}, "engine"),
        ({"closedAt": "2030-01-01"}, "closedAt"),
    ],
)
def test_wrong_batches_are_refused(
    shared_api: httpx.Client, change: dict[str, Any], where: str
) -> None:
    body = {k: v for k, v in {"userId": "u1", **change}.items() if v is not ...}
    told = problem_of(shared_api.post("/api/batches", json=body), 422)
    assert where in told["detail"]


@pytest.mark.parametrize(
    ("seeds", "fields", "where"),
    [
        ((), {"room": "hall"}, "photo"),
        ((1, 2, 3), {"room": ["a", "b"]}, "room"),
        ((1, 2), {"photoId": "p1"}, "photoId"),
        ((1,), {"room": LONG[:300]}, "room"),
        ((1,), {"room": "a\x00b"}, "room"),
        ((1,), {"userId": "u2"}, "userId"),
        ((1,), {"url": "http://169.254.169.254/"}, "url"),
        ((1,), {"photo": "/etc/passwd", "room": "x"}, "photo"),
    ],
)
def test_wrong_additions_are_refused_whole(
    shared_api: httpx.Client, seeds: tuple[int, ...], fields: dict[str, Any], where: str
) -> None:
    batch_id = opened(shared_api)
    files = [("photo", (f"{seed}.jpg", picture(seed), JPEG)) for seed in seeds]
    address = f"/api/batches/{batch_id}/photos"
    answer = shared_api.post(address, files=files or {"nothing": (None, "")}, data=fields)
    assert where in json.dumps(problem_of(answer, 422)["errors"])
    assert shared_api.get(f"/api/batches/{batch_id}").json()["total"] == 0


def test_same_id_for_two_pictures_is_refused_whole(shared_api: httpx.Client) -> None:
    batch_id = opened(shared_api)
    problem_of(add(shared_api, batch_id, 1, 2, photoId=["p1", "p1"]), 409)
    assert shared_api.get(f"/api/batches/{batch_id}").json()["total"] == 0
    answer = shared_api.post(f"/api/batches/{batch_id}/photos", json={"photo": "x"})
    problem_of(answer, 415)
    problem_of(add(shared_api, batch_id, *range(51)), 400)
    assert shared_api.get(f"/api/batches/{batch_id}").json()["total"] == 0


@pytest.mark.parametrize("name", ["none", "%00", LONG])
def test_unknown_batches_are_not_found(shared_api: httpx.Client, name: str) -> None:
    for address in ("", "/results", "/left-out"):
        problem_of(shared_api.get(f"/api/batches/{name}{address}"), 404)
    problem_of(shared_api.post(f"/api/batches/{name}/close"), 404)
    problem_of(add(shared_api, name, 1), 404)


def test_request_that_is_sent_again_is_carried_out_once(api: httpx.Client) -> None:
    body = {"userId": "u1", "projectId": "m1"}
    first, again = (
        api.post("/api/batches", json=body, headers={"Idempotency-Key": "k1"}).json()
        for _ in range(2)
    )
    assert first == again
    batch_id = first["batchId"]
    files = [("photo", ("1.jpg", picture(1))), ("photo", ("no.jpg", b"no picture"))]
    address, key = f"/api/batches/{batch_id}/photos", {"Idempotency-Key": "k2"}
    added, same = (api.post(address, files=files, headers=key) for _ in range(2))
    assert (added.content, same.headers["idempotent-replayed"]) == (same.content, "true")
    # Without a key a photo is in the batch once all the same.
    assert api.post(address, files=files[:1]).json()["photos"] == added.json()["photos"][:1]
    problem_of(api.post(address, files=files[:1], headers=key), 422)
    assert api.get(f"/api/batches/{batch_id}").json()["total"] == 2
    closed, late = (
        api.post(f"/api/batches/{batch_id}/close", headers={"Idempotency-Key": "k3"})
        for _ in range(2)
    )
    assert closed.content == late.content


def test_too_large_a_body_is_refused_before_it_is_read(installation: Installation) -> None:
    settings = installation.settings.model_copy(update={"max_photo_mb": 0.1})
    with client_of(settings) as api:
        batch_id = opened(api)
        noise = b"\xff" * 60_000
        three = [("photo", (f"{n}.jpg", noise)) for n in range(5)]
        told = problem_of(api.post(f"/api/batches/{batch_id}/photos", files=three), 413)
        assert "Send fewer at a time" in told["detail"]
        one = [("photo", ("big.jpg", noise * 2)), ("photo", ("1.jpg", picture(1)))]
        answer = api.post(f"/api/batches/{batch_id}/photos", files=one)
        assert [photo["state"] for photo in answer.json()["photos"]] == ["failed", "waiting"]
        # As the last one says of itself that it is larger than it may be.
        told = problem_of(api.post("/api/batches", content=b"{" + b" " * 70_000), 413)
        assert "into a batch" in told["detail"]


def test_half_an_upload_leaves_nothing(api: httpx.Client) -> None:
    batch_id = opened(api)
    request = api.build_request(
        "POST", f"/api/batches/{batch_id}/photos", files={"photo": ("1.jpg", picture(1))}
    )
    body = request.read()
    place = urlsplit(str(api.base_url))
    with socket.create_connection((place.hostname, place.port)) as half:
        head = f"POST /api/batches/{batch_id}/photos HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        kind = request.headers["content-type"]
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        half.sendall(head.encode() + body[: len(body) // 2])
        half.shutdown(socket.SHUT_WR)
        assert half.recv(100) == b"", "the server ends the connection"
    assert api.get(f"/api/batches/{batch_id}").json()["total"] == 0
    assert api.get("/api/jobs").json()["jobs"] == []


def test_wrong_token_and_scope_are_refused(installation: Installation) -> None:
    secret = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    read = made("reader", TokenScope.READ)
    with client_of(secret) as api:
        right, reader = {"Authorization": f"Bearer {TOKEN}"}, read
        batch = api.post("/api/batches", json={"userId": "u1"}, headers=right).json()["batchId"]
        calls = [("POST", f"/api/batches/{batch}/{verb}") for verb in ("photos", "close")]
        for method, address in [("POST", "/api/batches"), *calls]:
            files = {"photo": ("1.jpg", picture(1))}
            problem_of(api.request(method, address, files=files), 401)
            told = problem_of(api.request(method, address, files=files, headers=reader), 403)
            assert "submit" in told["detail"]
        for address in (f"/api/batches/{batch}", f"/api/batches/{batch}/results", "/api/projects"):
            problem_of(api.get(address, headers={"Authorization": "Bearer wrong"}), 401)
            assert api.get(address, headers=reader).status_code == 200
        assert api.get(f"/api/batches/{batch}", headers=reader).json()["open"] is True
