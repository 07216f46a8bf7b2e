"""The commands, run in this process against real servers."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import photoqueue
from photoqueue import Settings, services
from photoqueue.files import explained
from photoqueue.queue.tables import SCHEMA_REVISION
from photoqueue.services import Endpoints
from tests.conftest import picture, submit
from tests.integration.conftest import SECRET, Run

NOWHERE = f"postgresql://boss:{SECRET}@127.0.0.1:1/moves"
NO_REDIS = f"redis://boss:{SECRET}@127.0.0.1:1/0"


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let commands that read the settings anew find those of the test."""
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos in two rooms, and a file that is no picture."""
    move = tmp_path / "move"
    for number, room in enumerate(("salon", "salle à manger")):
        (move / room).mkdir(parents=True)
        (move / room / f"{number}.jpg").write_bytes(picture(number))
    (move / "damaged.jpg").write_bytes(b"no picture")
    return move


# -- the command itself


def test_help_lists_every_command(run: Run) -> None:
    alone, asked = run(), run("--help")
    assert alone.code == asked.code == 0
    assert alone.out.strip() == asked.out.strip()
    for command in ("demo", "worker", "submit", "status", "jobs", "job", "retry", "cancel"):
        assert f" {command} " in alone.out
    for command in ("pause", "resume", "doctor", "migrate", "down", "evaluate"):
        assert f" {command} " in alone.out


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"photoqueue {photoqueue.__version__}\n"


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    assert run("status", "--nonsense").code == 2


# -- status


def test_status_of_a_new_installation_has_no_hints(installation: object, run: Run) -> None:
    shown = run("status")
    assert shown.code == 0
    assert "photo-analyze" in shown.out
    assert "!" not in shown.out
    assert run("status", "--json").json["hints"] == []


def test_status_says_that_nobody_works(installation: object, run: Run) -> None:
    submit("ok-1")
    shown = run("status")
    assert "1 job of photo-analyze waits and no worker is running" in shown.out
    assert "photoqueue worker" in shown.out
    (photos, _) = run("status", "--json").json["queues"]
    assert photos["waiting"] == photos["total"] == 1
    assert photos["workers"] == 0


def test_status_names_the_database_that_is_away(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("DATABASE_URL", NOWHERE)
    shown = run("status")
    assert shown.code == 1
    assert "postgresql://boss:***@127.0.0.1:1/moves" in shown.err
    assert "DATABASE_URL" in shown.err
    assert "Traceback" not in shown.err


def test_status_names_the_broker_that_is_away(
    settings: Settings, environment: pytest.MonkeyPatch, run: Run
) -> None:
    environment.setenv("REDIS_URL", NO_REDIS)
    try:
        shown, told = run("status"), run("status", "--json")
    finally:
        photoqueue.use(None)
    assert shown.code == 0
    assert "127.0.0.1:1" in shown.out
    assert "REDIS_URL" in shown.out
    assert not told.json["broker"]["reachable"]


def test_wrong_setting_ends_with_its_own_status(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("DATABASE_URL", f"mysql://boss:{SECRET}@localhost/moves")
    shown = run("status")
    assert shown.code == 78
    assert "DATABASE_URL" in shown.err


def test_fault_that_may_pass_does_not_end_with_the_status_of_a_wrong_setting(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ensure(settings: Settings) -> Endpoints:
        with explained("The home cannot be written to"):
            raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(services, "ensure", ensure)
    shown = run("status")
    assert (shown.code, "Too many open files" in shown.err) == (1, True)


# -- submit


def test_submit_of_one_photo_tells_its_id_and_what_is_next(
    installation: object, run: Run, tmp_path: Path
) -> None:
    photo = tmp_path / "salon.jpg"
    photo.write_bytes(picture(1))
    shown = run("submit", photo, "--project", "m1", "--room", "salon", "--user", "u1")
    (job,) = photoqueue.history().to_dict("records")
    assert shown.code == 0
    assert job["job_id"] in shown.out
    assert job["job_key"] in shown.out
    assert "photoqueue worker" in shown.out
    assert (job["project_id"], job["room"], job["user_id"]) == ("m1", "salon", "u1")
    again = run("submit", photo, "--project", "m1", "--json").json
    assert again["jobs"] == [
        {"job_id": job["job_id"], "job_key": job["job_key"], "photo_id": job["photo_id"]}
    ]


def test_submit_of_a_folder_is_a_batch_with_its_inventory(
    installation: object, run: Run, folder: Path
) -> None:
    told = run("submit", folder, "--project", "m1", "--inventory", "--json").json
    assert len(told["jobs"]) == 3
    assert told["inventory"]["job_key"] == "inventory-m1"
    rows = run("jobs", "--batch", told["batch_id"], "--json").json
    assert sorted(row["state"] for row in rows) == ["failed", "waiting", "waiting"]
    assert {row["room"] for row in rows} == {"salon", "salle à manger", None}


def test_submit_names_what_it_leaves_out(installation: object, run: Run, folder: Path) -> None:
    (folder / "salon" / "plan.pdf").write_bytes(b"%PDF-1.7")
    shown = run("submit", folder)
    assert "1 file left out: salon/plan.pdf is a PDF" in shown.out
    assert "known already" not in shown.out
    again = run("submit", folder)
    assert "3 photos, 2 known already (" in again.out
    told = run("submit", folder, "--json").json
    assert told["known"] == 2
    assert told["left_out"] == [{"file": "salon/plan.pdf", "reason": "is a PDF"}]


def test_submit_of_an_inventory_needs_a_project(
    installation: object, run: Run, folder: Path
) -> None:
    shown = run("submit", folder, "--inventory")
    assert shown.code == 2
    assert "--project" in shown.err
    assert photoqueue.history().empty


def test_submit_names_an_engine(installation: object, run: Run, folder: Path) -> None:
    assert run("submit", folder, "--engine", "builtin").code == 0
    wrong = run("submit", folder, "--engine", "bultin")
    assert wrong.code == 1
    assert "Did you mean 'builtin'" in wrong.err
    assert len(photoqueue.history()) == 3


def test_submit_of_nothing_says_what_was_looked_for(
    installation: object, run: Run, tmp_path: Path
) -> None:
    for missing in (tmp_path / "nothing" / "*.jpg", tmp_path / "nothing.jpg"):
        shown = run("submit", missing)
        assert shown.code == 1
        assert "nothing" in shown.err
        assert "Traceback" not in shown.err
    assert photoqueue.history().empty


def test_waiting_without_a_worker_gives_the_ids_all_the_same(
    installation: object, run: Run, folder: Path
) -> None:
    shown = run("submit", folder, "--wait", "--json")
    assert shown.code == 1
    assert len(shown.json["jobs"]) == 3
    assert "photoqueue worker" in shown.err


# -- jobs and job


def test_jobs_of_a_new_installation_says_how_to_begin(installation: object, run: Run) -> None:
    assert "photoqueue submit" in run("jobs").out
    assert run("jobs", "--state", "failed").out == "No such jobs.\n"
    assert run("jobs", "--json").json == []


def test_jobs_are_newest_first_and_never_cut_in_a_pipe(installation: object, run: Run) -> None:
    names = [f"{'very-long-' * 15}{number}" for number in range(3)]
    handles = [submit(name, project_id="m1") for name in names]
    shown = run("jobs", "--limit", "2")
    header, first, second = shown.out.splitlines()
    assert header.split()[:3] == ["ID", "KEY", "STATE"]
    assert first.split()[:2] == [handles[2].id, handles[2].key]
    assert second.split()[:2] == [handles[1].id, handles[1].key]
    assert "--limit" in shown.err


@pytest.mark.parametrize("columns", [80, 120, 160])
def test_jobs_name_room_and_file_in_a_terminal_of_any_width(
    installation: object, run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    file = "Living room from the big window to the garden, second view.jpg"
    job = photoqueue.submit_photo(picture(1), file_name=file, room="salon", user_id="u1")
    header, row = re.sub(r"\x1b\[[\d;]*m", "", run("jobs").out).splitlines()
    assert "ERROR" not in header
    assert job.key in row
    assert re.search(r"salon/Living.*…*view\.jpg", row)
    assert max(map(len, (header.rstrip(), row.rstrip()))) <= columns
    assert ("ID" in header.split()) is (columns == 160)


def test_jobs_can_be_chosen(installation: object, run: Run) -> None:
    wanted = submit("ok-1", project_id="m1")
    submit("ok-2", project_id="m2")
    photoqueue.submit_inventory("m1")
    photoqueue.cancel(wanted)

    def keys(*options: str) -> list[str]:
        return [row["job_key"] for row in run("jobs", "--json", *options).json]

    assert keys("--state", "cancelled") == ["photo-ok-1"]
    assert keys("--state", "cancelled", "--state", "waiting", "--project", "m2") == ["photo-ok-2"]
    assert keys("--queue", "inventory-sync") == ["inventory-m1"]


def test_names_are_printed_as_they_are(installation: object, run: Run) -> None:
    submit("ok-[red]x[/red]", project_id="<b>:smile:", room="[bold]salon")
    assert "photo-ok-[red]x[/red]" in run("jobs").out
    shown = run("job", "photo-ok-[red]x[/red]").out
    assert "[bold]salon" in shown
    assert "<b>:smile:" in shown


def test_unknown_ids_are_errors(installation: object, run: Run) -> None:
    for arguments in (
        ("job", "photo-none"),
        ("job", "nonsense"),
        ("retry", "photo-none"),
        ("cancel", "01a209ce-dc1e-7676-951f-0a77b04d212b"),
        ("jobs", "--batch", "b-none"),
        ("retry", "--batch", "b-none"),
    ):
        shown = run(*arguments)
        assert shown.code == 1, arguments
        assert arguments[-1] in shown.err
        assert shown.out == ""


# -- retry, cancel, pause, resume


def test_cancel_and_retry_say_how_many(installation: object, run: Run) -> None:
    first, second = submit("ok-1"), submit("ok-2")
    assert run("cancel", first.id, second.key).out.startswith("2 jobs cancelled.")
    refused = run("cancel", first.id)
    assert refused.code == 1
    assert f"Job {first.key} cannot be cancelled" in refused.err
    assert run("retry", first.id, "--json").json == {"retried": 1}
    partly = run("retry", first.id, second.id)
    assert partly.out.startswith("1 job retried of 2; the state of the others")


def test_batches_are_cancelled_and_retried_as_one(
    installation: object, run: Run, folder: Path
) -> None:
    batch = run("submit", folder, "--json").json["batch_id"]
    assert run("cancel", "--batch", batch, "--json").json == {"cancelled": 2}
    assert run("retry", "--batch", batch, "--json").json["retried"] >= 2


def test_all_failed_leaves_cancelled_jobs_alone(
    installation: object, run: Run, database: Any
) -> None:
    failed, cancelled = submit("ok-1"), submit("ok-2")
    photoqueue.cancel([failed, cancelled])
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE jobs SET state = 'failed', error_type = 'ValueError' WHERE job_id = %s",
            (failed.id,),
        )
    assert "1 job of photo-analyze failed" in run("status").out
    assert run("retry", "--all-failed", "--json").json == {"retried": 1}
    assert cancelled.state == "cancelled"
    assert run("retry", "--all-failed").out == "0 jobs retried.\n"


@pytest.mark.parametrize(
    "arguments",
    [("retry",), ("cancel",), ("retry", "x", "--all-failed"), ("cancel", "x", "--batch", "b")],
)
def test_retry_and_cancel_want_one_target(
    installation: object, run: Run, arguments: tuple[str, ...]
) -> None:
    shown = run(*arguments)
    assert shown.code == 2
    assert "--batch" in shown.err


def test_pause_and_resume_are_seen_in_status(installation: object, run: Run) -> None:
    assert "photo-analyze is paused" in run("pause", "photo-analyze").out
    assert "photoqueue resume photo-analyze" in run("status").out
    assert run("pause").out.startswith("All queues are paused")
    assert run("resume").code == 0
    assert "paused" not in run("status").out
    assert run("pause", "nonsense").code == 2


# -- with a worker


def test_results_errors_and_inventory_are_shown(
    start_worker: Callable[..., object], run: Run, folder: Path
) -> None:
    start_worker()
    shown = run("submit", folder, "--project", "m1", "--inventory", "--wait")
    assert shown.code == 1  # one file is no picture
    assert "damaged.jpg" in shown.out
    assert "1 of 3 photos without a result" in shown.out
    assert "salle à manger" in shown.out
    assert "! too small: 48×32; too dark: chair" in shown.out
    assert "Inventory of m1" in shown.out
    assert "Total" in shown.out

    (folder / "damaged.jpg").unlink()
    told = run("submit", folder, "--project", "m2", "--inventory", "--wait", "--json")
    assert told.code == 0
    assert [row["items"] for row in told.json["results"]] == ["chair", "chair"]
    assert told.json["inventory"]["result"]["totalItems"] == 2

    found = run("job", told.json["jobs"][0]["job_id"])
    assert "Room: kitchen (confidence 0.80)" in found.out
    assert "A poor photo (too small: 48×32; too dark)" in found.out
    assert "0.25 m³" in found.out
    assert "Total" in run("job", "inventory-m2").out

    failing = submit("raise-1")
    failing.wait(120)
    shown = run("job", "photo-raise-1")
    assert shown.code == 0
    assert shown.out.count("RuntimeError: the engine does not like this photo") >= 5
    assert "In the worker:" in shown.out
    assert "Traceback" in shown.out
    assert f"photoqueue retry {failing.id}" in shown.out
    job = run("job", failing.id, "--json").json
    assert [attempt["outcome"] for attempt in job["attempt_history"]] == ["error"] * 4
    assert [attempt["retry_delay_ms"] for attempt in job["attempt_history"]] == [20, 80, 320, None]
    assert "Traceback" in job["error_traceback"]


# -- doctor


def test_doctor_finds_a_working_installation_well(
    installation: object, environment: pytest.MonkeyPatch, run: Run
) -> None:
    shown = run("doctor")
    assert shown.code == 0, shown.out
    assert "✗ problem" not in shown.out
    for check in ("Versions", "Home", "PostgreSQL", "Schema", "Redis", "Photo store", "Engine"):
        assert f"ok       {check}" in shown.out
    submit("ok-1")
    told = run("doctor", "--json")
    assert told.code == 0
    assert told.json["ok"]
    (waiting,) = [check for check in told.json["checks"] if check["verdict"] == "warning"]
    assert waiting["advice"] == "photoqueue worker"


def test_doctor_names_each_server_that_is_away(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("DATABASE_URL", NOWHERE)
    environment.setenv("REDIS_URL", NO_REDIS)
    shown = run("doctor", "--json")
    assert shown.code == 1
    problems = {
        check["check"]: check["detail"]
        for check in shown.json["checks"]
        if check["verdict"] == "problem"
    }
    assert "DATABASE_URL" in problems["PostgreSQL"]
    assert "REDIS_URL" in problems["Redis"]
    assert "127.0.0.1:1" in problems["Redis"]


def test_doctor_turns_every_mishap_into_a_line(
    environment: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    environment.setenv("PHOTOQUEUE_HOME", str(occupied / "home"))
    environment.setenv("PHOTOQUEUE_ENGINE", "tests.engines:broken")
    shown = run("doctor")
    assert shown.code == 1
    assert "✗ problem  Home" in shown.out
    assert "PHOTOQUEUE_HOME" in shown.out
    assert "this engine cannot be built" in shown.out


def test_doctor_tells_of_settings_that_cannot_be_read(
    environment: pytest.MonkeyPatch, run: Run
) -> None:
    environment.setenv("QUEUE_CONCURRENCY", "many")
    shown = run("doctor")
    assert shown.code == 1
    assert "QUEUE_CONCURRENCY" in shown.out


def test_doctor_starts_nothing(environment: pytest.MonkeyPatch, run: Run, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.delenv(name)
    home = tmp_path / "new"
    environment.setenv("PHOTOQUEUE_HOME", str(home))
    shown = run("doctor")
    assert shown.code == 0, shown.out
    assert "not running; it starts on first use" in shown.out
    assert not home.exists()


def test_doctor_tells_that_messages_were_refused(
    installation: object, environment: pytest.MonkeyPatch, run: Run, database: Any
) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE queues SET refused_messages = 2")
    shown = run("doctor")
    assert shown.code == 0
    assert "2 messages refused" in shown.out
    assert "2 messages on photo-analyze did not come from photoqueue" in run("status").out


# -- migrate and down


def test_migrate_brings_an_empty_database_up_to_date(
    servers: Endpoints, environment: pytest.MonkeyPatch, run: Run, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    examined = run("doctor")
    assert examined.code == 1
    assert "✗ problem  Schema" in examined.out
    assert "photoqueue migrate" in examined.out
    assert f"from revision none to {SCHEMA_REVISION}" in run("migrate").out
    assert "nothing to do" in run("migrate").out


def test_migrate_does_not_touch_newer_tables(
    environment: pytest.MonkeyPatch, run: Run, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE photoqueue_version SET version_num = '9999'")
    shown = run("migrate")
    assert shown.code == 1
    assert "newer than this version knows" in shown.err
    assert "Upgrade photoqueue" in shown.err
    assert "9999, which is newer" in run("doctor").out


def test_migrate_and_down_name_what_is_away(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("DATABASE_URL", NOWHERE)
    assert "DATABASE_URL" in run("migrate").err
    shown = run("down")
    assert shown.code == 0
    assert "nothing was stopped" in shown.out
    assert "DATABASE_URL and REDIS_URL do not belong to photoqueue" in shown.out


# -- evaluate


def test_evaluate_measures_an_engine(
    environment: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").write_bytes(picture(1, size=(100, 100)))
    chair = {"label": "chair", "bbox_xywh": [10, 20, 40, 40]}
    entry = {"file": "1.jpg", "width": 100, "height": 100, "room_type": "kitchen"}
    (tmp_path / "annotations.json").write_text(json.dumps([{**entry, "boxes": [chair]}]))
    shown = run("evaluate", tmp_path)
    assert shown.code == 0
    assert "scripted with test" in shown.out
    assert "precision" in shown.out
    assert "error of a room" in shown.out
    assert " to " not in shown.out  # there is no interval of one room
    told = run("evaluate", tmp_path, "--json").json
    assert told["f1"] == told["room_type_accuracy"] == 1.0
    assert told["classes"][0]["key"] == "chair"


def test_evaluate_says_what_folder_it_needs(
    environment: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    shown = run("evaluate", tmp_path)
    assert shown.code == 78
    assert "annotations.json" in shown.err
    assert "pydoc photoqueue.evaluation.truth" in shown.err
    assert run("evaluate", tmp_path, "--engine", "nonsense").code == 78
