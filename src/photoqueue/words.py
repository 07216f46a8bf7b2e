"""The words of the domain as types: states, job types, job data.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from photoqueue.records.base import DEFAULT_STRATEGY, Identifier, Record, Strategy


class JobType(StrEnum):
    """The two kinds of job; each is also the name of its queue."""

    PHOTO_ANALYZE = "photo-analyze"
    INVENTORY_SYNC = "inventory-sync"


class JobState(StrEnum):
    """Where a job stands."""

    #: Accepted, not yet taken by a worker.
    WAITING = "waiting"
    #: A worker holds it.
    ACTIVE = "active"
    #: Failed an attempt; tried again when its back-off is over.
    DELAYED = "delayed"
    #: Ended with a result.
    COMPLETED = "completed"
    #: Ended without a result: a permanent error, or the attempt budget is spent.
    FAILED = "failed"
    #: Ended by a person.
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return not TRANSITIONS[self]


#: Which state may follow which. ``failed`` and ``cancelled`` lead on only through a
#: person's ``retry``, which starts the job anew and is therefore no transition of its run.
TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.WAITING: frozenset({JobState.ACTIVE, JobState.CANCELLED}),
    JobState.ACTIVE: frozenset(
        {
            JobState.COMPLETED,
            JobState.FAILED,
            JobState.DELAYED,  # a retry, after its back-off
            JobState.WAITING,  # handed back, or its worker is lost
            JobState.CANCELLED,
        }
    ),
    JobState.DELAYED: frozenset({JobState.ACTIVE, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

UNFINISHED: Final = tuple(state for state in JobState if TRANSITIONS[state])


class Outcome(StrEnum):
    """How one attempt ended."""

    #: With a result.
    COMPLETED = "completed"
    #: With an exception.
    ERROR = "error"
    #: It ran longer than the time limit and was ended.
    TIMEOUT = "timeout"
    #: Its process or host died, or lost its lease.
    WORKER_LOST = "worker_lost"
    #: Handed back by a worker that was told to stop, or put back because a rate limit is
    #: used up; does not count against the budget.
    RELEASED = "released"
    #: The job was cancelled while it ran.
    CANCELLED = "cancelled"


class PhotoPayload(Record):
    """Job data of ``photo-analyze``."""

    photo_id: Identifier
    user_id: Identifier
    asset_id: str | None = None
    room_type: str | None = None
    project_id: str | None = None
    room: str | None = None
    #: Registered name of the engine that is to analyse it; ``None`` leaves it to the worker.
    engine: Identifier | None = None
    #: Content address of the picture in the photo store.
    sha256: str
    file_name: str | None = None
    #: Where the submission was traced (W3C Trace Context); the worker's spans go on from it.
    traceparent: str | None = None


class InventoryPayload(Record):
    """Job data of ``inventory-sync``."""

    project_id: Identifier
    user_id: Identifier
    strategy: Strategy = DEFAULT_STRATEGY
    #: Batch whose end this inventory waits for.
    after_batch: str | None = None
    #: Where the submission was traced (W3C Trace Context); the worker's spans go on from it.
    traceparent: str | None = None


class Message(NamedTuple):
    """What the broker carries: which job is ready, and how urgent it is."""

    queue: JobType
    job_id: UUID
    #: Higher is taken first.
    priority: int = 0


#: Priority of a photo that a person submitted alone, so that it passes a running batch.
INTERACTIVE_PRIORITY: Final = 10
