"""Fixtures for pytest: ``pytest_plugins = ["photoqueue.testing.fixtures"]`` in ``conftest.py``.

Who does not write that line gets none of them: the package registers no plugin.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photoqueue.installation import Installation
from photoqueue.services import Endpoints
from photoqueue.testing import ScriptedEngine, inline, own_installation, own_servers, served


@pytest.fixture(scope="session")
def photoqueue_servers() -> Iterator[Endpoints]:
    """Real PostgreSQL and Redis servers for the session, on sockets of their own."""
    with own_servers() as servers:
        yield servers


@pytest.fixture
def photoqueue_installation(
    photoqueue_servers: Endpoints, tmp_path: Path
) -> Iterator[Installation]:
    """Make photoqueue's verbs use an empty installation of the test's own."""
    with own_installation(photoqueue_servers, tmp_path / "photoqueue") as installation:
        yield installation


@pytest.fixture
def photoqueue_inline(photoqueue_installation: Installation) -> Iterator[ScriptedEngine]:
    """Run submitted jobs at once; the engine whose answers the test sets."""
    engine = ScriptedEngine()
    with inline(engine):
        yield engine


@pytest.fixture
def photoqueue_api(photoqueue_installation: Installation) -> Iterator[str]:
    """Serve the HTTP API of the test's installation; its address. It asks for ``API_TOKEN``."""
    from photoqueue.faces.http.server import create_app

    with served(create_app(photoqueue_installation.settings)) as address:
        yield address
