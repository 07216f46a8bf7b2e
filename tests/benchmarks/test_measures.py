"""The benchmarks run: photoqueue's own part of them, with a handful of jobs."""

from __future__ import annotations

import pytest

import photoqueue
from benchmarks.measures import reviews
from benchmarks.plan import measures
from benchmarks.servers import Servers, attach
from photoqueue.installation import Installation, use


@pytest.fixture
def attached(installation: Installation) -> Servers:
    installation.settings.home.mkdir()
    return attach(installation.settings, installation)


@pytest.mark.parametrize("name", ["submit", "drain", "latency"])
def test_queue_is_measured(attached: Servers, name: str) -> None:
    contender, *_ = measures(["photoqueue"])[name].contenders
    values = contender.take(attached, 0.01)
    assert values and all(value > 0 for value in values.values())
    # A job that fails is quick: what was measured has succeeded.
    counts = photoqueue.stats()["photo-analyze"]
    assert counts.total > 0
    done = counts.waiting if name == "submit" else counts.completed
    assert (done, counts.failed) == (counts.total, 0)


def test_limits_are_measured(attached: Servers) -> None:
    for measure in ("latency", "folder"):
        *_, limit = measures(["photoqueue"])[measure].contenders
        assert all(value > 0 for value in limit.take(attached, 0.01).values())


def test_move_under_review_is_measured(attached: Servers) -> None:
    measure = measures()["review"]
    measure.prepare(attached, 0.1)
    for contender in measure.contenders:
        values = contender.take(attached, 0.1)
        assert values.keys() == {"edit ms", "items ms", "inventory ms"}
        assert all(value > 0 for value in values.values())
    use(attached.settings)
    log = photoqueue.review("reviewed").log()
    assert set(log["kind"]) == {*reviews.KINDS}
    assert len(photoqueue.review("reviewed").unplaced()) == 0


def test_submission_from_a_folder_is_measured(attached: Servers) -> None:
    contender, _ = measures(["photoqueue"])["folder"].contenders
    assert contender.take(attached, 0.02)["photos/s"] > 0
    use(attached.settings)
    counts = photoqueue.stats()["photo-analyze"]
    assert (counts.waiting, counts.total) == (13, 13)


def test_tables_are_measured(attached: Servers) -> None:
    for name in ("history", "stats", "charts"):
        measure = measures(["photoqueue"])[name]
        for contender in measure.contenders:
            measure.prepare(attached, 0.0005)
            values = contender.take(attached, 0.0005)
            assert all(value > 0 for value in values.values()), contender
