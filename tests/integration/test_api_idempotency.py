"""``Idempotency-Key``: what is sent again is answered as the first time, and done once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from photoqueue.client.observe import ask, job
from photoqueue.client.pruning import erase_project, prune
from photoqueue.client.verbs import edits
from photoqueue.faces.http.idempotency import _Body
from photoqueue.installation import Installation
from photoqueue.queue import answers, tokens
from photoqueue.words import TokenScope
from tests.api_server import TOKEN, description, serving
from tests.bench import Bench
from tests.conftest import Serve, eventually, picture, submit

EDITS = "/api/projects/m1/edits"
RENAME = {"verb": "rename-room", "userId": "ana", "room": "hall", "to": "lobby"}
KEY = {"Idempotency-Key": "4f6c-1"}
STALL = "SELECT pg_advisory_lock(hashtextextended('photoqueue.edits m1', 0))"
PASS_THE_LEASE = "UPDATE api_answers SET held_until = now() WHERE status IS NULL"


@pytest.fixture
def sql(installation: Installation) -> Iterator[psycopg.Connection]:
    """Connect to the database, with a project in it."""
    submit("p1", project_id="m1", room="hall")
    url = installation.database.libpq_url
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


def problem(answer: httpx.Response, status: int, slug: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"urn:photoqueue:problem:{slug}"
    return str(answer.json()["detail"])


@contextlib.contextmanager
def stalled(sql: psycopg.Connection, address: str) -> Iterator[Future[httpx.Response]]:
    """Send an edit that waits for a lock until the block ends."""
    sql.execute(STALL)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{address}{EDITS}", json=RENAME, headers=KEY, timeout=60)
        try:
            waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            eventually(lambda: sql.execute(waiting).fetchall())
            yield first
        finally:
            sql.execute("SELECT pg_advisory_unlock_all()")


# -- once


def test_repeated_request_is_answered_as_the_first_time(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    first = api.post(EDITS, json=RENAME, headers=KEY)
    assert first.status_code == 201, first.text
    assert "idempotent-replayed" not in first.headers
    for _ in range(2):
        again = api.post(EDITS, json=RENAME, headers=KEY)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["cache-control"] == "no-store"
    assert len(edits("m1")) == 1


def test_inventory_that_ended_is_not_submitted_again(
    api: httpx.Client, sql: psycopg.Connection, installation: Installation
) -> None:
    bench, body = Bench(installation), {"projectId": "m1", "userId": "ana"}
    bench(job("photo-p1"))
    first = api.post("/api/inventory", json=body, headers=KEY).json()
    bench(job(first["jobId"]))
    assert api.post("/api/inventory", json=body, headers=KEY).json() == first
    assert api.post("/api/inventory", json=body).json()["jobId"] != first["jobId"]


def test_operation_that_is_repeated_is_on_record_once(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    for _ in range(2):
        answer = api.post("/api/jobs/photo-p1/cancel", headers=KEY)
        assert answer.json()["state"] == "cancelled"
    assert len(ask(tokens.list_operations, 10)) == 1


@pytest.mark.parametrize("body", [{**RENAME, "to": "attic"}, {**RENAME, "ref": "r1"}])
def test_another_body_is_refused(
    api: httpx.Client, sql: psycopg.Connection, body: dict[str, str]
) -> None:
    api.post(EDITS, json=RENAME, headers=KEY)
    detail = problem(api.post(EDITS, json=body, headers=KEY), 422, "idempotency-key")
    assert "Give each request its own key" in detail
    assert len(edits("m1")) == 1


def test_another_address_or_kind_is_refused(api: httpx.Client, sql: psycopg.Connection) -> None:
    api.post("/api/queues/photo-analyze/pause", headers=KEY)
    for path in ("/api/queues/photo-analyze/resume", "/api/queues/photo-analyze/pause?x=1"):
        problem(api.post(path, headers=KEY), 422, "idempotency-key")
    kind = {**KEY, "Content-Type": "text/plain"}
    problem(api.post("/api/queues/photo-analyze/pause", headers=kind), 422, "idempotency-key")
    assert api.get("/api/queue/test").json()["queues"][0]["paused"] is True


def test_keys_belong_to_a_token(api: httpx.Client, sql: psycopg.Connection) -> None:
    api.post(EDITS, json=RENAME, headers=KEY)
    token = ask(tokens.make_token, "web", TokenScope.SUBMIT)
    other = {**KEY, "Authorization": f"Bearer {token}"}
    answer = api.post(EDITS, json={**RENAME, "room": "lobby", "to": "attic"}, headers=other)
    assert answer.json()["toRoom"] == "attic"
    assert [edit.to_room for edit in edits("m1")] == ["lobby", "attic"]


def test_ref_and_key_both_hold(api: httpx.Client, sql: psycopg.Connection) -> None:
    body = {**RENAME, "ref": "r1"}
    first = api.post(EDITS, json=body, headers=KEY)
    assert first.json()["ref"] == "r1"
    # Without the key, or under another one, the edit is the one that was stored.
    for headers in ({}, {"Idempotency-Key": "other"}):
        assert api.post(EDITS, json=body, headers=headers).json() == first.json()
    assert len(edits("m1")) == 1


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 256, b"\xc3\xa9", b"a\tb"])
def test_keys_that_are_none_are_refused(api: httpx.Client, key: bytes) -> None:
    answer = api.post("/api/photos", headers={"Idempotency-Key": key})  # type: ignore[arg-type]  # bytes will do
    assert "such as a UUID" in problem(answer, 400, "idempotency-key")


def test_every_post_that_writes_takes_a_key_and_answers_json() -> None:
    reading = set()
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation.get("parameters", ())]
            good = [one for code, one in operation["responses"].items() if code < "300"]
            if "Idempotency-Key" in names:  # JSON is what is kept
                assert method == "post"
                assert [list(one["content"]) for one in good] == [["application/json"]], path
            elif method == "post":
                reading.add(path.rpartition("/")[2])
    assert reading == {"estimate", "report"}


# -- refused, failed, broken off


def test_refused_request_may_be_corrected_under_its_key(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    problem(api.post(EDITS, json={**RENAME, "room": "cellar"}, headers=KEY), 404, "not-found")
    problem(api.post(EDITS, json={**RENAME, "verb": "x"}, headers=KEY), 422, "invalid")
    large = api.post(EDITS, content=b" " * 100_000, headers=KEY)
    problem(large, 413, "too-large")
    assert api.post(EDITS, json=RENAME, headers=KEY).status_code == 201
    assert sql.execute("SELECT count(*) FROM api_answers").fetchone() == (1,)


def test_failed_request_may_be_sent_again_but_no_other_one(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    sql.execute("ALTER TABLE edits RENAME TO elsewhere")
    assert api.post(EDITS, json=RENAME, headers=KEY).status_code == 503
    sql.execute("ALTER TABLE elsewhere RENAME TO edits")
    other = api.post(EDITS, json={**RENAME, "to": "attic"}, headers=KEY)
    problem(other, 422, "idempotency-key")  # the first one may have been carried out
    assert api.post(EDITS, json=RENAME, headers=KEY).status_code == 201
    assert len(edits("m1")) == 1


def test_wrong_token_and_wrong_scope_leave_the_key_alone(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    token = ask(tokens.make_token, "web", TokenScope.READ)
    for given, status in (("pq_wrong", 401), (token, 403)):
        headers = {**KEY, "Authorization": f"Bearer {given}"}
        assert api.post(EDITS, json=RENAME, headers=headers).status_code == status
    assert sql.execute("SELECT count(*) FROM api_answers").fetchone() == (0,)


def test_half_an_upload_leaves_nothing_and_may_be_sent_again(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    head = (
        b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n"
        b"Idempotency-Key: 4f6c-1\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    held = "SELECT FROM api_answers WHERE held_until > now()"
    with closing(socket.create_connection((api.base_url.host, api.base_url.port or 0))) as half:
        half.sendall(head + b'--b\r\nContent-Disposition: form-data; name="userId"\r\n\r\nu')
        eventually(lambda: sql.execute(held).fetchall())
        problem(upload(api, 1), 409, "under-way")
    eventually(lambda: not sql.execute(held).fetchall())
    assert upload(api, 1).status_code == 202
    assert api.get("/api/queue/test").json()["queues"][0]["total"] == 2


# -- uploads


def upload(api: httpx.Client, seed: int, **fields: str) -> httpx.Response:
    return api.post(
        "/api/photos",
        files={"photo": ("a.jpg", picture(seed), "image/jpeg")},
        data={"userId": "u1", "projectId": "m1", **fields},
        headers=KEY,
    )


def test_form_is_the_same_under_another_boundary(api: httpx.Client) -> None:
    first = upload(api, 1, room="hall")  # httpx draws a new boundary for each
    assert first.status_code == 202, first.text
    again = upload(api, 1, room="hall")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    problem(upload(api, 2, room="hall"), 422, "idempotency-key")
    problem(upload(api, 1, room="attic"), 422, "idempotency-key")
    assert api.get("/api/queue/test").json()["queues"][0]["total"] == 1


def digest_of(kind: str, parts: list[bytes]) -> bytes | None:
    left = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    headers = [(b"content-type", kind.encode())]
    body = _Body({"type": "http", "path": "/p", "query_string": b"", "headers": headers}, receive)
    asyncio.run(body.read())
    return body.digest


def test_digest_does_not_depend_on_boundary_or_chunks() -> None:
    draw = random.Random(7)
    for boundary in ("b", "aaab", "-" * 20 + "x", "abab"):
        kind = f"multipart/form-data; boundary={boundary}"
        # Of few letters, so that parts of boundaries are in it.
        content = bytes(draw.choice(b"ab-x") for _ in range(60))
        mark = boundary.encode()
        form = b"--" + mark + b"\r\n\r\n" + content + b"\r\n--" + mark + b"--\r\n"
        whole = digest_of(kind, [form])
        for _ in range(50):
            cuts = sorted(draw.choices(range(len(form) + 1), k=draw.randrange(6)))
            parts = [
                form[start:end] for start, end in zip([0, *cuts], [*cuts, len(form)], strict=True)
            ]
            assert digest_of(kind, parts) == whole
    same = {
        digest_of(f"multipart/form-data; boundary={one}", [f"--{one}\r\n7\r\n--{one}--".encode()])
        for one in ("first", "another-one")
    }
    assert len(same) == 1


def test_digest_takes_no_longer_for_a_boundary_that_is_everywhere() -> None:
    kind, form = "multipart/form-data; boundary=a", b"a" * 10_000
    whole = digest_of(kind, [form])
    assert digest_of(kind, [form[:997], form[997:1003], form[1003:]]) == whole
    assert digest_of(kind, [form + b"a"]) != whole
    scope = {"path": "/p", "query_string": b"", "headers": [(b"content-type", kind.encode())]}
    updates = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": form, "more_body": len(updates) < 5000}

    body = _Body(scope, receive)
    body._sha = SimpleNamespace(update=updates.append)  # type: ignore[assignment]  # counts
    asyncio.run(body.read())
    assert len(updates) < 6000  # of 40 million boundaries


def test_refused_upload_need_not_be_sent_whole(api: httpx.Client, sql: psycopg.Connection) -> None:
    batch = api.post("/api/batches", json={"userId": "u1"}).json()["batchId"]
    api.post(f"/api/batches/{batch}/close")
    head = (
        f"POST /api/batches/{batch}/photos HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Length: 5000000\r\nIdempotency-Key: 4f6c-1\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    address = (api.base_url.host, api.base_url.port or 0)
    with closing(socket.create_connection(address, timeout=10)) as half:
        half.sendall(head.encode())
        assert half.recv(1000).startswith(b"HTTP/1.1 409 ")
    eventually(lambda: sql.execute("SELECT FROM api_answers").fetchall() == [])


def test_open_addresses_and_unknown_ones_claim_no_key(
    installation: Installation, sql: psycopg.Connection
) -> None:
    sql.execute(
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'claimed'; END "
        "$$; CREATE TRIGGER noted BEFORE INSERT ON api_answers FOR EACH ROW "
        "EXECUTE FUNCTION noted()"
    )
    settings = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    with serving(settings) as address:
        for path in ("/", "/healthz", "/readyz", "/board/board.js"):
            answer = httpx.post(address + path, headers=KEY)
            assert answer.status_code == 405, (path, answer.text)
        known = {**KEY, "Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{address}/api/nothing", headers=known).status_code == 404


# -- at the same time


def test_request_under_way_is_not_begun_again(api: httpx.Client, sql: psycopg.Connection) -> None:
    with stalled(sql, str(api.base_url)) as first:
        answer = api.post(EDITS, json=RENAME, headers=KEY)
        assert "still under way" in problem(answer, 409, "under-way")
        assert answer.headers["retry-after"]
        other = api.post(EDITS, json={**RENAME, "to": "attic"}, headers=KEY)
        problem(other, 422, "idempotency-key")
        assert not first.done()
    assert first.result().status_code == 201
    again = api.post(EDITS, json=RENAME, headers=KEY)
    assert again.content == first.result().content
    assert len(edits("m1")) == 1


def test_many_at_once_are_carried_out_once(api: httpx.Client, sql: psycopg.Connection) -> None:
    def post(_: int) -> httpx.Response:
        return httpx.post(api.base_url.join(EDITS), json=RENAME, headers=KEY, timeout=60)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(post, range(24)))
    assert {answer.status_code for answer in found} <= {201, 409}
    assert len({answer.content for answer in found if answer.status_code == 201}) == 1
    assert len(edits("m1")) == 1


def test_claim_is_held_for_as_long_as_the_request_takes(
    api: httpx.Client, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LEASE", timedelta(seconds=9))
    with stalled(sql, str(api.base_url)):
        first = sql.execute("SELECT held_until FROM api_answers").fetchone()
        later = "SELECT FROM api_answers WHERE held_until > %s"
        eventually(lambda: sql.execute(later, first).fetchall())
        problem(api.post(EDITS, json=RENAME, headers=KEY), 409, "under-way")
    assert len(edits("m1")) == 1


# -- killed servers


@pytest.fixture
def killed(serve: Callable[..., Serve], sql: psycopg.Connection) -> Callable[[bool], None]:
    """Kill a server while it makes an edit: before or after that is committed."""

    def kill(committed: bool) -> None:
        server = serve("--port", "0")
        eventually(lambda: server.address)
        with contextlib.ExitStack() as held, stalled(sql, server.address) as first:
            if committed:  # it may make the edit, and must wait to keep the answer
                held.enter_context(sql.transaction())
                sql.execute("LOCK TABLE api_answers IN SHARE ROW EXCLUSIVE MODE")
                sql.execute("SELECT pg_advisory_unlock_all()")
                eventually(lambda: len(edits("m1")) == 1)
            server.process.kill()
            server.process.wait()
            with pytest.raises(httpx.HTTPError):
                first.result()

    return kill


@pytest.mark.parametrize("committed", [False, True])
def test_request_of_a_killed_server_is_carried_out_once(
    api: httpx.Client, sql: psycopg.Connection, killed: Callable[[bool], None], committed: bool
) -> None:
    killed(committed)
    assert len(edits("m1")) == committed
    problem(api.post(EDITS, json=RENAME, headers=KEY), 409, "under-way")
    sql.execute(PASS_THE_LEASE)
    other = api.post(EDITS, json={**RENAME, "to": "attic"}, headers=KEY)
    problem(other, 422, "idempotency-key")
    answer = api.post(EDITS, json=RENAME, headers=KEY)
    assert (answer.status_code, answer.json()["number"]) == (201, 1)
    assert "idempotent-replayed" not in answer.headers
    assert api.post(EDITS, json=RENAME, headers=KEY).headers["idempotent-replayed"] == "true"
    assert len(edits("m1")) == 1


def test_server_that_lost_its_claim_does_not_overwrite_the_answer(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    with stalled(sql, str(api.base_url)) as first:
        sql.execute(PASS_THE_LEASE)
        taken = ask(answers.claim, "", KEY["Idempotency-Key"], None)
        assert taken.claim is not None
        answer = {"digest": b"digest", "status": 200, "answer": '{"by": "the other"}'}
        ask(partial(answers.record, claim=taken.claim, what="keep", **answer))
    assert first.result().status_code == 201
    assert sql.execute("SELECT answer FROM api_answers").fetchall() == [({"by": "the other"},)]


def test_answer_that_cannot_be_kept_is_sent_all_the_same(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    sql.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE disk_full; END $$;"
        "CREATE TRIGGER full_disk BEFORE UPDATE ON api_answers FOR EACH ROW "
        "EXECUTE FUNCTION full_disk()"
    )
    first = api.post(EDITS, json=RENAME, headers=KEY)
    assert first.status_code == 201
    sql.execute("DROP TRIGGER full_disk ON api_answers")
    sql.execute(PASS_THE_LEASE)
    assert api.post(EDITS, json=RENAME, headers=KEY).json() == first.json()
    assert len(edits("m1")) == 1


# -- the end of an answer


def test_key_is_forgotten_after_a_day(api: httpx.Client, sql: psycopg.Connection) -> None:
    for number in range(3):
        headers = {"Idempotency-Key": f"old-{number}"}
        assert api.post("/api/queues/photo-analyze/pause", headers=headers).is_success
    day = "SELECT bool_and(expires_at - now() BETWEEN '23 h' AND '24 h') FROM api_answers"
    assert sql.execute(day).fetchone() == (True,)
    sql.execute("UPDATE api_answers SET expires_at = now()")
    answer = api.post("/api/queues/photo-analyze/resume", headers={"Idempotency-Key": "old-0"})
    assert answer.json()["paused"] is False
    assert "idempotent-replayed" not in answer.headers
    assert sql.execute("SELECT key FROM api_answers").fetchall() == [("old-0",)]


def test_pruning_deletes_forgotten_answers(api: httpx.Client, sql: psycopg.Connection) -> None:
    for number in range(2):
        headers = {"Idempotency-Key": f"k{number}"}
        assert api.post("/api/queues/photo-analyze/pause", headers=headers).is_success
    sql.execute("UPDATE api_answers SET expires_at = now() WHERE key = 'k0'")
    prune(timedelta(days=90))
    assert sql.execute("SELECT key FROM api_answers").fetchall() == [("k1",)]


def test_edit_under_a_forgotten_key_is_made(api: httpx.Client, sql: psycopg.Connection) -> None:
    api.post(EDITS, json=RENAME, headers=KEY)
    sql.execute("UPDATE api_answers SET expires_at = now()")
    answer = api.post(EDITS, json={**RENAME, "room": "lobby", "to": "attic"}, headers=KEY)
    assert answer.json()["toRoom"] == "attic"
    assert len(edits("m1")) == 2


def test_erasing_a_project_erases_answers_about_it(
    api: httpx.Client, sql: psycopg.Connection
) -> None:
    submit("p2", project_id="m2", room="hall")
    posts: dict[str, Any] = {
        EDITS: RENAME,
        "/api/projects/m2/edits": RENAME,
        "/api/jobs/photo-p1/cancel": None,
        "/api/jobs/photo-p2/cancel": None,
        "/api/queues/photo-analyze/pause": None,
    }
    for number, (path, body) in enumerate(posts.items()):
        headers = {"Idempotency-Key": f"k{number}"}
        assert api.post(path, json=body, headers=headers).is_success
    erase_project("m1")
    left = sql.execute("SELECT key FROM api_answers ORDER BY key").fetchall()
    assert left == [("k1",), ("k3",), ("k4",)]
