"""The HTTP API does what it is contracted to: submit, look, steer, for every thing there is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import photoqueue
from photoqueue.installation import Installation
from photoqueue.jobs import job_types
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.workers import Host, Register
from tests.bench import Bench
from tests.conftest import Worker, eventually, picture, submit

UNFINISHED = {"waiting", "active", "delayed"}


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


def queue_of(api: httpx.Client, name: str = "photo-analyze") -> dict[str, Any]:
    answer = api.get("/api/queue/test").json()
    assert answer["timestamp"]
    return next(queue for queue in answer["queues"] if queue["name"] == name)


def test_queue_test_answers_as_contracted_and_proves_the_whole_chain(
    api: httpx.Client, start_worker: Callable[..., Worker]
) -> None:
    body = {"userId": "u1", "photoId": "try-1", "roomType": "salon"}
    answer = api.post("/api/queue/test", json=body)
    assert answer.status_code == 200
    job_id = answer.json()["jobId"]
    assert answer.json() == {
        "success": True,
        "jobId": job_id,
        "bullJobId": "photo-try-1",
        "queuePosition": "waiting",
    }
    assert queue_of(api)["waiting"] == 1, "who submits sees it in the very next answer"

    worker = start_worker("--queue", "photo-analyze", wait=False)
    eventually(lambda: queue_of(api)["completed"] == 1, timeout=90, worker=worker)
    counted = queue_of(api)
    assert (counted["waiting"], counted["active"], counted["failed"]) == (0, 0, 0)
    assert counted["total"] == 1
    job = api.get(f"/api/jobs/{job_id}").json()
    assert job["result"]["photoId"] == "try-1"
    assert job["result"]["roomType"] == "salon"
    assert {"name", "category", "dismountable"} <= job["result"]["items"][0].keys()


def test_commands_of_the_predecessor_give_their_answers(api: httpx.Client) -> None:
    shell = (
        f"curl -s -X POST {api.base_url}/api/queue/test -H 'Content-Type: application/json' "
        """-d '{"userId": "user-1", "photoId": "photo-1", "roomType": "salon"}'; """
        f"curl -s {api.base_url}/api/queue/test"
    )
    said = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout
    assert '"success":true' in said
    assert '"bullJobId":"photo-photo-1"' in said
    assert '"queuePosition":"waiting"' in said
    assert '"name":"photo-analyze","waiting":1,"active":0' in said


def test_queue_test_gives_a_known_photo_its_own_picture(
    api: httpx.Client, installation: Installation
) -> None:
    known = submit("known-1", room="salon", project_id="move-1")
    body = {"userId": "u1", "photoId": "known-1"}
    assert api.post("/api/queue/test", json=body).json()["jobId"] == known.id
    row = api.get(f"/api/jobs/{known.id}").json()
    assert (row["room"], row["projectId"]) == ("salon", "move-1")


def test_upload_is_analysed_under_the_name_of_its_file(api: httpx.Client, bench: Bench) -> None:
    answer = api.post(
        "/api/photos",
        files={"photo": ("../Küche 1.jpg", picture(7), "image/jpeg")},
        data={"userId": "u1", "projectId": "move-1", "room": "kitchen", "resubmit": "true"},
    )
    assert answer.status_code == 202, answer.text
    submitted = answer.json()
    assert (submitted["queue"], submitted["state"]) == ("photo-analyze", "waiting")
    bench(photoqueue.job(submitted["jobId"]))
    job = api.get(f"/api/jobs/{submitted['jobKey']}").json()
    assert (job["fileName"], job["room"], job["state"]) == ("Küche 1.jpg", "kitchen", "completed")
    assert job["success"] is True
    assert [attempt["outcome"] for attempt in job["attemptList"]] == ["completed"]


def test_moved_photo_and_files_left_out_are_told(api: httpx.Client, tmp_path: Path) -> None:
    answers = [
        api.post(
            "/api/photos",
            files={"photo": ("1.jpg", picture(7), "image/jpeg")},
            data={"userId": "u1", "photoId": "p1", "projectId": "m1", "room": room},
        ).json()
        for room in ("hall", "hall", "attic")
    ]
    assert [answer.get("movedFrom") for answer in answers] == [None, None, "hall"]
    (tmp_path / "move" / "hall").mkdir(parents=True)
    (tmp_path / "move" / "hall" / "1.jpg").write_bytes(picture(7))
    (tmp_path / "move" / "plan.pdf").write_bytes(b"%PDF-1.7")
    batch = photoqueue.submit_photos(tmp_path / "move")
    answer = api.get(f"/api/batches/{batch.id}/left-out")
    assert answer.json() == [{"file": "plan.pdf", "reason": "is a PDF"}]
    assert api.get("/api/batches/b-1/left-out").status_code == 404


def test_known_photo_is_analysed_again_by_its_id_alone(api: httpx.Client, bench: Bench) -> None:
    first = submit("again-1", project_id="move-1", room="hall")
    bench(first)
    body = {"photoId": "again-1", "userId": "u2"}
    assert api.post("/api/photos", json=body).json() == {
        "jobId": first.id,
        "jobKey": "photo-again-1",
        "queue": "photo-analyze",
        "state": "completed",
    }
    second = api.post("/api/photos", json={**body, "resubmit": True}).json()
    assert second["jobId"] != first.id
    bench(photoqueue.job(second["jobId"]))
    assert api.get(f"/api/jobs/{second['jobId']}").json()["room"] == "hall"
    missing = api.post("/api/photos", json={"photoId": "never", "userId": "u2"})
    assert missing.status_code == 404
    assert "Send its picture" in missing.json()["detail"]


def test_inventory_of_a_project(api: httpx.Client, bench: Bench) -> None:
    bench(submit("room-1", project_id="move/1", room="salon"))
    assert api.get("/api/projects/move/1/inventory").status_code == 404
    answer = api.post("/api/inventory", json={"projectId": "move/1", "userId": "u1"})
    assert answer.status_code == 202
    assert answer.json()["jobKey"] == "inventory-move/1"
    bench(photoqueue.job(answer.json()["jobId"]))
    inventory = api.get("/api/projects/move/1/inventory").json()
    assert inventory["projectId"] == "move/1"
    assert inventory["totalItems"] == 1
    assert inventory["rooms"] == ["salon"]
    assert inventory["lines"][0]["name"]
    unknown = api.post("/api/inventory", json={"projectId": "none", "userId": "u1"})
    assert unknown.status_code == 404
    assert unknown.json()["type"] == "urn:photoqueue:problem:unknown-project"


def test_jobs_are_listed_by_state_in_pages(api: httpx.Client) -> None:
    submitted = [submit(f"page-{number}").id for number in range(7)]
    photoqueue.cancel(submitted[0])
    seen: list[str] = []
    after: str | None = None
    while True:
        place = {"after": after} if after else {}
        page = api.get("/api/jobs", params={"state": "waiting", "limit": 4, **place}).json()
        seen += [job["jobId"] for job in page["jobs"]]
        after = page["next"]
        if after is None:
            break
    assert seen == submitted[:0:-1]
    both = api.get("/api/jobs?state=waiting&state=cancelled&search=PAGE-").json()["jobs"]
    assert sorted(job["progress"] for job in both) == [0] * 6 + [1]
    counts = api.get("/api/jobs/counts", params={"search": "page-"}).json()["counts"]
    assert (counts["waiting"], counts["cancelled"], counts["failed"]) == (6, 1, 0)


def test_failed_job_is_shown_with_its_traceback_and_started_anew(
    api: httpx.Client, bench: Bench, installation: Installation
) -> None:
    job = submit("permanent-1")
    with pytest.raises(photoqueue.JobFailedError):
        bench(job)
    shown = api.get(f"/api/jobs/{job.id}").json()
    assert (shown["state"], shown["progress"]) == ("failed", 1)
    assert "can never be analysed" in shown["errorTraceback"]
    assert api.post(f"/api/jobs/{job.id}/retry").json()["state"] == "waiting"
    assert api.post(f"/api/jobs/{job.key}/retry").status_code == 409
    assert api.post(f"/api/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    refused = api.post(f"/api/jobs/{job.id}/cancel")
    assert refused.status_code == 409
    assert "it is cancelled" in refused.json()["detail"]
    assert queue_of(api)["cancelled"] == 1


def test_queues_are_paused_and_resumed(api: httpx.Client) -> None:
    paused = api.post("/api/queues/photo-analyze/pause")
    assert paused.json() == {"name": "photo-analyze", "paused": True}
    assert queue_of(api)["paused"] is True
    assert queue_of(api, "inventory-sync")["paused"] is False
    assert api.post("/api/queues/photo-analyze/resume").json()["paused"] is False
    assert queue_of(api)["paused"] is False


def test_workers_are_listed_while_they_live(api: httpx.Client, installation: Installation) -> None:
    assert api.get("/api/workers").json() == {"workers": []}
    host = Host(name="h1", key="k", pid=1, started=0.0)
    with closing(Ledger(installation.database)) as ledger:
        Register(ledger).add(
            uuid4(), host, queues=list(job_types()), concurrency=3, engine="scripted"
        )
    (worker,) = api.get("/api/workers").json()["workers"]
    assert (worker["host"], worker["concurrency"], worker["active"]) == ("h1", 3, 0)
    assert worker["queues"] == ["photo-analyze", "inventory-sync"]


def test_change_mark_changes_with_a_submission(api: httpx.Client) -> None:
    before = api.get("/api/changes").json()["mark"]
    api.post("/api/queue/test", json={"userId": "u1", "photoId": "mark-1"})
    assert api.get("/api/changes").json()["mark"] != before


def test_probes_tell_alive_and_ready(api: httpx.Client) -> None:
    assert api.get("/healthz").json() == {"status": "alive"}
    ready = api.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert [check["name"] for check in ready.json()["checks"]] == ["schema", "broker", "workers"]


def test_jobs_without_a_worker_make_it_unready(api: httpx.Client) -> None:
    submit("alone-1")
    unready = api.get("/readyz")
    assert unready.status_code == 503
    (problem,) = [check["problem"] for check in unready.json()["checks"] if not check["ok"]]
    assert "photoqueue worker --queue photo-analyze" in problem
    assert api.get("/readyz?workers=false").status_code == 200
