from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from photoqueue.engines.registry import checked_engine, load_engine, registered_engines
from photoqueue.errors import EngineUnavailableError, ModelError, PayloadError
from photoqueue.settings import Settings
from tests.models import authors_model

PLUGIN = """
from photoqueue import errors
from photoqueue.engines.contract import Analysis

class Scripted:
    name = "scripted"
    def __init__(self, model="plain"):
        self.model = model
    def analyse(self, image, hint):
        return Analysis()

def plain():
    return Scripted()

def configured(settings):
    return Scripted(model=f"for {settings.language}")

def optional(settings=None):
    return Scripted(model="given" if settings is not None else "not given")

def no_engine():
    return object()

def half_an_engine():
    engine = Scripted()
    engine.model = 3
    return engine

def broken():
    raise ZeroDivisionError("oh dear")

def refuses():
    raise errors.ModelError("weights are gone. Fetch them.")

text = "not callable"
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "scripted_engine.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "scripted_engine", raising=False)
    return "scripted_engine"


def test_detector_is_registered(tmp_path: Path) -> None:
    file = authors_model(tmp_path / "m.onnx", boxes=[[0, 0, 1, 1]], scores=[0.9], labels=[0])

    engine = load_engine(Settings(home=tmp_path, model=str(file)), processes=2)

    assert "detector" in registered_engines()
    assert (engine.name, engine.model) == ("detector", "m")


@pytest.mark.parametrize(
    ("factory", "model"),
    [("plain", "plain"), ("configured", "for fr"), ("optional", "given")],
)
def test_plugin_factory_is_called_with_the_settings_if_it_takes_them(
    plugin: str, factory: str, model: str
) -> None:
    engine = load_engine(Settings(engine=f"{plugin}:{factory}", language="fr"))

    assert (engine.name, engine.model) == ("scripted", model)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(EngineUnavailableError, match=r"Did you mean 'detector'") as error:
        load_engine(Settings(engine="detectr"))

    assert "package.module:factory" in str(error.value)


def test_name_like_no_other_suggests_nothing() -> None:
    with pytest.raises(EngineUnavailableError) as error:
        load_engine(Settings(engine="zzz"))

    assert "Did you mean" not in str(error.value)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("missing", "has no factory 'missing'"),
        ("text", "has no factory 'text'"),
        ("", "has no factory ''"),
        ("no_engine", r"lacks name: str, model: str, analyse\(image, hint\)"),
        ("half_an_engine", "lacks model: str"),
        ("broken", "raised ZeroDivisionError: oh dear"),
    ],
)
def test_faulty_plugin_says_what_is_wrong(plugin: str, factory: str, message: str) -> None:
    with pytest.raises(EngineUnavailableError, match=message):
        load_engine(Settings(engine=f"{plugin}:{factory}"))


@pytest.mark.parametrize("spec", ["no.such.module:factory", ":factory"])
def test_plugin_that_cannot_be_imported_says_so(spec: str) -> None:
    with pytest.raises(EngineUnavailableError, match="cannot be imported"):
        load_engine(Settings(engine=spec))


def test_errors_of_the_contract_pass_through(plugin: str) -> None:
    with pytest.raises(ModelError, match="weights are gone"):
        load_engine(Settings(engine=f"{plugin}:refuses"))


def test_engine_contract_loads_no_model_library() -> None:
    code = (
        "import sys, photoqueue.engines.contract, photoqueue.engines.registry;"
        "print([m for m in ('numpy', 'pandas', 'PIL', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", registered_engines())
def test_job_may_name_a_registered_engine(name: str) -> None:
    assert checked_engine(name) == name


def test_job_that_names_an_unknown_engine_is_told_the_nearest() -> None:
    with pytest.raises(
        PayloadError, match=r"Did you mean 'detector'.*auto, builtin, detector, llm"
    ):
        checked_engine("detectr")


def test_job_must_not_name_code_to_import(plugin: str) -> None:
    with pytest.raises(PayloadError, match=r"must not name code.*PHOTOQUEUE_ENGINE"):
        checked_engine(f"{plugin}:plain")
    assert plugin not in sys.modules
