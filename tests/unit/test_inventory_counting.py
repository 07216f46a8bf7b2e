"""Counting the things of a room: the same thing in several views, and doubtful kinds."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photoqueue.inventory.counting import Count, count, count_listed
from photoqueue.inventory.views import AnalysedPhoto, Sighting, sightings_of, views_of
from photoqueue.records.base import Strategy
from photoqueue.records.results import FoundItem, PhotoResult

RED, ROSE, BLUE = "50806090c0" * 4 + "00000000", "54826094c4" * 4 + "00000000", "b0d040" * 8
LEFT, MIDDLE, RIGHT = (0.0, 0.3, 0.2, 0.7), (0.4, 0.3, 0.6, 0.7), (0.8, 0.3, 1.0, 0.7)


def seen(key: str = "bookcase", look: str | None = None, **values: Any) -> FoundItem:
    return FoundItem(
        name=key, category="furniture", dismountable=False, key=key, appearance=look, **values
    )


def sightings(*views: list[FoundItem]) -> list[Sighting]:
    photos = [
        AnalysedPhoto(
            photo_id=f"p{number}",
            sha256=f"content {number}",
            result=PhotoResult(
                photo_id=f"p{number}", items=tuple(items), room_type="salon", confidence=0.5
            ),
        )
        for number, items in enumerate(views)
    ]
    return sightings_of(views_of(photos))


def counted(strategy: Strategy, *views: list[FoundItem]) -> Counter[str]:
    counts = count(sightings(*views), strategy)
    return Counter({str(one.kind.key): one.number for one in counts if one.number})


# -- the same thing, or another one


def test_things_that_look_alike_in_two_views_are_one() -> None:
    assert counted("match", [seen(look=RED)], [seen(look=ROSE)]) == {"bookcase": 1}


def test_things_that_look_different_are_two() -> None:
    views = [seen(look=RED)], [seen(look=BLUE)]
    assert counted("match", *views) == {"bookcase": 2}
    assert counted("max", *views) == {"bookcase": 1}


def test_without_a_look_the_most_in_one_view_counts() -> None:
    assert counted("match", [seen()] * 2, [seen()] * 3, [seen(look=BLUE)]) == {"bookcase": 3}


def test_things_of_one_view_are_never_one() -> None:
    assert counted("match", [seen(look=RED)] * 4, [seen(look=RED)]) == {"bookcase": 4}


def test_each_thing_is_matched_once() -> None:
    # Two red ones in the first view; the red and the blue one of the second are one of
    # them and a third.
    views = [seen(look=RED), seen(look=RED)], [seen(look=ROSE), seen(look=BLUE)]
    assert counted("match", *views) == {"bookcase": 3}


def test_neighbours_tell_things_of_a_middling_look_apart() -> None:
    plain, middling = "50" * 24, "67" * 24
    beside_bed = [seen("nightstand", plain, box=LEFT), seen("double_bed", box=(0.2, 0.3, 0.5, 0.7))]
    beside_desk = [seen("nightstand", middling, box=LEFT), seen("desk", box=(0.2, 0.3, 0.5, 0.7))]
    beside_bed_again = [
        seen("nightstand", middling, box=RIGHT),
        seen("double_bed", box=(0.5, 0.3, 0.8, 0.7)),
    ]
    assert counted("match", beside_bed, beside_desk)["nightstand"] == 2
    assert counted("match", beside_bed, beside_bed_again)["nightstand"] == 1


def test_doubtful_single_finding_does_not_raise_the_count() -> None:
    sure, doubtful = seen(look=RED, score=0.9), seen(look=BLUE, score=0.3)
    assert counted("match", [sure], [doubtful]) == {"bookcase": 1}
    assert counted("match", [sure], [doubtful], [doubtful], [doubtful]) == {"bookcase": 2}


# -- doubtful kinds


def wavering(key: str, other: str, share: float = 0.4, **values: Any) -> FoundItem:
    return seen(key, alternatives={other: share}, **values)


@pytest.mark.parametrize("strategy", ["max", "match"])
class TestDoubtfulKinds:
    def test_kind_that_the_engine_wavers_about_counts_once(self, strategy: Strategy) -> None:
        views = (
            [wavering("sofa_3_seat", "sofa_2_seat", score=0.8)],
            [wavering("sofa_2_seat", "sofa_3_seat", score=0.6)],
        )
        assert counted(strategy, *views) == {"sofa_3_seat": 1}

    def test_more_views_outweigh_a_better_score(self, strategy: Strategy) -> None:
        views = (
            [wavering("sofa_3_seat", "sofa_2_seat", score=0.9)],
            [wavering("sofa_2_seat", "sofa_3_seat", score=0.6)],
            [wavering("sofa_2_seat", "sofa_3_seat", score=0.6)],
        )
        assert counted(strategy, *views) == {"sofa_2_seat": 1}

    def test_kinds_side_by_side_in_one_view_are_both_kept(self, strategy: Strategy) -> None:
        views = (
            [seen("sofa_3_seat"), wavering("sofa_2_seat", "sofa_3_seat")],
            [wavering("sofa_3_seat", "sofa_2_seat")],
        )
        assert counted(strategy, *views) == {"sofa_3_seat": 1, "sofa_2_seat": 1}

    def test_same_look_is_enough_for_kinds_that_are_easily_confused(
        self, strategy: Strategy
    ) -> None:
        assert (
            counted(strategy, [seen("wardrobe_2_door", RED)], [seen("bookcase", RED)]).total() == 1
        )

    def test_same_look_is_not_enough_for_other_kinds(self, strategy: Strategy) -> None:
        views = [seen("wardrobe_2_door", RED)], [seen("desk", RED)]
        assert counted(strategy, *views).total() == 2

    def test_kinds_without_any_sign_of_doubt_are_both_kept(self, strategy: Strategy) -> None:
        assert counted(strategy, [seen("sideboard")], [seen("bookcase")]).total() == 2
        assert counted(strategy, [seen("sideboard", RED)], [seen("bookcase", BLUE)]).total() == 2

    def test_other_kinds_need_more_doubt_than_those_easily_confused(
        self, strategy: Strategy
    ) -> None:
        little = [wavering("armchair", "potted_plant", 0.3)], [seen("potted_plant")]
        great = [wavering("armchair", "potted_plant", 0.45)], [seen("potted_plant")]
        assert counted(strategy, *little).total() == 2
        assert counted(strategy, *great).total() == 1

    def test_small_doubt_does_not_take_a_thing_away(self, strategy: Strategy) -> None:
        views = [wavering("sideboard", "bookcase", 0.1)], [seen("bookcase")]
        assert counted(strategy, *views).total() == 2


def test_sum_adds_all_views_whatever_the_doubt() -> None:
    views = [wavering("sofa_3_seat", "sofa_2_seat")], [wavering("sofa_2_seat", "sofa_3_seat")]
    assert counted("sum", *views) == {"sofa_3_seat": 1, "sofa_2_seat": 1}


# -- which finding shows which thing


def test_largest_view_has_a_thing_for_each_finding_and_the_others_show_the_same_ones() -> None:
    (chairs,) = count(
        sightings(
            [seen("chair", score=0.9), seen("chair", score=0.5)],
            [seen("chair", score=0.8)],
        ),
        "max",
    )
    scores = [[found.item.score for found in thing.sightings] for thing in chairs.things]
    assert sorted(map(sorted, scores)) == [[0.5], [0.8, 0.9]]


def test_finding_of_a_kind_that_gave_way_shows_the_thing_that_stayed() -> None:
    (sofas,) = count(
        sightings(
            [wavering("sofa_3_seat", "sofa_2_seat", score=0.8)],
            [wavering("sofa_2_seat", "sofa_3_seat", score=0.6)],
        ),
        "max",
    )
    (sofa,) = sofas.things
    assert [found.kind.key for found in sofa.sightings] == ["sofa_3_seat", "sofa_2_seat"]
    assert [kind.key for kind in sofas.rivals] == ["sofa_2_seat"]


def test_match_shows_what_it_does_not_count() -> None:
    (cases,) = count(sightings([seen(look=RED, score=0.9)], [seen(look=BLUE, score=0.3)]), "match")
    assert [thing.left_out for thing in cases.things] == [
        "",
        "more than one photo shows, with little certainty",
    ]
    assert cases.number == 1


def test_listed_things_are_shown_by_the_findings_of_single_photos() -> None:
    shown = sightings(
        [seen("chair"), seen("sofa_2_seat"), seen("desk")], [seen("chair"), seen("chair")]
    )
    by_kind = {
        str(one.kind.key): one
        for one in count_listed([seen("chair"), seen("sofa_3_seat"), seen("piano")], shown)
    }
    chairs, sofa, desk, piano = (
        by_kind[key].things for key in ("chair", "sofa_3_seat", "desk", "piano")
    )
    assert [len(thing.sightings) for thing in chairs] == [2, 1]
    assert [bool(thing.left_out) for thing in chairs] == [False, True]
    assert [found.kind.key for found in sofa[0].sightings] == ["sofa_2_seat"]
    assert desk[0].left_out == "in single photos, but not in the list of all photos together"
    assert (piano[0].sightings, piano[0].left_out) == ((), "")


# -- whatever is seen


@st.composite
def findings(draw: st.DrawFn) -> FoundItem:
    key = draw(st.sampled_from(["sofa_2_seat", "sofa_3_seat", "chair", "bookcase", "sideboard"]))
    other = draw(st.sampled_from([None, "sofa_2_seat", "sofa_3_seat", "bookcase"]))
    return seen(
        key,
        draw(st.sampled_from([None, RED, ROSE, BLUE])),
        score=draw(st.sampled_from([None, 0.0, 0.3, 0.9])),
        box=draw(st.sampled_from([None, LEFT, MIDDLE, RIGHT])),
        alternatives=None if other in (None, key) else {other: 0.5},
    )


_views = st.lists(st.lists(findings(), max_size=4), min_size=1, max_size=4)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@patient
@given(_views)
def test_match_lies_between_max_and_sum(views: list[list[FoundItem]]) -> None:
    most, matched, all_of_them = (counted(strategy, *views) for strategy in ("max", "match", "sum"))
    assert most.total() <= matched.total() <= all_of_them.total()
    assert not matched - all_of_them
    assert not most - all_of_them
    assert matched.total() >= max(map(len, views))


@patient
@given(_views, st.sampled_from(["max", "match", "sum", "llm"]), st.lists(findings(), max_size=3))
def test_every_finding_shows_exactly_one_thing(
    views: list[list[FoundItem]], strategy: Any, listed: list[FoundItem]
) -> None:
    shown = sightings(*views)
    counts = count_listed(listed, shown) if strategy == "llm" else count(shown, strategy)
    things = [thing for one in counts for thing in one.things]

    explained = [id(found) for thing in things for found in thing.sightings]
    assert sorted(explained) == sorted(map(id, shown))
    assert all(len({s.view for s in t.sightings}) == len(t.sightings) for t in things)
    assert len({one.kind for one in counts}) == len(counts)
    if strategy == "llm":
        assert sum(one.number for one in counts) == len(listed)
    if strategy in {"max", "sum"}:
        assert not any(thing.left_out for thing in things)


def told(counts: list[Count]) -> object:
    """Return what shows each thing, in an order that does not depend on the photos' ids."""
    return sorted(
        (
            str(one.kind),
            sorted(str([found.item for found in thing.sightings]) for thing in one.things),
        )
        for one in counts
    )


@patient
@given(_views, st.sampled_from(["max", "match", "sum"]), st.randoms())
def test_order_of_views_and_of_findings_does_not_matter(
    views: Any, strategy: Any, random: Random
) -> None:
    shuffled = [random.sample(view, len(view)) for view in views]
    random.shuffle(shuffled)
    counts, again = (count(sightings(*some), strategy) for some in (views, shuffled))
    assert told(counts) == told(again)
