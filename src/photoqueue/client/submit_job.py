"""Submit inventories, jobs of custom types, and whatever else in a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from photoqueue import tracing
from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked, checked_priority, checked_user, optional
from photoqueue.client.intake import announce
from photoqueue.errors import PayloadError, StateError
from photoqueue.installation import Installation, current
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.jobs.handling import read_payload
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.queue import joining, projects, read
from photoqueue.queue.connections import storable_json
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.standing import asked_strategy
from photoqueue.queue.submission import NewJob, accept, amend
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGIES, Record
from photoqueue.words import INTERACTIVE_PRIORITY, JobType, Message

#: Keys of the job data that describe the submission, not the work.
_OF_THE_SUBMISSION: Final = ("traceparent", "userId")


def submit_inventory(
    project_id: str,
    *,
    user_id: str | None = None,
    after: Batch | str | None = None,
    strategy: str | None = None,
    priority: int = INTERACTIVE_PRIORITY,
    group: str | None = None,
) -> Job:
    """Submit the inventory of a project, which adds up its photos.

    Parameters
    ----------
    project_id
        The project.
    user_id
        Who submits; default is the login name.
    after
        A batch, or its id: the job runs once all jobs of the batch have ended.
    strategy
        ``max``: per room and item the largest count in one photo, so that several views of a
        room do not count twice. ``match``: an item is recognised in several views by its
        appearance and neighbours. ``sum``: the counts of all photos are added, for photos that
        do not overlap. ``llm``: a vision model sees all photos of a room together. Default:
        the one that the project was last added up by, else ``max``.
    priority
        Jobs of higher priority are taken first.
    group
        Who takes turns with others of the same priority; default is the user.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    UnknownBatchError
        ``after`` does not exist.
    StateError
        There is no such strategy, or an inventory of the project is running with other options.
    PayloadError
        An identifier is empty, too long or not printable.

    Examples
    --------
    >>> job = submit_inventory("move-42", after=batch)  # doctest: +SKIP
    """
    installation = current()
    project = checked("project_id", project_id)
    priority = checked_priority(priority)
    batch_id = _batch_id(installation, after)
    # The photos of an open batch may be yet to come.
    if batch_id is None or read.batch_row(installation.database, batch_id)["project_id"] != project:
        projects.require_project(installation.database, project)
    strategy = strategy or asked_strategy(installation.database, project)
    strategy = strategy or DEFAULT_STRATEGY
    if strategy not in STRATEGIES:
        raise StateError(
            f"Unknown strategy {strategy!r:.40}; choose {', '.join(map(repr, STRATEGIES))}."
        )
    user = checked_user(user_id)
    payload = InventoryPayload.model_validate(
        {"projectId": project, "userId": user, "strategy": strategy}
    )
    return _submit(
        installation,
        INVENTORY_SYNC,
        payload,
        user=user,
        after_batch=batch_id,
        priority=priority,
        group=group,
    )


def submit(
    job_type: JobType,
    payload: BaseModel | Mapping[str, Any],
    *,
    user_id: str | None = None,
    after: Batch | str | None = None,
    priority: int = INTERACTIVE_PRIORITY,
    group: str | None = None,
) -> Job:
    """Submit a job of a custom type.

    If a job of the same key waits, it is updated with this submission's data and returned. If the
    job data has a ``project_id``, the job belongs to that project.

    Parameters
    ----------
    job_type
        The type; workers need it in ``PHOTOQUEUE_JOB_TYPES``.
    payload
        The job data: the type's model, or a dict that the model accepts.
    user_id
        Who submits; default is the login name.
    after
        A batch, or its id: the job runs once all jobs of the batch have ended.
    priority
        Jobs of higher priority are taken first.
    group
        Who takes turns with others of the same priority; default is the user.

    Returns
    -------
    Job
        A handle; ``job.result()`` waits for the result.

    Raises
    ------
    PayloadError
        The job data is not valid, or the type is one of the package's; use
        :func:`~photoqueue.submit_photo` or :func:`~photoqueue.submit_inventory` for those.
    UnknownBatchError
        ``after`` does not exist.
    StateError
        A job of the same key is running with other job data.
    ConfigurationError
        Another type with the same queue is registered in this process.

    Examples
    --------
    >>> job = submit(FLOOR_PLAN, {"project_id": "move-42"})  # doctest: +SKIP
    """
    if not isinstance(job_type, JobType):
        raise PayloadError(f"job_type is {type(job_type).__name__}; give a photoqueue.JobType.")
    if job_type in (PHOTO_ANALYZE, INVENTORY_SYNC):
        raise PayloadError(
            f"Jobs of {job_type} are submitted with submit_photo(), submit_photos() or "
            "submit_inventory(), which also keep the photo or the project."
        )
    installation = current()
    with joining.joining(None):  # the name of a queue stays
        installation.know(job_type)
    return _submit(
        installation,
        job_type,
        _validated(job_type, payload),
        user=checked_user(user_id),
        after_batch=_batch_id(installation, after),
        priority=checked_priority(priority),
        group=group,
    )


@contextmanager
def join_transaction(connection: joining.Given) -> Iterator[None]:
    """Let submissions and edits be part of the transaction of your own connection.

    Their rows are committed or rolled back with yours. Workers are told of the jobs when the
    block ends, if the transaction has ended by then; otherwise they find them within a second of
    your commit. In the block nothing can be waited for, cancelled or retried.

    Parameters
    ----------
    connection
        One of psycopg 3 or SQLAlchemy to the database of the installation, not in autocommit.

    Raises
    ------
    PayloadError
        It is no such connection.
    StateError
        It commits by itself, or leads to another database. Raised by the first submission.

    Examples
    --------
    >>> with join_transaction(connection), connection.transaction():  # doctest: +SKIP
    ...     connection.execute("INSERT INTO moves VALUES ('move-42')")
    ...     job = submit_photo("salon.jpg", project_id="move-42")
    """
    transaction = joining.Joined(current().database.engine, connection)
    with joining.joining(transaction):
        yield
    for action in transaction.after:
        action()


def _submit(
    installation: Installation,
    job_type: JobType,
    payload: BaseModel | Mapping[str, Any],
    *,
    user: str,
    after_batch: str | None,
    priority: int,
    group: str | None,
) -> Job:
    job_id = new_uuid()
    fields = dict(payload)
    key = checked("The job key", _key(job_type, {**fields, "job_id": job_id}))
    project = fields.get("project_id")
    with tracing.span("photoqueue.submit", {"photoqueue.jobs": 1}):
        data = _as_json(job_type, payload)
        if (traceparent := tracing.traceparent()) is not None:
            data["traceparent"] = traceparent
        new = NewJob(
            job_id=job_id,
            job_key=key,
            queue=job_type,
            payload_json=storable_json(data),
            user_id=user,
            max_attempts=installation.settings.max_attempts,
            priority=priority,
            group_name=optional("group", group),
            project_id=None if project is None else checked("project_id", project),
            after_batch=after_batch,
        )
        _ = installation.broker  # a wrong REDIS_URL is found before anything is accepted
        (accepted,) = accept(installation.database, jobs=[new])
        job = Job(installation, accepted.job_id, key, job_type)
        messages = [Message(job_type, accepted.job_id, priority, accepted.turn)]
        if not accepted.created:
            messages = _amended(job, data, after_batch)
        announce(installation, messages if after_batch is None else [])
        return job


def _amended(job: Job, data: Mapping[str, Any], after_batch: str | None) -> list[Message]:
    """Update an unfinished job of the key with this submission's data.

    Raises
    ------
    StateError
        It is already running, with other data.
    """
    standing, waits_for = read.submitted_as(job.installation.database, UUID(job.id))
    if (_of_the_work(standing), waits_for) == (_of_the_work(data), after_batch):
        return []
    messages = amend(
        job.installation.database, UUID(job.id), storable_json(data), after_batch=after_batch
    )
    if not messages:
        raise StateError(
            f"{job.key} is already running, as job {job.id}, with other data. Wait for that job, "
            "then submit it again."
        )
    return messages


def _of_the_work(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _OF_THE_SUBMISSION}


def _batch_id(installation: Installation, after: Batch | str | None) -> str | None:
    """Return the id of the batch that a job waits for."""
    if after is not None and not isinstance(after, Batch | str):
        raise PayloadError(f"after is {type(after).__name__}; give a batch or its id.")
    batch_id = after.id if isinstance(after, Batch) else after
    if batch_id is not None:
        read.batch_row(installation.database, batch_id)
    return batch_id


def _validated(
    job_type: JobType, payload: BaseModel | Mapping[str, Any]
) -> BaseModel | Mapping[str, Any]:
    if job_type.payload is None:
        if isinstance(payload, Mapping):
            return payload
        raise PayloadError(
            f"The job data of {job_type} is {type(payload).__name__}; give a dict, or declare its "
            "model with JobType(payload=…)."
        )
    validated: BaseModel = read_payload(job_type, payload, of=f"a job of {job_type}")
    return validated


def _as_json(job_type: JobType, payload: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(payload, BaseModel):
        # The models of other packages may have defaults that are not None.
        exclude_none = isinstance(payload, Record)
        return payload.model_dump(mode="json", by_alias=True, exclude_none=exclude_none)
    try:
        written: dict[str, Any] = json.loads(json.dumps(dict(payload), allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise PayloadError(
            f"The job data of {job_type} is not JSON: {exc}. Use texts, numbers, lists and dicts "
            "only; nothing was accepted."
        ) from None
    return written


def _key(job_type: JobType, fields: Mapping[str, Any]) -> str:
    try:
        return job_type.key_of(**fields)
    except (KeyError, AttributeError, IndexError) as exc:
        raise PayloadError(
            f"The job key {job_type.key!r} of {job_type} needs {exc}, which the job data lacks; "
            "nothing was accepted."
        ) from None
