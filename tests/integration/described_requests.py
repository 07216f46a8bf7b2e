"""Requests made from the description of a running API; ``test_api_schema.py`` runs this.

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

#: Requests made for each address and method.
_EXAMPLES = 12
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
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: Any) -> None:
    case.call_and_validate(checks=_CHECKS, timeout=30)
