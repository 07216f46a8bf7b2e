"""What a select box is told of the engines."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from photoqueue.engines import registry
from photoqueue.engines.registry import EngineChoice, available_engines, registered_engines
from photoqueue.settings import Settings

LOCAL_LLM: dict[str, Any] = {"llm_model": "gpt-x", "llm_base_url": "http://127.0.0.1:1/v1"}


def choices(home: Path, **options: Any) -> dict[str, EngineChoice]:
    return {choice.name: choice for choice in available_engines(Settings(home=home, **options))}


def have_a_model(home: Path) -> None:
    (home / "models").mkdir()
    (home / "models" / "dfine-l-objects365.onnx").write_bytes(b"not read")


def test_every_engine_that_a_job_can_name_is_a_choice(tmp_path: Path) -> None:
    found = available_engines(Settings(home=tmp_path))
    assert tuple(choice.name for choice in found) == registered_engines()
    with pytest.raises(FrozenInstanceError):
        found[0].available = False  # type: ignore[misc]  # the mistake that is tested
    assert list(tmp_path.iterdir()) == []


def test_fresh_machine_has_the_built_in_engine_and_says_what_the_others_lack(
    tmp_path: Path,
) -> None:
    found = choices(tmp_path)
    builtin = found["builtin"]
    assert (builtin.available, builtin.engine, builtin.reason) == (True, "builtin", "")
    assert not found["detector"].available
    assert "photoqueue models pull dfine-l-objects365 (125.9 MB)" in found["detector"].reason
    assert not found["llm"].available
    assert "PHOTOQUEUE_LLM_BASE_URL" in found["llm"].reason
    auto = found["auto"]
    assert (auto.available, auto.engine) == (True, "builtin")
    assert auto.reason == "no LLM is configured and no detector's model is here"
    assert "photoqueue models pull" in (auto.advice or "")


def test_model_that_is_here_makes_the_detector_available(tmp_path: Path) -> None:
    have_a_model(tmp_path)
    found = choices(tmp_path, engine="builtin")
    assert found["detector"].available
    assert found["auto"].engine == "detector"
    assert "dfine-l-objects365" in found["auto"].reason


def test_configured_llm_is_what_auto_takes(tmp_path: Path) -> None:
    found = choices(tmp_path, **LOCAL_LLM)
    assert found["llm"].available
    assert (found["auto"].engine, found["auto"].reason) == ("llm", "PHOTOQUEUE_LLM_MODEL is gpt-x")


def test_llm_without_its_key_is_not_available_by_auto_either(tmp_path: Path) -> None:
    found = choices(tmp_path, llm_model="gpt-x", llm_base_url="https://api.example.com/v1")
    assert not found["llm"].available
    assert not found["auto"].available
    assert "PHOTOQUEUE_LLM_MODEL is gpt-x; " in found["auto"].reason
    assert "PHOTOQUEUE_LLM_API_KEY" in found["auto"].reason


@pytest.mark.parametrize(
    "options",
    [
        {"model": "nowhere.onnx"},
        {"llm_model": "m", "llm_base_url": "http://boss:hunter2@host/v1"},
        {**LOCAL_LLM, "llm_api_key": SecretStr("hunter2\nhunter2")},
    ],
)
def test_reason_is_one_line_without_secrets(tmp_path: Path, options: dict[str, Any]) -> None:
    for choice in choices(tmp_path, **options).values():
        assert bool(choice.reason) or choice.available
        assert "\n" not in choice.reason
        assert "hunter2" not in choice.reason


def test_malformed_list_of_models_is_a_reason_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text("[models")
    found = choices(tmp_path)
    assert found["builtin"].available
    assert not found["detector"].available
    assert not found["auto"].available
    assert "models.toml" in found["auto"].reason


def test_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_a_model(tmp_path)
    monkeypatch.setattr(registry, "find_spec", lambda _: None)
    found = choices(tmp_path, **LOCAL_LLM)
    assert "photoqueue[detect]" in found["builtin"].reason
    assert "photoqueue[detect]" in found["detector"].reason
    assert "photoqueue[llm]" in found["llm"].reason
    assert not any(choice.available for choice in found.values())


def test_choices_load_no_model_or_web_library(tmp_path: Path) -> None:
    have_a_model(tmp_path)
    for package in ("onnxruntime", "openai"):
        assert importlib.util.find_spec(package), "else this shows nothing"
    program = f"""
import sys
from pathlib import Path
from photoqueue.engines.registry import available_engines
from photoqueue.settings import Settings
found = available_engines(Settings(home=Path({str(tmp_path)!r}), **{LOCAL_LLM!r}))
assert all(choice.available for choice in found), found
heavy = ("numpy", "onnxruntime", "openai", "httpx2", "PIL", "pandas")
print([name for name in heavy if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
