"""Inventories as files: complete, never over another file, and without formulas."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from photoqueue import Catalogue, InventoryResult
from photoqueue.errors import StateError
from photoqueue.inventory.export import export_inventory, free_name
from photoqueue.inventory.wording import Wording
from photoqueue.records.results import EngineUse, InventoryLine

openpyxl = pytest.importorskip("openpyxl")

WORDING = Wording("fr", Catalogue.load())
#: What every line says of the engines.
SOURCE = "llm m_1 (2 photos), builtin (1 photo); for trying out"
FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", " =1+1", "\t=1"]


def inventory(*names: str) -> InventoryResult:
    lines = tuple(
        InventoryLine(
            room=f"{name} room",
            room_type="kitchen",
            name=name,
            category="furniture",
            key="chair" if name == "chair" else None,
            count=2,
            dismountable=False,
            volume=0.1,
            volume_min=0.1,
            volume_max=0.2,
            photos=("p1", "p2"),
            reason=name,
        )
        for name in names
    )
    return InventoryResult(
        project_id="m1",
        total_items=2 * len(names),
        total_volume=round(0.1 * len(names), 3),
        total_volume_min=0.1,
        total_volume_max=0.2,
        rooms=tuple(line.room for line in lines),
        strategy="max",
        lines=lines,
        photo_count=2,
        engines=(
            EngineUse(engine="llm", model="m_1", photos=2),
            EngineUse(engine="builtin", photos=1),
        ),
        warnings=("for trying out",),
    )


def test_excel_file_has_the_lines_and_the_totals_of_rooms(tmp_path: Path) -> None:
    written = export_inventory(
        inventory("chair", "totem", "x"), "xlsx", tmp_path / "i.xlsx", WORDING
    )
    book = openpyxl.load_workbook(written)
    assert book.sheetnames == ["Lignes", "Pièces"]
    header, first, *_ = book["Lignes"].iter_rows(values_only=True)
    assert header[:3] == ("pièce", "type de pièce", "objet")
    assert first[:6] == ("chair room", "cuisine", "chaise", "mobilier", 2, 0.1)
    named = dict(zip(header, first, strict=True))
    assert named["moteur"] == SOURCE
    # two chairs of a fifth of the catalogue's volume each
    assert (named["poids kg"], named["personnes"], named["fragile"]) == (4.4, "1", None)
    totals = list(book["Pièces"].iter_rows(values_only=True))
    assert totals[0][3:] == (
        "de m³ dans 8 déménagements sur 10",
        "à m³ dans 8 déménagements sur 10",
    )
    assert totals[1][:3] == ("chair room", 2, 0.1)
    assert totals[1][3] <= 0.1 < totals[1][4]
    # The range of all is its own, and not the sum of those of the rooms.
    assert totals[-1] == ("Total", 6, 0.3, 0.1, 0.2)


@pytest.mark.parametrize("name", FORMULAS)
def test_no_formula_can_be_smuggled_in(tmp_path: Path, name: str) -> None:
    result = inventory(name)
    book = openpyxl.load_workbook(export_inventory(result, "xlsx", tmp_path / "i.xlsx", WORDING))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    marked = [cell for cell in cells if isinstance(cell.value, str) and name in cell.value]
    assert marked
    assert all(cell.quotePrefix for cell in marked)
    written = export_inventory(result, "csv", tmp_path / "i.csv", WORDING)
    with written.open(encoding="utf-8-sig", newline="") as file:
        found = [cell for row in csv.reader(file) for cell in row if name in cell]
    assert found
    assert all(cell.startswith("'") for cell in found)


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "＝"])
@pytest.mark.parametrize(
    "before", ["", " ", '"', "totem", "a;", "a; ", 'a;"', "a,", "a\t", "a|", "a\n"]
)
def test_no_formula_begins_wherever_a_spreadsheet_divides_a_cell(
    tmp_path: Path, before: str, mark: str
) -> None:
    written = export_inventory(inventory(f"{before}{mark}1+1"), "csv", tmp_path / "i.csv", WORDING)
    text = written.read_text(encoding="utf-8-sig")
    assert mark in text
    for separator in ",;\t|":
        # With the rules of quotes, and as programs that know none read it.
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=separator) for cell in row]
        cells += [cell for row in text.splitlines() for cell in row.split(separator)]
        assert not [cell for cell in cells if cell.lstrip(' "').startswith(mark)]


@pytest.mark.parametrize("name", ["two-seater; grey", "bed, 1.4-1.6 m", "a+b", "c@d"])
def test_names_that_only_hold_such_characters_stay_as_they_are(tmp_path: Path, name: str) -> None:
    written = export_inventory(inventory(name), "csv", tmp_path / "i.csv", WORDING)
    with written.open(encoding="utf-8-sig", newline="") as file:
        assert name in [cell for row in csv.reader(file) for cell in row]


def test_control_characters_are_shown(tmp_path: Path) -> None:
    written = export_inventory(inventory("a\x00b"), "xlsx", tmp_path / "i.xlsx", WORDING)
    assert openpyxl.load_workbook(written)["Lignes"]["C2"].value == "a\\x00b"


def test_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "i.csv"
    path.write_text("mine")
    with pytest.raises(StateError, match=r"i\.csv is there already and is not overwritten"):
        export_inventory(inventory("x"), "csv", path, WORDING)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("move-42", "inventory-move-42.csv"),
        ("../../etc/passwd", "inventory-etc_passwd.csv"),
        ("🛋️", "inventory-project.csv"),
    ],
)
def test_name_of_the_file_is_free_and_stays_in_its_folder(
    tmp_path: Path, project: str, name: str
) -> None:
    first = free_name(tmp_path, project, "csv")
    assert first == tmp_path / name
    first.touch()
    assert free_name(tmp_path, project, "csv").name == name.replace(".csv", "-2.csv")


def test_wrong_format_and_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="choose csv or xlsx"):
        export_inventory(inventory("x"), "pdf", tmp_path / "i.pdf", WORDING)
    with pytest.raises(StateError, match="cannot be written"):
        export_inventory(inventory("x"), "csv", tmp_path / "none" / "i.csv", WORDING)


@pytest.mark.parametrize("name", ["i.csv", "i.XLSX"])
def test_result_exports_itself_by_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    written = inventory("chair").export(str(tmp_path / name), lang="fr")
    assert written == tmp_path / name
    assert written.stat().st_size > 0
    if name.endswith("csv"):
        assert "chaise" in written.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("name", ["i", "i.pdf", ".csv"])
def test_result_has_no_other_formats(tmp_path: Path, name: str) -> None:
    with pytest.raises(StateError, match="choose csv or xlsx"):
        inventory("chair").export(tmp_path / name)
