"""What the HTTP API takes, as OpenAPI describes it: camelCase, and nothing else let through."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from photoqueue.records.base import DEFAULT_STRATEGY, Strategy

_CONTROL = r"\x00-\x1f\x7f-\x9f"
#: An identifier that a caller chooses: 1 to 200 printable characters, not blanks alone.
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$",
    ),
]


class _Taken(BaseModel):
    """A body: nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True
    )


class TestJobRequest(_Taken):
    """A photo to try the whole chain with."""

    __test__ = False  # not one of pytest's

    user_id: Name = Field(examples=["u1"])
    photo_id: Name = Field(examples=["photo-1"])
    room_type: Name | None = Field(default=None, examples=["salon"])


class PhotoRequest(_Taken):
    """A photo that was submitted before."""

    photo_id: Name = Field(examples=["photo-1"])
    user_id: Name = Field(examples=["u1"])
    room_type: Name | None = Field(default=None, examples=["salon"])
    asset_id: Name | None = None
    #: Analyse again what was analysed before.
    resubmit: bool = False


class UploadFields(_Taken):
    """What comes with an uploaded photo."""

    user_id: Name
    photo_id: Name | None = None
    project_id: Name | None = None
    room: Name | None = None
    room_type: Name | None = None
    asset_id: Name | None = None
    resubmit: bool = False


class InventoryRequest(_Taken):
    """A project to add up; with ``afterBatch`` once all jobs of that batch have ended."""

    project_id: Name = Field(examples=["move-42"])
    user_id: Name = Field(examples=["u1"])
    strategy: Strategy = DEFAULT_STRATEGY
    after_batch: Name | None = None
