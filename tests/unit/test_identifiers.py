"""Identifiers: any printable text, and clear words about everything else."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.client.identifiers import (
    MAX_LENGTH,
    MAX_PRIORITY,
    checked,
    checked_priority,
    checked_user,
    optional,
)
from photoqueue.errors import PayloadError
from photoqueue.queue.ids import new_batch_id, new_uuid, photo_id_for

SHA = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "salon-1",
        "a/b/../c",
        "two words",
        " padded ",
        "chambre à coucher",
        "🛋️",
        "日本",
        "x" * 200,
    ],
)
def test_printable_identifier_is_taken_as_it_is(text: str) -> None:
    assert checked("photo_id", text) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("\n", "empty"),
        ("x" * (MAX_LENGTH + 1), "201 characters"),
        ("x" * 10_000, "10,000 characters"),
        ("a\x00b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x7f", "control characters"),
        ("a\x85", "control characters"),
        ("\ud800", "broken Unicode"),
        (17, "int 17; give a text"),
        (None, "NoneType"),
        (b"salon", "bytes"),
        (["salon"], "list"),
    ],
)
def test_wrong_identifier_says_which_and_why(value: object, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason) as caught:
        checked("photo_id", value)
    assert str(caught.value).startswith("photo_id ")
    assert len(str(caught.value)) < 300


@given(st.text())
def test_identifier_is_returned_unchanged_or_refused(text: str) -> None:
    try:
        assert checked("photo_id", text) == text
    except PayloadError:
        assert not text.strip() or len(text) > MAX_LENGTH or not text.isprintable()


def test_optional_identifier_may_be_left_out() -> None:
    assert optional("room", None) is None
    assert optional("room", "salon") == "salon"
    with pytest.raises(PayloadError, match="room is empty"):
        optional("room", "")


@pytest.mark.parametrize("value", [0, 10, -5, MAX_PRIORITY, -MAX_PRIORITY])
def test_priority_in_range_is_taken(value: int) -> None:
    assert checked_priority(value) == value


@pytest.mark.parametrize("value", [MAX_PRIORITY + 1, -(2**15), 10**30, "high", 1.5, None])
def test_priority_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(PayloadError, match="whole number from -1000 to 1000"):
        checked_priority(value)


def test_same_picture_of_one_project_is_one_photo() -> None:
    assert photo_id_for(SHA, "m1") == photo_id_for(SHA, "m1")
    assert photo_id_for(SHA, "m1") != photo_id_for(SHA, "m2")
    assert photo_id_for(SHA, "m1") != photo_id_for("cd" * 32, "m1")
    assert photo_id_for(SHA, "m1", "hall") != photo_id_for(SHA, "m1", "attic")
    assert photo_id_for(SHA, None).startswith("p-")


def test_default_user_is_a_valid_identifier() -> None:
    assert checked("user_id", checked_user(None))
    assert checked_user("ana") == "ana"


def test_default_user_of_an_account_without_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert checked_user(None) == "unknown"


def test_job_ids_are_uuids_of_version_7_in_the_order_of_their_making() -> None:
    ids = [new_uuid() for _ in range(5000)]
    assert all(isinstance(job_id, UUID) and job_id.version == 7 for job_id in ids)
    assert {job_id.variant for job_id in ids} == {"specified in RFC 4122"}
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_first_half_of_each_job_id_is_unique_within_a_process() -> None:
    # The broker orders equal priorities by these eight bytes.
    made: list[UUID] = []

    def make() -> None:
        made.extend(new_uuid() for _ in range(2000))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job_id.bytes[:8] for job_id in made}) == 8000


def test_batch_id_can_be_read_and_typed() -> None:
    ids = {new_batch_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(batch_id) == 19 and batch_id.startswith("b-20") for batch_id in ids)
