"""Submit photos: store them, commit their rows, then enqueue their jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked, checked_priority, checked_user, optional
from photoqueue.client.intake import Request, commit, requests_from, take_in, take_in_all
from photoqueue.errors import PhotoNotFoundError
from photoqueue.installation import current
from photoqueue.phrases import counted_in, phrase
from photoqueue.queue.connections import storable_json
from photoqueue.queue.database import storable
from photoqueue.queue.ids import new_batch_id
from photoqueue.queue.projects import known_photo
from photoqueue.queue.submission import NewBatch
from photoqueue.queue.submission import open_batch as begin_batch
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
    group: str | None = None,
) -> Job:
    """Submit one photo for analysis.

    Parameters
    ----------
    photo
        Path, URL (``https://``, ``s3://`` and other fsspec addresses), bytes, open file, PIL image,
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
        Your id of the photo; default is made from its content, project and room. A photo that is
        given again in another room moves there, which is logged as a warning.
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
    group
        Who takes turns with others of the same priority; default is the user.

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
            user_id=checked_user(user_id),
            photo_id=optional("photo_id", photo_id),
            asset_id=optional("asset_id", asset_id),
            file_name=file_name,
        ),
    )
    (accepted,) = commit(
        installation,
        [taken],
        priority=priority,
        group=optional("group", group),
        engine=engine,
        resubmit=resubmit,
    )
    return Job.of(installation, accepted)


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
    group: str | None = None,
) -> Batch:
    """Submit many photos as one batch.

    Parameters
    ----------
    photos
        A folder or glob (the name of a sub-folder becomes the room, unless ``room`` is given), a
        list or generator of these and of anything that :func:`submit_photo` takes, a dict of
        rooms (``{"kitchen": [paths]}``), or a table (pandas, polars, Arrow) with the column
        ``photo`` and, where known, ``photo_id``, ``room``, ``room_type``, ``asset_id``. A list
        may hold dicts with the same keys. In a folder, what is a picture is decided by content.
    project_id, room, room_type, user_id, engine, resubmit, priority, group
        As for :func:`submit_photo`, for all photos.

    Returns
    -------
    Batch
        A handle with one job per photo. A photo that could not be read is a failed job with the
        reason, and does not affect the others. ``batch.left_out`` lists the files of folders that
        are no photos.

    Raises
    ------
    PhotoNotFoundError
        There is no such file or folder, or it has no photos at all.
    PhotoConflictError
        A photo id is used by another picture that is being analysed, or for two pictures or rooms
        of the batch; nothing was accepted.
    PayloadError
        Something given is no photo, an identifier is empty, too long or not printable, or there
        is no such engine; nothing was accepted.
    StorageError
        The photo store is full or cannot be reached; nothing was accepted.
    DatabaseUnavailableError
        PostgreSQL cannot be reached; nothing was accepted.

    Examples
    --------
    >>> batch = submit_photos("photos/move-42/", project_id="move-42")  # doctest: +SKIP
    """
    return submit_batch(
        photos,
        Request(
            source=None,
            project_id=optional("project_id", project_id),
            room=optional("room", room),
            room_type=optional("room_type", room_type),
            user_id=checked_user(user_id),
        ),
        engine=engine,
        resubmit=resubmit,
        priority=checked_priority(priority),
        group=optional("group", group),
    )


def submit_batch(
    photos: Any,
    common: Request,
    *,
    engine: str | None = None,
    resubmit: bool = False,
    priority: int = 0,
    group: str | None = None,
    left_out: Sequence[tuple[str, str]] = (),
) -> Batch:
    """Submit photos as one batch: find them, store them, commit their rows, enqueue their jobs.

    Parameters
    ----------
    left_out
        Files and reasons to record besides those that are found.
    """
    engine, installation = _checked(engine), current()
    requests, others = requests_from(photos, common)
    not_taken = [*((storable(file), reason) for file, reason in left_out), *others]
    taken = take_in_all(installation, requests)
    batch_id = new_batch_id()
    commit(
        installation,
        taken,
        priority=priority,
        group=group,
        engine=engine,
        resubmit=resubmit,
        batch=NewBatch(
            batch_id=batch_id,
            user_id=common.user_id,
            project_id=common.project_id,
            left_out=storable_json(not_taken) if not_taken else None,
        ),
    )
    return Batch(installation, batch_id, common.project_id, len(taken))


def open_batch(
    *,
    project_id: str | None = None,
    user_id: str | None = None,
    engine: str | None = None,
    priority: int = 0,
    group: str | None = None,
) -> Batch:
    """Open a batch, to which photos are added as they come: ``batch.add(photos, room="kitchen")``.

    It has not ended before ``batch.close()``. Where nobody calls that, it closes once nothing has
    been added for ``PHOTOQUEUE_BATCH_IDLE_SECONDS``.

    Parameters
    ----------
    project_id, user_id, engine, priority, group
        As for :func:`submit_photos`, for all photos.

    Raises
    ------
    PayloadError
        An identifier is empty, too long or not printable, or there is no such engine.

    Examples
    --------
    >>> batch = open_batch(project_id="move-42")  # doctest: +SKIP
    >>> submit_inventory("move-42", after=batch)  # doctest: +SKIP
    """
    installation = current()
    batch = NewBatch(
        batch_id=new_batch_id(),
        user_id=checked_user(user_id),
        project_id=optional("project_id", project_id),
        group_name=optional("group", group),
    )
    begin_batch(
        installation.database,
        batch,
        engine=_checked(engine),
        priority=checked_priority(priority),
        idle_seconds=installation.settings.batch_idle_seconds,
    )
    return Batch(installation, batch.batch_id, batch.project_id, 0)


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


def preview(
    photos: Any,
    *,
    room: str | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    lang: str = "en",
) -> str:
    """Say what :func:`submit_photos` would submit: ``3 photos in 2 rooms``, and what it leaves out.

    Only the beginnings of files are read that are not named like pictures.

    Raises
    ------
    PhotoNotFoundError
        There is no such folder, or no photo in it.
    PayloadError
        Something given is no photo, or an identifier is not valid.
    """
    from photoqueue.photos.finding import left_out_words

    requests, others = requests_from(photos, Request(source=None, user_id="nobody", room=room))
    rooms = {request.room for request in requests} - {None}
    found = counted_in(lang, len(requests), "1 photo", "{n} photos")
    if rooms:
        within = counted_in(lang, len(rooms), "1 room", "{n} rooms")
        found = phrase(lang, "{photos} in {rooms}", photos=found, rooms=within)
    return ". ".join(filter(None, (found, left_out_words([*left_out, *others], lang))))


def _checked(engine: str | None) -> str | None:
    """Check the engine that a submission names, and return it."""
    from photoqueue.engines.registry import checked_engine

    return None if engine is None else checked_engine(checked("engine", engine))
