from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.engines.detector import vote_room_type
from photoqueue.engines.vocabulary import label_list
from photoqueue.inventory.wording import ROOM_TYPES, canonical_room_type

_seen = st.lists(
    st.tuples(
        st.sampled_from([*label_list("coco"), *label_list("objects365")]),
        st.floats(0, 1, allow_nan=False),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("seen", "room_type"),
    [
        ([("toilet", 0.9), ("sink", 0.8)], "bathroom"),
        ([("Toilet", 0.9), ("Sink", 0.8)], "bathroom"),
        ([("bed", 0.9), ("chair", 0.9), ("tv", 0.5)], "bedroom"),
        ([("refrigerator", 0.6), ("sink", 0.8), ("chair", 0.9)], "kitchen"),
        ([("couch", 0.8), ("tv", 0.9), ("potted plant", 0.9)], "living room"),
        ([("dining table", 0.8), *[("chair", 0.7)] * 6], "dining room"),
        ([("Desk", 0.7), ("keyboard", 0.6), ("chair", 0.7)], "office"),
    ],
)
def test_objects_tell_the_room(seen: list[tuple[str, float]], room_type: str) -> None:
    found, certainty = vote_room_type(seen)

    assert found == room_type
    assert 0.5 < certainty < 1


@pytest.mark.parametrize("seen", [[], [("potted plant", 0.9)], [("sink", 0.2)]])
def test_nothing_telling_is_other_without_certainty(seen: list[tuple[str, float]]) -> None:
    assert vote_room_type(seen) == ("other", 0.0)


def test_contradicting_objects_make_the_room_less_sure() -> None:
    _, alone = vote_room_type([("bed", 0.9)])
    _, disputed = vote_room_type([("bed", 0.9), ("couch", 0.8)])

    assert disputed < alone - 0.2


def test_many_chairs_do_not_outvote_a_bed() -> None:
    assert vote_room_type([("bed", 0.5), *[("chair", 0.9)] * 40])[0] == "bedroom"


@given(_seen)
def test_vote_is_a_known_room_and_a_share(seen: list[tuple[str, float]]) -> None:
    room_type, certainty = vote_room_type(seen)

    assert room_type in ROOM_TYPES
    assert 0 <= certainty < 1
    assert (room_type, certainty) == vote_room_type(reversed(seen))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("salon", "living room"),
        ("Séjour", "living room"),
        ("living_room", "living room"),
        ("cuisine", "kitchen"),
        ("chambre 2", "bedroom"),
        ("Chambre n°3", "bedroom"),
        ("salle de bain", "bathroom"),
        ("Salle d’eau", "bathroom"),
        ("WC", "bathroom"),
        ("salle à manger", "dining room"),
        ("bureau", "office"),
        ("entrée", "hallway"),
        ("other", "other"),
        ("couloir", "corridor"),
        ("Buanderie", "laundry"),
        ("cave 2", "cellar"),
        ("sous-sol", "cellar"),
        ("greniers", None),
        ("Grenier", "attic"),
        ("garage", "garage"),
        ("terrasse", "balcony"),
        ("greenhouse", None),
        ("", None),
    ],
)
def test_words_for_rooms_are_known_in_two_languages(text: str, kind: str | None) -> None:
    assert canonical_room_type(text) == kind


def test_canonical_kinds_are_their_own_words() -> None:
    assert [canonical_room_type(kind) for kind in ROOM_TYPES] == list(ROOM_TYPES)
