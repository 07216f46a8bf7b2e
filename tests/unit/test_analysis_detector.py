from __future__ import annotations

import builtins
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from photoqueue.engines import session
from photoqueue.engines.contract import Engine, Hint
from photoqueue.engines.detector import Detector, build_detector
from photoqueue.engines.model_registry import ModelEntry, find_model, published_models
from photoqueue.engines.registry import load_engine
from photoqueue.errors import EngineUnavailableError, ModelError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.records.results import FoundItem, PhotoResult
from photoqueue.settings import Settings
from tests.models import authors_model, transformers_model

COUCH, PLANT, BED, TOILET = 57, 58, 59, 61
CATALOGUE = Catalogue.load()
PICTURE = Image.new("RGB", (200, 100))


@pytest.fixture
def bedroom_model(tmp_path: Path) -> Path:
    """A bed, a couch, a plant of low score, a toilet of lower score; far apart."""
    return authors_model(
        tmp_path / "bedroom.onnx",
        boxes=[[0, 0, 0.2, 0.2], [0.3, 0, 0.5, 0.2], [0.6, 0, 0.8, 0.2], [0.8, 0.8, 1, 1]],
        scores=[0.5, 0.9, 0.4, 0.1],
        labels=[COUCH, BED, PLANT, TOILET],
    )


def detector(file: Path, **options: Any) -> Detector:
    return Detector(ModelEntry(name=file.stem, path=file), catalogue=CATALOGUE, **options)


def test_detector_is_an_engine(bedroom_model: Path) -> None:
    engine = detector(bedroom_model)

    assert isinstance(engine, Engine)
    assert (engine.name, engine.model) == ("detector", "bedroom")
    assert repr(engine) == "Detector('bedroom', coco)"


def test_analysis_names_items_through_the_catalogue(bedroom_model: Path) -> None:
    analysis = detector(bedroom_model).analyse(PICTURE, Hint(language="fr"))

    bed, couch, plant = analysis.items
    assert (bed.key, bed.name, bed.category) == ("double_bed", "lit 2 places", "furniture")
    assert (bed.label, bed.score, bed.dismountable, bed.volume) == ("bed", 0.9, True, 2.0)
    assert bed.box == pytest.approx((0.3, 0, 0.5, 0.2))
    assert (couch.key, couch.dismountable) == ("sofa_3_seat", False)
    assert plant.key == "potted_plant"
    assert analysis.confidence == pytest.approx((0.9 + 0.5 + 0.4) / 3, abs=1e-4)


def test_doubt_about_a_size_is_shown_and_the_volume_is_of_the_most_probable(
    tmp_path: Path,
) -> None:
    # A bed as wide as high in a picture of 2:1, as one of 90 cm looks from its foot.
    file = authors_model(
        tmp_path / "m.onnx", boxes=[[0.4, 0.45, 0.62, 0.95]], scores=[0.9], labels=[BED]
    )

    (bed,) = detector(file).analyse(PICTURE, Hint()).items

    assert (bed.key, bed.name, bed.volume) == ("single_bed", "single bed", 1.2)
    assert bed.label == "bed"
    assert next(iter(bed.alternatives)) == "double_bed"
    assert 0.05 <= bed.alternatives["double_bed"] < 0.5


def test_lamp_on_the_ceiling_stays_in_the_house(tmp_path: Path) -> None:
    # Objects365, as converted for transformers: 366 outputs, the first means nothing.
    logits = np.full((2, 366), -9.0)
    logits[0, 7] = logits[1, 7] = 2.0
    file = transformers_model(
        tmp_path / "m.onnx", logits=logits, boxes=[[0.5, 0.05, 0.06, 0.1], [0.2, 0.6, 0.05, 0.6]]
    )

    items = detector(file).analyse(PICTURE, Hint()).items

    assert [(item.key, item.label) for item in items] == [("floor_lamp", "Lamp")]


