"""A job type that photoqueue does not know: drawing the floor plan of a project."""

from __future__ import annotations

import errno
import os
import time
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from photoqueue import JobType, PermanentError


class FloorPlan(BaseModel):
    """Job data; a key that it does not declare is refused."""

    model_config = ConfigDict(extra="forbid")

    project_id: str
    scale: int = 100


class Drawing(BaseModel):
    """Result."""

    project_id: str
    scale: str
    language: str


class DrawFloorPlan:
    """Draws; a scale of 0 never succeeds, one of 13 fails each time, one below 0 takes a while."""

    def __init__(self, workplace: Any) -> None:
        self._language = workplace.settings.language

    def __call__(self, plan: FloorPlan, calls: list[Any]) -> Drawing:
        if plan.scale == 0:
            raise PermanentError("Nothing can be drawn to the scale 1:0. Choose another one.")
        if plan.scale == 13:
            raise RuntimeError("the pen broke")
        if plan.scale < 0:
            time.sleep(-plan.scale / 10)
        return Drawing(project_id=plan.project_id, scale=f"1:{plan.scale}", language=self._language)


FLOOR_PLAN = JobType(
    "floor-plan",
    payload=FloorPlan,
    result=Drawing,
    handler="tests.own_type:DrawFloorPlan",
    key="floor-plan-{project_id}",
)
#: Takes any JSON object, and gives back what it was given.
ECHO = JobType("echo", handler="tests.own_type:make_echo")

SHAKY = JobType("shaky", handler="tests.own_type:fail_to_build_twice")


class Visit(BaseModel):
    """Job data and result whose values have other types in JSON than in Python."""

    model_config = ConfigDict(strict=True, val_json_bytes="base64", ser_json_bytes="base64")

    day: date
    rooms: tuple[str, ...]
    plan: bytes
    note: str | None
    hours: int | None = 2


#: Gives back what it was given.
VISIT = JobType("visit", payload=Visit, result=Visit, handler="tests.own_type:make_visit")
NOT_A_TYPE = "floor-plan"


def fail_to_build(workplace: Any) -> Any:
    """Raise as a handler does whose model is missing."""
    raise FileNotFoundError("plans.onnx")


def fail_to_build_twice(workplace: Any) -> Any:
    """Raise as a handler does whose disk or memory is away for a moment."""
    tries = Path(os.environ["PQ_TEST_TRIES"])
    number = len(tries.read_text()) if tries.exists() else 0
    tries.write_text("x" * (number + 1))
    if number < 2:
        raise (OSError(errno.EIO, "Input/output error"), MemoryError())[number]
    return make_echo(workplace)


def make_echo(workplace: Any) -> Any:
    """Return the handler of ``echo``."""
    return lambda data, calls: dict(data)


def make_visit(workplace: Any) -> Any:
    """Return the handler of ``visit``."""
    return lambda visit, calls: visit
