"""Reviews: what photos show, the edits of a project, and new ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from photoqueue.client.review import review
from photoqueue.client.review_tables import ReadOnce
from photoqueue.client.verbs import VERBS, edit, edits
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import EditsAnswer, ItemsAnswer
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.routes.submissions import Name, RequestBody, Whole
from photoqueue.records.edits import Edit
from photoqueue.words import TokenScope

router = APIRouter(prefix="/api/projects/{project_id:path}", tags=["reviews"])


class EditRequest(RequestBody):
    """What a person says: ``verb`` and what it is about, by the names of the SDK."""

    verb: Literal[tuple(VERBS)]  # type: ignore[valid-type]  # derived from the SDK
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


@router.get("/items", response_model_exclude_none=True)
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


@router.get("/edits", response_model_exclude_none=True)
async def log(
    project_id: Name,
    backend: TheBackend,
    after: int = Query(0, ge=0, le=2**31 - 1, description="Only edits with larger numbers."),
) -> EditsAnswer:
    """List the edits of a project, oldest first; numbers are in the order of the commits."""
    return EditsAnswer(edits=tuple(await backend.calls(edits, project_id, after=after)))


@router.post("/edits", status_code=201, response_model_exclude_none=True)
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
