"""Catalogue files of any content: read, or refused with the place of what is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.errors import ConfigurationError
from photoqueue.inventory.catalogue import SHIPPED, Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES, COLUMNS
from tests.fuzz.effort import tried

SHIPPED_CATALOGUE = Catalogue.load()
_cells = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "-",
        "sofa_3_seat",
        "chair",
        "seating",
        "0,25",
        "1e999",
        "nan",
        "-1",
        "0.5",
        "9" * 400,
        '"',
    ]
)
_lines = SHIPPED.read_bytes().splitlines(keepends=True)[:8]


def checked(file: Path) -> None:
    """Read it both ways; what is read makes sense."""
    for read in (Catalogue.load, SHIPPED_CATALOGUE.with_changes):
        try:
            catalogue = read(file)
        except ConfigurationError as error:
            assert file.name in str(error)
            continue
        for item in catalogue.items:
            assert item.key
            assert item.category in CATEGORIES
            assert 0 <= item.dismount_probability <= 1
            assert 0 < item.volume_low <= item.volume_usual <= item.volume_high
            assert math.isfinite(item.volume_high)
            assert catalogue.by_key(item.key) is item


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.csv"


@tried(100)
@given(data=st.binary(max_size=300))
def test_any_bytes(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    checked(file)


@tried(80)
@given(
    columns=st.lists(st.sampled_from(COLUMNS) | st.text(max_size=6), unique=True, max_size=9),
    rows=st.lists(st.lists(_cells, max_size=9), max_size=4),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_any_table(file: Path, columns: list[str], rows: list[list[str]], delimiter: str) -> None:
    lines = [delimiter.join(cells) for cells in (["key", *columns], *rows)]
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    checked(file)


@tried(80)
@given(
    row=st.integers(0, len(_lines) - 1),
    place=st.integers(0, 300),
    patch=st.binary(max_size=6) | st.sampled_from([b",", b'"', b";", b"-", b"|", b"\n", b"1e9"]),
)
def test_shipped_catalogue_with_a_slip(file: Path, row: int, place: int, patch: bytes) -> None:
    line = _lines[row]
    slipped = line[:place] + patch + line[place + len(patch) :]
    file.write_bytes(b"".join([*_lines[:row], slipped, *_lines[row + 1 :]]))
    checked(file)


@tried(40)
@given(text=st.text(max_size=60))
def test_any_name_is_looked_up_and_searched(text: str) -> None:
    keys = {item.key for item in SHIPPED_CATALOGUE.items}
    found = SHIPPED_CATALOGUE.by_name(text)
    assert found is None or found.key in keys
    assert {item.key for item in SHIPPED_CATALOGUE.search(text)} <= keys
    assert len(SHIPPED_CATALOGUE.nearest(text)) <= 3
