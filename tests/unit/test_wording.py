"""Tables in the reader's language."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from photoqueue import PhotoResult
from photoqueue.client.result_frames import item_rows
from photoqueue.errors import ConfigurationError
from photoqueue.faces.cli.output import show
from photoqueue.faces.cli.views import item_table
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import Wording
from photoqueue.records.results import FoundItem, InventoryLine, InventoryResult
from photoqueue.settings import Settings

SOFA = FoundItem(
    name="three-seat sofa",
    category="furniture",
    dismountable=False,
    key="sofa_3_seat",
    alternatives={"corner_sofa": 0.08, "sofa_2_seat": 0.31},
)
CAMEL = FoundItem(name="camel", category="misc", dismountable=False)
PHOTO = PhotoResult(photo_id="p", items=(SOFA, CAMEL), room_type="salon", confidence=0.5)


def test_names_of_the_catalogue_are_translated_and_others_stay() -> None:
    assert list(PHOTO.to_frame()["name"]) == ["three-seat sofa", "camel"]
    assert list(PHOTO.to_frame(lang="fr")["name"]) == ["canapé 3 places", "camel"]


def test_catalogue_given_names_the_things(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("key,name_fr\nsofa_3_seat,grand canapé rouge\n")
    catalogue = Catalogue.load().with_changes(file)

    frame = PHOTO.to_frame(Wording("fr", catalogue))
    wording = Wording.of("fr", Settings(home=tmp_path, catalogue=file))

    assert frame["name"][0] == "grand canapé rouge"
    assert wording.item("sofa_3_seat", "x") == "grand canapé rouge"


@pytest.mark.parametrize(
    ("lang", "kinds"),
    [
        (None, ["cuisine", "bedroom", "véranda"]),
        ("en", ["kitchen", "bedroom", "véranda"]),
        ("fr", ["cuisine", "chambre", "véranda"]),
    ],
)
def test_kinds_of_room_are_translated_from_both_languages(
    lang: str | None, kinds: list[str]
) -> None:
    lines = tuple(
        InventoryLine(
            room=kind,
            room_type=kind,
            name="chair",
            category="furniture",
            key="chair",
            count=1,
            dismountable=False,
            volume=0.25,
            volume_min=0.14,
            volume_max=0.3,
            photos=("p",),
        )
        for kind in ("cuisine", "bedroom", "véranda")
    )
    result = InventoryResult(
        project_id="m",
        total_items=3,
        total_volume=0.75,
        rooms=("bedroom", "cuisine", "véranda"),
        total_volume_min=0.42,
        total_volume_max=0.9,
        strategy="max",
        lines=lines,
        photo_count=1,
    )

    frame = result.to_frame(lang)

    assert list(frame["room_type"]) == kinds
    assert list(frame["room"]) == ["cuisine", "bedroom", "véranda"]  # the caller's own names
    assert "key" not in frame.columns


def test_alternatives_are_listed_most_probable_first() -> None:
    wording = Wording("en", Catalogue.load())

    assert wording.alternatives(SOFA.alternatives) == "two-seat sofa 0.31, corner sofa 0.08"
    assert wording.alternatives(None) == ""


def test_table_of_items_names_what_each_may_be_besides() -> None:
    job = {"photo_id": "p", "file_name": None, "room": None, "result": json.loads(PHOTO.to_json())}

    frame = item_rows(pd.DataFrame([job]), Wording("fr", Catalogue.load()))

    assert list(frame["name"]) == ["canapé 3 places", "camel"]
    assert list(frame["room_type"]) == ["salon", "salon"]
    assert list(frame["alternatives"]) == ["canapé 2 places 0.31, canapé d'angle 0.08", ""]


def test_terminal_shows_doubt_only_where_there_is_some(capsys: pytest.CaptureFixture[str]) -> None:
    wording = Wording("en", Catalogue.load())
    sofa, camel = json.loads(PHOTO.to_json())["items"]

    show(item_table([sofa, camel], wording))
    doubtful = capsys.readouterr().out
    show(item_table([camel], wording))
    certain = capsys.readouterr().out

    assert "OR ELSE" in doubtful
    assert "two-seat sofa 0.31, corner sofa 0.08" in doubtful
    assert "OR ELSE" not in certain


def test_language_of_the_settings_is_the_default(tmp_path: Path) -> None:
    wording = Wording.of(None, Settings(home=tmp_path, language="fr"))

    assert wording.room_type("bedroom") == "chambre"
    assert wording.room_type("Chambre") == "chambre"


@pytest.mark.parametrize("lang", ["de", "", "english"])
def test_unknown_language_is_refused(lang: str) -> None:
    with pytest.raises(ConfigurationError, match="no names in"):
        PHOTO.to_frame(lang)
