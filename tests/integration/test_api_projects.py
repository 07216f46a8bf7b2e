"""Projects over HTTP: their list, pictures, estimates and report files."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

import photoqueue
from photoqueue.client import gallery
from photoqueue.installation import Installation
from tests.bench import Bench
from tests.conftest import picture, submit
from tests.integration.test_api_bad_input import LONG, problem_of

RATES = {"currency": "EUR", "vat": "20", "perHour": "40"}


@pytest.fixture
def move(installation: Installation) -> str:
    """A project with a slash in its name that was added up."""
    bench = Bench(installation)
    bench(submit("room-1", project_id="move/1", room="salon"))
    bench(photoqueue.submit_inventory("move/1"))
    return "move/1"


def test_projects_are_listed_newest_first(api: httpx.Client, move: str) -> None:
    submit("p2", project_id="m2", room="hall")
    first, second = api.get("/api/projects").json()["projects"]
    assert (first["projectId"], first["photos"], first["newestInventory"]) == ("m2", 1, None)
    assert (second["projectId"], second["rooms"]) == (move, 1)
    assert second["newestInventory"]
    assert len(api.get("/api/projects?limit=1").json()["projects"]) == 1
    for limit in (0, 501, "x"):
        problem_of(api.get(f"/api/projects?limit={limit}"), 422)


def test_pictures_are_small_or_full_and_tell_nothing_else(api: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "home of the Smiths"  # turned, and a description
    stream = io.BytesIO()
    Image.new("RGB", (2000, 1000), "red").save(stream, "JPEG", exif=exif)
    photoqueue.submit_photo(stream.getvalue(), photo_id="a/b", user_id="u1")
    sizes = {}
    for size in ("small", "full"):
        answer = api.get("/api/photos/a/b/picture", params={"size": size})
        assert answer.headers["content-type"] == "image/jpeg"
        shown = Image.open(io.BytesIO(answer.content))
        assert not shown.getexif()
        assert b"Smiths" not in answer.content
        sizes[size] = shown.size
    assert sizes["full"] == (1000, 2000)
    assert max(sizes["small"]) < 1000
    assert sizes["small"][1] == 2 * sizes["small"][0]


def test_few_pictures_are_decoded_at_a_time(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each may take 400 MiB.
    submit("p1")
    decode, inside, most = gallery._decoded, [0], [0]

    def counted(*given: Any) -> Image.Image:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        try:
            time.sleep(0.05)  # longer than the threads need to come
            return decode(*given)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(gallery, "_decoded", counted)

    def asked(number: int) -> int:
        size = "small" if number % 2 else "full"  # no thumbnail is stored yet
        address = api.base_url.join(f"/api/photos/p1/picture?size={size}")
        return httpx.get(address, timeout=60).status_code

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(asked, range(24))) == {200}
    assert 1 <= most[0] <= 2


def test_pictures_that_are_none_are_refused(api: httpx.Client, installation: Installation) -> None:
    for name in ("none", "%00", LONG):
        for size in ("small", "full"):
            problem_of(api.get(f"/api/photos/{name}/picture?size={size}"), 404)
    submit("p1")
    problem_of(api.get("/api/photos/p1/picture?size=huge"), 422)
    sha256 = installation.photo_store
    with installation.database.direct() as connection:
        ((content,),) = connection.execute("SELECT sha256 FROM photos").fetchall()
    sha256.delete(content)
    for size in ("small", "full"):
        told = problem_of(api.get(f"/api/photos/p1/picture?size={size}"), 404)
        assert "p1" in told["detail"] or "photo" in told["detail"]
    (broken,) = photoqueue.submit_photos([b"no picture"])
    answer = api.get(f"/api/photos/{broken.photo_id}/picture?size=small")
    assert "Submit it again" in problem_of(answer, 404)["detail"]


def test_estimate_is_that_of_the_sdk(api: httpx.Client, move: str) -> None:
    body = {"access": [{"floor": 3}, {"floor": 0}], "drivingHours": 2, "rates": RATES}
    answer = api.post(f"/api/projects/{move}/estimate", json={**body, "lang": "fr"})
    assert answer.status_code == 200, answer.text
    ours = photoqueue.estimate(move, access=body["access"], driving_hours=2, rates=RATES, lang="fr")
    assert answer.text == ours.to_json()
    assert answer.json()["price"]["currency"] == "EUR"
    bare = api.post(f"/api/projects/{move}/estimate", json={}).json()
    assert "price" not in bare


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"crew": 0}, "crew"),
        ({"access": [{"floor": 3}]}, "access"),
        ({"access": [{"floor": 3, "colour": 1}, {}]}, "colour"),
        ({"rates": {"currency": "EUR"}}, "vat"),
        ({"rates": {**RATES, "perM3": 3}}, "per_m3"),
        ({"vehicle": "Zeppelin"}, "Zeppelin"),
        ({"cartons": {"hall": -1}}, "cartons"),
        ({"lang": "de"}, "lang"),
        ({"path": "/etc/passwd"}, "path"),
        (None, "body"),
    ],
)
def test_wrong_terms_are_named(
    shared_api: httpx.Client, body: dict[str, Any] | None, where: str
) -> None:
    for kind in ("estimate", "report"):
        told = problem_of(shared_api.post(f"/api/projects/m1/{kind}", json=body), 422)
        assert where in told["detail"]


@pytest.mark.parametrize(
    ("body", "start", "kind"),
    [
        ({}, b"<!doctype html>", "text/html"),
        ({"format": "pdf", "lang": "fr", "rates": RATES}, b"%PDF-", "application/pdf"),
        ({"format": "xlsx", "units": "imperial"}, b"PK", "spreadsheetml"),
    ],
)
def test_report_is_a_file(
    api: httpx.Client, move: str, body: dict[str, Any], start: bytes, kind: str
) -> None:
    answer = api.post(f"/api/projects/{move}/report", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.content[:20].lower().startswith(start.lower())
    assert kind in answer.headers["content-type"]
    name = answer.headers["content-disposition"]
    assert name.startswith("attachment; filename*=UTF-8''report-")
    assert name.endswith(f".{body.get('format', 'html')}")
    assert "/" not in name


def test_files_are_made_anew_whatever_their_key(api: httpx.Client, move: str) -> None:
    for _ in range(2):
        answer = api.post(
            f"/api/projects/{move}/report",
            json={"format": "xlsx"},
            headers={"Idempotency-Key": "k1"},
        )
        assert (answer.status_code, answer.content[:2]) == (200, b"PK")
        assert "idempotent-replayed" not in answer.headers


def test_nothing_is_made_of_a_project_that_is_not_there(api: httpx.Client) -> None:
    submit("p1", project_id="m1")
    for kind in ("estimate", "report"):
        told = problem_of(api.post(f"/api/projects/none/{kind}", json={}), 404)
        assert told["type"].endswith("unknown-project")
        told = problem_of(api.post(f"/api/projects/m1/{kind}", json={}), 404)
        assert "added up" in told["detail"]
        problem_of(api.post(f"/api/projects/m1/{kind}", json={"format": "docx"}), 422)


def test_photo_without_a_result_has_a_picture(api: httpx.Client) -> None:
    photoqueue.submit_photo(picture(3), photo_id="new", user_id="u1")
    assert api.get("/api/photos/new/picture?size=small").status_code == 200
