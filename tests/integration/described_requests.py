"""Requests made from the description of a running API; ``tests/api_server.py`` runs this.

In a pytest of its own: schemathesis takes seconds to import and to make up its requests, which
each process that collects the tests would spend.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

#: Whether to send, beside random requests, those at the limits of what is described.
_LIMITS = bool(os.environ["PQ_TEST_LIMITS"])
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_url(f"{os.environ['PQ_TEST_API']}/openapi.json")


@schema.include(path_regex="^/(api|healthz)").parametrize()
@seed(20_261_125)
@settings(
    max_examples=50 if _LIMITS else 12,
    deadline=None,
    database=None,
    # Limits are explicit examples, half a thousand.
    phases=[Phase.explicit, Phase.generate] if _LIMITS else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: Any) -> None:
    case.call_and_validate(checks=_CHECKS, timeout=30)
