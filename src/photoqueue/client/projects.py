"""Which projects there are, and how far one of them is."""

from __future__ import annotations

from typing import Final

from photoqueue.client.identifiers import checked
from photoqueue.installation import current
from photoqueue.inventory.wording import Wording
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.queue import projects, read, workers
from photoqueue.queue.projects import ProjectRow, ProjectStanding

#: Projects that a list shows; older ones are still found by their id.
SHOWN_PROJECTS: Final = 200


def list_projects(limit: int = SHOWN_PROJECTS) -> list[ProjectRow]:
    """Return the projects whose photos came last, the most recent first."""
    return projects.list_projects(current().database, limit)


def project_standing(project_id: str) -> ProjectStanding:
    """Tell how far the photos of a project and its adding-up are."""
    return projects.project_standing(current().database, checked("project_id", project_id))


def inventory_is_taken() -> bool:
    """Whether a live worker takes the adding-up of projects."""
    installation = current()
    status = workers.queue_status(
        installation.database, INVENTORY_SYNC, installation.settings.lease_seconds
    )
    return bool(status.live) and not status.paused


def wording(language: str | None = None) -> Wording:
    """Return the names of things and kinds of room that this installation uses.

    Raises
    ------
    ConfigurationError
        There are no names in this language.
    """
    return Wording.of(language, current().settings)


def project_of_batch(batch_id: str) -> str:
    """Return the project of a batch; empty when it has none.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    """
    return str(read.batch_row(current().database, batch_id)["project_id"] or "")
