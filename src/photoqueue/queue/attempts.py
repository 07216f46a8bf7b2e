"""An attempt at a job, from claim to end, as a worker and the tracking table speak of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from photoqueue.words import JobState, JobType, Message

#: Longest error text and traceback kept, in characters; the end of a text says the most.
MAX_ERROR_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of a worker; ``attempt`` fences every write about it."""

    job_id: UUID
    queue: JobType
    job_key: str
    payload: Mapping[str, Any]
    attempt: int
    max_attempts: int
    #: Attempts that the job was given when it was last started.
    budget: int
    wait_ms: float
    worker_id: UUID

    @property
    def next_retry(self) -> int:
        """Number of the retry, from 1, that follows when this attempt fails."""
        return self.budget - (self.max_attempts - self.attempt)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as it is kept on record."""

    error_type: str
    message: str
    traceback: str
    permanent: bool
    #: Milliseconds before which another attempt is of no use.
    not_before_ms: int = 0
    #: The work could not begin, through no fault of the job: it costs no attempt.
    costs_nothing: bool = False


@dataclass(frozen=True, slots=True)
class AiCall:
    """One call of an engine: a row of ``ai_metrics``."""

    photo_id: str | None
    engine: str
    model: str
    latency_ms: float
    success: bool
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt that ended with a result, before that is recorded."""

    claim: Claim
    #: The result as JSON.
    result: str
    calls: Sequence[AiCall] = ()
    #: Seconds that it ran.
    seconds: float = 0.0
    #: When it ended, on the monotonic clock of this process.
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a recorded attempt left its job."""

    state: JobState
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """A job taken back from a worker, delivered again unless its budget is spent."""

    message: Message
    job_key: str
    state: JobState
    attempts: int
    duration_ms: float
    photo_id: str | None


def storable(text: str) -> str:
    """Make a text fit for PostgreSQL: no NUL, and shortened in its middle."""
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= MAX_ERROR_LENGTH:
        return text
    half = MAX_ERROR_LENGTH // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def claim_of(row: Mapping[str, Any], worker_id: UUID) -> Claim:
    """Make a claim of a row of ``claim``, ``held`` or ``complete_and_claim``."""
    return Claim(
        job_id=row["job_id"],
        queue=JobType(row["queue_name"]),
        job_key=row["job_key"],
        payload=row["payload"],
        attempt=row["attempts"],
        max_attempts=row["max_attempts"],
        budget=row["budget"],
        wait_ms=row["wait_ms"],
        worker_id=worker_id,
    )


def ai_call_values(claim: Claim, number: int, call: AiCall) -> dict[str, Any]:
    """Make the parameters of ``record_ai_call``."""
    return {
        "job_id": claim.job_id,
        "attempt": claim.attempt,
        "call": number,
        "photo_id": call.photo_id,
        "engine": storable(call.engine),
        "model": storable(call.model),
        "latency_ms": call.latency_ms,
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "cost_usd": call.cost_usd,
        "success": call.success,
        "error": None if call.error is None else storable(call.error),
    }
