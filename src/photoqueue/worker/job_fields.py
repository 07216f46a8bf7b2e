"""What log lines and spans say of a job."""

from __future__ import annotations

from photoqueue.queue.attempts import Claim, Ended
from photoqueue.words import JobType


def log_fields(claim: Claim) -> dict[str, object]:
    """Tell which job a line is about."""
    fields: dict[str, object] = {"queue": claim.queue, "job": claim.job_id}
    if claim.queue is JobType.PHOTO_ANALYZE:
        fields["photo"] = claim.payload.get("photoId")
    else:
        fields["project"] = claim.payload.get("projectId")
    return fields


def span_attributes(claim: Claim) -> dict[str, str | int]:
    """Tell which attempt a span is."""
    return {
        "photoqueue.queue": str(claim.queue),
        "photoqueue.job": str(claim.job_id),
        "photoqueue.key": claim.job_key,
        "photoqueue.attempt": claim.attempt,
        "photoqueue.wait_ms": round(claim.wait_ms),
    }


def end_fields(claim: Claim, ended: Ended) -> dict[str, object]:
    """Tell how an attempt ended."""
    return {"duration_ms": round(ended.duration_ms, 1), "attempts": claim.attempt}
