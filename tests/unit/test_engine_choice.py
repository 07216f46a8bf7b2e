"""What ``auto`` chooses, and what it says of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from photoqueue.engines.contract import Analysis
from photoqueue.engines.registry import choose_engine, load_engine, registered_engines
from photoqueue.errors import EngineUnavailableError
from photoqueue.settings import Settings
from tests.models import authors_model

LLM: dict[str, Any] = {"llm_model": "gpt-x", "llm_base_url": "http://127.0.0.1:1/v1"}


class Double:
    def __init__(self, name: str, settings: Settings, processes: int) -> None:
        self.name = name
        self.model = f"{settings.llm_model} for {processes}"

    def analyse(self, image: object, hint: object) -> Analysis:
        return Analysis()


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that can be built with nothing installed."""
    for name, place in (("builtin", "builtin"), ("llm", "llm.vision")):
        module: Any = ModuleType(f"photoqueue.engines.{place}")

        def build(settings: Settings, *, processes: int = 1, name: str = name) -> Double:
            return Double(name, settings, processes)

        setattr(module, f"build_{name}", build)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def have(home: Path, *names: str) -> None:
    (home / "models").mkdir(exist_ok=True)
    for name in names:
        (home / "models" / f"{name}.onnx").write_bytes(b"")


def test_configured_llm_comes_first(tmp_path: Path) -> None:
    have(tmp_path, "dfine-l-objects365")

    choice = choose_engine(Settings(home=tmp_path, model="x.onnx", **LLM))

    assert choice.engine == "llm"
    assert choice.reason == "PHOTOQUEUE_LLM_MODEL is gpt-x"
    assert choice.advice is None


@pytest.mark.parametrize(
    "half",
    [
        {"llm_model": "gpt-x"},
        {"llm_base_url": "http://x"},
        {"llm_model": "gpt-x", "llm_api_key": SecretStr("k")},
    ],
)
def test_half_configured_llm_is_none(tmp_path: Path, half: dict[str, Any]) -> None:
    assert choose_engine(Settings(home=tmp_path, **half)).engine == "builtin"


def test_named_model_makes_it_the_detector(tmp_path: Path) -> None:
    choice = choose_engine(Settings(home=tmp_path, model="my.onnx"))

    assert (choice.engine, choice.settings.model) == ("detector", "my.onnx")


@pytest.mark.parametrize(
    ("present", "chosen", "advised"),
    [
        (["yolox-nano-coco", "dfine-s-objects365"], "dfine-s-objects365", False),
        (["dfine-s-objects365", "dfine-l-objects365"], "dfine-l-objects365", False),
        (["deimv2-femto-coco", "dfine-n-coco"], "dfine-n-coco", True),
        (["deimv2-atto-coco"], "deimv2-atto-coco", True),
    ],
)
def test_best_model_that_is_there_is_taken(
    tmp_path: Path, present: list[str], chosen: str, advised: bool
) -> None:
    have(tmp_path, *present)

    choice = choose_engine(Settings(home=tmp_path))

    assert (choice.engine, choice.settings.model) == ("detector", chosen)
    assert chosen in choice.reason
    assert bool(choice.advice) is advised


def test_own_model_is_preferred(tmp_path: Path) -> None:
    have(tmp_path, "dfine-l-objects365", "ours")
    (tmp_path / "models.toml").write_text("[models.ours]\n")

    choice = choose_engine(Settings(home=tmp_path))

    assert choice.settings.model == "ours"
    assert choice.advice is None


def test_nothing_configured_is_the_built_in_model_and_says_how_to_get_better(
    tmp_path: Path,
) -> None:
    choice = choose_engine(Settings(home=tmp_path))

    assert choice.engine == "builtin"
    assert "photoqueue models pull dfine-l-objects365 (125.9 MB)" in (choice.advice or "")
    assert "PHOTOQUEUE_LLM_MODEL" in (choice.advice or "")
    assert list(tmp_path.iterdir()) == []  # nothing is fetched unasked


@pytest.mark.parametrize("engine", ["detector", "builtin", "llm", "mine:make"])
def test_named_engine_is_left_alone(tmp_path: Path, engine: str) -> None:
    settings = Settings(home=tmp_path, engine=engine, **LLM)

    choice = choose_engine(settings)

    assert (choice.settings, choice.reason, choice.advice) == (settings, "", None)


@pytest.mark.parametrize(("options", "name"), [(LLM, "llm"), ({}, "builtin")])
def test_chosen_engine_is_built_under_its_real_name(
    doubles: None, tmp_path: Path, options: dict[str, Any], name: str
) -> None:
    engine = load_engine(Settings(home=tmp_path, **options), processes=3)

    assert engine.name == name
    assert engine.model.endswith("for 3")


def test_detector_is_built_by_auto(tmp_path: Path) -> None:
    file = authors_model(tmp_path / "m.onnx", boxes=[[0, 0, 1, 1]], scores=[0.9], labels=[0])

    assert load_engine(Settings(home=tmp_path, model=str(file))).name == "detector"


def test_engine_whose_library_is_missing_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "photoqueue.engines.llm.vision", None)

    with pytest.raises(EngineUnavailableError, match=r"photoqueue\[llm\]"):
        load_engine(Settings(home=tmp_path, engine="llm"))


def test_names_of_engines() -> None:
    assert registered_engines() == ("auto", "builtin", "detector", "llm")
