"""``/api/projects``: inventories, estimates, reports, what photos show, and edits."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from photoqueue.client.corrections import read_inventory
from photoqueue.client.estimate import estimate
from photoqueue.client.observe import ask
from photoqueue.client.review import review
from photoqueue.client.review_tables import ReadOnce
from photoqueue.client.verbs import VERBS, edit, edits
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import EditsAnswer, ItemsAnswer, ProjectsAnswer, content
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.routes.bodies import Name, RequestBody, Whole
from photoqueue.faces.report.process import report_file
from photoqueue.queue.projects import list_projects
from photoqueue.records.edits import Edit
from photoqueue.records.estimates import Estimate, Terms
from photoqueue.records.results import InventoryResult
from photoqueue.words import TokenScope

router = APIRouter(prefix="/api/projects", tags=["projects"])
reviews = APIRouter(prefix="/api/projects/{project_id:path}", tags=["reviews"])

#: Media types of report files by their format.
_KINDS: Final = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILE: Final = content("The file.", *_KINDS.values())


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
    return ProjectsAnswer(projects=await backend.calls(ask, list_projects, limit))


@router.get("/{project_id:path}/inventory", tags=["inventories"], response_model_exclude_none=True)
async def inventory(project_id: Name, backend: TheBackend) -> InventoryResult:
    """Read the newest inventory of a project, with all corrections."""
    return await backend.calls(read_inventory, project_id)


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
    name, made = await backend.reports(_report, project_id, body)
    told = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(made, media_type=_KINDS[body.format], headers=told)


def _estimate(project_id: str, body: EstimateRequest) -> Estimate:
    return estimate(
        project_id, **{name: getattr(body, name) for name in EstimateRequest.model_fields}
    )


def _report(project_id: str, body: ReportRequest) -> tuple[str, bytes]:
    return report_file(project_id, body.format, _estimate(project_id, body))


class EditRequest(RequestBody):
    """What a person says: ``verb`` and what it is about, by the names of the SDK."""

    verb: Literal[tuple(VERBS)]  # type: ignore[valid-type]  # the SDK's, known at run time
    user_id: Name = Field(examples=["u1"])
    item_id: Name | None = None
    #: A name of the edit that nobody else gives: sent again under it, it is not made twice.
    ref: Name | None = None
    #: Of ``same`` and ``accept``.
    item_ids: list[Name] = Field(default_factory=list)
    photo_id: Name | None = None
    name: Name | None = None
    category: Name | None = None
    volume: float | None = None
    #: x0, y0, x1, y1 in 0…1 of the upright picture.
    box: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    #: Of ``acknowledge``.
    gap: Name | None = None
    room: Name | None = None
    to: Name | None = None
    number: Whole | None = None
    #: Of ``count``, with ``room``: what, how many, and whether they are taken apart.
    item: Name | None = None
    count: Whole | None = None
    dismountable: bool | None = None
    #: Whether no photo shows the room.
    new_room: bool | None = None


@reviews.get("/items", response_model_exclude_none=True)
async def items(project_id: Name, backend: TheBackend) -> ItemsAnswer:
    """Read what the photos of a project show, with all edits, and the things that it makes."""
    return await backend.calls(_items, project_id)


def _items(project_id: str) -> ItemsAnswer:
    reviewed = ReadOnce(review(project_id, user_id="api").project_id)

    def rows(frame: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            frame.astype(object).where(frame.notna(), None).to_dict("records")
        )
        return found

    return ItemsAnswer.model_validate(
        {
            "items": rows(reviewed.items()),
            "things": rows(reviewed.things()),
            "unplaced": rows(reviewed.unplaced()),
            "gaps": rows(reviewed.gaps()),
        }
    )


@reviews.get("/edits", response_model_exclude_none=True)
async def log(
    project_id: Name,
    backend: TheBackend,
    after: int = Query(0, ge=0, le=2**31 - 1, description="Only edits with larger numbers."),
) -> EditsAnswer:
    """List the edits of a project, oldest first; numbers are in the order of the commits."""
    return EditsAnswer(edits=tuple(await backend.calls(edits, project_id, after=after)))


@reviews.post("/edits", status_code=201, response_model_exclude_none=True)
@needs(TokenScope.SUBMIT)
async def say(project_id: Name, body: EditRequest, request: Request, backend: TheBackend) -> Edit:
    """Make an edit; it applies at once."""
    given = body.model_dump(exclude_none=True, exclude={"verb", "user_id", "item_ids"})
    given.setdefault("ref", request.scope["state"].get("ref"))
    made = await backend.calls(
        edit, project_id, body.verb, *body.item_ids, user_id=body.user_id, **given
    )
    backend.changed()
    return made
