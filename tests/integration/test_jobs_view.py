"""The table of jobs, driven as its front end drives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import photoqueue
from photoqueue import submit_photos
from photoqueue.errors import DatabaseUnavailableError, UnknownJobError
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.view import Scope
from photoqueue.installation import Installation, current
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import pages
from photoqueue.queue.database import Database
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.pages import JobOrder, JobQuery
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState
from tests.bench import Bench
from tests.conftest import eventually, picture, submit

pytestmark = pytest.mark.usefixtures("installation")
WORKER = UUID(int=1)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with closing(Ledger(database)) as ledger:
        yield ledger


@pytest.fixture
def view() -> JobsView:
    view = JobsView()
    view.refresh()
    return view


def fail(ledger: Ledger, job: photoqueue.Job, message: str = "no") -> photoqueue.Job:
    claim = ledger.claim(UUID(job.id), job.queue, worker_id=WORKER, slot=1)
    assert claim is not None
    ledger.fail(claim, Failure("OSError", message, "Traceback of it", True), delay_ms=0)
    with current().database.direct() as connection:  # as if all its attempts had failed
        connection.execute("UPDATE jobs SET attempts = max_attempts WHERE state = 'failed'")
    return job


def names(view: JobsView) -> list[str]:
    return [row["name"] for row in view.page["rows"]]


def send(view: JobsView, kind: str, **values: Any) -> None:
    """Send what the front end sends."""
    view._received(view, {"kind": kind, **values}, [])


FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id, attempts,
        max_attempts, budget, job_duration_ms)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n, 'photo-analyze',
        CASE WHEN n % 2 = 0 THEN 'failed' ELSE 'completed' END, '{"sha256": "aa"}', 'p' || n,
        'u1', 4, 4, 4, n FROM generate_series(1, {count}) AS n
"""


def test_view_without_jobs_is_empty(view: JobsView) -> None:
    assert view.page["rows"] == []
    assert (view.page["total"], view.page["next"], view.page["previous"]) == (0, False, False)
    assert set(view.counts.values()) == {0}
    assert list(view.counts) == [str(state) for state in JobState]
    assert len(view.frame()) == 0


