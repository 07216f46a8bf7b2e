"""The words of the domain: contract names in JSON, states and their transitions."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from photoqueue.jobs import job_types
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.jobs.photo_analyze import PhotoPayload
from photoqueue.records.results import FoundItem, InventoryLine, InventoryResult, PhotoResult
from photoqueue.words import TRANSITIONS, UNFINISHED, JobState


def make_item(**changes: object) -> FoundItem:
    return FoundItem.model_validate(
        {"name": "chair", "category": "furniture", "dismountable": False, **changes}
    )


def make_result(**changes: object) -> PhotoResult:
    return PhotoResult.model_validate(
        {
            "photoId": "p1",
            "items": [make_item()],
            "roomType": "salon",
            "confidence": 0.5,
            **changes,
        }
    )


def make_line(**changes: object) -> InventoryLine:
    values: dict[str, object] = {
        "room": "salon",
        "room_type": "living room",
        "name": "chair",
        "category": "furniture",
        "count": 2,
        "dismountable": False,
        "volume": 0.5,
        "volume_min": 0.4,
        "volume_max": 0.6,
        "photos": ("p1",),
    }
    return InventoryLine.model_validate({**values, **changes})


def test_job_types_and_states_keep_the_names_of_the_contract() -> None:
    assert list(map(str, job_types())) == ["photo-analyze", "inventory-sync"]
    assert list(map(str, JobState)) == [
        "waiting",
        "active",
        "delayed",
        "completed",
        "failed",
        "cancelled",
    ]


def test_finished_states_are_those_that_lead_nowhere() -> None:
    assert {state for state in JobState if state.finished} == {"completed", "failed", "cancelled"}
    assert set(UNFINISHED) == {"waiting", "active", "delayed"}


def test_every_unfinished_state_can_be_cancelled() -> None:
    assert all(JobState.CANCELLED in TRANSITIONS[state] for state in UNFINISHED)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(JobState)
    reached = {state for targets in TRANSITIONS.values() for state in targets}
    assert reached == set(JobState)


def test_photo_payload_has_the_names_of_the_contract_and_no_empty_ones() -> None:
    payload = PhotoPayload(photo_id="p1", user_id="u1", room_type="salon", sha256="ab")
    assert json.loads(payload.to_json()) == {
        "photoId": "p1",
        "userId": "u1",
        "roomType": "salon",
        "sha256": "ab",
    }


def test_payload_takes_contract_names_and_ignores_unknown_ones() -> None:
    payload = PhotoPayload.model_validate(
        {"photoId": "p1", "userId": "u1", "assetId": "a1", "sha256": "ab", "added": "later"}
    )
    assert (payload.photo_id, payload.user_id, payload.asset_id) == ("p1", "u1", "a1")


def test_photo_payload_may_name_an_engine() -> None:
    payload = PhotoPayload(photo_id="p1", user_id="u1", sha256="ab", engine="detector")
    data = json.loads(payload.to_json())
    assert data["engine"] == "detector"
    assert PhotoPayload.model_validate(data) == payload
    assert PhotoPayload.model_validate({**data, "engine": None}).engine is None


@pytest.mark.parametrize(
    "data",
    [
        {"userId": "u1", "sha256": "ab"},
        {"photoId": "p1", "userId": "u1", "sha256": "ab", "engine": ["builtin"]},
        {"photoId": "p1", "userId": "u1", "sha256": "ab", "engine": ""},
        {"photoId": "p1", "userId": "u1", "sha256": "ab", "engine": "x" * 1_000_000},
        {"photoId": "", "userId": "u1", "sha256": "ab"},
        {"photoId": "x" * 201, "userId": "u1", "sha256": "ab"},
        {"photoId": 17, "userId": "u1", "sha256": "ab"},
        {"photoId": "p1", "userId": None, "sha256": "ab"},
    ],
)
def test_payload_that_breaks_the_contract_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PhotoPayload.model_validate(data)


def test_inventory_payload_knows_two_strategies() -> None:
    payload = InventoryPayload(project_id="m1", user_id="u1")
    assert json.loads(payload.to_json()) == {
        "projectId": "m1",
        "userId": "u1",
        "strategy": "max",
    }
    with pytest.raises(ValidationError):
        InventoryPayload.model_validate({"projectId": "m", "userId": "u", "strategy": "median"})


def test_photo_result_keeps_the_names_of_the_contract() -> None:
    result = json.loads(make_result().to_json())
    assert set(result) == {"photoId", "items", "roomType", "confidence", "warnings"}
    assert set(result["items"][0]) == {"name", "category", "dismountable"}


@pytest.mark.parametrize("room_type", ["salon", "cuisine", "Büro", "🛋️"])
def test_room_type_comes_back_as_it_was_given(room_type: str) -> None:
    result = make_result(roomType=room_type)
    assert PhotoResult.model_validate_json(result.to_json()).room_type == room_type


def test_result_is_frozen_and_compares_by_value() -> None:
    assert make_result() == make_result()
    with pytest.raises(ValidationError, match="frozen"):
        make_result().confidence = 1.0


def test_result_table_has_one_row_an_item() -> None:
    frame = make_result(items=[make_item(), make_item(name="sofa", box=(0, 0, 1, 1))]).to_frame()
    assert list(frame["name"]) == ["chair", "sofa"]
    assert frame["box"][1] == (0, 0, 1, 1)


def test_result_table_without_items_keeps_its_columns() -> None:
    frame = make_result(items=[]).to_frame()
    assert len(frame) == 0
    assert {"name", "category", "dismountable", "score", "box", "volume"} <= set(frame.columns)


def test_inventory_result_keeps_the_names_of_the_contract() -> None:
    result = InventoryResult(
        project_id="m1",
        total_items=2,
        total_volume=0.5,
        rooms=("salon",),
        total_volume_min=0.4,
        total_volume_max=0.6,
        strategy="max",
        lines=(make_line(key="chair"),),
        photo_count=1,
    )
    data = json.loads(result.to_json())
    assert {"projectId", "totalItems", "totalVolume", "rooms"} <= set(data)
    assert data["rooms"] == ["salon"]
    frame = result.to_frame()
    assert list(frame["count"]) == [2]
    assert "key" not in frame.columns
    assert InventoryResult.model_validate_json(result.to_json()) == result
