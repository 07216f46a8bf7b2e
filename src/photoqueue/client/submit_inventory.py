"""Submitting the adding-up of a project."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

from photoqueue import tracing
from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked, checked_priority, default_user
from photoqueue.client.intake import announce
from photoqueue.errors import PayloadError, StateError
from photoqueue.installation import Installation, current
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.queue import projects, read
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.submission import NewJob, accept
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGIES
from photoqueue.words import INTERACTIVE_PRIORITY, Message


def submit_inventory(
    project_id: str,
    *,
    user_id: str | None = None,
    after: Batch | str | None = None,
    strategy: str = DEFAULT_STRATEGY,
    priority: int = INTERACTIVE_PRIORITY,
) -> Job:
    """Submit the adding-up of a project's photos.

    Parameters
    ----------
    project_id
        The project.
    user_id
        Who submits; the login name when left out.
    after
        A batch, or its id: the job runs when all its jobs have ended.
    strategy
        ``max``: per room and item the most seen in one photo, so that several views of a
        room do not count twice. ``match``: the same thing is recognised over the views, by
        its look and what stands beside it. ``sum``: every photo counts, for photos that do
        not overlap. ``llm``: a vision model looks at all photos of a room together.
    priority
        Higher is taken first.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    UnknownBatchError
        ``after`` does not exist.
    StateError
        There is no such strategy, or the project is being added up at this moment in
        another way than asked for.
    PayloadError
        An identifier is empty, too long or not printable.

    Examples
    --------
    >>> job = submit_inventory("move-42", after=batch)  # doctest: +SKIP
    """
    installation = current()
    project = checked("project_id", project_id)
    priority = checked_priority(priority)
    if after is not None and not isinstance(after, Batch | str):
        raise PayloadError(f"after is {type(after).__name__}; give a batch or its id.")
    batch_id = after.id if isinstance(after, Batch) else after
    if batch_id is not None:
        read.batch_row(installation.database, batch_id)
    if not projects.project_exists(installation.database, project):
        raise projects.unknown_project(project)
    user = checked("user_id", default_user() if user_id is None else user_id)
    with tracing.span("photoqueue.submit", {"photoqueue.jobs": 1}):
        payload = InventoryPayload.model_validate(
            {
                "projectId": project,
                "userId": user,
                "strategy": _strategy(strategy),
                "afterBatch": batch_id,
                "traceparent": tracing.traceparent(),
            }
        )
        new = NewJob(
            job_id=new_uuid(),
            job_key=f"inventory-{project}",
            queue=INVENTORY_SYNC,
            payload_json=payload.to_json(),
            user_id=user,
            max_attempts=installation.settings.max_attempts,
            priority=priority,
            project_id=project,
            after_batch=batch_id,
        )
        _ = installation.broker  # a wrong REDIS_URL is found before anything is accepted
        (accepted,) = accept(installation.database, jobs=[new])
        messages = [Message(INVENTORY_SYNC, accepted.job_id, priority)]
        if not accepted.created:
            messages = _amended(installation, accepted.job_id, payload)
        if batch_id is None:
            announce(installation, messages)
        return Job(installation, accepted.job_id, new.job_key, INVENTORY_SYNC)


def _amended(installation: Installation, job_id: UUID, payload: InventoryPayload) -> list[Message]:
    """Make an unfinished inventory of the project do what this submission asks for.

    Raises
    ------
    StateError
        It is running already, and in another way.
    """
    standing = read.payload_of(installation.database, job_id)
    if (standing.get("strategy"), standing.get("afterBatch")) == (
        payload.strategy,
        payload.after_batch,
    ):
        return []
    with closing(Ledger(installation.database)) as ledger:
        messages = ledger.amend_inventory(
            job_id, payload.to_json(), after_batch=payload.after_batch
        )
    if not messages:
        raise StateError(
            f"Project {payload.project_id!r} is being added up already, as job {job_id}, and "
            "not in the way asked for. Wait for that job, then submit the inventory again."
        )
    return messages


def _strategy(strategy: str) -> str:
    if strategy not in STRATEGIES:
        raise StateError(
            f"Unknown strategy {strategy!r:.40}; choose {', '.join(map(repr, STRATEGIES))}."
        )
    return strategy
