"""Submissions: uploaded or known photos, inventories, test jobs; and the pictures of photos."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.datastructures import UploadFile

from photoqueue.client.gallery import photo_picture, photo_preview
from photoqueue.client.handles import Job
from photoqueue.client.submit import submit_known_photo, submit_photo
from photoqueue.client.submit_job import submit_inventory
from photoqueue.errors import PhotoNotFoundError
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import SubmittedJob, TestJobAnswer, content
from photoqueue.faces.http.backend import ApiBackend, TheBackend
from photoqueue.faces.http.routes import bodies
from photoqueue.faces.http.routes.bodies import FORM, JSON, Flag, Name, RequestBody
from photoqueue.records.base import Strategy
from photoqueue.samples import SAMPLE_PHOTO
from photoqueue.words import TokenScope


class TestJobRequest(RequestBody):
    """A test photo."""

    __test__ = False  # not a pytest class

    user_id: Name = Field(examples=["u1"])
    photo_id: Name = Field(examples=["photo-1"])
    room_type: Name | None = Field(default=None, examples=["salon"])


class PhotoRequest(TestJobRequest):
    """A photo that was submitted before."""

    asset_id: Name | None = None
    #: Analyse the photo again, even if it has been analysed.
    resubmit: bool = False


class UploadFields(RequestBody):
    """Fields beside an uploaded photo."""

    user_id: Name
    photo_id: Name | None = None
    project_id: Name | None = None
    room: Name | None = None
    room_type: Name | None = None
    asset_id: Name | None = None
    resubmit: Flag = False


class InventoryRequest(RequestBody):
    """A project to add up; with ``afterBatch``, after all jobs of that batch have ended."""

    project_id: Name = Field(examples=["move-42"])
    user_id: Name = Field(examples=["u1"])
    #: Default: the one that the project was last added up by, else ``max``.
    strategy: Strategy | None = None
    after_batch: Name | None = None


router = APIRouter(prefix="/api")

_PICTURE: Final = {
    "type": "string",
    "format": "binary",
    "description": "The picture: JPEG, PNG, WebP, HEIC or AVIF.",
}
#: Both forms of the body of an upload, for OpenAPI.
_UPLOAD: Final = {
    "required": True,
    "content": {
        **bodies.form_of(UploadFields, _PICTURE),
        JSON: {"schema": PhotoRequest.model_json_schema(by_alias=True)},
    },
}


@router.post(
    "/photos",
    tags=["photos"],
    status_code=202,
    response_model_exclude_none=True,
    openapi_extra={"requestBody": _UPLOAD},
)
@needs(TokenScope.SUBMIT, photos=1)
async def submit(request: Request, backend: TheBackend) -> SubmittedJob:
    """Submit a photo for analysis: an upload, or JSON with the id of a known photo."""
    if bodies.kind_of(request, FORM, JSON) == JSON:
        body = bodies.checked(PhotoRequest, await request.body())
        return await submitted(backend, partial(submit_known_photo, **body.model_dump()))
    async with bodies.received(request, backend, most=1) as ((photo,), texts):
        for name, values in texts.items():
            if len(values) > 1:
                raise bodies.fault(name, "is given twice")
        fields = bodies.checked(UploadFields, {name: value for name, (value,) in texts.items()})
        return await submitted(backend, partial(_submit_upload, photo, fields))


async def submitted(backend: ApiBackend, change: Callable[[], Job]) -> SubmittedJob:
    """Change something in a thread, and answer with the job that it returns."""

    def changed() -> SubmittedJob:
        job = change()
        return SubmittedJob(
            job_id=job.id,
            job_key=job.key,
            queue=job.queue,
            state=job.state,
            moved_from=job.moved_from,
        )

    answer = await backend.calls(changed)
    backend.changed()
    return answer


def _submit_upload(photo: UploadFile, fields: UploadFields) -> Job:
    return submit_photo(photo.file.read(), file_name=photo.filename or None, **fields.model_dump())


# The function's name is part of the operation id in generated clients.
@router.post(
    "/inventory",
    name="submit",
    tags=["inventories"],
    status_code=202,
    response_model_exclude_none=True,
)
@needs(TokenScope.SUBMIT)
async def submit_project(body: InventoryRequest, backend: TheBackend) -> SubmittedJob:
    """Submit an inventory of a project."""
    given = body.model_dump(exclude={"after_batch"})
    return await submitted(backend, partial(submit_inventory, **given, after=body.after_batch))


@router.post("/queue/test", tags=["queues"])
@needs(TokenScope.SUBMIT)
async def submit_test_job(body: TestJobRequest, backend: TheBackend) -> TestJobAnswer:
    """Submit a test photo; an unknown photo id gets a photo of the sample home."""
    job = await submitted(backend, partial(_submit_test, body))
    return TestJobAnswer(job_id=job.job_id, bull_job_id=job.job_key)


def _submit_test(body: TestJobRequest) -> Job:
    try:
        return submit_known_photo(**body.model_dump())
    except PhotoNotFoundError:
        sample = SAMPLE_PHOTO.read_bytes()
        return submit_photo(sample, file_name="sample-room.jpg", **body.model_dump())


#: The longest side that JPEG knows.
_FULL: Final = 65_500
_JPEG: Final = content("The upright picture as JPEG, without metadata.", "image/jpeg")


@router.get(
    "/photos/{photo_id:path}/picture",
    tags=["photos"],
    response_class=Response,
    responses=_JPEG,
)
async def picture(
    photo_id: str,
    backend: TheBackend,
    size: Annotated[
        Literal["small", "full"], Query(description="A thumbnail, or all pixels.")
    ] = "full",
) -> Response:
    """Return the picture of a photo, upright and without metadata."""
    kept = None
    if size == "small":
        kept = (await backend.calls(photo_preview, photo_id, make=False)).jpeg
    found = kept or await backend.pictures(_decoded, photo_id, size)
    return Response(found, media_type="image/jpeg")


def _decoded(photo_id: str, size: str) -> bytes:
    if size == "full":
        return photo_picture(photo_id, side=_FULL)
    from photoqueue.photos.pixels import LONGEST_SIDE

    # Without a thumbnail, the other raises why.
    return photo_preview(photo_id).jpeg or photo_picture(photo_id, side=LONGEST_SIDE)
