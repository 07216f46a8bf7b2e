"""A field that :class:`JobSnapshot` declares is seen wherever jobs are, by the same name."""

from __future__ import annotations

from dataclasses import fields

import httpx
import pytest
from pydantic.alias_generators import to_camel

import photoqueue
from photoqueue.client.observe import ask, story
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.installation import Installation
from photoqueue.queue.batch_changes import EndedJob, batch_changes
from photoqueue.queue.pages import JobQuery, job_page
from photoqueue.records.snapshots import JobSnapshot, job_columns
from tests.conftest import picture
from tests.integration.conftest import Run

FIELDS = [field.name for field in fields(JobSnapshot)]


@pytest.fixture
def job(installation: Installation) -> photoqueue.Job:
    return photoqueue.submit_photo(
        picture(1), photo_id="p1", project_id="m1", room="salon", user_id="u1"
    )


def test_tables_and_files_of_python_have_every_field(job: photoqueue.Job) -> None:
    named = ["queue_name" if name == "queue" else name for name in FIELDS if name != "ready_at"]
    assert list(photoqueue.history().columns) == named
    batch = photoqueue.submit_photos([picture(2)], project_id="m1", user_id="u1")
    assert list(photoqueue.poll(batch).columns) == named

    (listed, *_) = ask(job_page, JobQuery(text="photo-p1")).rows
    told = story(job)
    photoqueue.cancel(batch)
    (ended,) = ask(batch_changes, batch.id).ended
    assert isinstance(ended, EndedJob)
    for name in FIELDS:
        assert getattr(listed, name) == getattr(job.poll(), name) == getattr(told, name)
        assert getattr(ended, name) == getattr(next(iter(batch)).poll(), name)


def test_http_answers_have_every_field(job: photoqueue.Job, api: httpx.Client) -> None:
    (listed,) = api.get("/api/jobs").json()["jobs"]
    assert list(listed) == [*map(to_camel, FIELDS), "progress", "canRetry"]
    told = api.get(f"/api/jobs/{job.id}").json()
    assert {name: told[name] for name in listed} == listed


def test_workbench_and_command_line_show_every_field_with_a_title(
    job: photoqueue.Job, run: Run
) -> None:
    view = JobsView()
    view.selected = job.id
    view.refresh()
    listed = {name for name, column in job_columns().items() if column.listed}
    assert listed <= {column["name"] for column in view.columns}
    assert listed <= view.page["rows"][0].keys()
    assert list(view.frame().columns) == FIELDS

    told, shown = story(job), run("job", job.id).out
    table = run("jobs").out.splitlines()[0]
    for name, column in job_columns().items():
        if getattr(told, name) in (None, 0):
            continue
        assert column.title in {fact["title"] for fact in view.story["facts"]}
        assert column.title.lower() in shown
        assert not column.listed or column.title.upper() in table
