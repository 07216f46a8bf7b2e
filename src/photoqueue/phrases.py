"""What the review of a move says, in English and French.

Texts are written once, in English, where they are said; French ones are found by them in
``french.json``. The pages get from there what their scripts say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Self

from photoqueue.format import number

_TABLE: Final = Path(__file__).with_name("french.json")
#: The French of each text; the file has them by where they are said.
FRENCH: Final[dict[str, str]] = {
    text: french
    for texts in json.loads(_TABLE.read_text(encoding="utf-8")).values()
    for text, french in texts.items()
}


def phrase(language: str, text: str, /, **values: Any) -> str:
    """Return a text in a language, with the values put in.

    Parameters
    ----------
    language
        ``en`` or ``fr``.
    text
        English, with ``{name}`` for each of the values; fractions are written with two digits, and
        several values (a tuple) with "and" between them.

    Examples
    --------
    >>> phrase("fr", "{room} reviewed", room="salon")
    'salon : vérifié'
    >>> phrase("fr", "seen with little certainty ({score})", score=0.3)
    'vu avec peu de certitude (0,30)'
    """
    french = language == "fr"

    def said(value: Any) -> Any:
        if isinstance(value, float):
            return f"{value:.2f}".replace(".", "," if french else ".")
        if isinstance(value, tuple):
            return (" et " if french else " and ").join(map(str, map(said, value)))
        return in_language(language, value)

    known = {name: said(value) for name, value in values.items()}
    return (FRENCH.get(text, text) if french else text).format(**known)


def in_language(language: str, text: Any) -> Any:
    """Return a text that may know its French in a language."""
    return text.french if language == "fr" and isinstance(text, InBoth) else text


def counted_in(language: str, count: int, one: str, more: str) -> str:
    """Return "1 photo" or "3 photos": a text for one, and one for others with ``{n}``."""
    told = number(count)
    return phrase(
        language,
        one if count == 1 else more,
        n=told.replace(",", "\u202f") if language == "fr" else told,
    )


class InBoth(str):
    """A text to put into others: the English one, which knows its French.

    Attributes
    ----------
    french : str
        The same in French.

    Examples
    --------
    >>> phrase("fr", "{photo} moved to {room}", photo="a.jpg", room=InBoth("a room"))
    'a.jpg déplacée vers a room'
    """

    __slots__ = ("french",)
    french: str

    def __new__(cls, text: str, /, *, french: str | None = None, **values: Any) -> Self:
        """Make it of a text and its values; ``french`` is for a text that is in no table."""
        made = super().__new__(cls, phrase("en", text, **values) if values else text)
        made.french = french or (phrase("fr", text, **values) if values or text in FRENCH else text)
        return made
