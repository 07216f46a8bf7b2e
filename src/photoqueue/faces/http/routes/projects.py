"""``/api/projects``: the list of projects, estimates and reports."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from pydantic import Field

from photoqueue.client.estimate import estimate
from photoqueue.client.observe import ask
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import ProjectEntry, ProjectsAnswer
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.routes.submissions import Name
from photoqueue.faces.report.document import report
from photoqueue.queue.projects import list_projects
from photoqueue.records.estimates import Estimate, Terms
from photoqueue.words import TokenScope

router = APIRouter(prefix="/api/projects", tags=["projects"])

#: Media types of report files by their format.
_KINDS: Final = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS.values()
        },
    }
}


class EstimateRequest(Terms):
    """What a person gives for an estimate; without rates there is no price."""

    #: Language of the texts; default is that of the settings.
    lang: Literal["en", "fr"] | None = None


class ReportRequest(EstimateRequest):
    """The format of a report, and what is given for its estimate."""

    format: Literal["html", "pdf", "xlsx"] = Field(default="html", examples=["pdf"])


@router.get("")
async def projects(
    backend: TheBackend,
    limit: Annotated[int, Query(ge=1, le=500, description="Projects at most.")] = 50,
) -> ProjectsAnswer:
    """List the projects with the most recently submitted photos, most recent first."""
    found = await backend.calls(ask, list_projects, limit)
    return ProjectsAnswer(projects=[ProjectEntry.model_validate(one) for one in found])


@router.post("/{project_id:path}/estimate", response_model_exclude_none=True)
@needs(TokenScope.READ)
async def make_estimate(project_id: Name, body: EstimateRequest, backend: TheBackend) -> Estimate:
    """Estimate a move from its inventory with all edits; an estimate is not a quote."""
    return await backend.calls(_estimate, project_id, body)


@router.post("/{project_id:path}/report", response_class=Response, responses=_FILE)
@needs(TokenScope.READ)
async def make_report(project_id: Name, body: ReportRequest, backend: TheBackend) -> Response:
    """Make the report of a project with its estimate: volume survey, not a quote.

    No webhook tells of it: it is the answer.
    """
    name, content = await backend.reports(_report, project_id, body)
    told = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=_KINDS[body.format], headers=told)


def _estimate(project_id: str, body: EstimateRequest) -> Estimate:
    terms = {name: getattr(body, name) for name in Terms.model_fields}
    return estimate(project_id, **terms, lang=body.lang)


def _report(project_id: str, body: ReportRequest) -> tuple[str, bytes]:
    made = report(project_id, lang=body.lang, estimate=_estimate(project_id, body))
    return made.file(body.format)
