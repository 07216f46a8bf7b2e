"""Which projects there are, and how far one of them is."""

from __future__ import annotations

from typing import Final

from photoqueue.client.identifiers import checked
from photoqueue.installation import current
from photoqueue.tracking import standing
from photoqueue.tracking.standing import ProjectRow, ProjectStanding

#: Projects that a list shows; older ones are still found by their id.
SHOWN_PROJECTS: Final = 200


def list_projects(limit: int = SHOWN_PROJECTS) -> list[ProjectRow]:
    """Return the projects whose photos came last, the most recent first."""
    return standing.list_projects(current().database, limit)


def project_standing(project_id: str) -> ProjectStanding:
    """Tell how far the photos of a project and its adding-up are."""
    return standing.project_standing(current().database, checked("project_id", project_id))
