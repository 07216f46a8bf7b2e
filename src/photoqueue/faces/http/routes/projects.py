"""``/api/inventory`` and ``/api/projects``: adding a project up, and what came of it."""

from __future__ import annotations

from fastapi import APIRouter

from photoqueue.client.corrections import read_inventory
from photoqueue.client.submit_inventory import submit_inventory
from photoqueue.faces.http.answers import SubmittedJob
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.bodies import InventoryRequest
from photoqueue.records.results import InventoryResult

router = APIRouter(prefix="/api", tags=["inventories"])


@router.post("/inventory", status_code=202)
async def submit(body: InventoryRequest, backend: TheBackend) -> SubmittedJob:
    """Submit the adding-up of a project's photos."""
    job = await backend.calls(
        submit_inventory,
        body.project_id,
        user_id=body.user_id,
        after=body.after_batch,
        strategy=body.strategy,
    )
    backend.changed()
    state = (await backend.calls(job.poll)).state
    return SubmittedJob(job_id=job.id, job_key=job.key, queue=job.queue, state=state)


@router.get("/projects/{project_id:path}/inventory", response_model_exclude_none=True)
async def inventory(project_id: str, backend: TheBackend) -> InventoryResult:
    """Read the newest inventory of a project, with what people corrected since."""
    return await backend.calls(read_inventory, project_id)
