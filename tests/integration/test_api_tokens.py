"""Named tokens of the HTTP API: what each scope allows, and what is on record."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from pydantic import SecretStr

import photoqueue
from photoqueue.client.observe import ask
from photoqueue.client.pruning import erase_project
from photoqueue.client.verbs import edits
from photoqueue.faces.http.access import needed_by
from photoqueue.faces.http.server import API_ROUTES
from photoqueue.installation import Installation, use
from photoqueue.queue import tokens
from photoqueue.words import TokenScope
from tests.api_server import TOKEN, asking, serving
from tests.conftest import submit
from tests.integration.conftest import Run

PHOTO = {"userId": "u1", "photoId": "p1"}
EDIT = {"verb": "rename-room", "userId": "ana", "room": "hall", "to": "entrance"}


@pytest.fixture
def address(installation: Installation) -> Iterator[str]:
    """Serve the installation with a token of the environment, so that a token is needed."""
    settings = installation.settings.model_copy(
        update={"api_token": SecretStr(TOKEN), "api_requests_per_second": 0.0}
    )
    with serving(settings) as address:
        yield address


def made(name: str, scope: TokenScope) -> dict[str, str]:
    return {"Authorization": f"Bearer {ask(tokens.make_token, name, scope)}"}


def asked(address: str, method: str, path: str, headers: dict[str, str], **rest: object) -> int:
    with asking(address, **headers) as client:
        return client.request(method, path, **rest).status_code


def test_scope_of_each_route() -> None:
    # A route that writes and declares nothing needs `operate`: it is closed until somebody thinks.
    found = {
        (method, route.path_format): needed_by(route)
        for route in API_ROUTES
        for method in route.methods or ()
        if needed_by(route) is not TokenScope.READ
    }
    assert {key for key, scope in found.items() if scope is TokenScope.SUBMIT} == {
        ("POST", "/api/photos"),
        ("POST", "/api/batches"),
        ("POST", "/api/batches/{batch_id}/photos"),
        ("POST", "/api/batches/{batch_id}/close"),
        ("POST", "/api/inventory"),
        ("POST", "/api/queue/test"),
        ("POST", "/api/projects/{project_id}/edits"),
    }
    assert {key for key, scope in found.items() if scope is TokenScope.OPERATE} == {
        ("POST", "/api/jobs/{job_id}/retry"),
        ("POST", "/api/jobs/{job_id}/cancel"),
        ("POST", "/api/queues/{name}/pause"),
        ("POST", "/api/queues/{name}/resume"),
        ("POST", "/api/webhooks/{webhook_id}/resend"),
    }


def test_each_scope_includes_those_before_it(address: str) -> None:
    calls = (
        ("GET", "/api/jobs", None),
        ("POST", "/api/queue/test", PHOTO),
        ("POST", "/api/queues/photo-analyze/pause", None),
    )
    for number, scope in enumerate(TokenScope):
        headers = made(f"{scope}r", scope)
        codes = [asked(address, method, path, headers, json=body) for method, path, body in calls]
        assert codes == [200] * (number + 1) + [403] * (2 - number), scope


def test_wrong_scope_says_which_is_needed_and_changes_nothing(address: str) -> None:
    with asking(address, **made("web", TokenScope.READ)) as api:
        answer = api.post("/api/queue/test", json=PHOTO)
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:photoqueue:problem:scope"
        assert "'web' has the scope read, and this needs submit" in answer.json()["detail"]
        assert answer.headers["www-authenticate"].endswith('scope="submit"')
        # Before the body is read, whatever it is.
        assert api.post("/api/photos", content=b"x" * 100_000).status_code == 403
        assert api.get("/api/queue/test").json()["queues"][0]["total"] == 0
        assert api.post("/api/nothing").status_code == 404


@pytest.mark.parametrize("shown", ["x", "pq_", "pq_" + "x" * 43, "pq_\N{EURO SIGN}", TOKEN + "x"])
def test_wrong_token_is_refused(address: str, shown: str) -> None:
    made("web", TokenScope.OPERATE)
    with asking(address) as api:
        answer = api.get("/api/jobs", headers={"Authorization": f"Bearer {shown}".encode()})  # type: ignore[arg-type]  # bytes will do
    assert answer.status_code == 401
    assert "photoqueue tokens make" in answer.json()["detail"]


def test_token_opens_at_once_and_nothing_once_withdrawn(
    address: str, installation: Installation
) -> None:
    # The tokens of a moment ago are known already.
    assert asked(address, "GET", "/api/jobs", made("first", TokenScope.READ)) == 200
    headers = made("web", TokenScope.READ)
    assert asked(address, "GET", "/api/jobs", headers) == 200
    ask(tokens.withdraw_token, "web")
    # Another server has not read them yet.
    settings = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    with serving(settings) as other:
        assert asked(other, "GET", "/api/jobs", headers) == 401
        assert asked(other, "GET", "/api/jobs", {"Authorization": f"Bearer {TOKEN}"}) == 200


def test_server_that_knows_a_token_hears_of_its_end(address: str) -> None:
    headers = made("web", TokenScope.READ)
    assert asked(address, "GET", "/api/jobs", headers) == 200
    ask(tokens.withdraw_token, "web")
    codes = set()
    for _ in range(2000):  # what was read before is used for at most a second
        codes.add(asked(address, "GET", "/api/changes", headers))
        if 401 in codes:
            break
    assert 401 in codes


def test_named_token_counts_on_an_open_server_too(api: httpx.Client) -> None:
    headers = made("web", TokenScope.READ)
    assert api.post("/api/queue/test", json=PHOTO).status_code == 200
    assert api.post("/api/queue/test", json=PHOTO, headers=headers).status_code == 403
    assert api.get("/api/jobs", headers={"Authorization": "Bearer pq_none"}).status_code == 401


def test_only_the_digest_of_a_token_is_stored(installation: Installation) -> None:
    token = ask(tokens.make_token, "web", TokenScope.SUBMIT)
    with psycopg.connect(installation.database.libpq_url) as connection:
        (row,) = connection.execute("SELECT api_tokens::text FROM api_tokens").fetchall()
    assert token.removeprefix("pq_") not in row[0]
    assert token not in repr(ask(tokens.list_tokens))


def test_operations_are_on_record_with_their_token(address: str) -> None:
    job = submit("p1", project_id="m1", room="hall")
    operator = made("night shift", TokenScope.OPERATE)
    assert asked(address, "POST", f"/api/jobs/{job.key}/cancel", operator) == 200
    assert asked(address, "POST", f"/api/jobs/{job.key}/cancel", operator) == 409
    main = {"Authorization": f"Bearer {TOKEN}"}
    assert asked(address, "POST", "/api/queues/photo-analyze/pause", main) == 200
    # What was refused is no operation, nor is what only submits.
    reader = made("web", TokenScope.SUBMIT)
    assert asked(address, "POST", "/api/queues/photo-analyze/resume", reader) == 403
    assert asked(address, "POST", "/api/queue/test", reader, json=PHOTO) == 200
    found = ask(tokens.list_operations, 10)
    assert [(one.token, one.action, one.target, one.status) for one in found] == [
        ("PHOTOQUEUE_API_TOKEN", "pause_queue", "photo-analyze", 200),
        ("night shift", "cancel_job", "photo-p1", 409),
        ("night shift", "cancel_job", "photo-p1", 200),
    ]
    assert len(ask(tokens.list_operations, 1)) == 1


def test_operation_that_cannot_be_recorded_is_not_carried_out(
    api: httpx.Client, installation: Installation
) -> None:
    with psycopg.connect(installation.database.libpq_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE api_operations RENAME TO elsewhere")
        assert api.post("/api/queues/photo-analyze/pause").status_code == 503
        connection.execute("ALTER TABLE elsewhere RENAME TO api_operations")
    assert api.get("/api/queue/test").json()["queues"][0]["paused"] is False


def test_edits_are_on_record_with_their_token(address: str, api: httpx.Client) -> None:
    submit("p1", project_id="m1", room="hall")
    headers = made("web", TokenScope.SUBMIT)
    with asking(address, **headers) as client:
        answer = client.post("/api/projects/m1/edits", json=EDIT)
        assert answer.status_code == 201, answer.text
        assert answer.json()["token"] == "web"
        undone = client.post("/api/projects/m1/edits", json={"verb": "undo", "userId": "ana"})
        assert undone.json()["token"] == "web"
    assert "token" not in api.post("/api/projects/m1/edits", json=EDIT).json()
    photoqueue.review("m1", user_id="ben").rename_room("entrance", "lobby")
    assert [edit.token for edit in edits("m1")] == ["web", "web", None, None]


def test_erasing_a_project_erases_operations_on_it(api: httpx.Client) -> None:
    job = submit("p1", project_id="m1", room="hall")
    other = submit("p2", project_id="m2", room="hall")
    for name in (job.key, other.key):
        api.post(f"/api/jobs/{name}/cancel")
    api.post(f"/api/jobs/{job.id}/cancel")
    erase_project("m1")
    assert [one.target for one in ask(tokens.list_operations, 10)] == [other.key]


def test_tokens_by_the_shell(run: Run, address: str) -> None:
    assert "photoqueue tokens make" in run("tokens", "list").out
    shown = run("tokens", "make", "web form", "--scope", "submit")
    assert shown.code == 0
    token = shown.out.strip()  # alone on standard output: it can be written to a file
    assert "shown only now" in shown.err
    headers = {"Authorization": f"Bearer {token}"}
    assert asked(address, "POST", "/api/queue/test", headers, json=PHOTO) == 200
    again = run("tokens", "make", "web form", "--scope", "read")
    assert again.code == 1
    assert "Choose another name" in again.err
    assert run("tokens", "make", "PHOTOQUEUE_API_TOKEN", "--scope", "read").code == 1
    assert run("tokens", "make", "a\nb", "--scope", "read").code == 1
    assert run("tokens", "make", "x", "--scope", "all").code == 2

    listed = run("tokens", "list")
    assert "web form  submit" in listed.out
    assert token not in listed.out
    assert run("tokens", "withdraw", "web form").out == "Withdrew the token 'web form'.\n"
    gone = run("tokens", "withdraw", "web form")
    assert gone.code == 1
    assert "No valid token" in gone.err
    (row,) = run("tokens", "list", "--json").json
    assert (row["name"], row["scope"]) == ("web form", "submit")
    assert row["withdrawn_at"]
    assert run("tokens", "make", "web form", "--scope", "read").code == 1

    assert "No operation" in run("tokens", "log").out
    main = {"Authorization": f"Bearer {TOKEN}"}
    assert asked(address, "POST", "/api/queues/photo-analyze/pause", main) == 200
    assert "pause_queue  photo-analyze" in run("tokens", "log").out
    (done,) = run("tokens", "log", "--json").json
    assert (done["token"], done["status"]) == ("PHOTOQUEUE_API_TOKEN", 200)


def test_other_methods_are_refused_with_those_that_there_are(api: httpx.Client) -> None:
    for path, allowed in {
        "/api/queue/test": "GET, POST",
        "/api/jobs": "GET",
        "/api/photos": "POST",
        "/api/projects/m/edits": "GET, POST",
        "/api/jobs/j/retry": "POST",
        "/healthz": "GET",
        "/openapi.json": "GET, HEAD",
    }.items():
        answer = api.delete(path)
        assert answer.status_code == 405, path
        assert ", ".join(sorted(answer.headers["allow"].split(", "))) == allowed
        assert "allow" not in api.get("/api/nothing").headers


def test_database_that_is_away_does_not_close_the_server(
    address: str, installation: Installation
) -> None:
    token = made("web", TokenScope.READ)
    use(installation.settings)
    good = installation.database.engine
    broken = installation.database.__class__("postgresql://nobody@/none?host=/nowhere")
    installation.database.engine = broken.engine
    assert asked(address, "GET", "/api/jobs", token) in {200, 503}
    assert asked(address, "GET", "/healthz", token) == 200
    assert asked(address, "GET", "/openapi.json", {"Authorization": f"Bearer {TOKEN}"}) == 200
    installation.database.engine = good
    assert asked(address, "GET", "/api/jobs", token) == 200
