"""Accepting photos that are stored: rows are committed, then the broker is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from photoqueue import tracing
from photoqueue.client.intake import Taken
from photoqueue.errors import BrokerUnavailableError
from photoqueue.installation import Installation
from photoqueue.models import JobType, Message, PhotoPayload
from photoqueue.tracking.attempts import storable
from photoqueue.tracking.ids import new_uuids
from photoqueue.tracking.new_rows import Accepted, NewBatch, NewJob
from photoqueue.tracking.submission import accept

logger = logging.getLogger(__name__)


def commit(
    installation: Installation,
    taken: Sequence[Taken],
    *,
    priority: int,
    engine: str | None,
    resubmit: bool,
    batch: NewBatch | None = None,
) -> list[Accepted]:
    """Commit the rows of photos that are stored, then tell the broker about the new ones."""
    _ = installation.broker  # a wrong REDIS_URL is found before anything is accepted
    job_ids, max_attempts = new_uuids(len(taken)), installation.settings.max_attempts
    payload_json = _payloads(dict(zip(job_ids, taken, strict=True)), engine)
    jobs = [
        NewJob(
            job_id=job_id,
            job_key=photo.job_key,
            queue=JobType.PHOTO_ANALYZE,
            payload_json=payload_json,
            user_id=photo.row.user_id,
            max_attempts=max_attempts,
            priority=priority,
            photo_id=photo.row.photo_id,
            project_id=photo.row.project_id,
            sha256=photo.row.sha256 or "",
            room_type=photo.row.room_type,
            engine=engine,
            error_type=None if photo.error is None else type(photo.error).__name__,
            error_message=None if photo.error is None else storable(str(photo.error)),
        )
        for job_id, photo in zip(job_ids, taken, strict=True)
    ]
    accepted = accept(
        installation.database,
        jobs=jobs,
        photos=[photo.row for photo in taken],
        batch=batch,
        resubmit=resubmit,
    )
    announce(
        installation,
        [
            Message(JobType.PHOTO_ANALYZE, job.job_id, priority)
            for job, outcome in zip(jobs, accepted, strict=True)
            if outcome.created and job.error_type is None
        ],
    )
    return accepted


def _payloads(photos: Mapping[UUID, Taken], engine: str | None) -> Callable[[NewJob], str]:
    """Return what writes the job data of a new job, by the photo that it is for."""
    traceparent = tracing.traceparent()

    def payload_json(job: NewJob) -> str:
        row = photos[job.job_id].row
        return PhotoPayload(
            photo_id=row.photo_id,
            user_id=row.user_id,
            asset_id=row.asset_id,
            room_type=row.room_type,
            project_id=row.project_id,
            room=row.room,
            engine=engine,
            sha256=row.sha256 or "",
            file_name=row.file_name,
            traceparent=traceparent,
        ).to_json()

    return payload_json


def announce(installation: Installation, messages: Sequence[Message]) -> None:
    """Tell the broker; where it is away, recovery tells it later."""
    try:
        with tracing.span("photoqueue.enqueue", {"photoqueue.messages": len(messages)}):
            installation.broker.enqueue(messages)
    except BrokerUnavailableError as exc:
        logger.warning(
            "%d job(s) are accepted and run once the broker is back. %s", len(messages), exc
        )
