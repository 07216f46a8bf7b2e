"""What OpenAPI says of the HTTP API is what it does: requests made from the description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from photoqueue.installation import Installation
from photoqueue.ops.app import create_app
from photoqueue.settings import Settings
from tests.api_server import serving

#: Requests made for each address and method.
_EXAMPLES = 12
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

_description = create_app(Settings()).openapi()
schema = schemathesis.openapi.from_dict(_description)


@pytest.fixture
def address(installation: Installation) -> Iterator[str]:
    unlimited = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with serving(unlimited) as address:
        yield address


@schema.include(path_regex="^/(api|healthz)").parametrize()
@seed(20_261_125)
@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address, checks=_CHECKS, timeout=30)


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
        for schema in _description["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    taken = _description["paths"]["/api/photos"]["post"]["requestBody"]["content"]
    names |= {name for kind in taken.values() for name in kind["schema"]["properties"]}
    assert not {name for name in names if "url" in name.lower() or "path" in name.lower()}
