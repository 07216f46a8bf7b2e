"""Snapshots of jobs, attempts, workers and queues.

The columns of a job are declared here, once. SQL, DataFrames, the JSON of the HTTP API and the
tables of the command line and the workbench derive from these fields; JSON names are camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Final, NamedTuple, get_type_hints
from uuid import UUID

from pydantic import ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from photoqueue.format import one_line
from photoqueue.records.hooks import HasCard
from photoqueue.words import (
    UNFINISHED,
    JobState,
    JobType,
    Outcome,
    WebhookEvent,
    WebhookState,
    retry_helps,
)

_JSON: Final = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Column(NamedTuple):
    """How a field of a job is displayed."""

    #: Column title.
    title: str
    #: Whether tables of jobs have this column, if any job has a value.
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobSnapshot(HasCard):
    """A job at one moment.

    Attributes
    ----------
    room, file_name : str or None
        Room and file name of its photo.
    attempts : int
        Attempts started so far.
    success : bool or None
        None until the job has ended.
    wait_ms, job_duration_ms : float or None
        How long the last attempt waited and ran; None before it started or ended.
    ready_at : datetime or None
        Since when it may start; None while it waits for a batch.
    error_type, error_message : str or None
        The last error; a list of jobs has the first 300 characters of each.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    job_id: Annotated[UUID, Column("Id")]
    queue: Annotated[JobType, Column("Queue")]
    job_key: Annotated[str, Column("Key")]
    state: Annotated[JobState, Column("State")]
    photo_id: Annotated[str | None, Column("Photo")]
    project_id: Annotated[str | None, Column("Project", listed=True)]
    room: Annotated[str | None, Column("Room", listed=True)]
    file_name: Annotated[str | None, Column("File")]
    user_id: Annotated[str, Column("Submitted by")]
    batch_id: Annotated[str | None, Column("Batch", listed=True)]
    priority: Annotated[int, Column("Priority")]
    attempts: Annotated[int, Column("Attempts")]
    max_attempts: int
    success: bool | None
    wait_ms: Annotated[float | None, Column("Waited")]
    job_duration_ms: Annotated[float | None, Column("Ran")]
    created_at: Annotated[datetime, Column("Submitted")]
    ready_at: datetime | None
    started_at: Annotated[datetime | None, Column("Started")]
    finished_at: Annotated[datetime | None, Column("Finished")]
    error_type: str | None
    error_message: str | None

    @property
    def name(self) -> str:
        """File name, else photo id, else job key."""
        return self.file_name or self.photo_id or self.job_key

    @computed_field  # type: ignore[prop-decorator]  # mypy takes nothing above a property
    @property
    def progress(self) -> float:
        """0 while it waits, 0.5 while it runs, 1 once it has ended."""
        if self.state.finished:
            return 1.0
        return 0.5 if self.state is JobState.ACTIVE else 0.0

    @property
    def error(self) -> str | None:
        """The last error in one line: ``type: message``."""
        return error_line(self.error_type, self.error_message)

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def can_retry(self) -> bool:
        """Whether starting it again can help: not where the photo or the job data is wrong."""
        return retry_helps(self.state, self.error_type, self.attempts, self.max_attempts)

    @property
    def can_cancel(self) -> bool:
        """Whether it can be cancelled."""
        return self.state in UNFINISHED

    def __repr__(self) -> str:
        key = one_line(self.job_key, 28)
        return f"<JobSnapshot {key}: {self.state}, attempt {self.attempts} of {self.max_attempts}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a job; times are in milliseconds since the job was submitted."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    attempt: int
    #: None while it waits or runs.
    outcome: Outcome | None = None
    #: From when on it could start.
    ready_ms: float | None = None
    #: None before it started or ended.
    started_ms: float | None = None
    ended_ms: float | None = None
    wait_ms: float | None = None
    duration_ms: float | None = None
    #: Back-off before the next attempt; None if there is none.
    retry_delay_ms: float | None = None
    #: Machine of the worker.
    host: str | None = None
    slot: int | None = None
    error_type: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AiCall:
    """One call of an engine."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    #: Number of the attempt, and of the call within it, both from 1; 0 until recorded.
    attempt: int = 0
    call: int = 0
    photo_id: str | None
    engine: str
    model: str
    latency_ms: float
    tokens_in: int | None = None
    tokens_out: int | None = None
    #: None if the price is not known.
    cost_usd: float | None = None
    success: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobStory(JobSnapshot):
    """All details of one job."""

    #: The batch that must end before the job starts.
    after_batch: str | None
    #: The job data, with the contract's JSON names.
    payload: Mapping[str, Any]
    #: The result as JSON object of the contract.
    result: Mapping[str, Any] | None
    #: The worker's traceback of the last error.
    error_traceback: str | None
    #: The ended attempts, then the running or next one.
    attempt_list: tuple[Attempt, ...]
    ai_calls: tuple[AiCall, ...]
    #: When this was read, in milliseconds since the submission.
    now_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker; times are those of PostgreSQL's clock."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    worker_id: UUID
    #: Where it runs; the key identifies machine, boot and process namespace.
    host: str
    #: Not in JSON: it is for internal use.
    host_key: Annotated[str, Field(exclude=True)]
    pid: int
    queues: tuple[JobType, ...]
    #: Jobs at a time, per queue.
    concurrency: int
    engine: str | None
    #: ``starting``, ``running``, ``draining``, or ``lost`` (its lease has expired).
    state: str
    #: Whether it takes jobs or is starting.
    live: bool
    #: Number of running jobs.
    active: int
    started_at: datetime
    #: Seconds since it renewed its lease, and since it started.
    started_s: float
    seen_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """Counts of one queue."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    name: str
    waiting: int = 0
    active: int = 0
    delayed: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: bool = False
    #: Seconds for which the oldest ready job has been waiting; None without one.
    oldest_waiting_s: float | None = None
    #: Live workers.
    workers: int = 0
    #: Refused broker messages since the installation began.
    refused_messages: int = 0

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def total(self) -> int:
        """All jobs of the queue, in any state."""
        return sum(getattr(self, state) for state in JobState)

    @property
    def unstarted(self) -> int:
        """Jobs that no worker has taken yet."""
        return self.waiting + self.delayed

    @property
    def unattended(self) -> int:
        """Jobs that wait while no live worker would take them."""
        return 0 if self.workers else self.unstarted


@cache
def job_columns() -> Mapping[str, Column]:
    """Return the displayed fields of a job, in their order."""
    hints = get_type_hints(JobSnapshot, include_extras=True)
    marks = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: mark[0] for name, mark in marks.items() if mark and isinstance(mark[0], Column)}


def error_line(error_type: str | None, error_message: str | None) -> str | None:
    """Format an error in one line; None if there is none."""
    return f"{error_type}: {error_message}" if error_type else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Something that happened, and whether the receiver was told."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    webhook_id: UUID
    event: WebhookEvent
    #: Id of the batch, of the job of the inventory, or of the project of the report.
    subject: str
    project_id: str | None
    happened_at: datetime
    state: WebhookState
    attempts: int
    #: Why the last attempt failed.
    error: str | None
    delivered_at: datetime | None
    #: Of one that waits: when the next attempt begins.
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEntry:
    """A project in the list of projects."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON

    project_id: str
    #: Number of its photos, and of the rooms that they name.
    photos: int
    rooms: int
    #: When its newest inventory ended; None without one.
    newest_inventory: datetime | None
    #: When a photo was last submitted for it or one of its jobs last ended.
    last_activity: datetime
