"""A job type of one's own: done, counted and shown everywhere, with nothing of it in photoqueue."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import photoqueue
from photoqueue import JobFailedError, JobState, JobType, NoWorkerError, words
from photoqueue.client.metrics import figures
from photoqueue.errors import ConfigurationError, PayloadError, StateError
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.installation import Installation, current, use
from photoqueue.jobs import job_types, types_to_run
from photoqueue.jobs.handling import Workplace, load_handler
from photoqueue.queue.database import Database
from photoqueue.queue.pages import JobQuery, job_page
from photoqueue.queue.workers import enter_queues
from photoqueue.settings import Settings, load_settings
from tests import warm
from tests.api_server import client_of
from tests.bench import Bench
from tests.conftest import REPOSITORY, eventually, submit, wait_until_ready
from tests.integration.conftest import Run
from tests.own_type import ECHO, FLOOR_PLAN, SHAKY, VISIT, Drawing, FloorPlan, Visit

TYPES = ("tests.own_type:FLOOR_PLAN", "tests.own_type:ECHO")


@pytest.fixture
def plain(settings: Settings) -> Settings:
    """Settings of a process that was not told of the types."""
    return settings


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    use(settings.model_copy(update={"job_types": TYPES}))
    yield current()
    use(None)


def shell(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings.to_environment(), "COLUMNS": "200"}
    return warm.interpreter().run(*arguments, environment=environment)


# -- all the way ------------------------------------------------------------------------------


def test_job_is_done_by_a_worker_counted_charted_and_shown_everywhere(
    installation: Installation, start_worker: Callable[..., Any], run: Run
) -> None:
    # Given a worker of all queues, as `photoqueue worker` starts it
    worker = start_worker()
    # When two jobs of the type are submitted, one of which cannot be done
    drawn = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
    refused = photoqueue.submit(FLOOR_PLAN, FloorPlan(project_id="move-43", scale=0))
    assert drawn.result(120) == Drawing(project_id="move-42", scale="1:100", language="en")
    with pytest.raises(JobFailedError, match="Nothing can be drawn"):
        refused.result(120)
    # Then photos are still analysed by the same worker
    assert submit("salon-1", project_id="move-42").result(120).items

    # it is in the log, the counts, the history, the charts
    assert "floor-plan completed" in worker.log
    assert "project=move-42" in worker.log
    counts = photoqueue.stats()["floor-plan"]
    assert (counts.completed, counts.failed, counts.workers) == (1, 1, 1)
    history = photoqueue.history(queue="floor-plan")
    assert list(history["job_key"]) == ["floor-plan-move-43", "floor-plan-move-42"]
    assert set(photoqueue.history(project_id="move-42")["queue_name"]) == {
        "floor-plan",
        "photo-analyze",
    }
    (row,) = photoqueue.collect(drawn).to_dict("records")
    assert row["result"]["scale"] == "1:100"
    eventually(lambda: figures(queue="floor-plan").durations.completed.count == 1)
    eventually(lambda: figures(queue="floor-plan").failures.failed == 1)
    assert figures(queue="photo-analyze").durations.completed.count == 1
    charts = ChartsView(queue="floor-plan")
    charts.refresh()
    assert "floor-plan" in charts.queues
    assert charts.durations["rows"][0][:2] == ["completed", "1"]

    look_in_the_shell(run)
    look_over_http(installation.settings)
    look_in_the_workbench()


def look_in_the_shell(run: Run) -> None:
    assert "floor-plan" in run("status").out
    jobs = run("jobs", "--queue", "floor-plan").out
    assert "floor-plan-move-42" in jobs
    assert "salon" not in jobs
    assert '"scale": "1:100"' in run("job", "floor-plan-move-42").out
    wrong = run("jobs", "--queue", "floor-plans")
    assert wrong.code == 2
    assert "floor-plan" in wrong.err


def look_over_http(settings: Settings) -> None:
    with client_of(settings.model_copy(update={"api_requests_per_second": 0.0})) as api:
        queues = {queue["name"]: queue for queue in api.get("/api/queue/test").json()["queues"]}
        assert list(queues) == ["photo-analyze", "inventory-sync", "floor-plan", "echo"]
        assert queues["floor-plan"]["completed"] == 1
        jobs = api.get("/api/jobs", params={"queue": "floor-plan"}).json()["jobs"]
        assert [job["jobKey"] for job in jobs] == ["floor-plan-move-43", "floor-plan-move-42"]
        job = api.get("/api/jobs/floor-plan-move-42").json()
        assert (job["queue"], job["result"]["scale"]) == ("floor-plan", "1:100")
        (worker,) = api.get("/api/workers").json()["workers"]
        assert "floor-plan" in worker["queues"]
        assert api.post("/api/queues/floor-plan/pause").json()["paused"] is True
        assert photoqueue.stats()["floor-plan"].paused
        assert api.post("/api/queues/floor-plan/resume").json()["paused"] is False
        refused = api.get("/api/jobs", params={"queue": "floor-plans"})
        assert refused.status_code == 422
        assert "floor-plan" in refused.text
        assert "floor-plan" in json.dumps(api.get("/openapi.json").json())
        metrics = api.get("/metrics").text
        assert 'photoqueue_jobs_completed_total{queue="floor-plan"} 1.0' in metrics
        assert 'photoqueue_jobs_failed_total{queue="floor-plan"} 1.0' in metrics
        assert 'photoqueue_jobs{queue="floor-plan",state="completed"} 1.0' in metrics


def look_in_the_workbench() -> None:
    view = JobsView()
    view.refresh()
    assert "floor-plan" in view.controls["queues"]
    assert "floor-plan-move-42" in [row["name"] for row in view.page["rows"]]
    view._received(view, {"kind": "filter", "queue": "floor-plan", "states": [], "text": ""}, [])
    view.refresh()
    assert {row["queue"] for row in view.page["rows"]} == {"floor-plan"}


# -- what a job of one's own is ---------------------------------------------------------------


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


def test_exception_is_retried_and_the_job_can_be_started_anew(
    installation: Installation, bench: Bench
) -> None:
    job = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42", "scale": 13})
    with pytest.raises(NoWorkerError, match=r"no worker for floor-plan .*1 delayed"):
        bench(job)
    while not job.done():  # what is not due yet is not taken
        with suppress(NoWorkerError, JobFailedError):
            bench(job)
    assert "the pen broke" in str(job.exception())
    assert list(job.attempts()["outcome"]) == ["error"] * installation.settings.max_attempts
    assert photoqueue.retry(job) == 1


def test_type_without_models_takes_and_gives_objects_of_json(bench: Bench) -> None:
    one, other = (photoqueue.submit(ECHO, {"text": "hello", "rooms": [1, 2]}) for _ in range(2))
    assert one != other  # each has its own key
    assert one.key == f"echo-{one.id}"
    assert bench(one) == {"text": "hello", "rooms": [1, 2]}
    assert photoqueue.poll(one.key).state is JobState.COMPLETED


def test_values_arrive_as_they_were_submitted(bench: Bench) -> None:
    visit = Visit(day=date(2026, 2, 28), rooms=("attic",), plan=b"\xff", note=None, hours=None)
    assert bench(photoqueue.submit(VISIT, visit)) == visit


def test_later_submission_of_a_waiting_job_is_what_is_done(bench: Bench) -> None:
    first = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
    again = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42", "scale": 50})
    assert again == first
    assert bench(again).scale == "1:50"
    # An ended one does not stand for the next.
    assert photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"}) != first


def test_running_job_is_not_taken_for_one_with_other_data(database: Database, bench: Bench) -> None:
    job = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})

    def submit_more(handler: Any) -> Any:
        def disturbed(claim: Any, calls: Any) -> str:
            assert photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"}) == job
            with pytest.raises(StateError, match=f"already running, as job {job.id}"):
                photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42", "scale": 50})
            return handler(claim, calls)

        return disturbed

    assert bench(job, around=submit_more).scale == "1:100"


def test_job_may_wait_for_a_batch(bench: Bench) -> None:
    batch = photoqueue.submit_photos([{"photo": b"no picture", "photo_id": "p1"}])
    (photo,) = photoqueue.poll(batch)["state"]
    assert photo == "failed"
    job = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"}, after=batch)
    assert job.poll().ready_at is None
    moved = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
    assert moved == job
    assert job.poll().ready_at is not None


@pytest.mark.parametrize(
    ("job_type", "payload", "message"),
    [
        (FLOOR_PLAN, {}, "project_id: Field required"),
        (FLOOR_PLAN, {"project_id": "m", "colour": "red"}, "colour"),
        (FLOOR_PLAN, {"project_id": "m" * 300}, "job key has 311 characters"),
        (FLOOR_PLAN, "move-42", "of a job of floor-plan is not valid"),
        (ECHO, ["hello"], "give a dict"),
        (ECHO, {"when": object()}, "not JSON"),
        ("floor-plan", {"project_id": "m"}, "job_type is str"),
        (words.job_type("photo-analyze"), {"photo_id": "p"}, "submit_photo"),
        (words.job_type("inventory-sync"), {"project_id": "m"}, "submit_inventory"),
        (JobType("echo", key="echo-{text}", handler="tests.own_type:make_echo"), {}, "'text'"),
    ],
)
def test_submission_that_cannot_be_done_is_refused(
    installation: Installation, job_type: Any, payload: Any, message: str
) -> None:
    with pytest.raises(PayloadError, match=message):
        photoqueue.submit(job_type, payload)
    assert photoqueue.history().empty


def test_example_of_the_documentation_runs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs/how-to/own-job-type.md").read_text()
    declaration, submission = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "floor_plans.py").write_text(declaration)
    monkeypatch.syspath_prepend(tmp_path)
    (named,) = re.findall(r"PHOTOQUEUE_JOB_TYPES=(\S+)", page)
    use(settings.model_copy(update={"job_types": (named,)}))
    try:
        lines = submission.strip().splitlines()
        done: dict[str, Any] = {}
        exec("\n".join(lines[:-1]), done)
        assert lines[-1] == "job.result(timeout=30)"
        assert Bench(current())(done["job"]).scale == "1:50"
    finally:
        use(None)


# -- who knows of it --------------------------------------------------------------------------


def test_process_without_the_setting_shows_and_counts_the_jobs_and_does_none(
    plain: Settings, installation: Installation, bench: Bench
) -> None:
    bench(photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"}))
    status = json.loads(shell(plain, "status", "--json").stdout)
    assert "floor-plan" in json.dumps(status)
    jobs = json.loads(shell(plain, "jobs", "--queue", "floor-plan", "--json").stdout)
    assert [job["job_key"] for job in jobs] == ["floor-plan-move-42"]
    assert "1:100" in shell(plain, "job", "floor-plan-move-42").stdout
    refused = shell(plain, "worker", "--queue", "floor-plan")
    assert refused.returncode != 0
    assert "PHOTOQUEUE_JOB_TYPES" in refused.stderr


def test_worker_without_the_setting_announces_jobs_whose_message_is_lost(
    plain: Settings, installation: Installation, start_worker: Callable[..., Any]
) -> None:
    photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
    assert installation.broker.take(FLOOR_PLAN) is not None
    assert installation.broker.size(FLOOR_PLAN) == 0
    start_worker(settings=plain)
    eventually(lambda: installation.broker.size(FLOOR_PLAN) == 1)
    assert photoqueue.stats()["floor-plan"].workers == 0


def test_submitting_process_needs_no_setting(plain: Settings, database_url: str) -> None:
    use(plain)
    try:
        assert "floor-plan" not in photoqueue.stats()
        job = photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
        assert photoqueue.stats()["floor-plan"].waiting == 1
        assert photoqueue.poll("floor-plan-move-42").job_id == job.poll().job_id
    finally:
        use(None)


def test_jobs_of_every_queue_are_listed_where_a_state_is_asked_for(
    installation: Installation,
) -> None:
    photoqueue.submit(FLOOR_PLAN, {"project_id": "move-42"})
    (row,) = job_page(installation.database, JobQuery(states=(JobState.WAITING,))).rows
    assert row.queue == "floor-plan"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("floor_plan", "'floor_plan' is not package.module:TYPE"),
        ("tests.own_type:FLOOR_PLAN;tests.own_type:ECHO", "is not package.module:TYPE"),
    ],
)
def test_malformed_setting_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, setting: str, message: str
) -> None:
    monkeypatch.setenv("PHOTOQUEUE_JOB_TYPES", setting)
    with pytest.raises(ConfigurationError, match=f"PHOTOQUEUE_JOB_TYPES.*{message}"):
        load_settings()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tests.nothing:FLOOR_PLAN", "'tests.nothing:FLOOR_PLAN'.*cannot be imported"),
        ("tests.own_type:NOTHING", "'tests.own_type:NOTHING'.*cannot be imported"),
        ("tests.own_type:NOT_A_TYPE", "is of type str. Name a photoqueue.JobType"),
    ],
)
def test_setting_that_names_no_type_says_so(
    settings: Settings, reference: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        use(settings.model_copy(update={"job_types": (reference,)}))


def test_setting_takes_several_and_goes_to_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOQUEUE_JOB_TYPES", " tests.own_type:FLOOR_PLAN, tests.own_type:ECHO,")
    settings = load_settings()
    assert settings.job_types == TYPES
    monkeypatch.setenv("PHOTOQUEUE_JOB_TYPES", settings.to_environment()["PHOTOQUEUE_JOB_TYPES"])
    assert load_settings().job_types == TYPES


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            "tests.own_type:fail_to_build",
            "handler of echo, .*, failed while .*: FileNotFound.*plans",
        ),
        ("tests.nothing:make", "'tests.nothing:make', the handler of echo, cannot be imported"),
        (None, "does not know the handler of echo. Set PHOTOQUEUE_JOB_TYPES"),
    ],
)
def test_handler_that_cannot_be_built_ends_the_worker_with_the_reason(
    installation: Installation, handler: str | None, message: str
) -> None:
    workplace = Workplace(installation.settings, installation.database)
    with pytest.raises(ConfigurationError, match=message):
        load_handler(JobType("echo", handler=handler), workplace)


def test_handler_that_a_fault_of_the_machine_kept_from_being_built_is_built_later(
    plain: Settings, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    settings = plain.model_copy(update={"job_types": ("tests.own_type:SHAKY",)})
    tries = tmp_path / "tries"
    worker = start_worker(
        "--queue", "shaky", settings=settings, wait=False, PQ_TEST_TRIES=str(tries)
    )
    wait_until_ready(worker)
    use(settings)
    assert photoqueue.submit(SHAKY, {"a": 1}).result(90) == {"a": 1}
    assert tries.read_text() == "xxx" and worker.log.count('status="status 1"') == 2
    assert "Input/output error" in worker.log and "MemoryError" in worker.log


@pytest.mark.parametrize(
    ("result", "message"),
    [("{'a': object()}", "not JSON"), ("{'a': float('nan')}", "not JSON"), ("7", "returned int")],
)
def test_result_that_cannot_be_kept_is_a_permanent_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, result: str, message: str
) -> None:
    monkeypatch.setattr("tests.own_type.make_echo", lambda workplace: lambda *_: eval(result))
    job = photoqueue.submit(ECHO, {})
    with pytest.raises(JobFailedError, match=f"make_echo returned.*{message}|{message}"):
        bench(job)
    assert job.poll().attempts == 1


def test_process_that_counts_learns_of_queues_that_others_entered(
    installation: Installation, database: Database
) -> None:
    enter_queues(database, ["blueprint"])
    assert "blueprint" not in job_types()
    assert photoqueue.stats()["blueprint"].total == 0
    assert "blueprint" in job_types()


def test_jobs_of_a_queue_that_another_process_entered_are_listed_by_state(
    plain: Settings, database: Database
) -> None:
    use(plain)
    try:
        enter_queues(database, ["blueprint"])
        with database.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id,"
                " max_attempts, budget) VALUES (gen_random_uuid(), 'blueprint-1', 'blueprint',"
                " 'waiting', '{}', 'u', 4, 4)"
            )
        assert "blueprint" not in job_types()
        (row,) = job_page(database, JobQuery(states=(JobState.WAITING,))).rows
        assert row.queue == "blueprint"
    finally:
        use(None)


def test_all_queues_are_paused_also_one_that_another_process_entered(
    installation: Installation, database: Database
) -> None:
    enter_queues(database, ["blueprint"])
    photoqueue.pause()
    assert photoqueue.stats()["blueprint"].paused
    assert all(queue.paused for queue in photoqueue.stats().values())
    photoqueue.resume()
    assert not any(queue.paused for queue in photoqueue.stats().values())


def test_queue_that_could_not_be_entered_is_counted_as_empty(installation: Installation) -> None:
    # Given a type whose first submission found PostgreSQL away
    words.register(JobType("blueprint"))
    # Then the others are still counted
    assert photoqueue.stats()["blueprint"].total == 0
    assert installation.counts.read()["blueprint"].total == 0


def test_worker_runs_the_types_that_its_process_can_do(installation: Installation) -> None:
    words.register(JobType("only-a-name"))
    assert "only-a-name" in job_types()
    assert types_to_run() == ("photo-analyze", "inventory-sync", "floor-plan", "echo")
    assert types_to_run("echo") == ("echo",)
    with pytest.raises(ConfigurationError, match="registered for queue 'only-a-name'"):
        types_to_run("only-a-name")
