"""A job type is a value: a text that every library takes, which cannot be changed."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from typer.testing import CliRunner

from photoqueue import JobType
from photoqueue.errors import ConfigurationError
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE, job_types
from photoqueue.words import job_type, register
from tests.own_type import FLOOR_PLAN, FloorPlan


def test_type_is_the_name_of_its_queue() -> None:
    assert PHOTO_ANALYZE == "photo-analyze"
    assert {PHOTO_ANALYZE: 1}["photo-analyze"] == 1
    assert f"{PHOTO_ANALYZE}" == str(PHOTO_ANALYZE) == "photo-analyze"
    assert type(str(PHOTO_ANALYZE)) is str
    assert json.dumps({"queue": PHOTO_ANALYZE}) == '{"queue": "photo-analyze"}'
    assert repr(FLOOR_PLAN) == "JobType('floor-plan')"


def test_two_of_the_package_keep_their_keys() -> None:
    assert job_types()[:2] == ("photo-analyze", "inventory-sync")
    assert PHOTO_ANALYZE.key_of(photo_id="salon-1") == "photo-salon-1"
    assert INVENTORY_SYNC.key_of(project_id="move-42") == "inventory-move-42"


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy])
def test_copy_in_another_process_knows_the_same(copied: Callable[[JobType], JobType]) -> None:
    taken = copied(FLOOR_PLAN)
    assert taken == FLOOR_PLAN
    assert isinstance(taken, JobType)
    assert vars(taken) == vars(FLOOR_PLAN)
    assert taken.payload is FloorPlan


def test_type_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        FLOOR_PLAN.handler = "os:system"
    with pytest.raises(AttributeError, match="frozen"):
        del FLOOR_PLAN.key
    assert FLOOR_PLAN.handler == "tests.own_type:DrawFloorPlan"


def test_pydantic_reads_known_types_and_describes_them() -> None:
    class Question(BaseModel):
        queue: JobType

    register(FLOOR_PLAN)
    asked = Question.model_validate({"queue": "floor-plan"})
    assert asked.queue.payload is FloorPlan
    assert asked.model_dump() == {"queue": "floor-plan"}
    assert asked.model_dump_json() == '{"queue":"floor-plan"}'
    with pytest.raises(ValidationError, match="photo-analyze, inventory-sync, floor-plan"):
        Question.model_validate({"queue": "nonsense"})
    # What the tables say is shown, also of a type that this process does not know.
    assert Question(queue=job_type("nonsense")).queue == "nonsense"
    schema = TypeAdapter(JobType).json_schema()
    assert schema == {"type": "string", "enum": ["photo-analyze", "inventory-sync", "floor-plan"]}


def test_typer_takes_a_type_as_a_default() -> None:
    app = typer.Typer()

    @app.command()
    def show(queue: Annotated[str, typer.Option()] = FLOOR_PLAN) -> None:
        typer.echo(queue)

    assert CliRunner().invoke(app, []).output == "floor-plan\n"
    assert "[default: floor-plan]" in CliRunner().invoke(app, ["--help"]).output


def test_unknown_queue_is_a_type_with_a_name_only() -> None:
    found = job_type("never-declared")
    assert (found, found.payload, found.result, found.handler) == ("never-declared", *[None] * 3)
    assert found.key_prefix == "never-declared-"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"queue": "Floor Plan"}, "cannot be the name of a queue"),
        ({"queue": "floor_plan"}, "lower-case words"),
        ({"queue": "x" * 61}, "at most 60"),
        ({"queue": "floor-plan", "handler": "floor_plans"}, r"package\.module:attribute"),
        ({"queue": "floor-plan", "handler": "os:system()"}, r"package\.module:attribute"),
        ({"queue": "floor-plan", "key": "{project_id}"}, "'floor-plan-{field}'"),
        ({"queue": "floor-plan", "key": "plan{project_id}"}, "a name and a hyphen"),
    ],
)
def test_declaration_that_cannot_work_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        JobType(**declared)


def test_two_types_of_one_queue_are_refused() -> None:
    register(FLOOR_PLAN)
    assert register(pickle.loads(pickle.dumps(FLOOR_PLAN))) == FLOOR_PLAN
    with pytest.raises(ConfigurationError, match=r"two job types of the queue 'floor-plan'"):
        register(JobType("floor-plan", handler="tests.own_type:make_echo"))


@pytest.mark.parametrize("key", ["photo-{name}", "photo-blur-{name}"])
def test_keys_that_could_be_those_of_a_photo_are_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="told from those of photo-analyze"):
        register(JobType("blur", handler="tests.own_type:make_echo", key=key))


def test_declaration_takes_the_place_of_a_name() -> None:
    register(job_type("floor-plan"))
    register(FLOOR_PLAN)
    assert job_type("floor-plan").payload is FloorPlan
    register(job_type("floor-plan"))
    assert job_type("floor-plan").payload is FloorPlan
