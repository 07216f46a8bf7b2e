"""Copies of one picture that were analysed differently."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photoqueue.inventory.copies import items_of_copies
from photoqueue.records.results import FoundItem

HERE, NEARLY, ELSEWHERE = (0.1, 0.3, 0.5, 0.8), (0.11, 0.31, 0.5, 0.8), (0.6, 0.3, 0.9, 0.8)


def seen(key: str, box: Any = HERE, score: float = 0.6, **values: Any) -> FoundItem:
    return FoundItem(
        name=key, category="furniture", dismountable=False, key=key, box=box, score=score, **values
    )


def keys(*copies: list[FoundItem]) -> list[str | None]:
    return [item.key for item in items_of_copies(copies)]


def test_thing_that_two_copies_call_differently_is_one() -> None:
    two, three = seen("sofa_2_seat", NEARLY), seen("sofa_3_seat", score=0.8)
    assert keys([two], [three]) == keys([three], [two]) == ["sofa_3_seat"]


def test_doubt_of_the_engine_is_enough() -> None:
    plant = seen("potted_plant", alternatives={"armchair": 0.3}, score=0.5)
    assert keys([plant], [seen("armchair")]) == ["armchair"]


@pytest.mark.parametrize(
    "copies",
    [
        ([seen("sofa_2_seat")], [seen("sofa_3_seat", ELSEWHERE)]),  # in two places
        ([seen("sofa_2_seat")], [seen("sofa_3_seat", None)]),  # who knows where
        ([seen("rug")], [seen("armchair")]),  # a chair on a rug; nothing is in doubt
        ([seen("sofa_2_seat"), seen("sofa_3_seat", NEARLY)], [seen("sofa_3_seat", score=0.9)]),
    ],
)
def test_other_things_are_both_kept(copies: tuple[list[FoundItem], ...]) -> None:
    assert len(keys(*copies)) == 2


_findings = st.builds(
    seen,
    st.sampled_from(["sofa_2_seat", "sofa_3_seat", "corner_sofa", "rug"]),
    st.sampled_from([None, HERE, NEARLY, ELSEWHERE]),
    st.sampled_from([0.3, 0.6, 0.9]),
)
_copy = st.lists(_findings, max_size=4)


@settings(deadline=None, max_examples=60)
@given(_copy, _copy, st.randoms())
def test_a_copy_of_a_copy_adds_nothing_and_order_does_not_matter(
    one: Any, other: Any, random: Random
) -> None:
    together = items_of_copies([one, other])
    assert items_of_copies([random.sample(one, len(one)), other]) == together
    assert len(items_of_copies([one, one])) == len(one)
    assert len(together) >= max(sum(item.key == "rug" for item in copy) for copy in (one, other))
