"""Finding a thing by the word that a person or a language model uses for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.errors import NotFoundError
from photoqueue.inventory.catalogue import Catalogue, stem
from photoqueue.inventory.catalogue_file import CatalogueItem

CATALOGUE = Catalogue.load()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Sofas", "sofa_3_seat"),
        ("couch", "sofa_3_seat"),
        ("Canapés", "sofa_3_seat"),
        ("un canapé deux places", "sofa_2_seat"),
        ("two-seater sofa", "sofa_2_seat"),
        ("sofa (3 seats)", "sofa_3_seat"),
        ("CANAPE D’ANGLE", "corner_sofa"),
        ("fridge", "refrigerator"),
        ("le frigo", "refrigerator"),
        ("armoires", "wardrobe_2_door"),
        ("commode", "chest_of_drawers"),
        ("bibliotheques", "bookcase"),
        ("bookshelves", "bookcase"),
        ("bureaux", "desk"),
        ("boxes", "box_standard"),
        ("lits", "double_bed"),
        ("lit une place", "single_bed"),
        ("tables à manger", "dining_table"),
        ("planches de surf", "surfboard"),
        ("TVs", "television"),
        ("sofa_3_seat", "sofa_3_seat"),
        ("potted-plants", "potted_plant"),
    ],
)
def test_thing_is_found_by_words_of_both_languages(text: str, key: str) -> None:
    found = CATALOGUE.by_name(text)

    assert found is not None
    assert found.key == key


def test_no_word_means_two_things() -> None:
    meanings: dict[str, set[str]] = {}
    for item in CATALOGUE.items:
        for word in (item.key, item.name_en, item.name_fr, *item.synonyms):
            meanings.setdefault(stem(word), set()).add(item.key)

    assert {word: keys for word, keys in meanings.items() if len(keys) > 1} == {}


@pytest.mark.parametrize("item", CATALOGUE.items, ids=lambda item: item.key)
def test_every_name_leads_to_its_thing(item: CatalogueItem) -> None:
    for word in (item.key, item.name_en, item.name_fr, *item.synonyms):
        for written in (word, word.upper(), f"  {word} ", word.replace(" ", "-")):
            assert CATALOGUE.by_name(written) is item


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "the", "42", "\N{COUCH AND LAMP}", "x" * 10_000]
)
def test_word_that_means_nothing_finds_nothing(text: str) -> None:
    assert CATALOGUE.by_name(text) is None


@given(st.text(max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    CATALOGUE.by_name(text)
    CATALOGUE.nearest(text)
    CATALOGUE.search(text)


@pytest.mark.parametrize(
    ("text", "language", "near"),
    [("wardrobb 2 dors", "en", "two-door wardrobe"), ("comode", "fr", "commode")],
)
def test_miss_names_the_nearest_things(text: str, language: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"Did you mean .*{near}"):
        CATALOGUE.find(text, language)


def test_miss_without_anything_near_says_what_to_do() -> None:
    with pytest.raises(NotFoundError, match=r"no thing called 'qqq'.*photoqueue catalogue"):
        CATALOGUE.find("qqq")


def test_search_looks_at_names_synonyms_and_categories() -> None:
    def keys(text: str) -> list[str]:
        return [item.key for item in CATALOGUE.search(text)]

    assert keys("frigo") == ["refrigerator", "american_refrigerator"]
    assert "bunk_bed" in keys("lit")
    assert set(keys("box")) >= {"box_standard", "box_books", "suitcase"}
    assert keys("spaceship") == []
