"""Where a retry is offered."""

from __future__ import annotations

import pytest

from photoqueue import errors
from photoqueue.words import JobState, retry_helps


@pytest.mark.parametrize(
    ("state", "error_type", "attempts", "helps"),
    [
        (JobState.FAILED, "EngineServerError", 4, True),
        (JobState.FAILED, "worker_lost", 4, True),
        (JobState.FAILED, "ValueError", 4, True),
        # What is wrong with the photo or the job data stays so.
        (JobState.FAILED, "UnreadablePhotoError", 0, False),
        (JobState.FAILED, "PhotoTooLargeError", 4, False),
        (JobState.FAILED, "PayloadError", 1, False),
        (JobState.FAILED, "PermanentError", 1, False),
        # An engine's own permanent error is known by the attempts that were not made.
        (JobState.FAILED, "NoFurnitureError", 1, False),
        # Settings and models are put right, and the job is then run again.
        (JobState.FAILED, "EngineUnavailableError", 1, True),
        (JobState.FAILED, "ModelError", 1, True),
        (JobState.CANCELLED, None, 0, True),
        (JobState.CANCELLED, "UnreadablePhotoError", 0, True),
        (JobState.COMPLETED, None, 1, False),
        (JobState.WAITING, None, 0, False),
        (JobState.ACTIVE, "ValueError", 2, False),
        (JobState.DELAYED, "EngineServerError", 1, False),
    ],
)
def test_retry_is_offered_only_where_it_can_help(
    state: JobState, error_type: str | None, attempts: int, helps: bool
) -> None:
    assert retry_helps(state, error_type, attempts, 4) is helps


def test_names_of_errors_are_those_of_the_tree() -> None:
    for name in ("UnreadablePhotoError", "PhotoTooLargeError", "PayloadError", "PermanentError"):
        assert issubclass(getattr(errors, name), errors.PermanentError)
