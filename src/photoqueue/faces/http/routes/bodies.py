"""Bodies of requests: JSON, and forms with photos in them.

Paths and URLs are not accepted: the server could read files that the caller may not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.datastructures import UploadFile

from photoqueue.client.identifiers import MAX_LENGTH
from photoqueue.faces.http.backend import ApiBackend
from photoqueue.faces.http.connections import client_of
from photoqueue.faces.http.problems import ProblemError

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
#: A name, or nothing.
NameOrBlank = Annotated[str, Field(max_length=MAX_LENGTH, pattern=rf"^[^{_CONTROL}]*$")]
#: An identifier chosen by a caller: printable characters, not only blanks.
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$",
    ),
]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: A whole number, which JSON may write with a point: 2.0.
Whole = Annotated[int, BeforeValidator(_whole)]
_FLAGS: Final = {"true": True, "false": False}
#: Yes or no, which a form writes as a text.
Flag = Annotated[bool, BeforeValidator(lambda value: _FLAGS.get(str(value), value))]
#: Longest value of a field beside the photos, in bytes, and most fields for each photo.
_MAX_FIELD: Final = 4096
_MOST_FIELDS: Final = 10
Model = TypeVar("Model", bound=BaseModel)


class RequestBody(BaseModel):
    """A request body: no conversions, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True
    )


def kind_of(request: Request, *taken: str) -> str:
    """Return the media type of a body, which must be one of those that are taken."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in taken:
        raise ProblemError(
            415, "media-type", f"Send the body as {' or '.join(taken)}; /openapi.json describes it."
        )
    return kind


def form_of(model: type[RequestBody], photo: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a form for OpenAPI: its fields, beside ``photo``."""
    fields = model.model_json_schema(by_alias=True)
    fields["properties"] = {"photo": photo, **fields["properties"]}
    fields["required"] = ["photo", *fields.get("required", ())]
    return {FORM: {"schema": fields}}


@asynccontextmanager
async def received(
    request: Request, backend: ApiBackend, *, most: int
) -> AsyncIterator[tuple[list[UploadFile], dict[str, list[str]]]]:
    """Receive a form: its photos, and the texts of each field beside them."""
    place = backend.uploads.take(client_of(request.scope), "photos that it receives")
    limits = {"max_files": most, "max_fields": _MOST_FIELDS * most, "max_part_size": _MAX_FIELD}
    async with place, request.form(**limits) as form:
        photos: list[UploadFile] = []
        texts: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                texts.setdefault(name, []).append(value)
            elif name == "photo":
                photos.append(value)
            else:
                raise fault(name, "is a file; only photo is one")
        if not photos:
            raise fault("photo", "is missing; send the picture as a file")
        yield photos, texts


def checked(model: type[Model], body: bytes | Mapping[str, Any]) -> Model:
    """Validate JSON or fields; errors look like those of FastAPI's validation."""
    try:
        if isinstance(body, bytes):
            return model.model_validate_json(body)
        return model.model_validate(body)
    except ValidationError as exc:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in exc.errors()]
        raise RequestValidationError(faults) from None


def fault(field: str, problem: str) -> RequestValidationError:
    """Make an error like those of FastAPI's validation."""
    return RequestValidationError([{"type": "value", "loc": ("body", field), "msg": problem}])
