"""The tab of the system, on real servers and real workers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from photoqueue import Settings, pause, stats
from photoqueue.client.system import list_workers, system_report
from photoqueue.client.worker_process import started
from photoqueue.errors import ServiceError
from photoqueue.faces.cli import main
from photoqueue.installation import Installation, use
from photoqueue.services import Endpoints
from tests.conftest import Worker, eventually, submit

pytest.importorskip("anywidget", reason="needs the extra workbench")

from photoqueue.faces.notebook.system import SystemView


def view_of(**options: Any) -> SystemView:
    view = SystemView(**options)
    view.refresh()
    return view


def ask(view: SystemView, kind: str, **values: Any) -> str:
    """Send what the front end sends; return the notice."""
    view._received(view, {"kind": kind, **values}, [])
    return str(view.notice)


def idle(view: SystemView) -> None:
    """Wait until the thread of the view is done, refreshing included."""
    view._background.wait(120)
    assert not view._background.busy


def queue(view: SystemView, name: str = "photo-analyze") -> dict[str, Any]:
    (found,) = [entry for entry in view.page["queues"] if entry["name"] == name]
    return dict(found)


def test_it_shows_queues_servers_engine_and_places(installation: Installation) -> None:
    submit("salon-1")
    page = view_of().page
    json.dumps(page)  # nothing but JSON reaches the front end
    assert [entry["name"] for entry in page["queues"]] == ["photo-analyze", "inventory-sync"]
    photos = page["queues"][0]
    assert (photos["waiting"], photos["unattended"], photos["workers"]) == (1, 1, 0)
    assert photos["oldest_waiting_s"] >= 0
    assert page["queues"][1]["unattended"] == 0
    assert [server["name"] for server in page["servers"]] == ["PostgreSQL", "Redis"]
    assert all(server["reachable"] and server["version"] for server in page["servers"])
    assert page["engine"]["engine"] == "tests.engines:scripted"
    assert page["home"] == str(installation.settings.home)
    assert page["photoStore"] == str(installation.settings.home / "photos")
    assert page["workers"] == []


def test_no_secret_is_shown(settings: Settings, servers: Endpoints) -> None:
    assert settings.database_url is not None
    secret = settings.database_url.get_secret_value().replace("photoqueue@", "photoqueue:hunter2@")
    use(settings.model_copy(update={"database_url": type(settings.database_url)(secret)}))
    try:
        page = view_of().page
    finally:
        use(None)
    assert "hunter2" not in json.dumps(page)
    assert ":***@" in page["servers"][0]["place"]


def test_queues_are_paused_and_resumed(installation: Installation) -> None:
    view = view_of()
    assert ask(view, "pause", queue="photo-analyze") == ""
    assert (queue(view)["paused"], queue(view, "inventory-sync")["paused"]) == (True, False)
    assert ask(view, "resume", queue="photo-analyze") == ""
    assert queue(view)["paused"] is False
    assert "No queue 'videos'" in ask(view, "pause", queue="videos")
    assert "Unknown action" in ask(view, "flush")


def test_a_page_without_actions_changes_nothing(installation: Installation) -> None:
    view = view_of(actions=False)
    for kind in ("pause", "resume", "start-worker", "stop-worker"):
        assert "read-only" in ask(view, kind, queue="photo-analyze", pid=1)
    assert list_workers() == []
    assert not any(counts.paused for counts in stats().values())


@pytest.mark.timeout(240)
def test_worker_is_shown_until_it_stops_and_marked_when_it_is_lost(
    installation: Installation, start_worker: Callable[..., Worker]
) -> None:
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "2")
    view = view_of()
    (shown,) = view.page["workers"]
    assert (shown["pid"], shown["state"], shown["live"]) == (worker.pid, "running", True)
    assert (shown["queues"], shown["concurrency"]) == (["photo-analyze"], 2)
    assert (shown["seen_s"] >= 0, shown["own"]) == (True, False)
    assert queue(view)["workers"] == 1

    worker.kill_group()

    eventually(lambda: list_workers(lost=True)[0].state == "lost")
    view.refresh()
    assert (view.page["workers"][0]["live"], queue(view)["workers"]) == (False, 0)


def test_live_workers_come_first_and_those_without_a_lease_are_marked(
    installation: Installation,
) -> None:
    with psycopg.connect(installation.database.libpq_url) as connection:
        connection.execute(
            "INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, "
            "concurrency, state, last_seen_at) VALUES "
            "(gen_random_uuid(), 'old', 'k', 1, 0, '{photo-analyze}', 2, 'running', "
            " now() - interval '1 hour'), "
            "(gen_random_uuid(), 'new', 'k', 2, 0, '{photo-analyze}', 2, 'running', now()), "
            "(gen_random_uuid(), 'done', 'k', 3, 0, '{photo-analyze}', 2, 'stopped', now())"
        )
    rows = list_workers(lost=True)
    assert [(row.host, row.state, row.live) for row in rows] == [
        ("new", "running", True),
        ("old", "lost", False),
    ]
    assert 3500 < rows[1].seen_s < 3700


@pytest.mark.timeout(240)
def test_worker_is_started_from_the_warning_and_stopped(installation: Installation) -> None:
    job = submit("salon-1")
    view = view_of()
    assert queue(view)["unattended"] == 1

    assert ask(view, "start-worker") == ""
    assert "Starting a worker" in view.work
    assert "already" in ask(view, "start-worker")
    try:
        eventually(lambda: "takes jobs" in view.work, timeout=120)
        worker = started[-1]
        job.wait(120)
        view.refresh()
        (shown,) = view.page["workers"]
        assert (shown["pid"], shown["own"]) == (worker.pid, True)
        assert queue(view)["unattended"] == 0

        assert "not started from here" in ask(view, "stop-worker", pid=1)
        idle(view)
        assert ask(view, "stop-worker", pid=worker.pid) == ""
        eventually(lambda: "has ended" in view.work, timeout=60)
        assert not worker.running
        view.refresh()
        assert view.page["workers"] == []
    finally:
        idle(view)
        started[-1].stop()


@pytest.mark.timeout(240)
def test_worker_that_does_not_start_says_why(settings: Settings) -> None:
    use(settings.model_copy(update={"engine": "tests.homes:broken"}))
    try:
        view = view_of()
        assert ask(view, "start-worker") == ""
        eventually(lambda: view.notice, timeout=120)
        idle(view)
        assert "no such colours" in view.notice
        assert "log" in view.notice
        assert view.work == ""
    finally:
        use(None)


@pytest.fixture
def locked(installation: Installation, servers: Endpoints) -> Iterator[Callable[[bool], None]]:
    """Shut the test's database, and open it again."""
    name = urlsplit(installation.database.libpq_url).path.lstrip("/")

    def lock(shut: bool) -> None:
        with psycopg.connect(servers.database_url.get_secret_value(), autocommit=True) as admin:
            allowed = "false" if shut else "true"
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")  # type: ignore[arg-type]  # a name of our own
            if shut:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (name,),
                )

    yield lock
    lock(False)


