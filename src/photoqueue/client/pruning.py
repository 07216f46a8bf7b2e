"""Deletion: of jobs that ended long ago, and of whole projects."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from photoqueue.client.identifiers import checked
from photoqueue.errors import StateError
from photoqueue.installation import Installation, current
from photoqueue.photos.store import PhotoStore
from photoqueue.queue import deletion, joining
from photoqueue.queue.projects import unknown_project

#: Contents checked at a time: finding rows that still refer to them reads all jobs.
_CONTENTS: Final = 20_000
#: Seconds since its last submission from which a file may be deleted: a submission stores files
#: before it commits the rows that refer to them.
_RESTING_SECONDS: Final = 24 * 3600.0


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """How much was deleted, or would be."""

    #: Rows; their dependent rows are deleted, too.
    jobs: int = 0
    photos: int = 0
    #: Pictures in the photo store; 0 for a dry run.
    files: int = 0


def prune(older_than: timedelta, *, dry_run: bool = False) -> Deleted:
    """Delete jobs that ended long ago, with their attempts, results and photos.

    Jobs of a running batch, or of a project with unfinished jobs, are kept. Metrics keep their
    counts. All pictures that no row refers to are deleted, also those of submissions that were
    refused, unless another installation uses the photo store, too. If it is interrupted, another
    call continues.

    Parameters
    ----------
    older_than
        Age from which jobs are deleted, since their end.
    dry_run
        Only count the jobs.

    Raises
    ------
    StateError
        The age is not positive.
    DatabaseUnavailableError
        PostgreSQL cannot be reached, or a long transaction is reading ``photos``.
    StorageError
        A file cannot be deleted; another call tries again.
    """
    # Files go first: a rollback would keep rows without them.
    joining.refuse("A deletion")
    if older_than <= timedelta(0):
        raise StateError("Give an age above zero, such as 90 days; nothing was deleted.")
    installation = current()
    database = installation.database
    before = datetime.now(UTC) - older_than
    deletion.count_history(database)
    jobs = photos = files = 0
    last = deletion.FIRST
    while found := deletion.page(database, before=before, after=last):
        last = found[-1]
        gone = deletion.delete(database, found, before=before, dry_run=dry_run)
        jobs, photos = jobs + gone[0], photos + gone[1]
    if not dry_run:
        files = _sweep(installation)
        deletion.delete_leftovers(database, before=before)
    return Deleted(jobs=jobs, photos=photos, files=files)


def erase_project(project_id: str, *, dry_run: bool = False) -> Deleted:
    """Delete everything of a project: jobs, results, corrections, photos and their files.

    A picture that another project also uses is kept. Redis drops the photo ids of finished jobs
    within a week; logs, backups and saved notebooks are not cleared.

    Raises
    ------
    UnknownProjectError
        There is no such project.
    StateError
        It has unfinished jobs.
    StorageError
        A file cannot be deleted; the rows are kept, so that it can be tried again.
    """
    joining.refuse("A deletion")
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
    # Files first: after an interruption the rows still tell which files to delete.
    gone: dict[str, bool] = {}
    delete = PhotoStore.for_settings(installation.settings).delete
    jobs, photos = deletion.delete_household(database, project, delete, gone)
    return Deleted(jobs=jobs, photos=photos, files=sum(gone.values()))


def _sweep(installation: Installation) -> int:
    """Delete pictures that no row refers to; return their number."""
    store = PhotoStore.for_settings(installation.settings)
    others = store.installations() - {installation.namespace}
    if others:
        logger.warning(
            "No picture was deleted: other installations put photos into %s, too (%s). Once they "
            "are gone, delete their names in its folder installations.",
            store.describe(),
            ", ".join(sorted(others)),
        )
        return 0
    files, resting = 0, store.at_rest(_RESTING_SECONDS)
    while contents := set(islice(resting, _CONTENTS)):
        unnamed = contents - deletion.still_named(installation.database, contents)
        files += sum(store.delete(one, resting_seconds=_RESTING_SECONDS) for one in unnamed)
    return files
