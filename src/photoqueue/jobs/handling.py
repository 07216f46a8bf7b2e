"""Load the handler of a job type, and call it with validated job data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from photoqueue.errors import ConfigurationError, PayloadError, PermanentError, PhotoqueueError
from photoqueue.queue.connections import storable_json
from photoqueue.queue.ledger import Claim
from photoqueue.records.base import Record, from_json
from photoqueue.records.snapshots import AiCall

if TYPE_CHECKING:
    from photoqueue.photos.store import PhotoStore
    from photoqueue.queue.database import Database
    from photoqueue.settings import Settings
    from photoqueue.words import JobType

#: Runs a job: takes the claim and a list to which it appends its AI calls; returns JSON.
Handler = Callable[[Claim, list[AiCall]], str]


@dataclass(frozen=True)
class Workplace:
    """What a worker process passes to a handler when it builds it."""

    #: Settings of the worker.
    settings: Settings
    #: The tracking tables.
    database: Database
    #: Number of processes of the worker, which share the machine's cores.
    processes: int = 1

    @cached_property
    def photo_store(self) -> PhotoStore:
        """The photo store of these settings."""
        from photoqueue.photos.store import PhotoStore

        return PhotoStore.for_settings(self.settings)


def load_handler(job_type: JobType, workplace: Workplace) -> Handler:
    """Import and build the handler of a job type.

    ``job_type.handler`` names a factory. It is called once, with the workplace, and returns the
    function that runs a job: it takes the job data (the type's model) and a list to which it
    appends each :class:`AiCall`, and returns a pydantic model or a dict.

    Raises
    ------
    ConfigurationError
        The type has no handler, or it cannot be imported or built.
    """
    build = load(job_type.handler, f"the handler of {job_type}")
    try:
        work = build(workplace)
    except PhotoqueueError:
        raise  # its message already says what to do
    except Exception as exc:
        raise ConfigurationError(
            f"The handler of {job_type}, {job_type.handler}, failed while it was built: "
            f"{type(exc).__name__}: {exc}. Correct it, and start the worker again."
        ) from exc

    def handle(claim: Claim, calls: list[AiCall]) -> str:
        data = {name: value for name, value in claim.payload.items() if name != "traceparent"}
        payload = read_payload(job_type, data, of=claim.job_key, stored=True)
        return _as_json(job_type, work(payload, calls))

    return handle


def load(reference: str | None, what: str) -> Any:
    """Import the object that ``package.module:attribute`` names.

    Parameters
    ----------
    what : str
        Description of the object, for the error.

    Raises
    ------
    ConfigurationError
        The reference is None, or it cannot be imported.
    """
    if reference is None:
        raise ConfigurationError(
            f"This process does not know {what}. Set PHOTOQUEUE_JOB_TYPES to the "
            "package.module:TYPE that declares it."
        )
    module_name, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except Exception as exc:  # a module can raise anything while it is imported
        raise ConfigurationError(
            f"{reference!r}, {what}, cannot be imported: {type(exc).__name__}: {exc}. Correct the "
            "name, install its package next to photoqueue, or add its folder to PYTHONPATH."
        ) from exc


def read_payload(job_type: JobType, data: Any, *, of: str, stored: bool = False) -> Any:
    """Validate job data with the model of its type; return it unchanged if there is no model.

    Parameters
    ----------
    data : mapping or pydantic.BaseModel
        The job data, with the model's field names or their JSON names.
    of : str
        Name of the job, for the error.
    stored : bool
        Whether the data was read from JSON.

    Raises
    ------
    PayloadError
        The job data is not valid.
    """
    if job_type.payload is None:
        return data
    try:
        model = job_type.payload
        return from_json(model, data) if stored else model.model_validate(data)
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()
        )
        raise PayloadError(
            f"The job data of {of} is not valid ({problems}). Submit it again with the names and "
            "types of the contract."
        ) from None


def _as_json(job_type: JobType, result: Any) -> str:
    if isinstance(result, Record):
        return result.to_json()
    if isinstance(result, BaseModel):
        return result.model_dump_json(by_alias=True)
    if isinstance(result, dict):
        try:
            return storable_json(result, allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise PermanentError(
                f"{job_type.handler} returned a result that is not JSON: {exc}. Change it to "
                "return only strings, numbers, booleans, None, lists and dicts."
            ) from exc
    raise PermanentError(
        f"{job_type.handler} returned {type(result).__name__}. Change it to return a pydantic "
        "model or a dict."
    )
