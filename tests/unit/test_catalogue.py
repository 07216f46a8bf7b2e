from __future__ import annotations

import csv
from pathlib import Path

import pytest

from photoqueue.engines.vocabulary import label_list
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
    # a file from before weights were known
    assert (chair.weight_usual, chair.persons, chair.fragile) == (10, 1, False)


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


def test_catalogue_is_a_table() -> None:
    frame = Catalogue.load().to_frame("fr").set_index("key")

    assert frame.loc["chair", "name"] == "chaise"
    assert frame.loc["chair", "volume_usual"] == 0.25
    assert len(frame) == len(Catalogue.load())


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path, "x,a,b,meuble,-1,0,0,2,,,", CHAIR, CHAIR)

    for place in ("2, column category", "2, column volume_low", "4, column key", "4, column coco"):
        assert f"row {place}" in str(error.value)


def test_file_with_a_hundred_problems_tells_the_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="more problems") as error:
        load(tmp_path, *[CHAIR] * 100)

    assert len(str(error.value).splitlines()) < 30


@pytest.mark.parametrize("language", ["name_en", "name_fr"])
def test_name_used_twice_is_refused(tmp_path: Path, language: str) -> None:
    twin = {"name_en": "x,CHAIR,b", "name_fr": "x,a,Chaise"}[language]

    with pytest.raises(ConfigurationError, match=f"row 3, column {language}: .*row 2"):
        load(tmp_path, CHAIR, f"{twin},furniture,0,0,0,0,,,")


def test_cell_too_many_is_refused(tmp_path: Path) -> None:
    # A decimal comma in a file whose columns commas part moves all cells behind it.
    with pytest.raises(ConfigurationError, match=r"row 2: it has 12 cells.*names 11 columns"):
        load(tmp_path, CHAIR.replace("0.2", "0,2"))


def test_file_of_a_french_spreadsheet_is_read(tmp_path: Path) -> None:
    row = CHAIR.replace(",", ";").replace(".", ",").replace("chaise", "chaise haute à bébé")
    catalogue = load(
        tmp_path, row, ";;;;;;;;;;", header=HEADER.replace(",", ";"), encoding="utf-8-sig"
    )

    (chair,) = catalogue.items
    assert (chair.volume_usual, chair.name_fr) == (0.2, "chaise haute à bébé")


def test_file_that_is_not_utf8_says_how_to_save_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"row 3 is not UTF-8 \(byte 0xe9\).*CSV UTF-8"):
        load(tmp_path, CHAIR, "x,a,canapé,furniture,0,0,0,0,,,", encoding="cp1252")


def test_cells_may_hold_separators_and_line_breaks(tmp_path: Path) -> None:
    row = CHAIR.replace("chaise", '"chaise, à bras"').replace("mine", '"my\nnote"')

    assert load(tmp_path, row).items[0].name_fr == "chaise, à bras"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (HEADER.replace("coco", "key"), "column 'key' twice"),
        (HEADER.replace("volume_low", "volume_lwo"), "'volume_lwo'.*Did you mean 'volume_low'"),
        ("", "lacks the column"),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, header: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load(tmp_path, header=header)


def test_names_are_unique_in_each_language() -> None:
    items = Catalogue.load().items

    assert len({item.name_en for item in items}) == len(items)
    assert len({item.name_fr for item in items}) == len(items)


@pytest.mark.parametrize("vocabulary", ["coco", "objects365"])
def test_mapped_labels_exist_in_their_vocabulary(vocabulary: str) -> None:
    known = set(label_list(vocabulary))  # type: ignore[arg-type]  # one of the two that there are
    mapped = {label for item in Catalogue.load().items for label in item.labels[vocabulary]}

    assert mapped
    assert mapped <= known


#: Useful classes of Objects365 that are fixtures, or travel in cartons.
NOT_LISTED = {
    *("Book", "Pillow", "Vase", "Trash bin Can", "Basket", "Laptop", "Clock", "Skateboard"),
    *("Coffee Machine", "Hurdle", "Toaster", "Hoverboard"),
    *("Faucet", "Sink", "Air Conditioner", "Toilet", "Radiator", "Bathtub", "Extractor"),
}


def test_useful_classes_of_objects365_are_mapped_where_a_mover_cares() -> None:
    file = DATA / "labels" / "objects365_inventory.csv"
    if not file.is_file():
        pytest.skip("no list of useful classes beside the repository (../shared/data)")
    with file.open(encoding="utf-8") as text:
        useful = {row["objects365_name"] for row in csv.DictReader(text)}
    catalogue = Catalogue.load()

    left_out = {label for label in useful if catalogue.for_label("objects365", label) is None}
    assert len(useful) == 57
    assert left_out == NOT_LISTED


@pytest.mark.parametrize(
    "key",
    [
        *("sofa_2_seat", "sofa_3_seat", "armchair", "coffee_table", "tv_unit", "television"),
        *("bookcase", "sideboard", "dining_table", "chair", "desk", "office_chair", "rug"),
        *("single_bed", "double_bed", "nightstand", "wardrobe_2_door", "chest_of_drawers"),
        *("refrigerator", "washing_machine", "cooker", "floor_lamp", "potted_plant"),
        "box_standard",
    ],
)
def test_keys_of_the_sample_homes_exist(key: str) -> None:
    assert Catalogue.load().by_key(key) is not None


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