def test_pages_are_turned_there_and_back(
    view: JobsView, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(FILL.replace("{count}", "120"))
    view.refresh()
    seen = []
    for to in ("next", "next", "next", "previous", "first", "last", "previous"):
        seen.append((view.page["position"], names(view)[0], len(view.page["rows"])))
        send(view, "turn", to=to)
    assert seen == [
        (0, "p120", 50),
        (50, "p70", 50),
        (100, "p20", 20),
        (0, "p120", 50),  # there is no page behind the last one
        (0, "p120", 50),
        (0, "p120", 50),
        (70, "p50", 50),
    ]
    assert (view.page["position"], view.page["total"]) == (20, 120)


def test_states_and_text_are_filtered_and_counted(
    view: JobsView, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(FILL.replace("{count}", "9"))
    send(view, "filter", states=["failed"], text="", queue="")
    assert names(view) == ["p8", "p6", "p4", "p2"]
    assert (view.counts["failed"], view.counts["completed"], view.page["total"]) == (4, 5, 4)
    send(view, "filter", states=[], text="P7", queue="photo-analyze")
    assert names(view) == ["p7"]
    assert view.counts["failed"] == 0
    assert view.controls["text"] == "P7"
    send(view, "filter", states=[], text="\x00", queue="inventory-sync")
    assert (names(view), view.notice) == ([], "")
    send(view, "filter", queue="nonsense")
    assert "No queue 'nonsense'" in view.notice


def test_columns_are_sorted_one_way_then_the_other(
    view: JobsView, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(FILL.replace("{count}", "60"))
    send(view, "sort", order="run")
    assert (names(view)[0], view.controls["order"], view.controls["descending"]) == (
        "p60",
        "run",
        True,
    )
    send(view, "turn", to="next")
    send(view, "sort", order="run")
    assert (names(view)[0], view.controls["descending"]) == ("p1", False)
    send(view, "sort", order="name")
    assert (names(view)[0], view.controls["descending"]) == ("p1", False)
    send(view, "sort", order="shoe size")
    assert "cannot be sorted by 'shoe size'" in view.notice


def test_scope_limits_jobs_and_begins_at_the_first_page() -> None:
    scope = Scope()
    view = JobsView(scope)
    batch = submit_photos([picture(number) for number in range(3)], project_id="m1")
    submit("other", project_id="m2")
    view.query = JobQuery(size=1)
    send(view, "turn", to="next")
    scope.batch = batch.id
    assert view.page["total"] == 3
    assert view.page["position"] == 0
    scope.batch, scope.project = "", "m2"
    assert names(view) == ["other"]
    # what the query itself says comes first
    view.query = JobQuery(project_id="m1")
    assert view.page["total"] == 3


def test_query_is_set_and_read_from_python(view: JobsView, ledger: Ledger) -> None:
    fail(ledger, submit("p1"))
    submit("p2")
    view.query = JobQuery(states=(JobState.FAILED,), order=JobOrder.NAME)
    frame = view.frame()
    assert list(frame["photo_id"]) == ["p1"]
    assert list(frame["state"]) == ["failed"]
    assert frame["error_message"][0] == "no"


def test_open_job_tells_its_story(view: JobsView, ledger: Ledger) -> None:
    job = submit("p1", room="salon")
    claim = ledger.claim(UUID(job.id), job.queue, worker_id=WORKER, slot=1)
    assert claim is not None
    call = AiCall(
        photo_id="p1", engine="llm", model="vlm", latency_ms=12.5, success=True, tokens_in=10
    )
    ledger.fail(claim, Failure("OSError", "a\nb", "tb", False), delay_ms=60_000, calls=[call])
    send(view, "open", job_id=job.id)
    assert view.selected == job.id
    story = view.story
    assert (story["state"], story["can_retry"], story["can_cancel"]) == ("delayed", False, True)
    assert [one["outcome"] for one in story["attempt_list"]] == ["error", None]
    assert story["attempt_list"][0]["error"] == "OSError: a b"
    assert (story["error_message"], story["error_traceback"]) == ("a\nb", "tb")
    assert story["ai_calls"][0]["tokens_in"] == 10
    assert story["payload"]["photoId"] == "p1"
    json.dumps([view.page, view.story, view.counts, view.controls], allow_nan=False)
    send(view, "open", job_id="")
    assert (view.selected, view.story) == ("", {})


def test_open_job_that_is_unknown_is_said(view: JobsView) -> None:
    submit("p1")
    for unknown in (str(uuid4()), "nonsense"):
        view.selected = unknown
        assert view.selected == ""
        assert "job" in view.notice
        view.refresh()
        assert names(view) == ["p1"]


def test_open_job_stays_open_while_its_state_changes(
    view: JobsView, installation: Installation
) -> None:
    job = submit("p1")
    view.selected = job.id
    assert view.story["state"] == "waiting"
    Bench(installation)(job)
    view.refresh()
    assert (view.selected, view.story["state"]) == (job.id, "completed")
    assert view.story["result"]["photoId"] == "p1"
    assert names(view) == ["p1"]


def test_one_failed_job_is_retried_and_one_waiting_job_cancelled(
    view: JobsView, ledger: Ledger
) -> None:
    failed, waiting = fail(ledger, submit("p1")), submit("p2")
    send(view, "retry", job_id=failed.id)
    assert failed.state == "waiting"
    assert (view.counts["waiting"], view.counts["failed"]) == (2, 0)
    send(view, "cancel", job_id=waiting.id)
    assert waiting.state == "cancelled"
    send(view, "retry", job_id=failed.id)
    assert "cannot be started again: it is waiting" in view.notice
    send(view, "cancel", job_id="nonsense")
    assert "No job 'nonsense' in" in view.notice


def test_all_failed_jobs_of_the_filter_are_retried_in_a_thread(
    view: JobsView, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(FILL.replace("{count}", "2400"))
    view.query = JobQuery(text="p1", states=(JobState.COMPLETED,))
    assert view.page["failed"] == "with “p1” in them"
    send(view, "retry_all")
    eventually(lambda: not view.busy)
    assert view.notice == ""
    assert view.progress == "Retried 555 failed jobs."
    eventually(lambda: view.counts["waiting"] == 555)
    assert photoqueue.stats()["photo-analyze"].failed == 1200 - 555


def test_jobs_that_cannot_be_retried_stay_and_are_counted(view: JobsView, ledger: Ledger) -> None:
    fail(ledger, submit("p1"))
    fail(ledger, submit("p1"))
    fail(ledger, submit("p2"))
    submit("p2")
    send(view, "retry_all")
    eventually(lambda: not view.busy)
    assert view.progress.startswith("Retried 1 of 3 failed jobs. The others stay")


def test_jobs_that_would_fail_again_are_not_retried(
    view: JobsView, ledger: Ledger, connection: psycopg.Connection[Any]
) -> None:
    temporary, broken = fail(ledger, submit("p1")), fail(ledger, submit("p2"), "truncated")
    connection.execute(
        "UPDATE jobs SET error_type = 'UnreadablePhotoError' WHERE job_id = %s", (broken.id,)
    )
    view.refresh()
    assert {cause["message"]: cause["can_retry"] for cause in view.causes} == {
        "no": True,
        "truncated": False,
    }
    send(view, "retry_all")
    eventually(lambda: not view.busy)
    assert view.progress == "Retried 1 failed job. 1 job would fail again and stay."
    assert (temporary.state, broken.state) == ("waiting", "failed")


def test_one_cause_is_listed_and_retried(view: JobsView, ledger: Ledger) -> None:
    chosen, other = fail(ledger, submit("p1"), "one"), fail(ledger, submit("p2"), "another")
    (cause,) = (one["text"] for one in view_of(view).causes if one["message"] == "one")
    send(view, "filter", states=[], text="", queue="", cause=cause)
    assert (names(view), view.page["total"], view.counts["failed"]) == (["p1"], 1, 2)
    send(view, "retry_all", cause=cause)
    eventually(lambda: not view.busy)
    assert (chosen.state, other.state) == ("waiting", "failed")
    assert names(view_of(view)) == []


def view_of(view: JobsView) -> JobsView:
    view.refresh()
    return view


def test_many_jobs_are_retried_by_their_ids_in_few_statements(
    connection: psycopg.Connection[Any], database: Database
) -> None:
    import sqlalchemy as sa

    connection.execute(FILL.replace("{count}", "1000"))
    failed = photoqueue.history(state="failed")["job_id"]
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", record)
    assert photoqueue.retry(failed) == 500
    sa.event.remove(database.engine, "before_cursor_execute", record)
    assert len(statements) < 5
    with pytest.raises(UnknownJobError, match="nowhere"):
        photoqueue.retry([failed[0], "photo-nowhere"])


@pytest.mark.parametrize("kind", ["retry", "cancel", "retry_all"])
def test_view_without_actions_changes_nothing(ledger: Ledger, kind: str) -> None:
    job = fail(ledger, submit("p1"))
    view = JobsView(actions=False)
    view.refresh()
    assert not view.actions
    send(view, kind, job_id=job.id)
    assert "read-only" in view.notice
    assert job.state == "failed"


def test_message_that_is_none_changes_nothing(view: JobsView) -> None:
    for message in ({}, {"kind": "explode"}, {"kind": "turn"}, {"kind": "open", "job_id": None}):
        view._received(view, message, [])
    assert names(view) == []


def test_error_of_100_kb_is_whole_in_the_story_and_short_in_the_table(
    view: JobsView, connection: psycopg.Connection[Any]
) -> None:
    job = submit("<b>p1</b>")
    connection.execute(
        "UPDATE jobs SET state = 'failed', error_type = 'E', error_message = repeat('<i>', 33334)"
    )
    view.selected = job.id
    assert len(view.story["error_message"]) == 100_002
    (row,) = view.page["rows"]
    assert row["name"] == "<b>p1</b>"
    assert row["error"].startswith("E: <i><i>")
    assert len(row["error"]) < 400


def test_driven_view_waits_for_its_driver(ledger: Ledger) -> None:
    view = JobsView()
    asked: list[bool] = []
    view.driven_by(lambda: asked.append(True))
    submit("p1")
    view.query = JobQuery(queue=PHOTO_ANALYZE)
    assert (asked, view.page) == ([True], {})
    view.refresh()
    assert names(view) == ["p1"]


def test_servers_that_are_away_are_said_and_come_back(
    view: JobsView, installation: Installation
) -> None:
    submit("p1")
    there = installation.database
    installation.database = Database("postgresql://nobody@127.0.0.1:1/none")
    send(view, "sort", order="name")
    assert "cannot be used" in view.notice
    send(view, "retry_all")
    eventually(lambda: not view.busy)
    assert "cannot be used" in view.notice
    with pytest.raises(DatabaseUnavailableError):
        view.refresh()
    installation.database = there
    send(view, "sort", order="name")
    assert (view.notice, names(view)) == ("", ["p1"])


def test_jobs_pass_through_their_states_with_a_worker(
    view: JobsView, start_worker: Callable[..., Any]
) -> None:
    start_worker("--queue", "photo-analyze")
    submit("good")
    submit("permanent-1")
    eventually(
        lambda: view.refresh() or view.counts["completed"] == view.counts["failed"] == 1, timeout=90
    )
    send(view, "filter", states=["failed"])
    (row,) = view.page["rows"]
    assert row["error"] == "PermanentError: this photo can never be analysed"
    send(view, "open", job_id=row["job_id"])
    assert "PermanentError" in view.story["error_traceback"]
    assert view.story["attempt_list"][0]["host"]
    send(view, "retry", job_id=row["job_id"])
    eventually(lambda: view.refresh() or view.counts["failed"] == 1, timeout=90)
    eventually(lambda: view.refresh() or len(view.story["attempt_list"]) == 2, timeout=90)
    assert [one["outcome"] for one in view.story["attempt_list"]] == ["error", "error"]


def test_order_that_takes_too_long_gives_way_to_what_was_shown(
    view: JobsView, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute(FILL.replace("{count}", "20000"))
    send(view, "filter", states=["failed"], text="", queue="")
    before = names(view)
    monkeypatch.setattr(pages, "_PATIENCE", 0.001)
    send(view, "sort", order="name")
    assert "too many jobs to sort them by name within 0.001 s" in view.notice
    assert "Choose a batch, a project" in view.notice
    assert (view.query.order, names(view), view.reading) == (JobOrder.SUBMITTED, before, False)
    assert view.controls["states"] == ["failed"]

    send(view, "filter", states=[], text="oserror", queue="")
    assert "to look for “oserror” in all of them" in view.notice
    assert (view.query.text, names(view)) == ("", before)

    monkeypatch.undo()
    send(view, "sort", order="name")
    assert (view.query.order, view.notice) == (JobOrder.NAME, "")


def test_order_that_has_become_too_slow_gives_way_to_the_first_page(
    view: JobsView, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(view, "sort", order="name")
    connection.execute(FILL.replace("{count}", "20000"))
    monkeypatch.setattr(pages, "_PATIENCE", 0.001)
    view.refresh()
    assert "too many jobs" in view.notice
    assert (view.query, names(view)[0]) == (JobQuery(), "p20000")
