"""Letting go: of what ended long ago, and of everything of one household."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from photoqueue.client.identifiers import checked
from photoqueue.errors import StateError
from photoqueue.installation import Installation, current
from photoqueue.photos.store import PhotoStore
from photoqueue.queue import deletion
from photoqueue.queue.projects import unknown_project

#: Contents whose files are looked after at a time: to find who still names them reads all jobs.
_CONTENTS: Final = 5_000
#: Seconds since a file was last submitted from which it may be deleted: a submission stores
#: its files first and names them when it is committed.
_RESTING_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """How much was deleted, or would be.

    Attributes
    ----------
    jobs, photos : int
        Rows, with all that hangs on them.
    files : int
        Pictures in the photo store; 0 where nothing was deleted yet.
    """

    jobs: int = 0
    photos: int = 0
    files: int = 0


def prune(older_than: timedelta, *, dry_run: bool = False) -> Deleted:
    """Delete jobs that ended long ago, with their attempts, results and photos.

    No job goes whose batch still runs or whose project still has work to do. What is counted
    stays counted. Cut off, it goes on where it was when it is called again.

    Parameters
    ----------
    older_than
        How long ago they ended.
    dry_run
        Only count the jobs.

    Raises
    ------
    StateError
        The time is not positive.
    DatabaseUnavailableError
        PostgreSQL is away, or somebody reads photos in a long transaction.
    """
    if older_than <= timedelta(0):
        raise StateError("Give an age above zero, such as 90 days; nothing was deleted.")
    installation = current()
    database = installation.database
    before = datetime.now(UTC) - older_than
    deletion.count_history(database)
    jobs = photos = files = 0
    contents: set[str] = set()
    last = deletion.FIRST
    while found := deletion.page(database, before=before, after=last):
        last = found[-1]
        if dry_run:
            jobs += len(deletion.unneeded(database, found, before=before))
            continue
        gone = deletion.delete(database, found, before=before)
        jobs, photos = jobs + gone.jobs, photos + gone.photos
        contents |= gone.contents
        if len(contents) >= _CONTENTS:
            files += _delete_unnamed(installation, contents)
            contents = set()
    if not dry_run:
        files += _delete_unnamed(installation, contents)
        deletion.delete_leftovers(database, before=before)
    return Deleted(jobs=jobs, photos=photos, files=files)


def erase_project(project_id: str, *, dry_run: bool = False) -> Deleted:
    """Delete everything of one household: jobs, results, corrections, photos and their files.

    A picture that another project also has stays there. Redis forgets the photo ids of
    finished jobs within a week by itself; logs, backups and saved notebooks are yours to clear.

    Raises
    ------
    UnknownProjectError
        There is nothing of it.
    StateError
        It has unfinished jobs.
    StorageError
        A file cannot be deleted; the rows are left, so that it can be tried again.
    """
    project = checked("project_id", project_id)
    installation = current()
    database = installation.database
    found = deletion.household(database, project)
    if not found.job_ids and not found.photos:
        raise unknown_project(project)
    deletion.refuse_unfinished(project, found)
    if dry_run:
        return Deleted(jobs=len(found.job_ids), photos=found.photos, files=len(found.contents))
    deletion.count_history(database)
    # The files first: cut off in between, the rows still say what is left to delete.
    files = _delete_files(installation, found.contents, resting_seconds=0.0)
    gone = deletion.delete_household(database, project)
    return Deleted(jobs=gone.jobs, photos=gone.photos, files=files)


def _delete_unnamed(installation: Installation, contents: Collection[str]) -> int:
    if not contents:
        return 0
    named = deletion.still_named(installation.database, contents)
    return _delete_files(installation, set(contents) - named, resting_seconds=_RESTING_SECONDS)


def _delete_files(
    installation: Installation, contents: Collection[str], *, resting_seconds: float
) -> int:
    store = PhotoStore.for_settings(installation.settings)
    return sum(store.delete(content, resting_seconds=resting_seconds) for content in contents)
