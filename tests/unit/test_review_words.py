"""What the scripts of the workbench say in two languages is there in both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from photoqueue.faces import notebook
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.phrases import FRENCH

_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'
SCRIPTS: Final = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted((Path(notebook.__file__).parent / "static").glob("*.js"))
)

#: Where texts are said: by functions, and in the tables of keys, sorting, filters and edits.
_SAID: Final = (
    rf"\bt\({_TEXT}",
    rf'"lang"\), {_TEXT}',
    rf"\bcounted\([^\"]*?, {_TEXT}, ()",
    rf"\bcounted\([^\"]*?, \"[^\"]*\", {_TEXT}\)",
    r'\[\[(?:"[^"]+"(?:, )?)+\], "([^"]+)"',
    r'^\s+\w+: \["([^"]+)", \(',
    r'\? \["([^"]+)", \{|: \["([^"]+)", \{',
)


def test_every_text_has_a_french_one() -> None:
    found = [re.findall(pattern, SCRIPTS, re.MULTILINE) for pattern in _SAID]
    assert all(found)
    said = {text for each in found for groups in each for text in _groups(groups) if text}
    assert len(said) > 200
    assert not {json.loads(f'"{text}"') for text in said} - FRENCH.keys()


def test_page_has_the_french_of_what_it_says_and_no_more() -> None:
    given = re.search(r"^const FRENCH = (.*);$", str(ReviewView._esm), re.MULTILINE)
    assert given
    sent = json.loads(given[1])
    assert sent == {text: FRENCH[text] for text in FRENCH if f'"{text}"' in str(ReviewView._esm)}
    assert sent["Undo"] == "Annuler"


def _groups(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found
