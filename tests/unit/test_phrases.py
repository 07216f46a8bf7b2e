"""What the review says is there in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator

import pytest

from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.inventory.export import _COLUMNS
from photoqueue.phrases import FRENCH, phrase
from photoqueue.records.base import STRATEGY_TEXTS
from photoqueue.records.edits import _SAYING, EDIT_KINDS
from tests.conftest import REPOSITORY


def constants() -> Iterator[str]:
    """Give every text that a module says, also those put together of parts."""
    for path in (REPOSITORY / "src" / "photoqueue").rglob("*.py"):
        if path.name == "phrases.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def said() -> Iterator[str]:
    """Give the texts that are handed to phrase() or kept as a reason."""
    for path in (REPOSITORY / "src" / "photoqueue").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            places = {"phrase": 1, "Why": 0} | ({"say": 0} if path.parent.name == "cli" else {})
            place = places.get(node.func.id)
            if place is not None and place < len(node.args):
                text = node.args[place]
                if isinstance(text, ast.Constant):
                    yield str(text.value)


#: Words that are the same in both languages.
SAME = {"volume m³", "fragile", "photos", "art"}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_has_a_french_one() -> None:
    named = {*_SAYING.values(), *STRATEGY_TEXTS.values(), *_COLUMNS, *CATEGORIES}
    assert not sorted({*said(), *named} - FRENCH.keys() - SAME)
    assert _SAYING.keys() == set(EDIT_KINDS)


def test_no_french_text_is_left_over() -> None:
    static = REPOSITORY / "src" / "photoqueue" / "faces" / "notebook" / "static"
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in static.glob("*.js"))
    left = {text for text in FRENCH.keys() - set(constants()) if f'"{text}"' not in scripts}
    # Reasons of corrections are one text with or without its end.
    assert left == {
        "corrected by {user}; the photos show {seen}, and showed {then} then",
    }


@pytest.mark.parametrize("text", FRENCH)
def test_both_languages_put_the_same_values_in(text: str) -> None:
    assert fields(text) == fields(FRENCH[text])
    # Those with a thousands separator are numbers.
    values = {
        name: 1 if "," in (spec or "") else "1"
        for _, name, spec, _ in string.Formatter().parse(text)
        if name
    }
    assert phrase("fr", text, **values)
