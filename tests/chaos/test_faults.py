"""A short run of the seeded faults; the long one is ``make chaos``."""

from __future__ import annotations

from itertools import islice

import pytest

from chaos.audit import Span, usable
from chaos.faults import FAULTS
from chaos.plan import steps
from chaos.run import run
from chaos.stage import INVENTORIES, PHOTOS, Place, Stage

pytestmark = pytest.mark.chaos

#: Quick ones, so that they pass within seconds; those that restart a server or use a budget up
#: are tested one by one in the files beside this one.
QUICK = ["kill child", "cut statements", "cut connections", "empty Redis", "forge messages"]
ALL = list(FAULTS.values())
CREW = [Place(PHOTOS, "proxy"), Place(INVENTORIES, "socket")]


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_under_faults():
    told = []
    outcome = run(
        seed=7,
        jobs=150,
        seconds=60,
        faults=[FAULTS[name] for name in QUICK],
        least=len(QUICK),
        make_stage=lambda seed: Stage(seed, crew=CREW),
        tell=told.append,
    )
    assert outcome.passed, (outcome.breaches, told)
    assert (outcome.lost, outcome.doubled) == (0, 0)
    assert outcome.photos >= 150
    assert set(outcome.faults) == set(QUICK), told


def test_seed_gives_the_same_order_of_faults():
    assert list(islice(steps(7, ALL), 50)) == list(islice(steps(7, ALL), 50))
    assert list(islice(steps(7, ALL), 50)) != list(islice(steps(8, ALL), 50))


def test_every_fault_comes_before_any_repeats():
    assert {step.fault.name for step in islice(steps(3, ALL), len(ALL))} == set(FAULTS)


def test_recovery_counts_only_time_in_which_it_could_have_happened():
    working = [Span(0, 4), Span(6, 10), Span(9, 20)]
    assert usable(Span(2, 12), working, [Span(7, 8)]) == pytest.approx(2 + 1 + 4)
