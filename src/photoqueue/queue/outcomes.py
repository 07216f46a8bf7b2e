"""How one job stands and what came of it: what everybody who waits for it asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from photoqueue.errors import UnknownJobError
from photoqueue.queue.database import Database
from photoqueue.words import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a job stands, and what came of it once it has ended.

    Attributes
    ----------
    attempt : int
        Attempts started so far.
    result : Any
        The result as JSON has it; None unless the job completed.
    error_traceback : str or None
        Where the last error came from, in the worker.
    """

    state: JobState
    attempt: int
    error_type: str | None
    error_message: str | None
    result: Any
    error_traceback: str | None

    @property
    def error(self) -> str | None:
        """The last error in one line."""
        return one_line(self.error_type, self.error_message)


# Read again and again by whoever waits for a job.
_OUTCOME: Final = """
    SELECT state, attempts, error_type, error_message, result, error_traceback
    FROM jobs WHERE job_id = %s
"""


def outcome(database: Database, job_id: UUID) -> JobOutcome:
    """Read how a job stands, with its result once it has ended, in one light statement.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    with database.direct() as connection:
        row = connection.execute(_OUTCOME, (job_id,)).fetchone()
    if row is None:
        raise unknown_job(database, job_id)
    state, attempt, error_type, error_message, result, error_traceback = row
    return JobOutcome(
        state=JobState(state),
        attempt=attempt,
        error_type=error_type,
        error_message=error_message,
        result=result,
        error_traceback=error_traceback,
    )


def unknown_job(database: Database, job: object) -> UnknownJobError:
    """Say that a job does not exist, and where it was looked for."""
    shown = str(job) if len(str(job)) <= 80 else f"{str(job)[:77]}…"
    return UnknownJobError(
        f"No job {shown!r} in {database.address}. It may belong to another installation: check "
        "PHOTOQUEUE_HOME and DATABASE_URL, or list the jobs with `photoqueue jobs`."
    )


def one_line(error_type: str | None, error_message: str | None) -> str | None:
    """Say an error in one line; None where there is none."""
    return f"{error_type}: {error_message}" if error_type else None
