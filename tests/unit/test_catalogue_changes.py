"""A file of one's own that changes the catalogue of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from photoqueue.errors import ConfigurationError
from photoqueue.inventory.catalogue import Catalogue, export_shipped
from photoqueue.inventory.catalogue_file import CatalogueItem
from photoqueue.settings import Settings, load_settings

SHIPPED = Catalogue.load()


def changed(folder: Path, *rows: str) -> Catalogue:
    file = folder / "mine.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    return SHIPPED.with_changes(file)


def item(catalogue: Catalogue, key: str) -> CatalogueItem:
    found = catalogue.by_key(key)
    assert found is not None
    return found


def test_row_replaces_what_it_says_and_keeps_the_rest(tmp_path: Path) -> None:
    before = item(SHIPPED, "chair")
    after = changed(tmp_path, "key,name_fr,volume_usual", "chair,chaise en bois,", "desk,,0.7")

    assert item(after, "chair").name_fr == "chaise en bois"
    assert item(after, "chair").name_en == before.name_en
    assert item(after, "chair").volume_usual == before.volume_usual
    assert item(after, "chair").labels == before.labels
    assert item(after, "desk").volume_usual == 0.7
    assert [entry.key for entry in after.items] == [entry.key for entry in SHIPPED.items]


def test_usual_volume_alone_widens_the_range(tmp_path: Path) -> None:
    after = changed(tmp_path, "key,volume_usual", "chair,0.5", "desk,0.1")

    assert (item(after, "chair").volume_low, item(after, "chair").volume_high) == (0.14, 0.5)
    assert (item(after, "desk").volume_low, item(after, "desk").volume_high) == (0.1, 1.0)


def test_row_with_a_new_key_adds_a_thing(tmp_path: Path) -> None:
    after = changed(
        tmp_path,
        "key;name_fr;category;volume_usual;dismount_probability;synonyms",
        "aquarium;aquarium;misc;0,3;0;fish tank|bac à poissons",
    )

    added = item(after, "aquarium")
    assert len(after) == len(SHIPPED) + 1
    assert (added.name_en, added.name_fr) == ("aquarium", "aquarium")
    assert (added.volume_low, added.volume_usual, added.volume_high) == (0.3, 0.3, 0.3)
    assert after.by_name("Fish tanks") is added


def test_weight_alone_widens_the_range_and_is_ones_own(tmp_path: Path) -> None:
    before = item(SHIPPED, "sofa_3_seat")
    after = changed(tmp_path, "key,weight_usual,persons,fragile", "sofa_3_seat,200,3+,yes")

    sofa = item(after, "sofa_3_seat")
    assert (sofa.weight_low, sofa.weight_usual, sofa.weight_high) == (before.weight_low, 200, 200)
    assert (sofa.persons, sofa.fragile, sofa.weight_source) == (3, True, "own")
    assert sofa.volume_usual == before.volume_usual


def test_thing_without_a_weight_weighs_its_volume_times_the_density(tmp_path: Path) -> None:
    kiln = item(
        changed(
            tmp_path,
            "key,name_en,category,volume_low,volume_usual,volume_high,dismount_probability",
            "kiln,kiln,appliance,0.5,0.6,1.2,0",
        ),
        "kiln",
    )

    assert (kiln.weight_low, kiln.weight_usual, kiln.weight_high) == (50, 60, 120)
    assert (kiln.persons, kiln.fragile, kiln.weight_source) == (2, False, "density")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("chair,-1,,", "column weight_usual: '-1' is not a number of 0 or more"),
        ("chair,,4,", "column persons: '4' is unknown; use one of 1, 2, 3"),
        ("chair,,,maybe", "column fragile: 'maybe' is unknown; use one of yes, oui, no, non"),
    ],
)
def test_wrong_weights_and_handling_are_named(tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        changed(tmp_path, "key,weight_usual,persons,fragile", row)


def test_every_shipped_weight_has_a_range_and_a_source() -> None:
    for thing in SHIPPED.items:
        assert 0 < thing.weight_low < thing.weight_usual < thing.weight_high, thing.key
        assert thing.weight_source not in ("", "own"), thing.key


def test_claimed_label_is_taken_from_the_thing_that_had_it(tmp_path: Path) -> None:
    after = changed(
        tmp_path,
        "key,name_en,category,volume_usual,dismount_probability,coco",
        "design_sofa,design sofa,furniture,2.5,0,couch",
    )

    found = after.for_label("coco", "couch")
    assert found is not None
    assert found.key == "design_sofa"
    assert item(after, "sofa_3_seat").labels == {"coco": (), "objects365": ("Couch",)}


def test_own_name_wins_over_a_synonym_of_the_package(tmp_path: Path) -> None:
    after = changed(
        tmp_path,
        "key,name_en,category,volume_usual,dismount_probability",
        "big_sofa,sofa,furniture,2.5,0",
    )

    assert after.by_name("sofas") is item(after, "big_sofa")


def test_dash_empties_a_list(tmp_path: Path) -> None:
    after = changed(tmp_path, "key,coco,objects365", "potted_plant,-,-")

    assert after.for_label("coco", "potted plant") is None
    assert after.for_label("objects365", "Potted Plant") is None


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("aquarium,,,0.3,0,", "name_en", "the key is new"),
        ("aquarium,tank,,0.3,0,", "category", "empty"),
        ("aquarium,tank,misc,,0,", "volume_usual", "empty"),
        ("aquarium,tank,misc,0.3,,", "dismount_probability", "empty"),
        ("chair,,meuble,,,", "category", "unknown category"),
        ("chair,,,-1,,", "volume_usual", "not a number of 0 or more"),
        ("chair,,,,1.5,", "dismount_probability", "not between 0 and 1"),
        ("chair,,,0.2,,0.1", "volume_high", "below volume_usual"),
        (",,,0.2,,", "key", "empty"),
    ],
)
def test_wrong_value_names_row_and_column(
    tmp_path: Path, row: str, column: str, problem: str
) -> None:
    header = "key,name_en,category,volume_usual,dismount_probability,volume_high"

    with pytest.raises(ConfigurationError, match=problem) as error:
        changed(tmp_path, header, row)

    assert f"mine.csv, row 2, column {column}:" in str(error.value)


def test_key_used_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="row 3, column key: 'chair' is already used"):
        changed(tmp_path, "key,volume_usual", "chair,0.2", "chair,0.3")


def test_file_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lacks the column\(s\) key"):
        changed(tmp_path, "name_en,volume_usual", "chair,0.2")


def test_setting_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("key,volume_usual\nchair,0.29\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTOQUEUE_CATALOGUE", "mine.csv")

    settings = load_settings()

    # Absolute: a worker may be started from another folder.
    assert settings.catalogue == file
    assert settings.to_environment()["PHOTOQUEUE_CATALOGUE"] == str(file)
    assert item(Catalogue.for_settings(settings), "chair").volume_usual == 0.29
    assert item(Catalogue.for_settings(Settings(home=tmp_path, catalogue=None)), "chair")


@pytest.mark.parametrize("french", [False, True])
def test_exported_catalogue_changes_nothing_and_stands_alone(tmp_path: Path, french: bool) -> None:
    file = tmp_path / "mine.csv"
    export_shipped(file, french=french)

    assert SHIPPED.with_changes(file).items == SHIPPED.items
    assert Catalogue.load(file).items == SHIPPED.items


def test_export_writes_over_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("my changes")

    with pytest.raises(ConfigurationError, match="exists already"):
        export_shipped(file)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        export_shipped(tmp_path / "no" / "such" / "folder.csv")
    assert file.read_text() == "my changes"
