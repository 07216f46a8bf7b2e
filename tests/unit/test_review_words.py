"""What the scripts of the Review page say is there in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from photoqueue.faces import notebook

_STATIC: Final = Path(notebook.__file__).parent / "static"
_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'
_WORDS: Final = (_STATIC / "review_words.js").read_text(encoding="utf-8")
SCRIPTS: Final = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(_STATIC.glob("review*.js"))
    if path.name != "review_words.js"
)
FRENCH: Final = {
    json.loads(f'"{english}"'): json.loads(f'"{french}"')
    for english, french in re.findall(rf"^\s+{_TEXT}:\s+{_TEXT},$", _WORDS, re.MULTILINE)
}

#: Where texts are said: by functions, and in the tables of keys, sorting, filters and edits.
_SAID: Final = (
    rf"\b(?:say|t|phrase)\((?:store, )?{_TEXT}",
    rf"\bcountedIn\(store, [^\"]*?, {_TEXT}, ()",
    rf"\bcountedIn\(store, [^\"]*?, \"[^\"]*\", {_TEXT}\)",
    r'^\s+\[\[(?:"[^"]+"(?:, )?)+\], "([^"]+)"',
    r'^\s+\w+: \["([^"]+)", \(',
    r'\? \["([^"]+)", \{|: \["([^"]+)", \{',
)


def test_every_text_has_a_french_one() -> None:
    found = [re.findall(pattern, SCRIPTS, re.MULTILINE) for pattern in _SAID]
    assert all(found)
    said = {text for each in found for groups in each for text in _groups(groups) if text}
    assert len(said) > 200
    assert not {json.loads(f'"{text}"') for text in said} - FRENCH.keys()


def _groups(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found


def test_no_french_text_is_left_over() -> None:
    assert not [text for text in FRENCH if f'"{text}"' not in SCRIPTS]


@pytest.mark.parametrize("text", FRENCH)
def test_both_languages_put_the_same_values_in(text: str) -> None:
    assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", FRENCH[text]))
