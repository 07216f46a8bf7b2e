"""The engine of the notebook about operations fails as the notebook tells, each time the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import photoqueue
from photoqueue.installation import Installation
from photoqueue.testing import inline
from tests.notebooks.surroundings import NOTEBOOKS


@pytest.fixture
def scripted(installation: Installation) -> Iterator[object]:
    """The module of the notebook, whose engine analyses what is submitted, at once."""
    sys.path.insert(0, str(NOTEBOOKS))
    import scripted_engine

    with inline(scripted_engine.make(installation.settings)):
        yield scripted_engine
    sys.path.remove(str(NOTEBOOKS))
    del sys.modules["scripted_engine"]


def test_photos_of_an_evening_succeed_and_fail_as_the_notebook_tells(scripted: object) -> None:
    batch = photoqueue.submit_photos(scripted.evening(), project_id="evening", user_id="u1")
    ended = photoqueue.collect(batch, progress=False)
    kinds = ended["photo_id"].str.partition("-")[0]
    failed = ended["state"] == "failed"
    assert dict(kinds[failed].value_counts()) == {"busy5": 2, "blank": 2}
    assert len(ended) == sum(scripted.EVENING.values())
    tries = dict(zip(kinds, ended["attempts"], strict=True))
    assert tries == {"quick": 1, "slow": 1, "busy1": 2, "busy2": 3, "busy5": 4, "blank": 1}
    said = set(ended["error_message"][failed])
    assert said == {"the service answered 503", "The picture shows nothing; take it again."}
