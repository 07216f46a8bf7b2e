"""``photoqueue catalogue`` needs no server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from photoqueue.faces.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("PHOTOQUEUE_HOME", str(tmp_path / "home"))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["photoqueue", "catalogue", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_lists_all_things_in_the_language_asked_for(run: Run) -> None:
    code, out, _ = run("--lang", "fr")

    assert code == 0
    assert "canapé 3 places" in out
    assert "1,70 m³  1,16–3,00 m³" in out
    assert "mobilier" in out
    assert next(line for line in out.splitlines() if "grand_piano" in line).endswith(
        "290 kg         3+  oui"
    )


def test_language_of_the_settings_is_the_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOQUEUE_LANGUAGE", "fr")

    assert "réfrigérateur" in run("fridge")[1]


def test_search_finds_words_of_both_languages(run: Run) -> None:
    _, out, _ = run("armoire", "--json")

    found = {item["key"]: item for item in json.loads(out)}
    assert found["wardrobe_2_door"]["name"] == "two-door wardrobe"
    assert found["wardrobe_2_door"]["labels"] == {"coco": [], "objects365": []}


def test_nothing_found_names_what_is_near(run: Run) -> None:
    code, out, err = run("comode")

    assert (code, out) == (1, "")
    assert "Nothing is called comode. Similar: chest of drawers" in err


def test_changes_of_the_settings_are_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("key,name_en\nchair,wooden chair\n")
    monkeypatch.setenv("PHOTOQUEUE_CATALOGUE", str(file))

    assert "wooden chair" in run()[1]


def test_check_says_what_a_file_changes(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "key,name_en,category,volume_usual,dismount_probability\n"
        "chair,,,0.29,\naquarium,aquarium,misc,0.3,0\ndesk,,,,\n"
    )

    code, out, _ = run("--check", file)
    report = json.loads(run("--check", file, "--json")[1])

    assert code == 0
    assert "adds: aquarium" in out
    assert "changes: chair" in out
    assert report == {"file": str(file), "added": ["aquarium"], "changed": ["chair"]}


def test_check_names_every_wrong_cell(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("key,volume_usual,category\nchair,-1,\ndesk,,meuble\n")

    code, out, err = run("--check", file)

    assert (code, out) == (78, "")
    assert "mine.csv, row 2, column volume_usual" in err
    assert "mine.csv, row 3, column category" in err


def test_export_can_be_checked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"

    code, out, _ = run("--export", file, "--lang", "fr")
    again, _, err = run("--export", file)

    assert code == 0
    assert f"PHOTOQUEUE_CATALOGUE={file}" in out
    assert "changes 0" in run("--check", file)[1]
    assert again == 78
    assert "exists already" in err
