"""``/api/photos``: a picture that is uploaded, or a photo that is known already.

Never a path or an address: the server would read what the caller may not.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from photoqueue.client.handles import Job
from photoqueue.client.submit import submit_known_photo, submit_photo
from photoqueue.faces.http.answers import SubmittedJob
from photoqueue.faces.http.backend import TheBackend
from photoqueue.faces.http.bodies import PhotoRequest, UploadFields
from photoqueue.faces.http.problems import ProblemError, busy

router = APIRouter(prefix="/api", tags=["photos"])

#: Where photos are uploaded to.
UPLOADS: Final = frozenset({"/api/photos"})
#: Longest value of a field beside the photo, in bytes.
_MAX_FIELD: Final = 4096
_FLAGS: Final = {"true": True, "false": False}
Model = TypeVar("Model", bound=BaseModel)


def _body() -> dict[str, Any]:
    """Describe the two forms of the body for OpenAPI."""
    fields = UploadFields.model_json_schema(by_alias=True)
    fields["properties"] = {
        "photo": {
            "type": "string",
            "format": "binary",
            "description": "The picture: JPEG, PNG, WebP or HEIC.",
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


@router.post("/photos", status_code=202, openapi_extra={"requestBody": _body()})
async def submit(request: Request, backend: TheBackend) -> SubmittedJob:
    """Submit a photo for analysis: an upload, or JSON with the id of a known photo."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = _checked(PhotoRequest, await _json(request))
        job = await backend.calls(_submit_known, body)
    elif kind == "multipart/form-data":
        job = await _upload(request, backend)
    else:
        raise ProblemError(
            415,
            "media-type",
            "Send a picture as multipart/form-data, or the id of a known photo as "
            "application/json.",
        )
    backend.changed()
    state = (await backend.calls(job.poll)).state
    return SubmittedJob(job_id=job.id, job_key=job.key, queue=job.queue, state=state)


async def _upload(request: Request, backend: TheBackend) -> Job:
    if not backend.uploads.take():
        raise busy("As many photos as the server can take at a time are coming in already.")
    try:
        async with request.form(max_files=1, max_fields=10, max_part_size=_MAX_FIELD) as form:
            values: dict[str, Any] = {}
            photo: UploadFile | None = None
            for name, value in form.multi_items():
                if name in values or (name == "photo" and photo is not None):
                    raise _fault(name, "is given twice")
                if name == "photo" and isinstance(value, UploadFile):
                    photo = value
                elif isinstance(value, UploadFile):
                    raise _fault(name, "is a file; only photo is one")
                else:
                    values[name] = _FLAGS.get(value, value) if name == "resubmit" else value
            if photo is None:
                raise _fault("photo", "is missing; send the picture as a file")
            fields = _checked(UploadFields, values)
            return await backend.calls(_submit_upload, photo.file, photo.filename, fields)
    finally:
        backend.uploads.give_back()


def _submit_upload(file: BinaryIO, name: str | None, fields: UploadFields) -> Job:
    return submit_photo(file.read(), file_name=name or None, **fields.model_dump())


def _submit_known(body: PhotoRequest) -> Job:
    return submit_known_photo(**body.model_dump())


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body",), "msg": "It is not JSON."}]
        ) from None


def _checked(model: type[Model], values: Any) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in exc.errors()]
        raise RequestValidationError(faults) from None


def _fault(field: str, problem: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value", "loc": ("body", field), "msg": problem}])
