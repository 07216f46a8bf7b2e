"""Cards: static, escaped, well-formed HTML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.client.waiting import finished, summary
from photoqueue.faces.cards.values import card
from photoqueue.format import one_line, shorten
from photoqueue.words import JobState

printable = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")))


@given(title=printable, name=printable, value=printable, note=printable)
def test_card_is_well_formed_whatever_it_says(title: str, name: str, value: str, note: str) -> None:
    root = ElementTree.fromstring(card(title, [(name, value)], note))
    texts = [element.text or "" for element in root.iter()]
    for said in (title, name, value, note):
        assert one_line(said) in texts


def test_card_escapes_markup() -> None:
    html = card("<script>alert(1)</script>", [("a<b", 'x"y')], "<i>note</i>")
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html


def test_card_is_the_same_each_time() -> None:
    assert card("t", [("a", 1)], "n") == card("t", [("a", 1)], "n")


def test_card_without_note_has_no_empty_footer() -> None:
    assert card("t", []).count("<div") == 1


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("salon", 40, "salon"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc…fg"),
        ("abcdefgh", 5, "ab…gh"),
        ("", 5, ""),
    ],
)
def test_long_text_is_shortened_in_its_middle(text: str, length: int, shown: str) -> None:
    assert shorten(text, length) == shown


@given(text=st.text(), length=st.integers(3, 100))
def test_shortened_text_has_at_most_the_length(text: str, length: int) -> None:
    assert len(shorten(text, length)) <= length


def test_summary_counts_states_in_words() -> None:
    counts = {JobState.WAITING: 12, JobState.COMPLETED: 497, JobState.FAILED: 3, JobState.ACTIVE: 0}
    assert summary(counts) == "497 completed, 3 failed, 12 waiting"
    assert finished(counts) == 500
