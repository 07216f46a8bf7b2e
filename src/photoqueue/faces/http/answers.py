"""What the HTTP API answers, as in OpenAPI: camelCase, with examples.

A record has its own name there (``JobSnapshot``, ``QueueStats``); what wraps records or says how a
request went is named here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from photoqueue.queue.batch_changes import BatchPhoto
from photoqueue.records.base import Box
from photoqueue.records.edits import Edit
from photoqueue.records.snapshots import JobSnapshot, ProjectEntry, QueueStats, Webhook, Worker
from photoqueue.words import JobState, JobType

_JOB_ID = "01a209ce-dc1e-7676-951f-0a77b04d212b"


class _Given(BaseModel):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class TestJobAnswer(_Given):
    """The job that was submitted."""

    __test__ = False  # not a pytest class

    success: Literal[True] = True
    job_id: str = Field(examples=[_JOB_ID])
    bull_job_id: str = Field(examples=["photo-photo-1"], description="Key of the job.")
    queue_position: Literal["waiting"] = Field(
        default="waiting", description="State of the submitted job."
    )


class QueuesAnswer(_Given):
    """All queues at one moment."""

    queues: tuple[QueueStats, ...]
    timestamp: datetime


class QueueAnswer(_Given):
    """A queue that was paused or resumed."""

    name: JobType
    paused: bool


class SubmittedJob(_Given):
    """A job after it was submitted, found by its key, retried or cancelled."""

    job_id: str = Field(examples=[_JOB_ID])
    job_key: str = Field(examples=["photo-photo-1"])
    queue: JobType
    state: JobState
    #: The room from which the submission moved the photo to another.
    moved_from: str | None = None


class BatchAnswer(_Given):
    """A batch and how far it is."""

    batch_id: str = Field(examples=["b-20261125-f17e2559"])
    project_id: str | None
    user_id: str
    engine: str | None
    priority: int
    created_at: datetime
    #: Whether photos can be added.
    open: bool
    #: Until when they can, if nothing is added before; since when they cannot.
    closed_at: datetime
    total: int
    finished: int
    counts: dict[JobState, int]
    #: Whether it is closed and all jobs have ended.
    done: bool


class BatchPhotosAnswer(_Given):
    """Photos of a batch in the order of submission; ``next`` is for ``after``."""

    photos: tuple[BatchPhoto, ...]
    next: int | None = None


class ProjectsAnswer(_Given):
    """The projects with the most recently submitted photos, most recent first."""

    projects: list[ProjectEntry]


class LeftOutFile(_Given):
    """A file of a submission that was not taken, and why."""

    file: str
    reason: str


class JobsAnswer(_Given):
    """A page of jobs; ``next`` and ``previous`` are for ``after`` and ``before``."""

    jobs: tuple[JobSnapshot, ...]
    next: str | None
    previous: str | None


class CountsAnswer(_Given):
    """How many jobs there are in each state."""

    counts: dict[JobState, int]


class ReviewItem(_Given):
    """Something that a photo shows, with all edits."""

    item_id: str
    photo_id: str
    room: str
    name: str
    #: 0…1; none for what a person named.
    score: float | None = None
    #: x0, y0, x1, y1 in 0…1 of the upright picture.
    box: Box | None = None
    #: The thing that it shows.
    thing: str | None = None
    #: The newest edit, and by whom.
    edited: str | None = None


class ReviewThing(_Given):
    """A thing of a project; ``reason`` says why it does not count."""

    thing: str
    room: str
    name: str
    counts: bool
    reason: str
    #: The items that show it.
    items: list[str]


class UnplacedEdit(_Given):
    """An edit whose item was not found again."""

    number: int
    user_id: str
    what: str
    reason: str


class InventoryGap(_Given):
    """What an inventory may lack."""

    #: Its name, for ``acknowledge``.
    gap: str
    what: str
    #: By whom; left out if by nobody.
    acknowledged: str | None = None


class ItemsAnswer(_Given):
    """What the photos of a project show, the things that it makes, and what it may lack."""

    items: list[ReviewItem]
    things: list[ReviewThing]
    unplaced: list[UnplacedEdit]
    gaps: list[InventoryGap]


class EditsAnswer(_Given):
    """Edits, oldest first."""

    edits: tuple[Edit, ...]


class WebhooksAnswer(_Given):
    """What happened and whether the receiver was told, newest first."""

    webhooks: list[Webhook]


class ResentAnswer(_Given):
    """A webhook that is sent again."""

    webhook_id: UUID


class WorkersAnswer(_Given):
    """All live workers."""

    workers: list[Worker]


class ChangesAnswer(_Given):
    """A text that changes with every write; while it is the same, nothing has changed."""

    mark: str


class AliveAnswer(_Given):
    """The server answers."""

    status: Literal["alive"] = "alive"


class CheckEntry(_Given):
    """One readiness check; ``problem`` only for callers that may see it."""

    name: str
    ok: bool
    problem: str | None = None


class ReadyAnswer(_Given):
    """Whether the installation is ready to run jobs."""

    ready: bool
    checks: list[CheckEntry]


class Fault(BaseModel):
    """An invalid value."""

    where: str
    problem: str


class Problem(BaseModel):
    """A problem (RFC 9457): what happened, to what, and what to do."""

    type: str = Field(examples=["urn:photoqueue:problem:unknown-job"])
    title: str = Field(examples=["There is no such job"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["No job … in this installation. List the jobs …"])
    errors: list[Fault] | None = None


def content(description: str, *kinds: str, binary: bool = True) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is not JSON, by its media types."""
    schema = {"type": "string", **({"format": "binary"} if binary else {})}
    told = {"description": description, "content": {kind: {"schema": schema} for kind in kinds}}
    return {200: told}
