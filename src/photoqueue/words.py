"""Basic types of the domain: job types, states, outcomes.

Python attributes are snake_case; JSON keeps the camelCase names of the contract.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from photoqueue.addresses import is_reference
from photoqueue.errors import ConfigurationError, ModelError, PermanentError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import CoreSchema

#: Lower-case words joined by hyphens: part of Redis keys, URLs and names on the wire.
_QUEUE_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_QUEUE_NAME: Final = 60


class JobType(str):
    """A job type. Its string value is the name of its queue.

    Immutable; two types of one queue compare equal. The package declares ``photo-analyze`` and
    ``inventory-sync`` (:mod:`photoqueue.jobs`); ``PHOTOQUEUE_JOB_TYPES`` names custom ones.

    Parameters
    ----------
    queue : str
        Name of the queue: lower-case words joined by hyphens.
    payload : type of pydantic.BaseModel, optional
        Model of the job data, validated when a job is submitted and when it runs. Default: any
        JSON object.
    result : type of pydantic.BaseModel, optional
        Model of the result. Default: :meth:`photoqueue.Job.result` returns a dict.
    handler : str, optional
        Factory of the handler, as ``package.module:attribute``; imported by worker processes
        only. Without it a process can submit and observe jobs, but not run them.
    key : str, optional
        Format of the job key, with fields of the job data: ``floor-plan-{project_id}``. At most
        one job of a key is unfinished at a time. Default: each job has its own key.

    Raises
    ------
    ConfigurationError
        The queue name is not valid, the handler is not ``package.module:attribute``, or the key
        does not begin with a name and a hyphen.

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
        """Check the queue name, the handler's reference and the key."""
        if not _QUEUE_NAME.fullmatch(queue) or len(queue) > _MAX_QUEUE_NAME:
            raise ConfigurationError(
                f"{queue!r:.80} cannot be the name of a queue. Use lower-case words joined by "
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
        """The part of the job key before its first field."""
        return self.key.partition("{")[0]

    def key_of(self, **fields: object) -> str:
        """Return the job key for some job data.

        Examples
        --------
        >>> JobType("floor-plan", key="floor-plan-{project_id}").key_of(project_id="move-42")
        'floor-plan-move-42'
        """
        return self.key.format(**fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        # Imported here: the command line offers the states without loading pydantic.
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _registered_type, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": [str(known) for known in _KNOWN.values()]}


#: Job types by queue, in the order of registration.
_KNOWN: Final[dict[str, JobType]] = {}


def register(job_type: JobType) -> JobType:
    """Register a job type in this process; return it.

    Raises
    ------
    ConfigurationError
        A different type is registered with the same queue or the same beginning of job keys.
    """
    known = _KNOWN.get(job_type)
    if known is not None and known.handler not in (None, job_type.handler):
        raise ConfigurationError(
            f"There are two job types of the queue {str(job_type)!r}, with the handlers "
            f"{known.handler} and {job_type.handler}. Give one of them another queue."
        )
    for other in registered_types():
        short, long = sorted((other.key_prefix, job_type.key_prefix), key=len)
        # Of a type without a handler this process may know nothing but the name.
        both_known = other.handler is not None and job_type.handler is not None
        if other != job_type and both_known and long.startswith(short):
            raise ConfigurationError(
                f"Job keys of {job_type} ({job_type.key}) cannot be told from those of {other} "
                f"({other.key}). Give one of them a key with another beginning: JobType(key=…)."
            )
    _KNOWN[str(job_type)] = job_type
    return job_type


def registered_types() -> tuple[JobType, ...]:
    """List the job types registered so far; :func:`photoqueue.jobs.job_types` has all of them."""
    return tuple(_KNOWN.values())


def job_type(queue: str) -> JobType:
    """Return the type of a queue; one with only a name if this process does not know it."""
    return _KNOWN.get(queue) or JobType(queue)


def _registered_type(value: object) -> JobType:
    if isinstance(value, JobType):
        return value
    if isinstance(value, str) and value in _KNOWN:
        return _KNOWN[value]
    raise ValueError(f"there is no such queue; there are {', '.join(_KNOWN)}")


def _names_of(error: type[Exception]) -> set[str]:
    """Return the name of a class of errors and those of its subclasses."""
    return {error.__name__}.union(*map(_names_of, error.__subclasses__()))


class JobState(StrEnum):
    """State of a job."""

    #: Accepted, not yet taken by a worker.
    WAITING = "waiting"
    #: A worker holds it.
    ACTIVE = "active"
    #: An attempt failed; retried after the back-off.
    DELAYED = "delayed"
    #: Ended with a result.
    COMPLETED = "completed"
    #: Ended without a result: a permanent error, or the attempt budget is used up.
    FAILED = "failed"
    #: Ended by a person.
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return not TRANSITIONS[self]


#: Allowed transitions. ``retry`` of a failed or cancelled job is not among them: it starts the
#: job again from the beginning.
TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.WAITING: frozenset({JobState.ACTIVE, JobState.CANCELLED}),
    JobState.ACTIVE: frozenset(
        {
            JobState.COMPLETED,
            JobState.FAILED,
            JobState.DELAYED,  # a retry, after its back-off
            JobState.WAITING,  # handed back, or its worker was lost
            JobState.CANCELLED,
        }
    ),
    JobState.DELAYED: frozenset({JobState.ACTIVE, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

#: Permanent errors that end once the installation is put right: its settings, its model.
_CURABLE: Final = {
    *_names_of(ConfigurationError),
    *_names_of(ModelError),
}
_PERMANENT: Final = _names_of(PermanentError) - _CURABLE


def retry_helps(state: JobState, error_type: str | None, attempts: int, max_attempts: int) -> bool:
    """Whether starting a job again can give it another end.

    It cannot where the photo or the job data is wrong. That is known by the name of the error;
    of an engine's own errors, by the worker that did not use the budget of attempts up.
    """
    if state is not JobState.FAILED or error_type in _CURABLE:
        return state in (JobState.FAILED, JobState.CANCELLED)
    return error_type not in _PERMANENT and attempts >= max_attempts


UNFINISHED: Final = tuple(state for state in JobState if TRANSITIONS[state])


class Outcome(StrEnum):
    """How one attempt ended."""

    #: With a result.
    COMPLETED = "completed"
    #: With an exception.
    ERROR = "error"
    #: It ran longer than the time limit and was killed.
    TIMEOUT = "timeout"
    #: Its process or host died, or lost its lease.
    WORKER_LOST = "worker_lost"
    #: Handed back by a stopping worker, or because of a rate limit; does not count against the
    #: budget.
    RELEASED = "released"
    #: The job was cancelled while it ran.
    CANCELLED = "cancelled"


class TokenScope(StrEnum):
    """What a token of the HTTP API allows; each scope includes those before it."""

    #: To look.
    READ = "read"
    #: To send photos, ask for inventories and make edits.
    SUBMIT = "submit"
    #: To steer: retry, cancel, pause, resume.
    OPERATE = "operate"

    def includes(self, needed: TokenScope) -> bool:
        """Whether whoever has this scope may do what needs another one."""
        order = list(TokenScope)
        return order.index(self) >= order.index(needed)


class Message(NamedTuple):
    """What the broker carries: a job that is ready, and its place in the queue."""

    queue: JobType
    job_id: UUID
    #: Higher is taken first.
    priority: int = 0
    #: Among jobs of one priority, lower is taken first; see ``turns.sql``.
    turn: int = 0


#: Priority of a photo submitted by itself, so that it overtakes a running batch.
INTERACTIVE_PRIORITY: Final = 10


class WebhookEvent(StrEnum):
    """What is told."""

    BATCH_ENDED = "batch.ended"
    INVENTORY_ENDED = "inventory.ended"
    REPORT_WRITTEN = "report.written"


class WebhookState(StrEnum):
    """How far a webhook is."""

    #: It is sent, at once or again later.
    WAITING = "waiting"
    DELIVERED = "delivered"
    #: All attempts failed, or there is no address.
    GIVEN_UP = "given_up"