def test_server_that_is_away_is_shown_and_comes_back(
    installation: Installation, locked: Callable[[bool], None]
) -> None:
    submit("salon-1")
    view = view_of()
    locked(True)
    with pytest.raises(ServiceError):
        view.refresh()
    postgres, redis = view.page["servers"]
    assert (postgres["reachable"], redis["reachable"]) == (False, True)
    assert "not currently accepting connections" in postgres["error"]
    assert queue(view)["waiting"] == 1  # as it was read last
    assert "accepting connections" in ask(view, "refresh")
    locked(False)
    assert ask(view, "refresh") == ""
    assert view.page["servers"][0]["reachable"] is True
    # What a person did wrong stays said while the page goes on asking for fresh data.
    said = ask(view, "dance")
    assert "Unknown action" in said
    assert ask(view, "refresh") == said


def test_doctor_and_page_agree(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit("salon-1")
    for name, value in installation.settings.to_environment().items():
        if value:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["photoqueue", "doctor", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = {entry["check"]: entry for entry in json.loads(capsys.readouterr().out)["checks"]}
    report = system_report()
    for server in report.servers:
        assert told[server.name]["detail"] == f"{server.version}, {server.place}"
    assert report.photo_store in told["Photo store"]["detail"]
    assert stats()["photo-analyze"].unattended == 1
    assert told["photo-analyze"]["advice"] == "photoqueue worker"


def test_paused_queue_without_a_worker_is_unattended_too(installation: Installation) -> None:
    pause("photo-analyze")
    submit("salon-1")
    assert queue(view_of())["unattended"] == 1
