"""The view of charts: drawn from the tables, anew only when what they show has changed."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest
from PIL import Image

from photoqueue.errors import DatabaseUnavailableError
from photoqueue.faces.notebook import charts_view
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.view import Scope
from photoqueue.queue.database import Database
from photoqueue.services import Endpoints
from tests.conftest import eventually

ADD = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, project_id, user_id, attempts,
        max_attempts, budget, ready_at, started_at, finished_at, wait_ms, job_duration_ms, success)
    SELECT gen_random_uuid(), 'photo-' || gen_random_uuid(), 'photo-analyze', 'completed', '{}',
        %(project)s, 'u1', 1, 4, 4, now(), now() - interval '2 s', now(), 5, 2000, true
    FROM generate_series(1, %(count)s);
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at, ended_at)
    SELECT job_id, 1, 'completed', wait_ms, started_at, finished_at FROM jobs
    ON CONFLICT DO NOTHING;
"""
NAMES = ("durations", "waits", "throughput", "failures", "retries", "ai")


def add(database: Database, count: int, project: str = "m1") -> None:
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        for statement in ADD.split(";")[:2]:
            used = {"count": count, "project": project} if "%(count)s" in statement else None
            connection.execute(statement, used)


def drawings(view: ChartsView) -> list[str]:
    """Record which charts are drawn from now on."""
    drawn: list[str] = []
    view.observe(lambda change: drawn.append(change["name"]), list(NAMES))
    return drawn


def test_each_chart_has_a_picture_words_and_a_table(database: Database) -> None:
    add(database, 3)
    view = ChartsView()
    view.refresh()
    for name in NAMES:
        chart: dict[str, Any] = getattr(view, name)
        assert Image.open(io.BytesIO(chart["png"])).width == 640
        assert chart["heading"]
        assert chart["alt"]
        assert all(len(row) == len(chart["columns"]) for row in chart["rows"])
    assert view.durations["alt"].startswith("Run time of 3 completed attempts: p50 2.0 s")
    assert view.durations["rows"][0][:3] == ["completed", "3", "2.0 s"]


def test_charts_of_an_empty_installation_say_what_is_missing(database: Database) -> None:
    view = ChartsView()
    view.refresh()
    assert view.throughput["alt"] == "Throughput: no job was submitted"
    assert view.throughput["rows"] == []


def test_nothing_is_drawn_again_while_nothing_happens(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts_view, "_SECONDS", 0.0)
    monkeypatch.setattr(charts_view, "_REST", 0.0)
    add(database, 3)
    view = ChartsView()
    view.refresh()
    drawn = drawings(view)
    view.refresh()
    assert drawn == []
    # When a job ends, only the charts that show it are drawn
    add(database, 1)

    def ended() -> bool:
        view.refresh()
        return "4 completed" in view.durations["alt"]

    eventually(ended)
    assert "durations" in drawn
    assert "ai" not in drawn


def test_reading_is_rare_however_often_it_is_refreshed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = ChartsView()
    view.refresh()
    monkeypatch.setattr(charts_view, "figures", None)
    for _ in range(5):
        view.refresh()


def test_another_scope_is_read_at_once(database: Database) -> None:
    add(database, 3)
    add(database, 2, project="m2")
    scope = Scope()
    view = ChartsView(scope)
    view.refresh()
    assert "5 completed" in view.durations["alt"]
    scope.project = "m2"
    view.refresh()
    assert "2 completed" in view.durations["alt"]


def test_what_the_person_chooses_is_shown_at_once(database: Database) -> None:
    add(database, 3)
    view = ChartsView()
    view.refresh()
    view.queue = "inventory-sync"
    assert view.durations["alt"] == "Run time: no attempt has ended yet"
    view.set_trait("queue", "")
    view.period = "hour"
    assert "3 completed" in view.durations["alt"]


def test_dark_page_gets_dark_charts_without_reading_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = ChartsView()
    view.refresh()
    light = view.retries["png"]
    monkeypatch.setattr(charts_view, "figures", None)
    view.dark = True
    assert view.retries["png"] != light


def test_driver_refreshes_when_the_person_chooses(database: Database) -> None:
    view = ChartsView()
    wanted: list[str] = []
    view.driven_by(lambda: wanted.append("soon"))
    view.period = "day"
    assert wanted == ["soon"]
    assert view.retries == {}


def test_servers_that_are_gone_are_said_and_raised(servers: Endpoints, database: Database) -> None:
    view = ChartsView()
    view.refresh()
    name = database.url.database
    admin = servers.database_url.get_secret_value()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[arg-type]  # a name of our own
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
    view.period = "day"
    assert "cannot be used" in view.notice
    with pytest.raises(DatabaseUnavailableError):
        view.refresh()
