"""Requests made from the description of a running API; ``tests/api_server.py`` runs this.

In a pytest of its own: schemathesis takes seconds to import and to make up its requests, which
each process that collects the tests would spend.
"""

from __future__ import annotations

import os
import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

#: Whether to send, beside random requests, those at the limits of what is described.
_LIMITS = bool(os.environ["PQ_TEST_LIMITS"])
#: Where the description says less than what makes a request good: bytes must be a picture, a verb
#: takes some of the fields, one cursor is given, which comes from an answer, and the figures of an
#: estimate have few digits and do not contradict each other.
_UNSAID = {
    "/api/photos": "POST",
    "/api/projects/{project_id}/edits": "POST",
    "/api/jobs": "GET",
    "/api/projects/{project_id}/estimate": "POST",
    "/api/projects/{project_id}/report": "POST",
}

#: What a key of idempotency looks like; given, as to import photoqueue takes a second.
_KEY = os.environ["PQ_TEST_KEY"]

_TOKEN = {"Authorization": f"Bearer {token}"} if (token := os.environ["PQ_TEST_TOKEN"]) else {}

schema = schemathesis.openapi.from_url(f"{os.environ['PQ_TEST_API']}/openapi.json", headers=_TOKEN)


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
    if re.fullmatch(_KEY, str(case.headers.get("Idempotency-Key", ""))):
        # Another request under the same key is refused, which no description can say.
        case.headers["Idempotency-Key"] = str(uuid4())
    headers = case.meta.components.get(ParameterLocation.HEADER)
    if headers is None or headers.mode.is_positive:  # else they are to be refused
        case.headers.update(_TOKEN)
    unsaid = case.method == _UNSAID.get(case.operation.path)
    case.call_and_validate(
        excluded_checks=[positive_data_acceptance] if unsaid else [],
        timeout=30,
    )
