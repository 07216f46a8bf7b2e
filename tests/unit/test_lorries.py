from __future__ import annotations

import pytest

from photoqueue.inventory.volumes import LORRIES, lorry_for


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (0, "van (3.5 t, 12 m³)"),
        (12, "van (3.5 t, 12 m³)"),
        (12.01, "large van (3.5 t, 20 m³)"),
        (38, "12 t lorry (12 t, 45 m³)"),
        (90, "articulated lorry (40 t, 90 m³)"),
        (90.1, "2 × articulated lorry (40 t, 90 m³)"),
    ],
)
def test_smallest_lorry_that_holds_it_is_named(volume: float, words: str) -> None:
    assert lorry_for(volume).words() == words


@pytest.mark.parametrize(
    ("volume", "weight", "name"),
    [(17, 1_700, "7.5 t lorry"), (17, 900, "large van"), (5, 9_001, "articulated lorry")],
)
def test_lorry_also_carries_the_weight(volume: float, weight: float, name: str) -> None:
    assert lorry_for(volume, weight).lorry.name_en == name


def test_loads_of_the_largest_lorry_follow_from_the_weight_too() -> None:
    assert lorry_for(10, 50_000).trips == 3


def test_lorry_is_named_in_french() -> None:
    assert lorry_for(50).words("fr") == "porteur de 19 t (19 t, 60 m³)"


def test_lorries_grow() -> None:
    sizes = [lorry.cubic_metres for lorry in LORRIES]
    assert sizes == sorted(set(sizes))
