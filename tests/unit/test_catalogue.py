from __future__ import annotations

import csv
from pathlib import Path

import pytest

from photoqueue.analysis.vocabulary import label_list
from photoqueue.errors import ConfigurationError, NotFoundError
from photoqueue.inventory.catalogue import Catalogue

HEADER = (
    "key,name_en,name_fr,category,volume_low,volume_usual,volume_high,"
    "dismount_probability,coco,objects365,source"
)
CHAIR = "chair,chair,chaise,furniture,0.1,0.2,0.3,0.4,chair,Chair|Stool,mine"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def load(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Catalogue:
    file = folder / "mine.csv"
    file.write_text("\n".join([header, *rows]), encoding=encoding)
    return Catalogue.load(file)


def test_own_catalogue_is_read(tmp_path: Path) -> None:
    catalogue = load(tmp_path, CHAIR, encoding="utf-8-sig")  # as spreadsheets write it

    chair = catalogue.by_key("chair")
    assert chair is not None
    assert (chair.volume_low, chair.volume_usual, chair.volume_high) == (0.1, 0.2, 0.3)
    assert not chair.dismountable
    assert catalogue.for_label("coco", "chair") is chair
    assert catalogue.for_label("objects365", "Stool") is chair
    assert catalogue.for_label("coco", "Stool") is None
    assert repr(catalogue) == "Catalogue(1 items)"


@pytest.mark.parametrize(
    ("probability", "dismountable"), [("0.49", False), ("0.5", True), ("1", True)]
)
def test_dismountable_from_one_half(tmp_path: Path, probability: str, dismountable: bool) -> None:
    item = load(tmp_path, CHAIR.replace("0.4", probability)).by_key("chair")

    assert item is not None
    assert item.dismountable is dismountable


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("chair,a,b,furniture,0,0,0,0,,,", "key", "already used in row 2"),
        ("x,a,b,furniture,0,0,0,0,chair,,", "coco", "already used in row 2"),
        ("x,a,b,furniture,0,0,0,0,,Desk|Stool,", "objects365", "'Stool' is already used"),
        (",a,b,furniture,0,0,0,0,,,", "key", "empty"),
        ("x,a,,furniture,0,0,0,0,,,", "name_fr", "empty"),
        ("x,a,b,meuble,0,0,0,0,,,", "category", "unknown category 'meuble'"),
        ("x,a,b,furniture,-0.1,0,0,0,,,", "volume_low", "not a number of 0 or more"),
        ("x,a,b,furniture,0,nan,0,0,,,", "volume_usual", "not a number of 0 or more"),
        ("x,a,b,furniture,0,1,inf,0,,,", "volume_high", "not a number of 0 or more"),
        ('x,a,b,furniture,"0,5",1,1,0,,,', "volume_low", "such as 0.25"),
        ("x,a,b,furniture,2,1,3,0,,,", "volume_low", "above volume_usual"),
        ("x,a,b,furniture,0,1,0.5,0,,,", "volume_high", "below volume_usual"),
        ("x,a,b,furniture,0,0,0,1.2,,,", "dismount_probability", "not between 0 and 1"),
        ("x,a,b,furniture,0,0", "volume_high", "empty"),
    ],
)
def test_wrong_value_names_row_and_column(
    tmp_path: Path, row: str, column: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as error:
        load(tmp_path, CHAIR, row)

    assert f"mine.csv, row 3, column {column}:" in str(error.value)


def test_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lacks the column.*volume_high"):
        load(tmp_path, header=HEADER.replace("volume_high,", ""))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.csv cannot be read"):
        Catalogue.load(tmp_path / "none.csv")


def test_names_in_both_languages() -> None:
    catalogue = Catalogue.load()

    assert catalogue.name("sofa_3_seat", "fr") == "canapé 3 places"
    assert catalogue.name("sofa_3_seat", "en") == "three-seat sofa"
    with pytest.raises(NotFoundError, match="no item 'spaceship'"):
        catalogue.name("spaceship", "en")
    with pytest.raises(ConfigurationError, match="no names in 'de'"):
        catalogue.name("chair", "de")


def test_names_are_unique_in_each_language() -> None:
    items = Catalogue.load().items

    assert len({item.name_en for item in items}) == len(items)
    assert len({item.name_fr for item in items}) == len(items)


@pytest.mark.parametrize("vocabulary", ["coco", "objects365"])
def test_mapped_labels_exist_in_their_vocabulary(vocabulary: str) -> None:
    known = set(label_list(vocabulary))  # type: ignore[arg-type]
    mapped = {label for item in Catalogue.load().items for label in item.labels[vocabulary]}

    assert mapped
    assert mapped <= known


@pytest.mark.parametrize(
    "label", ["person", "cat", "car", "sink", "toilet", "cup", "book", "vase", "laptop", "pizza"]
)
def test_what_movers_do_not_list_is_left_out(label: str) -> None:
    assert label in label_list("coco")
    assert Catalogue.load().for_label("coco", label) is None


def test_volumes_are_those_of_the_movers_tables() -> None:
    file = DATA / "volumes" / "volumes.csv"
    if not file.is_file():
        pytest.skip("no table of volumes beside the repository (../shared/data)")
    with file.open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    items = Catalogue.load().items[: len(rows)]  # in the same order

    for row, item in zip(rows, items, strict=True):
        dismountable = row["dismountable"] == "true"
        expected = (row["category"], float(row["volume_m3"]), dismountable)
        assert (item.category, item.volume_usual, item.dismountable) == expected, item.key
