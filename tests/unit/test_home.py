"""The home of tests: servers of whoever runs them are out of reach."""

from __future__ import annotations

import pytest

from photoqueue import services
from photoqueue.errors import ConfigurationError
from photoqueue.settings import Settings
from tests import home


def test_no_server_starts_in_the_default_home_and_a_try_is_known() -> None:
    assert home.trespass() is None
    with pytest.raises(ConfigurationError):
        services.ensure(Settings())
    assert not any(server.running for server in services.status(Settings()))
    problem = home.trespass()
    assert problem is not None and __name__.rpartition(".")[2] in problem
    assert home.trespass() is None
