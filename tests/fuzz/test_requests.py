"""Requests at the limits of what the HTTP API's description allows, and beyond them."""

from __future__ import annotations

import pytest

from photoqueue.installation import Installation
from tests.api_server import assert_answers_are_as_described, serving


@pytest.mark.timeout(400)
def test_answers_are_as_described(installation: Installation) -> None:
    unlimited = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with serving(unlimited) as address:
        assert_answers_are_as_described(address, limits=True)
