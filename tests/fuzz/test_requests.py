"""Requests at the limits of what the HTTP API's description allows, and beyond them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from photoqueue.installation import Installation
from tests.api_server import TOKEN, assert_answers_are_as_described, serving


# Three thousand requests, each with its checks.
@pytest.mark.timeout(560)
def test_answers_are_as_described(installation: Installation) -> None:
    # With a token: that it is needed, too, is described.
    unlimited = installation.settings.model_copy(
        update={"api_requests_per_second": 0.0, "api_token": SecretStr(TOKEN)}
    )
    with serving(unlimited) as address:
        assert_answers_are_as_described(address, limits=True, token=TOKEN)
