"""What an exception in a job means: its record, and whether trying again can help."""

from __future__ import annotations

import traceback

from photoqueue.errors import EngineUnavailableError, PermanentError
from photoqueue.tracking.ledger import Failure


def describe(error: BaseException) -> Failure:
    """Turn an exception into the record of a failed attempt.

    A :class:`~photoqueue.errors.PermanentError` ends the job at once; everything else
    (time-outs, network errors, a full disk, a bug in an engine) is tried again.
    """
    return Failure(
        error_type=type(error).__name__,
        message=str(error) or f"{type(error).__name__} without a message",
        traceback="".join(traceback.format_exception(error)),
        permanent=isinstance(error, PermanentError | EngineUnavailableError),
    )
