"""``/api/jobs``: lists in pages, everything about one job, retry, cancel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from photoqueue.client.control import cancel, retry
from photoqueue.client.handles import Job
from photoqueue.client.observe import ask, story
from photoqueue.client.observe import job as find_job
from photoqueue.faces.http.answers import CountsAnswer, JobsAnswer, SubmittedJob
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.routes.submissions import submitted
from photoqueue.queue.pages import JobOrder, JobQuery, job_counts, job_page
from photoqueue.records.snapshots import JobStory
from photoqueue.words import JobState, JobType

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class JobFilter(BaseModel):
    """Which jobs are meant, by the names of :class:`JobQuery` and those of the API."""

    queue: JobType | None = Field(None, description="Only jobs of this queue.")
    project_id: str | None = Field(None, alias="project", description="Only of this project.")
    batch_id: str | None = Field(None, alias="batch", description="Only of this batch.")
    text: str = Field(
        "",
        alias="search",
        description="Text in file name, room, key, batch or error; or a job id.",
    )


class JobList(JobFilter):
    """A page of jobs."""

    states: tuple[JobState, ...] = Field((), alias="state", description="Only in these states.")
    order: JobOrder = Field(JobOrder.SUBMITTED, description="Sort key.")
    descending: bool = Field(True, description="Descending order.")
    size: int = Field(50, alias="limit", ge=1, le=500, description="Rows per page.")
    after: str | None = Field(None, description="``next`` of a page in this order.")
    before: str | None = Field(None, description="``previous`` of a page; ``end`` for the last.")


@router.get("")
async def jobs(asked: Annotated[JobList, Query()], backend: TheBackend) -> JobsAnswer:
    """List jobs in pages; new jobs do not shift the pages."""
    page = await backend.calls(lambda: ask(job_page, JobQuery(**asked.model_dump())))
    return JobsAnswer(jobs=page.rows, next=page.next, previous=page.previous)


@router.get("/counts")
async def counts(asked: Annotated[JobFilter, Query()], backend: TheBackend) -> CountsAnswer:
    """Count the jobs of a search by state."""
    query = JobQuery(**asked.model_dump())
    return CountsAnswer(counts=await backend.calls(ask, job_counts, query))


@router.get("/{job_id:path}")
async def job(job_id: str, backend: TheBackend) -> JobStory:
    """Return everything about a job, by its id or its key (the newest job of the key)."""
    return await backend.calls(story, job_id)


@router.post("/{job_id:path}/retry")
async def retry_job(job_id: str, backend: TheBackend) -> SubmittedJob:
    """Retry a failed or cancelled job."""
    return await submitted(backend, partial(_after, retry, job_id))


@router.post("/{job_id:path}/cancel")
async def cancel_job(job_id: str, backend: TheBackend) -> SubmittedJob:
    """Cancel a job that has not ended."""
    return await submitted(backend, partial(_after, cancel, job_id))


def _after(change: Callable[[str], int], job_id: str) -> Job:
    change(job_id)
    return find_job(job_id)
