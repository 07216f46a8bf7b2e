"""What several files of integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from photoqueue.installation import Installation
from tests.api_server import client_of


@pytest.fixture
def api(installation: Installation) -> Iterator[httpx.Client]:
    """The HTTP API of the test's installation, without a token and without a rate limit."""
    settings = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with client_of(settings) as client:
        yield client
