"""``/api/queue/test``, queues, workers: how the installation is and whether it takes jobs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from photoqueue.client.control import pause, resume
from photoqueue.client.handles import Job
from photoqueue.client.submit import submit_known_photo, submit_photo
from photoqueue.client.system import live_workers
from photoqueue.errors import PhotoNotFoundError
from photoqueue.faces.http.answers import (
    ChangesAnswer,
    QueueAnswer,
    QueuesAnswer,
    TestJobAnswer,
    WorkerEntry,
    WorkersAnswer,
)
from photoqueue.faces.http.backend import Backend, TheBackend
from photoqueue.faces.http.bodies import TestJobRequest
from photoqueue.words import JobType

router = APIRouter(prefix="/api", tags=["queues"])


@router.get("/queue/test", response_model=QueuesAnswer)
async def queue_counts(request: Request) -> Response:
    """Count the jobs of each queue by state; at most a second old, and shared by all who ask."""
    # Asked for more often than all else: found here, not as a dependency, which takes longer
    # than the answer.
    backend: Backend = request.app.state.backend
    return Response(await backend.queues.get(), media_type="application/json")


@router.post("/queue/test")
async def submit_test_job(body: TestJobRequest, backend: TheBackend) -> TestJobAnswer:
    """Submit a photo to try the whole chain; an unknown photo id gets a picture of ours."""
    job = await backend.calls(_submit, body)
    backend.changed()
    return TestJobAnswer(job_id=job.id, bull_job_id=job.key)


@router.post("/queues/{name}/pause")
async def pause_queue(name: JobType, backend: TheBackend) -> QueueAnswer:
    """Take no more jobs of a queue; those that run finish."""
    await backend.calls(pause, name)
    backend.changed()
    return QueueAnswer(name=name, paused=True)


@router.post("/queues/{name}/resume")
async def resume_queue(name: JobType, backend: TheBackend) -> QueueAnswer:
    """Take jobs of a queue again."""
    await backend.calls(resume, name)
    backend.changed()
    return QueueAnswer(name=name, paused=False)


@router.get("/workers")
async def workers(backend: TheBackend) -> WorkersAnswer:
    """List the workers that show that they are alive, oldest first."""
    found = await backend.calls(live_workers)
    return WorkersAnswer(workers=[WorkerEntry.model_validate(worker) for worker in found])


@router.get("/changes")
async def changes(backend: TheBackend) -> ChangesAnswer:
    """Return a text that changes with every write: whether it is worth while to look again."""
    return ChangesAnswer(mark=await backend.mark.get())


def _submit(body: TestJobRequest) -> Job:
    try:
        return submit_known_photo(body.photo_id, user_id=body.user_id, room_type=body.room_type)
    except PhotoNotFoundError:
        return submit_photo(
            _sample_picture(),
            photo_id=body.photo_id,
            user_id=body.user_id,
            room_type=body.room_type,
            file_name="sample-room.jpg",
        )


@cache
def _sample_picture() -> bytes:
    return (Path(__file__).parents[1] / "static" / "sample-room.jpg").read_bytes()
