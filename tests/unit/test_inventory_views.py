"""Which photos of a room are copies of one picture."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from photoqueue.inventory.views import (
    SAME_PICTURE_BITS,
    AnalysedPhoto,
    hash_distance,
    views_of,
)
from photoqueue.records.results import FoundItem, PhotoResult

HASH = 0x0F0F_3C3C_AAAA_1234


def photo(photo_id: str, phash: int | None, *keys: str, sha256: str | None = None) -> AnalysedPhoto:
    return AnalysedPhoto(
        photo_id=photo_id,
        sha256=sha256 or f"content of {photo_id}",
        room="salon",
        result=PhotoResult(
            photo_id=photo_id,
            items=tuple(
                FoundItem(name=key, category="furniture", dismountable=False, key=key)
                for key in keys
            ),
            room_type="salon",
            confidence=0.5,
            phash=None if phash is None else f"{phash:016x}",
        ),
    )


def turned(bits: int, first: int = 0) -> int:
    """Return the hash with some bits turned."""
    return HASH ^ (((1 << bits) - 1) << first)


def groups(photos: list[AnalysedPhoto]) -> set[frozenset[str]]:
    return {frozenset((view.photo_id, *view.duplicates)) for view in views_of(photos)}


def test_near_copies_are_one_view() -> None:
    photos = [photo("b", HASH, "chair"), photo("a", turned(SAME_PICTURE_BITS), "chair", "desk")]

    (view,) = views_of(photos)

    assert (view.photo_id, view.duplicates) == ("a", ("b",))
    assert [item.key for item in view.items] == ["chair", "desk"]


def test_other_views_are_not_copies() -> None:
    photos = [photo("a", HASH), photo("b", turned(SAME_PICTURE_BITS + 1))]
    assert groups(photos) == {frozenset("a"), frozenset("b")}


def test_photos_without_a_hash_are_copies_by_content_only() -> None:
    photos = [photo("a", None), photo("b", None), photo("c", HASH, sha256="content of a")]
    assert groups(photos) == {frozenset("ac"), frozenset("b")}


def test_slow_pan_does_not_become_one_picture() -> None:
    # Each frame is near the next; the first and the last are not near.
    photos = [photo(f"p{n}", turned(4 * n)) for n in range(8)]
    for group in groups(photos):
        hashes = [p.result.phash for p in photos if p.photo_id in group]
        assert all(
            (hash_distance(one, other) or 0) <= SAME_PICTURE_BITS
            for one, other in itertools.combinations(hashes, 2)
        )


def test_copies_that_were_analysed_differently_show_the_most_of_each_kind() -> None:
    photos = [
        photo("a", HASH, "chair", "chair", "desk"),
        photo("b", HASH, "chair", "desk", "desk", "bicycle"),
    ]
    (view,) = views_of(photos)
    assert {thing.key: number for thing, number in view.counts.items()} == {
        "chair": 2,
        "desk": 2,
        "bicycle": 1,
    }


@given(
    st.lists(st.tuples(st.integers(0, 16), st.integers(0, 40)), min_size=1, max_size=8),
    st.randoms(),
)
def test_order_does_not_matter_and_no_group_is_wide(hashes: Any, random: Random) -> None:
    photos = [photo(f"p{n}", turned(*bits)) for n, bits in enumerate(hashes)]
    shuffled = list(photos)
    random.shuffle(shuffled)

    found = groups(photos)

    assert groups(shuffled) == found
    by_id = {p.photo_id: p.result.phash for p in photos}
    assert sum(map(len, found)) == len(photos)
    for group in found:
        for one, other in itertools.combinations(group, 2):
            assert (hash_distance(by_id[one], by_id[other]) or 0) <= SAME_PICTURE_BITS
