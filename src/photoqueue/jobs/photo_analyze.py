"""``photo-analyze``: an engine looks at a photo."""

from __future__ import annotations

from typing import Final

from photoqueue.records.base import Identifier, Record
from photoqueue.records.results import PhotoResult
from photoqueue.words import JobType, register

__all__ = ["PHOTO_ANALYZE", "PhotoPayload"]


class PhotoPayload(Record):
    """Job data of ``photo-analyze``."""

    photo_id: Identifier
    user_id: Identifier
    asset_id: str | None = None
    room_type: str | None = None
    project_id: str | None = None
    room: str | None = None
    #: Registered name of the engine that is to analyse it; ``None`` leaves it to the worker.
    engine: Identifier | None = None
    #: Content address of the picture in the photo store.
    sha256: str
    file_name: str | None = None
    #: Where the submission was traced (W3C Trace Context); the worker's spans go on from it.
    traceparent: str | None = None


PHOTO_ANALYZE: Final = register(
    JobType("photo-analyze", payload=PhotoPayload, result=PhotoResult, key="photo-{photo_id}")
)