def test_catalogue_that_has_its_own_sofa_decides(tmp_path: Path, bedroom_model: Path) -> None:
    changes = tmp_path / "mine.csv"
    changes.write_text(
        "key,name_en,category,volume_usual,dismount_probability,coco\n"
        "any_sofa,any sofa,furniture,2.5,0,couch\n"
    )
    engine = build_detector(Settings(home=tmp_path, model=str(bedroom_model), catalogue=changes))

    sofa = engine.analyse(PICTURE, Hint()).items[1]

    assert (sofa.key, sofa.volume, dict(sofa.alternatives)) == ("any_sofa", 2.5, {})


def test_inventory_counts_the_volume_of_the_most_probable_size(tmp_path: Path) -> None:
    file = authors_model(
        tmp_path / "m.onnx", boxes=[[0.4, 0.45, 0.62, 0.95]], scores=[0.9], labels=[BED]
    )
    analysis = detector(file).analyse(PICTURE, Hint())
    found = FoundItem(**asdict(analysis.items[0]))
    result = PhotoResult(photo_id="p", items=(found,), room_type="bedroom", confidence=0.9)

    inventory = add_up("m", [AnalysedPhoto(photo_id="p", sha256="0", result=result)], CATALOGUE)

    assert inventory.total_volume == 1.2


def test_fixtures_are_no_items_but_tell_the_room(tmp_path: Path) -> None:
    file = authors_model(
        tmp_path / "m.onnx", boxes=[[0, 0, 0.5, 0.5]], scores=[0.8], labels=[TOILET]
    )

    analysis = detector(file).analyse(PICTURE, Hint())

    assert analysis.items == ()
    assert analysis.confidence == 0.0
    assert analysis.room_type == "bathroom"
    assert 0.5 < (analysis.room_type_confidence or 0) < 1


def test_room_type_of_the_caller_comes_back_as_given(bedroom_model: Path) -> None:
    analysis = detector(bedroom_model).analyse(PICTURE, Hint(room_type="Salon"))

    assert (analysis.room_type, analysis.room_type_confidence) == ("Salon", 1.0)


def test_threshold_changes_the_items_but_not_the_room(bedroom_model: Path) -> None:
    strict = detector(bedroom_model, score_threshold=0.95).analyse(PICTURE, Hint())
    usual = detector(bedroom_model).analyse(PICTURE, Hint())
    lax = detector(bedroom_model, score_threshold=0.0).analyse(PICTURE, Hint())

    assert [len(a.items) for a in (strict, usual, lax)] == [0, 3, 3]  # a toilet is no item
    assert strict.room_type == usual.room_type == lax.room_type == "bedroom"
    assert strict.room_type_confidence == usual.room_type_confidence == lax.room_type_confidence


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_pictures_of_other_modes_are_converted(bedroom_model: Path, mode: str) -> None:
    found = detector(bedroom_model).detect(PICTURE.convert(mode))

    assert len(found) == 3


