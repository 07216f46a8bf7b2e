"""``/api/jobs``: lists in pages, everything about one job, retry, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from photoqueue.client.control import cancel, retry
from photoqueue.client.observe import ask, story
from photoqueue.faces.http.answers import CountsAnswer, JobsAnswer, SubmittedJob
from photoqueue.faces.http.backend import TheBackend
from photoqueue.queue.pages import JobOrder, JobQuery, job_counts, job_page
from photoqueue.records.snapshots import JobStory
from photoqueue.words import JobState, JobType

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

Queue = Annotated[JobType | None, Query(description="Only jobs of this queue.")]
Project = Annotated[str | None, Query(description="Only jobs of this project.")]
InBatch = Annotated[str | None, Query(description="Only jobs of this batch.")]
Text = Annotated[
    str, Query(description="Text in file name, room, key, batch or error; or a job id.")
]
Cursor = Annotated[
    str | None, Query(description="``next`` or ``previous`` of a page in this order.")
]


@router.get("")
async def jobs(
    backend: TheBackend,
    state: Annotated[list[JobState] | None, Query(description="Only in these states.")] = None,
    queue: Queue = None,
    project: Project = None,
    batch: InBatch = None,
    search: Text = "",
    order: Annotated[JobOrder, Query(description="Sort key.")] = JobOrder.SUBMITTED,
    descending: Annotated[bool, Query(description="Descending order.")] = True,
    limit: Annotated[int, Query(ge=1, le=500, description="Rows per page.")] = 50,
    after: Cursor = None,
    before: Cursor = None,
) -> JobsAnswer:
    """List jobs in pages; new jobs do not shift the pages."""
    query = JobQuery(
        queue=queue,
        states=tuple(state or ()),
        project_id=project,
        batch_id=batch,
        text=search,
        order=order,
        descending=descending,
        size=limit,
        after=after,
        before=before,
    )
    page = await backend.calls(ask, job_page, query)
    return JobsAnswer(jobs=page.rows, next=page.next, previous=page.previous)


@router.get("/counts")
async def counts(
    backend: TheBackend,
    queue: Queue = None,
    project: Project = None,
    batch: InBatch = None,
    search: Text = "",
) -> CountsAnswer:
    """Count the jobs of a search by state."""
    query = JobQuery(queue=queue, project_id=project, batch_id=batch, text=search)
    return CountsAnswer(counts=await backend.calls(ask, job_counts, query))


@router.get("/{job_id:path}")
async def job(job_id: str, backend: TheBackend) -> JobStory:
    """Return everything about a job, by its id or its key (the newest job of the key)."""
    return await backend.calls(story, job_id)


@router.post("/{job_id:path}/retry")
async def retry_job(job_id: str, backend: TheBackend) -> SubmittedJob:
    """Retry a failed or cancelled job."""
    await backend.calls(retry, job_id)
    return await _changed(job_id, backend)


@router.post("/{job_id:path}/cancel")
async def cancel_job(job_id: str, backend: TheBackend) -> SubmittedJob:
    """Cancel a job that has not ended."""
    await backend.calls(cancel, job_id)
    return await _changed(job_id, backend)


async def _changed(job_id: str, backend: TheBackend) -> SubmittedJob:
    backend.changed()
    found = await backend.calls(story, job_id)
    return SubmittedJob(
        job_id=str(found.job_id), job_key=found.job_key, queue=found.queue, state=found.state
    )
