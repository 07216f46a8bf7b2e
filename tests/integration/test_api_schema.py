"""What OpenAPI says of the HTTP API is what it does: requests made from the description."""

from __future__ import annotations

import httpx

from tests.api_server import assert_answers_are_as_described, description


def test_answers_are_as_described(api: httpx.Client) -> None:
    # The limits of each value are tried by tests/fuzz/test_requests.py.
    assert_answers_are_as_described(str(api.base_url))


def test_description_is_served_and_complete(api: httpx.Client) -> None:
    described = api.get("/openapi.json").json()
    assert {
        ("/api/queue/test", "get"),
        ("/api/queue/test", "post"),
        ("/api/photos", "post"),
        ("/api/inventory", "post"),
        ("/api/jobs", "get"),
        ("/api/jobs/{job_id}", "get"),
        ("/api/jobs/{job_id}/retry", "post"),
        ("/api/jobs/{job_id}/cancel", "post"),
        ("/api/projects/{project_id}/inventory", "get"),
        ("/api/batches/{batch_id}/events", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
    } <= {(path, method) for path, methods in described["paths"].items() for method in methods}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            refused = operation["responses"]["422"]["content"]
            assert list(refused) == ["application/problem+json"], (path, method)
    upload = described["paths"]["/api/photos"]["post"]["requestBody"]["content"]
    assert set(upload) == {"multipart/form-data", "application/json"}


def test_no_address_takes_a_path_or_an_url() -> None:
    names = {
        name
        for schema in description()["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    taken = description()["paths"]["/api/photos"]["post"]["requestBody"]["content"]
    names |= {name for kind in taken.values() for name in kind["schema"]["properties"]}
    assert not {name for name in names if "url" in name.lower() or "path" in name.lower()}


def test_schemas_have_these_names() -> None:
    # Generated clients have classes of these names: renaming one is a change of the API.
    records = {"AiCall", "Attempt", "InventoryLine", "InventoryResult", "JobSnapshot", "JobStory"}
    records |= {"EngineUse", "JobOrder", "JobState", "Outcome", "QueueStats", "Worker"}
    records |= {"Webhook", "WebhookEvent", "WebhookState"}
    records |= {"Anchor", "Edit", "FoundItem", "NamedThing"}
    records |= {"BatchPhoto", "PhotoResult", "Access", "CartonLine", "Estimate", "Hours", "Price"}
    records |= {"PriceLine", "Quantity", "Rates", "Vehicle", "VehicleLoads", "Working"}
    requests = {
        "BatchRequest",
        "EstimateRequest",
        "ReportRequest",
        "EditRequest",
        "InventoryRequest",
        "TestJobRequest",
    }
    answers = {"AliveAnswer", "ChangesAnswer", "CountsAnswer", "JobsAnswer", "QueueAnswer"}
    answers |= {"QueuesAnswer", "ReadyAnswer", "TestJobAnswer", "WorkersAnswer"}
    answers |= {"EditsAnswer", "ItemsAnswer", "BatchAnswer", "BatchPhotosAnswer", "ProjectsAnswer"}
    answers |= {"WebhooksAnswer", "ResentAnswer"}
    parts = {"ReviewItem", "ReviewThing", "UnplacedEdit", "InventoryGap"}
    parts |= {"CheckEntry", "Fault", "LeftOutFile", "Problem", "ProjectEntry", "SubmittedJob"}
    assert set(description()["components"]["schemas"]) == records | requests | answers | parts
