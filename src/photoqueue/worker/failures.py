"""What an exception in a job means: its record, and whether trying again can help."""

from __future__ import annotations

import traceback
from typing import Final

from photoqueue.errors import (
    EngineUnavailableError,
    PermanentError,
    RateLimitedError,
    ThrottledError,
)
from photoqueue.queue.attempts import Failure

#: Longest wait that a server is believed, in seconds: a day.
_LONGEST_WAIT: Final = 24 * 3600.0


def describe(error: BaseException) -> Failure:
    """Turn an exception into the record of a failed attempt.

    A :class:`~photoqueue.errors.PermanentError` ends the job at once; everything else
    (time-outs, network errors, a full disk, a bug in an engine) is tried again, after a
    :class:`~photoqueue.errors.RateLimitedError` not earlier than it says.
    """
    wait = error.seconds if isinstance(error, RateLimitedError) else 0.0
    return Failure(
        error_type=type(error).__name__,
        message=str(error) or f"{type(error).__name__} without a message",
        traceback="".join(traceback.format_exception(error)),
        permanent=isinstance(error, PermanentError | EngineUnavailableError),
        not_before_ms=round(min(max(wait, 0.0), _LONGEST_WAIT) * 1000),
        costs_nothing=isinstance(error, ThrottledError),
    )
