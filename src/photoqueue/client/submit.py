"""Submit photos: store them, commit their rows, then enqueue their jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked, checked_priority, default_user, optional
from photoqueue.client.intake import Request, commit, requests_from, take_in, take_in_all
from photoqueue.errors import PhotoNotFoundError
from photoqueue.format import counted
from photoqueue.installation import current
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ids import new_batch_id
from photoqueue.queue.projects import known_photo
from photoqueue.queue.submission import NewBatch
from photoqueue.words import INTERACTIVE_PRIORITY

if TYPE_CHECKING:
    from photoqueue.photos.sources import PhotoSource


def submit_photo(
    photo: PhotoSource,
    *,
    project_id: str | None = None,
    room: str | None = None,
    room_type: str | None = None,
    user_id: str | None = None,
    photo_id: str | None = None,
    asset_id: str | None = None,
    file_name: str | None = None,
    engine: str | None = None,
    resubmit: bool = False,
    priority: int = INTERACTIVE_PRIORITY,
) -> Job:
    """Submit one photo for analysis.

    Parameters
    ----------
    photo
        Path, URL (``https://``, ``s3://`` and other fsspec addresses), bytes, PIL image,
        or array of shape (H, W) or (H, W, 3 or 4).
    project_id
        The move that the photo belongs to.
    room
        Your name of the room ("bedroom 2"); photos of one room are added up together.
    room_type
        The kind of room, in any language; returned unchanged. Default: guessed by the engine.
    user_id
        Who submits; default is the login name.
    photo_id
        Your id of the photo; default is made from its content and project.
    asset_id
        Your reference, stored with the job.
    file_name
        Name of the photo in lists; default is that of the path or URL.
    engine
        ``builtin``, ``detector``, ``llm``, or ``auto`` for the best that the worker has;
        default is the worker's configured engine (``PHOTOQUEUE_ENGINE``). A photo that was
        analysed with another engine is analysed again.
    resubmit
        Whether to analyse a photo again that was analysed with the same content. Otherwise the
        existing job is returned.
    priority
        Jobs of higher priority are taken first; photos of a batch have 0.

    Returns
    -------
    Job
        A handle; ``job.result()`` waits for the result.

    Raises
    ------
    PhotoError
        The photo is missing, unreadable or too large.
    PhotoConflictError
        The photo id is used by another picture that is being analysed, or in another project.
    PayloadError
        An identifier is empty, too long or not printable, or there is no such engine.
    StorageError
        The photo could not be fetched, or the photo store is full or cannot be reached.
    ConfigurationError
        The URL needs a package that is not installed, or a setting is wrong.
    DatabaseUnavailableError
        PostgreSQL cannot be reached; nothing was accepted.

    Examples
    --------
    >>> job = submit_photo("salon.jpg", project_id="move-42", room="salon")  # doctest: +SKIP
    """
    priority = checked_priority(priority)
    engine = _checked(engine)
    installation = current()
    taken = take_in(
        installation,
        Request(
            source=photo,
            project_id=optional("project_id", project_id),
            room=optional("room", room),
            room_type=optional("room_type", room_type),
            user_id=checked("user_id", default_user() if user_id is None else user_id),
            photo_id=optional("photo_id", photo_id),
            asset_id=optional("asset_id", asset_id),
            file_name=file_name,
        ),
    )
    (accepted,) = commit(installation, [taken], priority=priority, engine=engine, resubmit=resubmit)
    return Job(installation, accepted.job_id, taken.job_key, PHOTO_ANALYZE)


def submit_photos(
    photos: Any,
    *,
    project_id: str | None = None,
    room: str | None = None,
    room_type: str | None = None,
    user_id: str | None = None,
    engine: str | None = None,
    resubmit: bool = False,
    priority: int = 0,
) -> Batch:
    """Submit many photos as one batch.

    Parameters
    ----------
    photos
        A folder (the name of a sub-folder becomes the room, unless ``room`` is given), a
        glob, a list of anything that :func:`submit_photo` takes, or a DataFrame with the
        column ``photo`` and, where known, ``photo_id``, ``room``, ``room_type``,
        ``asset_id``. A list may hold dicts with the same keys.
    project_id, room, room_type, user_id, engine, resubmit, priority
        As for :func:`submit_photo`, for all photos.

    Returns
    -------
    Batch
        A handle with one job per photo. A photo that could not be read is a failed job with the
        reason, and does not affect the others.

    Raises
    ------
    PhotoNotFoundError
        The folder or glob has no photos at all.
    PhotoConflictError
        A photo id is used by another picture that is being analysed, or by two pictures of the
        batch; nothing was accepted.
    PayloadError
        An identifier is empty, too long or not printable, or there is no such engine.
    StorageError
        The photo store is full or cannot be reached; nothing was accepted.
    DatabaseUnavailableError
        PostgreSQL cannot be reached; nothing was accepted.

    Examples
    --------
    >>> batch = submit_photos("photos/move-42/", project_id="move-42")  # doctest: +SKIP
    """
    priority = checked_priority(priority)
    engine = _checked(engine)
    installation = current()
    project = optional("project_id", project_id)
    user = checked("user_id", default_user() if user_id is None else user_id)
    requests = requests_from(
        photos,
        project_id=project,
        room=optional("room", room),
        room_type=optional("room_type", room_type),
        user_id=user,
    )
    taken = take_in_all(installation, requests)
    batch_id = new_batch_id()
    commit(
        installation,
        taken,
        priority=priority,
        engine=engine,
        resubmit=resubmit,
        batch=NewBatch(batch_id=batch_id, user_id=user, project_id=project),
    )
    return Batch(installation, batch_id, project, len(taken))


def submit_known_photo(
    photo_id: str,
    *,
    user_id: str | None = None,
    room_type: str | None = None,
    asset_id: str | None = None,
    resubmit: bool = False,
) -> Job:
    """Submit a photo that is already in the photo store.

    Project, room and file name are those of its first submission; so are the kind of room and
    the asset if they are left out. Existing jobs are reused as in
    :func:`~photoqueue.client.submit.submit_photo`.

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


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Counts of the photos of a folder, glob or list.

    Attributes
    ----------
    photos : int
        Number of photos.
    rooms : dict of str to int
        Number of photos by room, from the names of sub-folders; empty without sub-folders.
    """

    photos: int
    rooms: dict[str, int]

    def __str__(self) -> str:
        found = counted(self.photos, "photo")
        if not self.rooms:
            return found
        return f"{found} in {counted(len(self.rooms), 'room')}"


def preview(photos: Any, *, room: str | None = None) -> Preview:
    """Count the photos that :func:`submit_photos` would submit, without opening them.

    Raises
    ------
    PhotoNotFoundError
        There is no such folder, or no photo in it.
    PayloadError
        A row has no photo, or an identifier in it is not valid.
    """
    if isinstance(photos, str | Path):
        _require(str(photos))
    requests = requests_from(photos, project_id=None, room=room, room_type=None, user_id="nobody")
    rooms = Counter(request.room for request in requests if request.room is not None)
    return Preview(photos=len(requests), rooms=dict(rooms))


def _require(place: str) -> None:
    """Make sure that a path exists, unless it is a URL or glob."""
    from photoqueue.photos.remote import is_url

    if is_url(place) or any(sign in place for sign in "*?["):
        return
    try:
        found = Path(place).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, NUL in it, "~nobody"
        found = False
    if not found:
        raise PhotoNotFoundError(
            f"There is no file or folder {place[:300]!r} on the machine that runs this notebook. "
            f"Check its name; a relative one begins at {Path.cwd()}."
        )


def _checked(engine: str | None) -> str | None:
    """Check the engine that a submission names, and return it."""
    from photoqueue.engines.registry import checked_engine

    return None if engine is None else checked_engine(checked("engine", engine))