def test_missing_onnxruntime_names_the_extra(
    bedroom_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = builtins.__import__

    def without_onnxruntime(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("No module named 'onnxruntime'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnxruntime)

    with pytest.raises(EngineUnavailableError, match=r"photoqueue\[detect\]"):
        detector(bedroom_model)


def test_device_that_cannot_be_had_names_the_package(bedroom_model: Path) -> None:
    assert detector(bedroom_model, device="cpu").detect(PICTURE)
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("the onnxruntime here can use CUDA")
    with pytest.raises(EngineUnavailableError, match=r"PHOTOQUEUE_DEVICE.*onnxruntime-gpu"):
        detector(bedroom_model, device="cuda")
    with pytest.raises(EngineUnavailableError, match=r"onnxruntime-gpu"):
        load_engine(Settings(engine="builtin", device="cuda"))


def test_running_a_model_writes_nothing_into_the_home(bedroom_model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import sys; from pathlib import Path; from photoqueue.engines.session import ModelSession"
        "\nModelSession(Path(sys.argv[1]), threads=1)"
    )
    # onnxruntime keeps silent by itself where it takes the surroundings for a build server's.
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    subprocess.run(
        [sys.executable, "-c", code, bedroom_model], env={**kept, "HOME": str(home)}, check=True
    )
    assert list(home.rglob("*")) == []


def test_model_path_of_the_settings_is_used(bedroom_model: Path, tmp_path: Path) -> None:
    engine = build_detector(Settings(home=tmp_path, model=str(bedroom_model), score_threshold=0.45))

    assert engine.model == "bedroom"
    assert engine.score_threshold == 0.45
    assert len(engine.analyse(PICTURE, Hint()).items) == 2


@pytest.mark.parametrize("model", [None, "deimv2-femto-coco", "no-such-model"])
def test_missing_model_says_which_exist_and_where_they_go(
    tmp_path: Path, model: str | None
) -> None:
    with pytest.raises(EngineUnavailableError) as error:
        find_model(Settings(home=tmp_path, model=model))

    names = [entry.name for entry in published_models(tmp_path)]
    for part in (*names, str(tmp_path / "models"), "PHOTOQUEUE_MODEL", "path"):
        assert part in str(error.value)


def test_known_name_with_other_content_is_refused(tmp_path: Path, bedroom_model: Path) -> None:
    (tmp_path / "models").mkdir()
    bedroom_model.rename(tmp_path / "models" / "deimv2-femto-coco.onnx")

    with pytest.raises(ModelError, match="not the published model 'deimv2-femto-coco'"):
        find_model(Settings(home=tmp_path))


def test_threshold_of_the_model_holds_until_the_settings_name_one(bedroom_model: Path) -> None:
    file = ModelEntry(name="bedroom", path=bedroom_model, threshold=0.6)

    assert Detector(file, catalogue=Catalogue.load()).score_threshold == 0.6
    asked = Detector(file, catalogue=Catalogue.load(), score_threshold=0.0)
    assert asked.score_threshold == 0.0
    assert detector(bedroom_model).score_threshold == 0.35


def test_own_class_names_are_catalogue_keys_or_names_of_known_classes(
    tmp_path: Path, bedroom_model: Path
) -> None:
    # Given names for the numbers 57 and 59; 58 is a thing that movers do not list, 61 nothing
    names = ["other"] * 57 + ["wardrobe_2_door", "my cat", "Nightstand"]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    file = ModelEntry(name="m", path=bedroom_model, classes=tmp_path / "names.txt")
    engine = Detector(file, catalogue=Catalogue.load(), score_threshold=0.0)
    # Then the catalogue lists what they mean
    found = engine.analyse(PICTURE, Hint()).items
    assert [(item.label, item.key) for item in found] == [
        ("Nightstand", "nightstand"),
        ("wardrobe_2_door", "wardrobe_2_door"),
    ]
    assert len(engine.detect(PICTURE)) == 3
    assert repr(engine) == "Detector('m', own)"


def test_declared_classes_must_have_the_models_number(tmp_path: Path) -> None:
    file = transformers_model(
        tmp_path / "m.onnx", boxes=[[0.5, 0.5, 0.2, 0.2]], logits=np.zeros((1, 12))
    )
    (tmp_path / "names.txt").write_text("a\nb\n")

    def build(classes: str | Path | None) -> Detector:
        return Detector(
            ModelEntry(name="m", path=file, classes=classes, family="dfine"),
            catalogue=Catalogue.load(),
        )

    with pytest.raises(ModelError, match=r"12 classes apart, but .*names.txt has 2"):
        build(tmp_path / "names.txt")
    with pytest.raises(ModelError, match="12 classes apart, but objects365 has 365 or 366"):
        build("objects365")
    with pytest.raises(ModelError, match=r"Register it with a list of its classes"):
        build(None)
    (tmp_path / "names-12.txt").write_text("\n".join("abcdefghijkl"))
    assert repr(build(tmp_path / "names-12.txt")) == "Detector('m', own)"


def test_threads_share_the_cores_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "usable_cores", lambda: 8)

    assert [session.share_of_cores(n) for n in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]


@pytest.mark.parametrize(
    ("limit", "expected"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 64)]
)
def test_usable_cores_respect_the_limit_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(session, "_CGROUP_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)), raising=False)

    assert session.usable_cores() == expected
