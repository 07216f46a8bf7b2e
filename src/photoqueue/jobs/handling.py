"""From a job type to what does its jobs in the processes of a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from photoqueue.errors import ConfigurationError, PayloadError, PermanentError, PhotoqueueError
from photoqueue.queue.ledger import Claim
from photoqueue.records.base import Record
from photoqueue.records.snapshots import AiCall

if TYPE_CHECKING:
    from photoqueue.photos.store import PhotoStore
    from photoqueue.queue.database import Database
    from photoqueue.settings import Settings
    from photoqueue.words import JobType

#: Does a job: takes the claim and a list to which it adds its AI calls; returns the
#: result as JSON.
Handler = Callable[[Claim, list[AiCall]], str]


@dataclass(frozen=True)
class Workplace:
    """What a process of a worker offers to the handler that it builds, once.

    Attributes
    ----------
    settings : Settings
        Those of the worker.
    database : Database
        The tracking tables.
    processes : int
        Processes of the worker that share the machine's cores.
    """

    settings: Settings
    database: Database
    processes: int = 1

    @cached_property
    def photo_store(self) -> PhotoStore:
        """Where the photos are."""
        from photoqueue.photos.store import PhotoStore

        return PhotoStore.for_settings(self.settings)


def load_handler(job_type: JobType, workplace: Workplace) -> Handler:
    """Import and build the handler of a job type.

    What the type names is called with the workplace, once. What it returns is called for each
    job, with the job data (of the type's model) and a list for :class:`AiCall`; it returns the
    result, a model or an object of JSON.

    Raises
    ------
    ConfigurationError
        The type has no handler, or it cannot be imported or built.
    """
    build = load(job_type.handler, f"the handler of {job_type}")
    try:
        work = build(workplace)
    except PhotoqueueError:
        raise  # it already says what to do
    except Exception as exc:
        raise ConfigurationError(
            f"{job_type.handler}, the handler of {job_type}, cannot be built: "
            f"{type(exc).__name__}: {exc}. Correct it, and start the worker again."
        ) from exc

    def handle(claim: Claim, calls: list[AiCall]) -> str:
        data = {name: value for name, value in claim.payload.items() if name != "traceparent"}
        return _as_json(job_type, work(read_payload(job_type, data, of=claim.job_key), calls))

    return handle


def load(reference: str | None, what: str) -> Any:
    """Import what ``package.module:attribute`` names.

    Parameters
    ----------
    what : str
        What it is, for the error.

    Raises
    ------
    ConfigurationError
        There is none, or it cannot be imported.
    """
    if reference is None:
        raise ConfigurationError(
            f"This process does not know {what}. Set PHOTOQUEUE_JOB_TYPES to package.module:TYPE "
            "of the package that declares it."
        )
    module_name, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except Exception as exc:  # whatever a module does while it is imported
        raise ConfigurationError(
            f"{reference!r}, {what}, cannot be imported: {type(exc).__name__}: {exc}. Install its "
            "package where photoqueue is, or put its folder on PYTHONPATH; or correct the name."
        ) from exc


def read_payload(job_type: JobType, data: Any, *, of: str) -> Any:
    """Return job data as the model of its type; as it is where the type has none.

    Parameters
    ----------
    data : mapping or pydantic.BaseModel
        The job data, by the names of the model or of its JSON.
    of : str
        The job, for the error.

    Raises
    ------
    PayloadError
        The job data is not valid.
    """
    if job_type.payload is None:
        return data
    try:
        return job_type.payload.model_validate(data)
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
        return result.model_dump_json(by_alias=True, exclude_none=True)
    if isinstance(result, dict):
        try:
            return json.dumps(result, allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise PermanentError(
                f"{job_type.handler} returned a result that is not JSON: {exc}. Let it return "
                "texts, numbers, lists and dicts only."
            ) from exc
    raise PermanentError(
        f"{job_type.handler} returned {type(result).__name__}. Let it return a pydantic model or "
        "a dict."
    )
