"""Submissions: uploaded or known photos, inventories, test jobs.

Paths and URLs are not accepted: the server could read files that the caller may not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, BinaryIO, Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.datastructures import UploadFile

from photoqueue.client.corrections import read_inventory
from photoqueue.client.handles import Job
from photoqueue.client.submit import submit_known_photo, submit_photo
from photoqueue.client.submit_job import submit_inventory
from photoqueue.errors import PhotoNotFoundError
from photoqueue.faces.http.access import needs
from photoqueue.faces.http.answers import SubmittedJob, TestJobAnswer
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.connections import client_of
from photoqueue.faces.http.problems import ProblemError
from photoqueue.records.base import Strategy
from photoqueue.records.results import InventoryResult
from photoqueue.samples import SAMPLE_PHOTO
from photoqueue.words import TokenScope

CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
#: An identifier chosen by a caller: 1 to 200 printable characters, not only blanks.
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$",
    ),
]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: A whole number, which JSON may write with a point: 2.0.
Whole = Annotated[int, BeforeValidator(_whole)]


class RequestBody(BaseModel):
    """A request body: no conversions, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True
    )


class TestJobRequest(RequestBody):
    """A test photo."""

    __test__ = False  # not a pytest class

    user_id: Name = Field(examples=["u1"])
    photo_id: Name = Field(examples=["photo-1"])
    room_type: Name | None = Field(default=None, examples=["salon"])


class PhotoRequest(RequestBody):
    """A photo that was submitted before."""

    photo_id: Name = Field(examples=["photo-1"])
    user_id: Name = Field(examples=["u1"])
    room_type: Name | None = Field(default=None, examples=["salon"])
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
    resubmit: bool = False


class InventoryRequest(RequestBody):
    """A project to add up; with ``afterBatch``, after all jobs of that batch have ended."""

    project_id: Name = Field(examples=["move-42"])
    user_id: Name = Field(examples=["u1"])
    #: Default: the one that the project was last added up by, else ``max``.
    strategy: Strategy | None = None
    after_batch: Name | None = None


router = APIRouter(prefix="/api")

#: Path for photo uploads.
UPLOADS: Final = "/api/photos"
#: Longest value of a field beside the photo, in bytes.
MAX_FIELD: Final = 4096
_FLAGS: Final = {"true": True, "false": False}
Model = TypeVar("Model", bound=BaseModel)


def _body() -> dict[str, Any]:
    """Describe both forms of the body for OpenAPI."""
    fields = UploadFields.model_json_schema(by_alias=True)
    fields["properties"] = {
        "photo": {
            "type": "string",
            "format": "binary",
            "description": "The picture: JPEG, PNG, WebP, HEIC or AVIF.",
        },
        **fields["properties"],
    }
    fields["required"] = ["photo", *fields["required"]]
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": fields},
            "application/json": {"schema": PhotoRequest.model_json_schema(by_alias=True)},
        },
    }


@router.post(
    "/photos",
    tags=["photos"],
    status_code=202,
    response_model_exclude_none=True,
    openapi_extra={"requestBody": _body()},
)
@needs(TokenScope.SUBMIT)
async def submit(request: Request, backend: TheBackend) -> SubmittedJob:
    """Submit a photo for analysis: an upload, or JSON with the id of a known photo."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        content = await request.body()
        body = checked_body(partial(PhotoRequest.model_validate_json, content))
        job = await backend.calls(submit_known_photo, **body.model_dump())
    elif kind == "multipart/form-data":
        job = await _upload(request, backend)
    else:
        raise ProblemError(
            415,
            "media-type",
            "Send a picture as multipart/form-data, or the id of a known photo as "
            "application/json.",
        )
    return await _submitted(job, backend)


async def _submitted(job: Job, backend: TheBackend) -> SubmittedJob:
    backend.changed()
    state = (await backend.calls(job.poll)).state
    return SubmittedJob(
        job_id=job.id, job_key=job.key, queue=job.queue, state=state, moved_from=job.moved_from
    )


async def _upload(request: Request, backend: TheBackend) -> Job:
    place = backend.uploads.take(client_of(request.scope), "photos that it receives")
    limits = {"max_files": 1, "max_fields": 10, "max_part_size": MAX_FIELD}
    async with place, request.form(**limits) as form:
        values: dict[str, Any] = {}
        photo: UploadFile | None = None
        for name, value in form.multi_items():
            if name in values or (name == "photo" and photo is not None):
                raise fault(name, "is given twice")
            if name == "photo" and isinstance(value, UploadFile):
                photo = value
            elif isinstance(value, UploadFile):
                raise fault(name, "is a file; only photo is one")
            else:
                values[name] = _FLAGS.get(value, value) if name == "resubmit" else value
        if photo is None:
            raise fault("photo", "is missing; send the picture as a file")
        fields = checked_body(partial(UploadFields.model_validate, values))
        return await backend.calls(_submit_upload, photo.file, photo.filename, fields)


def _submit_upload(file: BinaryIO, name: str | None, fields: UploadFields) -> Job:
    return submit_photo(file.read(), file_name=name or None, **fields.model_dump())


def checked_body(validate: Callable[[], Model]) -> Model:
    """Validate a body; errors look like those of FastAPI's validation."""
    try:
        return validate()
    except ValidationError as exc:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in exc.errors()]
        raise RequestValidationError(faults) from None


def fault(field: str, problem: str) -> RequestValidationError:
    """Make an error like those of FastAPI's validation."""
    return RequestValidationError([{"type": "value", "loc": ("body", field), "msg": problem}])


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
    job = await backend.calls(
        submit_inventory,
        body.project_id,
        user_id=body.user_id,
        after=body.after_batch,
        strategy=body.strategy,
    )
    return await _submitted(job, backend)


@router.get(
    "/projects/{project_id:path}/inventory", tags=["inventories"], response_model_exclude_none=True
)
async def inventory(project_id: Name, backend: TheBackend) -> InventoryResult:
    """Read the newest inventory of a project, with all corrections."""
    return await backend.calls(read_inventory, project_id)


@router.post("/queue/test", tags=["queues"])
@needs(TokenScope.SUBMIT)
async def submit_test_job(body: TestJobRequest, backend: TheBackend) -> TestJobAnswer:
    """Submit a test photo; an unknown photo id gets a photo of the sample home."""
    job = await backend.calls(_submit_test, body)
    backend.changed()
    return TestJobAnswer(job_id=job.id, bull_job_id=job.key)


def _submit_test(body: TestJobRequest) -> Job:
    try:
        return submit_known_photo(body.photo_id, user_id=body.user_id, room_type=body.room_type)
    except PhotoNotFoundError:
        return submit_photo(
            SAMPLE_PHOTO.read_bytes(),
            photo_id=body.photo_id,
            user_id=body.user_id,
            room_type=body.room_type,
            file_name="sample-room.jpg",
        )
