"""What reports say: in both languages the same, with numbers as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from photoqueue.faces.report.content import Mark as ReportMark
from photoqueue.faces.report.content import _most_telling
from photoqueue.faces.report.document import HERE, TEMPLATE
from photoqueue.faces.report.words import ReportWords, languages
from tests.conftest import REPOSITORY

EN, FR = ReportWords("en"), ReportWords("fr")


def shape(words: dict[str, Any]) -> dict[str, Any]:
    """Return which texts there are, and which values are put into them."""
    return {
        key: (type(value), len(value) if isinstance(value, list) else 0, fields(value))
        for key, value in words.items()
    }


def fields(value: Any) -> list[set[str]]:
    texts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else []
    return [set(re.findall(r"\{(\w+)\}", text)) for text in (texts or [value])]


def test_both_languages_say_the_same() -> None:
    assert shape(languages()["en"]) == shape(languages()["fr"])


def test_no_word_is_unused() -> None:
    code = "".join(path.read_text() for path in (*HERE.glob("*.py"), TEMPLATE))
    keys = (key for key in languages()["en"] if not key.startswith(("why_", "state_", "months")))
    # Words are named, as texts or as attributes of a table.
    assert [key for key in keys if f'"{key}"' not in code] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EN.number(1234.5, 1), "1,234.5"),
        (FR.number(1234.5, 1), "1\u202f234,5"),
        (EN.number(None), "–"),
        (EN.volume(0.285), "0.29\u00a0m³"),
        (FR.volume(17.11, 1), "17,1\u00a0m³"),
        (ReportWords("en", "imperial").volume(1.0), "35.3\u00a0ft³"),
        (ReportWords("fr", "imperial").weight(1000), "2\u202f205\u00a0lb"),
        (FR.weight(1196), "1\u202f196\u00a0kg"),
        (EN.money(Decimal("1234.50"), "EUR"), "EUR\u00a01,234.50"),
        (FR.money(Decimal("1234.50"), "EUR"), "1\u202f234,50\u00a0EUR"),
        (EN.money(Decimal("1234"), "JPY"), "JPY\u00a01,234"),
        (EN.date(datetime(2026, 11, 30, 12, tzinfo=UTC)), "30 November 2026"),
        (FR.date(datetime(2026, 8, 1, 12, tzinfo=UTC)), "1er août 2026"),
        (EN.counted(1, "photo"), "1 photo"),
        (EN.counted(0, "photo"), "0 photos"),
        (FR.counted(0, "room"), "0 pièce"),
        (FR.counted(2, "room"), "2 pièces"),
        (FR.several(3, "why_gaps"), "3 lacunes ne sont pas confirmées"),
        (FR.category("appliance"), "électroménager"),
        (FR.category("boats"), "boats"),
    ],
)
def test_numbers_are_written_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected


def test_marks_have_the_colours_of_the_review() -> None:
    sheet = (REPOSITORY / "src/photoqueue/faces/notebook/static/common.css").read_text()
    (listed,) = re.findall(r"{% set colours = (\[.*?\])", TEMPLATE.read_text())
    assert re.findall(r'"(#\w+)"', listed) == re.findall(r"--pq-c\d+: (#\w+);", sheet)


@pytest.mark.parametrize("name", ["DejaVuSansCondensed", "DejaVuSansCondensed-Bold"])
def test_font_has_the_letters_of_names_and_figures(name: str) -> None:
    letters = TTFont(HERE / f"{name}.woff2").getBestCmap()
    # French, Polish, Greek, Russian, Hebrew, Arabic, figures with their signs
    assert {*map(ord, "éÉœŒçñüßłŻΩжסלוןعربية0,.€£m³–×’\u202f\u00a0")} <= letters.keys()
    assert "Bitstream" in (HERE / "FONT-LICENSE.txt").read_text()


def test_photos_that_show_most_things_are_printed() -> None:
    def mark(label: str) -> ReportMark:
        return ReportMark(0, 0, 1, 1, label, 0)

    shown = {f"p{n}": [mark("1")] for n in range(8)}
    shown["p6"] = [mark("1"), mark("2")]
    shown["p7"] = [mark("3")]
    chosen = _most_telling(shown)
    assert len(chosen) == 6
    assert {"p6", "p7"} <= chosen
    assert _most_telling({}) == set()
