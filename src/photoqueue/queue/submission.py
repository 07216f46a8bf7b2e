"""Accept submissions: write photos, jobs and batches as rows, all of them or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from unicodedata import normalize
from uuid import UUID

import psycopg

from photoqueue.errors import PhotoConflictError, StateError
from photoqueue.queue.connections import SHORT, storable_json
from photoqueue.queue.copying import Columns, as_json, copy_rows
from photoqueue.queue.database import Database, again, driver, load_statements
from photoqueue.queue.ids import photo_id_for
from photoqueue.words import JobState, JobType, Message, job_type

__all__ = [
    "Accepted",
    "NewBatch",
    "NewJob",
    "NewPhoto",
    "accept",
    "amend",
    "close_batch",
    "closed_error",
    "open_batch",
]

#: PostgreSQL reads this as the start of the transaction: all times in the tables are its clock's.
_NOW: Final = "now"


class NewPhoto(NamedTuple):
    """A row of ``photos``; ``sha256`` is None when the photo could not be read."""

    photo_id: str
    user_id: str
    sha256: str | None = None
    project_id: str | None = None
    room: str | None = None
    room_type: str | None = None
    asset_id: str | None = None
    file_name: str | None = None
    image_format: str | None = None
    byte_size: int | None = None
    width: int | None = None
    height: int | None = None


class NewJob(NamedTuple):
    """A row of ``jobs``: a waiting job, or one that failed at submission (``error_type``)."""

    job_id: UUID
    job_key: str
    queue: JobType
    #: The job data, or a function that makes it. With many jobs it is made block by block, while
    #: PostgreSQL stores the block before.
    payload_json: str | Callable[[NewJob], str]
    user_id: str
    max_attempts: int
    priority: int = 0
    #: Who takes turns with others; None is the user.
    group_name: str | None = None
    #: The photo that the job analyses; jobs of other types have none.
    photo_id: str | None = None
    project_id: str | None = None
    #: Content address of the photo, and kind of room and engine if the caller named them. A
    #: completed job is reused only if these match; without a content address never.
    sha256: str | None = None
    room_type: str | None = None
    engine: str | None = None
    after_batch: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    #: Whether the photo id was made from content, project and room, and not chosen by the caller.
    derived: bool = False
    #: Completed jobs of the same content, newest first, whose result may be taken over.
    standing: tuple[UUID, ...] = ()

    def payload(self) -> str:
        """Return the job data; it is made if it has not been."""
        return self.payload_json if isinstance(self.payload_json, str) else self.payload_json(self)


class NewBatch(NamedTuple):
    """A row of ``batches``; ``left_out`` is JSON: a list of files and reasons."""

    batch_id: str
    user_id: str
    project_id: str | None = None
    group_name: str | None = None
    left_out: str | None = None


class Accepted(NamedTuple):
    """The job of a submission: a new one (``created``), or an existing one that is reused."""

    job_id: UUID
    created: bool
    job_key: str
    #: The place of a new job among those of its priority; see ``turns.sql``.
    turn: int = 0
    #: The room from which the submission moved the photo to another.
    moved_from: str | None = None


def row_columns(rows: Sequence[NewPhoto] | Sequence[NewBatch]) -> Columns:
    """Return the columns of records whose fields are the columns; of no rows there are none."""
    return dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True)) if rows else {}


def job_columns(jobs: Sequence[NewJob], batch: NewBatch | None, *, turn: int) -> Columns:
    """Return the columns of ``jobs``; turns are counted from ``turn``."""
    failed = [job.error_type is not None for job in jobs]
    attempts = [job.max_attempts for job in jobs]
    return {
        "job_id": [job.job_id.hex for job in jobs],
        "job_key": [job.job_key for job in jobs],
        "queue_name": [job.queue for job in jobs],
        "state": [JobState.FAILED if ended else JobState.WAITING for ended in failed],
        "priority": [job.priority for job in jobs],
        "turn": range(turn, turn + len(jobs)),
        "group_name": [job.group_name for job in jobs],
        "payload": [job.payload() for job in jobs],
        "photo_id": [job.photo_id for job in jobs],
        "project_id": [job.project_id for job in jobs],
        "user_id": [job.user_id for job in jobs],
        "batch_id": [batch.batch_id if batch else None] * len(jobs),
        "after_batch": [job.after_batch for job in jobs],
        "max_attempts": attempts,
        "budget": attempts,
        "ready_at": [None if job.after_batch else _NOW for job in jobs],
        "finished_at": [_NOW if ended else None for ended in failed],
        "success": [False if ended else None for ended in failed],
        "error_type": [job.error_type for job in jobs],
        "error_message": [job.error_message for job in jobs],
    }


def place_columns(
    batch: NewBatch | None, accepted: Sequence[Accepted], *, first: int = 0
) -> Columns:
    """Return the columns of ``batch_jobs``; positions are counted from ``first``."""
    places = accepted if batch else ()
    return {
        "batch_id": [batch.batch_id if batch else None] * len(places),
        "position": range(first, first + len(places)),
        "job_id": [job.job_id.hex for job in places],
    }


def check_contents(jobs: Sequence[NewJob], photos: Sequence[NewPhoto]) -> None:
    """Refuse one photo id for two pictures or rooms: one of them would be dropped silently."""
    contents: dict[str, str | None] = {}
    rooms: dict[str, str] = {}
    for photo in photos:
        if photo.room and rooms.setdefault(photo.photo_id, photo.room) != photo.room:
            raise PhotoConflictError(
                f"Photo id {photo.photo_id!r} is given in two rooms of this submission, "
                f"{rooms[photo.photo_id]!r} and {photo.room!r}. Choose another photo id for one of "
                "them; nothing was accepted."
            )
    for job in jobs:
        if job.error_type is None and contents.setdefault(job.job_key, job.sha256) != job.sha256:
            raise PhotoConflictError(
                f"Photo id {job.photo_id!r} is given to two different pictures of this "
                "submission. Choose another photo id for one of them; nothing was accepted."
            )


def settled(
    rows: Sequence[tuple[Any, ...]], jobs: Sequence[NewJob], photos: Sequence[NewPhoto]
) -> tuple[list[NewJob], list[NewPhoto]]:
    """Give photos whose id was made from their content the id that they have already.

    The same content in the same project and room is the same photo. A photo that was submitted
    without a room gets the one that is named now; one that is submitted without a room keeps its
    own. A new photo may take over a result of the same content in another room.

    Parameters
    ----------
    rows
        Of each content, project and room the oldest photo and its newest completed job.
    """
    derived = {job.photo_id for job in jobs if job.derived}
    rooms: dict[tuple[str | None, str | None], dict[str | None, str]] = {}
    standing: dict[tuple[str | None, str | None], list[UUID]] = {}
    for photo_id, sha256, project_id, room, job_id in rows:
        rooms.setdefault((sha256, project_id), {})[room] = photo_id
        standing.setdefault((sha256, project_id), []).extend([job_id] if job_id else [])
    there = {row[0] for row in rows}
    ids: dict[str | None, str] = {}
    results: dict[str | None, tuple[UUID, ...]] = {}
    # Those in a room of their own first: what is left may be a photo that has no room yet.
    for photo in sorted(
        photos, key=lambda p: p.room not in rooms.get((p.sha256, p.project_id), ())
    ):
        if photo.photo_id not in derived:
            continue
        content = (photo.sha256, photo.project_id)
        known = rooms.get(content, {})
        found = known.pop(photo.room, None) or known.pop(None, None)
        if found is None and photo.room is None:
            found = next(iter(known.values()), None)
        if found is None:
            results[photo.photo_id] = tuple(sorted(standing.get(content, ()), reverse=True))
            if photo.photo_id in there:  # it was moved to another room under this id
                found = photo_id_for(str(photo.sha256), photo.project_id, f"{photo.room}\x00again")
        ids[photo.photo_id] = found or photo.photo_id
    kept: dict[str, NewPhoto] = {}
    for photo in photos:
        photo = photo._replace(photo_id=ids.get(photo.photo_id, photo.photo_id))
        if photo.room or photo.photo_id not in kept:
            kept[photo.photo_id] = photo
    named = [
        job._replace(
            photo_id=ids[job.photo_id],
            job_key=f"photo-{ids[job.photo_id]}",
            standing=results.get(job.photo_id, ()),
        )
        if job.derived
        else job
        for job in jobs
    ]
    return named, _in_order(kept.values())


def known_photos(
    rows: Sequence[tuple[str, str | None, str | None]], photos: Sequence[NewPhoto]
) -> Mapping[str, str | None]:
    """Return the photos that exist already, with the room from which each is moved.

    Refuses to move one to another project: it would disappear from its present project.
    """
    given = {photo.photo_id: photo for photo in photos}
    for photo_id, project_id, _ in rows:
        if project_id is not None and given[photo_id].project_id not in (None, project_id):
            raise PhotoConflictError(
                f"Photo id {photo_id!r} belongs to project {project_id!r}. Choose another photo "
                f"id for project {given[photo_id].project_id!r}; nothing was accepted."
            )
    return {
        photo_id: room if given[photo_id].room not in (None, room) else None
        for photo_id, _, room in rows
    }


def standing_jobs(
    rows: Sequence[tuple[Any, ...]], jobs: Sequence[NewJob], resubmit: bool
) -> Mapping[str, UUID]:
    """Return the existing jobs to reuse, as job id by job key."""
    wanted = {job.job_key: job for job in jobs if job.error_type is None}
    standing: dict[str, UUID] = {}
    for key, job_id, state, sha256, room_type, asked_engine, engine in rows:
        job = wanted[key]
        same_content = job.sha256 == sha256
        # Job data of earlier versions has names as they were written.
        same_room = job.room_type is None or job.room_type == normalize("NFC", room_type or "")
        # Only the newest result counts, as inventories use no older one. The engine of a result is
        # never ``auto``, so that the requested engine is compared, too.
        same_engine = job.engine is None or job.engine in (engine, asked_engine)
        if state == JobState.COMPLETED:
            has_content = job.sha256 is not None
            if has_content and same_content and same_room and same_engine and not resubmit:
                standing[key] = job_id
        elif same_content or job.sha256 is None:
            standing[key] = job_id
        else:
            raise PhotoConflictError(
                f"Photo id {job.photo_id!r} belongs to another picture, which is being analysed "
                f"as job {job_id}. Wait for that job, cancel it, or choose another photo id."
            )
    return standing


def assign(
    jobs: Sequence[NewJob], standing: Mapping[str, UUID], *, last_turn: int
) -> tuple[list[Accepted], list[NewJob]]:
    """Decide for each job: a new row, or an existing one (also one earlier in ``jobs``)."""
    taken = dict(standing)
    accepted: list[Accepted] = []
    created: list[NewJob] = []
    for job in jobs:
        failed = job.error_type is not None
        known = None if failed else taken.get(job.job_key)
        if known is None:
            if not failed:
                taken[job.job_key] = job.job_id
            created.append(job)
        turn = last_turn + len(created)
        accepted.append(Accepted(known or job.job_id, known is None, job.job_key, turn))
    return accepted, created


_STATEMENTS: Final = load_statements("submission.sql")

#: Up to this many jobs are written in one statement, if none of their rows exist yet.
_FEW: Final = 50
#: From this number of jobs on statements get more time.
_MANY: Final = 10_000
#: Rows per block that is sent.
_BLOCK: Final = 500


# A simultaneous submission may write the same photos or jobs: the next try sees its rows. Existing
# photos are locked before new ones are written; one that is written in between breaks that order,
# and the two can deadlock.
@again(psycopg.errors.UniqueViolation)
def accept(
    database: Database,
    *,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto] = (),
    batch: NewBatch | None = None,
    idle_seconds: float | None = None,
    resubmit: bool = False,
) -> list[Accepted]:
    """Write photos, jobs and a batch in one transaction; all jobs of one queue, priority and group.

    With ``idle_seconds`` the jobs are added to a batch that exists and is open; it stays open for
    as long from now. A job that it has already is not added again.

    If an unfinished job has the same key, no row is written and that job is returned. So is the
    newest completed job of the key if photo content and the named room type and engine match,
    unless ``resubmit``. A job that failed at submission (``error_type``) is always written.

    Returns
    -------
    list of Accepted
        One for each of ``jobs``, in their order.

    Raises
    ------
    PhotoConflictError
        A photo id is used by another picture that is being analysed, or by two pictures of this
        submission.
    StateError
        The batch is closed.
    DatabaseUnavailableError
        The server cannot be reached; nothing was accepted.
    """
    check_contents(jobs, photos)
    photos = _in_order(photos)
    if len(jobs) <= _FEW and idle_seconds is None:
        accepted = _accept_new(database, jobs, photos, batch)
        if accepted is not None:
            return accepted
    return _accept(database, jobs, photos, batch, resubmit, idle_seconds)


def _in_order(photos: Iterable[NewPhoto]) -> list[NewPhoto]:
    """Sort photos by key, each once, so that two submissions cannot deadlock."""
    unique = {photo.photo_id: photo for photo in photos}
    return [unique[photo_id] for photo_id in sorted(unique)]


def _accept_new(
    database: Database,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto],
    batch: NewBatch | None,
) -> list[Accepted] | None:
    """Write a submission whose rows are all new; return None if any of them exists."""
    accepted, created = assign(jobs, {}, last_turn=0)
    values: dict[str, Any]
    if len(jobs) == 1 and len(photos) < 2 and not batch and not jobs[0].error_type:
        name, (job,) = "accept_one", jobs
        photo = photos[0] if photos else NewPhoto("", "")
        # Both rows say the same of the photo, but for the content of one that could not be read.
        values = {**photo._asdict(), **job._asdict(), "payload_json": job.payload()}
        values.update(photo_sha256=photo.sha256, has_photo=bool(photos))
    else:
        name = "accept_new"
        values = {
            **_turns_of(jobs),
            "photo_ids": _names(photos),
            "contents": _contents(jobs),
            "job_keys": _keys(jobs),
            "photos": as_json(row_columns(photos)),
            "jobs": as_json(job_columns(created, batch, turn=1)),
            "batches": as_json(row_columns([batch] if batch else [])),
            "batch_jobs": as_json(place_columns(batch, accepted)),
        }
    with database.direct() as connection:
        row = connection.execute(_STATEMENTS[name], values).fetchone()
    return row and [one._replace(turn=row[0] + one.turn) for one in accepted]


def _accept(
    database: Database,
    jobs: Sequence[NewJob],
    photos: Sequence[NewPhoto],
    batch: NewBatch | None,
    resubmit: bool,
    idle_seconds: float | None,
) -> list[Accepted]:
    # The rows of a large submission are checked in its last statement.
    within = SHORT + len(jobs) / 1000 if len(jobs) > _MANY else None
    with database.begin(within) as connection:
        # COPY needs the driver's cursor; the transaction is the same.
        cursor: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]  # psycopg's
        with cursor:
            first = 0
            if batch is not None and idle_seconds is not None:
                # Locked before any photo, so that two submissions cannot deadlock.
                first = _extend(cursor, batch, idle_seconds)
            if any(job.derived for job in jobs):
                contents = {"contents": _contents(jobs)}
                same = cursor.execute(_STATEMENTS["same_contents"], contents).fetchall()
                jobs, photos = settled(same, jobs, photos)
            photo_rows, job_rows, last_turn = _look(driver(connection), jobs, photos)
            known = known_photos(photo_rows, photos)
            if resubmit:
                jobs = [job._replace(standing=()) for job in jobs]
            standing = standing_jobs(job_rows, jobs, resubmit)
            accepted, created = assign(jobs, standing, last_turn=last_turn)
            _write_photos(cursor, photos, known)
            rows = (
                job_columns(created[at], batch, turn=last_turn + 1 + at.start)
                for at in _blocks(created)
            )
            copy_rows(cursor, "jobs", rows)
            if created:
                _count(cursor, created)
            if batch is not None:
                placed = accepted
                if idle_seconds is None:
                    copy_rows(cursor, "batches", [row_columns([batch])])
                else:
                    placed = _not_yet(cursor, batch, accepted)
                blocks = _blocks(placed)
                places = (place_columns(batch, placed[at], first=first + at.start) for at in blocks)
                copy_rows(cursor, "batch_jobs", places)
    moved = {f"photo-{photo_id}": room for photo_id, room in known.items() if room}
    return [one._replace(moved_from=moved.get(one.job_key)) for one in accepted]


@again()
def amend(
    database: Database, job_id: UUID, payload_json: str, *, after_batch: str | None
) -> list[Message]:
    """Replace the job data of a waiting job; empty if it no longer waits."""
    values = {"job_id": job_id, "payload": payload_json, "after_batch": after_batch}
    with database.direct() as connection:
        rows = connection.execute(_STATEMENTS["amend"], values).fetchall()
    return [Message(job_type(queue), job_id, *place) for queue, *place in rows]


def open_batch(
    database: Database, batch: NewBatch, *, engine: str | None, priority: int, idle_seconds: float
) -> None:
    """Write a batch without jobs, to which they can be added for ``idle_seconds``."""
    values = {"engine": engine, "priority": priority, "idle_seconds": idle_seconds}
    with database.direct() as connection:
        connection.execute(_STATEMENTS["open_batch"], {**batch._asdict(), **values})


def close_batch(database: Database, batch_id: str) -> None:
    """Let nothing more be added to a batch; one that is closed stays as it is."""
    with database.direct() as connection:
        connection.execute(_STATEMENTS["close_batch"], {"batch_id": batch_id})


def _not_yet(
    cursor: psycopg.Cursor[Any], batch: NewBatch, accepted: Sequence[Accepted]
) -> list[Accepted]:
    """Return the jobs, each once, that are not in an open batch: photos may be sent again."""
    jobs: dict[UUID, Accepted] = {}
    for one in accepted:
        jobs.setdefault(one.job_id, one)
    values = {"batch_id": batch.batch_id, "job_ids": list(jobs)}
    for (job_id,) in cursor.execute(_STATEMENTS["members"], values).fetchall():
        del jobs[job_id]
    return list(jobs.values())


def closed_error(batch_id: str) -> StateError:
    """Return the error for photos that come too late."""
    return StateError(
        f"Batch {batch_id[:80]} is closed; nothing was accepted. Open another one for these photos."
    )


def _extend(cursor: psycopg.Cursor[Any], batch: NewBatch, idle_seconds: float) -> int:
    """Keep a batch open and locked up to the end of the transaction; return the next position."""
    values = {**batch._asdict(), "idle_seconds": idle_seconds}
    if cursor.execute(_STATEMENTS["extend_batch"], values).fetchone() is None:
        raise closed_error(batch.batch_id)
    (first,) = cursor.execute(_STATEMENTS["next_position"], values).fetchone() or (0,)
    return int(first)


def _look(
    connection: psycopg.Connection[Any], jobs: Sequence[NewJob], photos: Sequence[NewPhoto]
) -> tuple[list[tuple[str, str | None, str | None]], list[tuple[Any, ...]], int]:
    """Read the photos and jobs of a submission that exist already, and the turn it comes after."""
    # One round trip, including the BEGIN.
    with connection.pipeline():
        known = connection.execute(_STATEMENTS["known_photos"], {"names": _names(photos)})
        standing = connection.execute(
            _STATEMENTS["standing_jobs"],
            {"asks_engine": any(job.engine for job in jobs), "job_keys": _keys(jobs)},
        )
        last = connection.execute(_STATEMENTS["last_turn"], _turns_of(jobs))
    ((last_turn,),) = last.fetchall()
    return known.fetchall(), standing.fetchall(), last_turn


def _turns_of(jobs: Sequence[NewJob]) -> dict[str, Any]:
    """Say whose turns to look for; nobody's without a job."""
    if not jobs:
        return dict.fromkeys(("queue_name", "priority", "group_name"))
    job = jobs[0]
    group = job.group_name or job.user_id
    return {"queue_name": job.queue, "priority": job.priority, "group_name": group}


