"""Submitting a photo again by its id alone."""

from __future__ import annotations

from photoqueue.client.handles import Job
from photoqueue.client.identifiers import checked, optional
from photoqueue.client.submit import submit_photo
from photoqueue.errors import PhotoNotFoundError
from photoqueue.installation import current
from photoqueue.tracking.known_photos import known_photo


def submit_known_photo(
    photo_id: str,
    *,
    user_id: str | None = None,
    room_type: str | None = None,
    asset_id: str | None = None,
    resubmit: bool = False,
) -> Job:
    """Submit a photo that is in the photo store already.

    Project, room and file name are those of its first submission; so are the kind of room
    and the asset where they are left out. What stands for a job that is there already is as
    for :func:`~photoqueue.client.submit.submit_photo`.

    Raises
    ------
    PhotoNotFoundError
        No photo was submitted under this id, or its content was never stored.
    PayloadError
        An identifier is empty, too long or not printable.
    """
    installation = current()
    known = known_photo(installation.database, checked("photo_id", photo_id))
    if known is None:
        raise PhotoNotFoundError(
            f"No photo {photo_id[:80]!r} was submitted to this installation. Send its picture."
        )
    if known.sha256 is None:
        raise PhotoNotFoundError(
            f"Photo {photo_id[:80]!r} could not be read when it was submitted, so its picture is "
            "not stored. Send the picture."
        )
    return submit_photo(
        installation.photo_store.get(known.sha256),
        photo_id=photo_id,
        user_id=user_id,
        project_id=known.project_id,
        room=known.room,
        room_type=optional("room_type", room_type) or known.room_type,
        asset_id=optional("asset_id", asset_id) or known.asset_id,
        file_name=known.file_name,
        resubmit=resubmit,
    )
