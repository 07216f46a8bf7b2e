"""The words of the domain as types: states, job types, outcomes.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import CoreSchema, core_schema

from photoqueue.addresses import is_reference
from photoqueue.errors import ConfigurationError

#: Words in lower case, joined by hyphens: part of Redis keys, addresses and names on the wire.
_QUEUE_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_QUEUE_NAME: Final = 60


class JobType(str):
    """A kind of job. As a text it is the name of its queue, and compares as that.

    Frozen; two of one queue are equal. The package declares ``photo-analyze`` and
    ``inventory-sync`` (:mod:`photoqueue.jobs`); ``PHOTOQUEUE_JOB_TYPES`` names others.

    Parameters
    ----------
    queue : str
        Name of the queue: words in lower case, joined by hyphens.
    payload : type of pydantic.BaseModel, optional
        Model of the job data, which is checked when a job is submitted and when it runs; any
        JSON object when left out.
    result : type of pydantic.BaseModel, optional
        Model of the result; :meth:`photoqueue.Job.result` returns the JSON object when left out.
    handler : str, optional
        What does the jobs, as ``package.module:attribute``; imported in the processes of workers
        only. A process without it can submit jobs and look at them.
    key : str, optional
        Job key, as a format over fields of the job data: ``floor-plan-{project_id}``. There is
        one unfinished job of a key at a time. When left out, each job has its own key.

    Raises
    ------
    ConfigurationError
        The name cannot be that of a queue, the handler is not ``package.module:attribute``, or
        the key does not begin with a name and a hyphen.

    Examples
    --------
    >>> JobType("floor-plan", key="floor-plan-{project_id}") == "floor-plan"
    True
    """

    payload: type[BaseModel] | None
    result: type[BaseModel] | None
    handler: str | None
    key: str

    def __new__(
        cls,
        queue: str,
        *,
        payload: type[BaseModel] | None = None,
        result: type[BaseModel] | None = None,
        handler: str | None = None,
        key: str | None = None,
    ) -> JobType:
        """Check the names; all else is taken as it is."""
        if not _QUEUE_NAME.fullmatch(queue) or len(queue) > _MAX_QUEUE_NAME:
            raise ConfigurationError(
                f"{queue!r:.80} cannot be the name of a queue. Use words in lower case, joined by "
                f"hyphens, such as 'floor-plan'; at most {_MAX_QUEUE_NAME} characters."
            )
        if handler is not None and not is_reference(handler):
            raise ConfigurationError(
                f"The handler {handler!r:.120} of {queue} cannot be imported. Write it as "
                "'package.module:attribute'."
            )
        key = key or f"{queue}-{{job_id}}"
        if not key.partition("{")[0].endswith("-"):
            raise ConfigurationError(
                f"The key {key!r:.120} of {queue} does not begin with a name and a hyphen. Write "
                f"it as '{queue}-{{field}}', with a field of the job data."
            )
        job_type = super().__new__(cls, queue)
        job_type.__dict__.update(payload=payload, result=result, handler=handler, key=key)
        return job_type

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self!r} is frozen; declare another job type instead")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return f"JobType({str(self)!r})"

    @property
    def key_prefix(self) -> str:
        """How the keys of its jobs begin: what is before the first field."""
        return self.key.partition("{")[0]

    def key_of(self, **fields: object) -> str:
        """Return the key of a job, from fields of its job data.

        Examples
        --------
        >>> JobType("floor-plan", key="floor-plan-{project_id}").key_of(project_id="move-42")
        'floor-plan-move-42'
        """
        return self.key.format(**fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _registered_type, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": [str(known) for known in _KNOWN.values()]}


#: Queue → its type, in the order of registration.
_KNOWN: Final[dict[str, JobType]] = {}


def register(job_type: JobType) -> JobType:
    """Let this process know a job type; return it.

    Raises
    ------
    ConfigurationError
        Another type of the same queue is known already, or its job keys begin the same.
    """
    known = _KNOWN.get(job_type)
    if known is not None and known.handler not in (None, job_type.handler):
        raise ConfigurationError(
            f"There are two job types of the queue {str(job_type)!r}: one handled by "
            f"{known.handler}, one by {job_type.handler}. Give one of them another queue."
        )
    for other in registered_types():
        short, long = sorted((other.key_prefix, job_type.key_prefix), key=len)
        # Of a type without a handler little may be known here but its name.
        both_known = other.handler is not None and job_type.handler is not None
        if other != job_type and both_known and long.startswith(short):
            raise ConfigurationError(
                f"Job keys of {job_type} ({job_type.key}) could be taken for those of {other} "
                f"({other.key}). Let them begin otherwise: JobType(key=…)."
            )
    _KNOWN[str(job_type)] = job_type
    return job_type


def registered_types() -> tuple[JobType, ...]:
    """List the job types that were registered; :func:`photoqueue.jobs.job_types` is complete."""
    return tuple(_KNOWN.values())


def job_type(queue: str) -> JobType:
    """Return the type of a queue; one that this process does not know has a name only."""
    return _KNOWN.get(queue) or JobType(queue)


def _registered_type(value: object) -> JobType:
    if isinstance(value, JobType):
        return value
    if isinstance(value, str) and value in _KNOWN:
        return _KNOWN[value]
    raise ValueError(f"there is no such queue; there are {', '.join(_KNOWN)}")


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


class Message(NamedTuple):
    """What the broker carries: which job is ready, and how urgent it is."""

    queue: JobType
    job_id: UUID
    #: Higher is taken first.
    priority: int = 0


#: Priority of a photo that a person submitted alone, so that it passes a running batch.
INTERACTIVE_PRIORITY: Final = 10