def _names(photos: Sequence[NewPhoto]) -> str:
    """List the photos to look for, as JSON."""
    return storable_json([photo.photo_id for photo in photos])


def _contents(jobs: Sequence[NewJob]) -> str:
    """List the contents whose photos to look for, with their projects, as JSON."""
    contents = {(job.sha256, job.project_id) for job in jobs if job.derived}
    return storable_json(
        [{"sha256": sha256, "project_id": project} for sha256, project in contents]
    )


def _keys(jobs: Sequence[NewJob]) -> str:
    """List the job keys to look for, as JSON; jobs that failed at submission use no key."""
    return storable_json(list({job.job_key for job in jobs if job.error_type is None}))


def _write_photos(
    cursor: psycopg.Cursor[Any], photos: Sequence[NewPhoto], known: Collection[str]
) -> None:
    updated = [photo for photo in photos if photo.photo_id in known]
    if updated:
        cursor.execute(_STATEMENTS["update_photos"], (as_json(row_columns(updated)),))
    # If another submission writes one of them at this moment, this one is tried again.
    added = [photo for photo in photos if photo.photo_id not in known]
    copy_rows(cursor, "photos", (row_columns(added[block]) for block in _blocks(added)))


def _blocks(rows: Sequence[object]) -> list[slice]:
    """Divide rows into blocks of ``_BLOCK``."""
    return [slice(start, start + _BLOCK) for start in range(0, len(rows), _BLOCK)]


def _count(cursor: psycopg.Cursor[Any], jobs: Sequence[NewJob]) -> None:
    submitted = Counter(job.queue for job in jobs)
    failed = Counter(job.queue for job in jobs if job.error_type is not None)
    cursor.execute(
        _STATEMENTS["count_submissions"],
        (list(submitted), list(submitted.values()), [failed[queue] for queue in submitted]),
    )
