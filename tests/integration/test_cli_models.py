"""``photoqueue models``, and what the doctor and the worker say of ``auto``."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from photoqueue import Settings
from photoqueue.faces.cli import main
from photoqueue.faces.notebook.submit_form import SAMPLE, SubmitForm
from photoqueue.installation import Installation, use
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.settings import Concurrency
from photoqueue.words import JobType
from photoqueue.worker.supervisor import Supervisor
from tests.conftest import Worker
from tests.file_server import Manners, serving
from tests.models import authors_model


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["photoqueue", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), shown.out, shown.err)

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOQUEUE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def model(home: Path) -> Path:
    """A detector of one's own, registered."""
    (home / "models").mkdir()
    file = authors_model(
        home / "models" / "ours.onnx", boxes=[[0, 0, 1, 1]], scores=[0.9], labels=[59]
    )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (home / "models.toml").write_text(f'[models.ours]\nsha256 = "{digest}"\nnote = "of ours"\n')
    return file


def test_list_shows_what_there_is_and_what_is_here(run: Run, model: Path) -> None:
    shown = run("models", "list")

    assert shown.code == 0
    assert "dfine-l-objects365  no    125.9 MB  objects365  Apache-2.0" in shown.out
    assert "(own) of ours" in shown.out
    assert "Objects365 pictures and annotations" in " ".join(shown.out.split())
    ours, *others = run("models", "list", "--json").json
    assert (ours["name"], ours["present"], ours["path"]) == ("ours", True, str(model))
    assert len(others) == 7
    assert not any(other["present"] for other in others)


def test_list_of_a_new_home_says_how_to_begin_and_makes_nothing(run: Run, home: Path) -> None:
    assert "photoqueue models pull dfine-l-objects365" in run("models", "list").out
    assert list(home.iterdir()) == []


def test_pull_fetches_once(run: Run, home: Path) -> None:
    with serving(Manners(body=b"weights")) as server:
        (home / "models.toml").write_text(f'[models.a]\naddress = "{server.address}/a.onnx"\n')
        first, second = run("models", "pull", "a"), run("models", "pull", "a", "--json")

    assert (first.code, second.code) == (0, 0)
    assert "a (0.0 MB) is downloaded and its content could not be checked: no sha256" in first.out
    assert second.json == {
        "name": "a",
        "path": str(home / "models" / "a.onnx"),
        "size": 7,
        "fetched": False,
    }
    assert len(server.requests) == 1


def test_pull_takes_the_model_of_the_settings(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "PHOTOQUEUE_MODEL is not set: there is nothing to download" in run("models", "pull").out
    with serving(Manners(body=b"weights")) as server:
        (home / "models.toml").write_text(f'[models.a]\naddress = "{server.address}/a.onnx"\n')
        monkeypatch.setenv("PHOTOQUEUE_MODEL", "a")
        assert "a (0.0 MB) is downloaded" in run("models", "pull").out
    monkeypatch.setenv("PHOTOQUEUE_MODEL", str(home / "models" / "a.onnx"))
    shown = run("models", "pull")
    assert (shown.code, len(server.requests)) == (0, 1)
    assert "there is nothing to download" in shown.out
    monkeypatch.setenv("PHOTOQUEUE_MODEL", "/nowhere/a.onnx")
    assert run("models", "pull").code != 0


def test_pull_from_nowhere_ends_with_its_reason(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoqueue.engines.model_download.time.sleep", lambda _: None)
    monkeypatch.setenv("PHOTOQUEUE_MODEL_MIRROR", "http://127.0.0.1:1")

    shown = run("models", "pull", "dfine-n-coco")

    assert shown.code == 1
    assert shown.err.count("trying again") == 3
    assert "photoqueue models verify dfine-n-coco" in shown.err


def test_verify_tells_right_from_wrong(run: Run, home: Path, model: Path) -> None:
    assert run("models", "verify").out == f"ours: right: {model}\n"
    (home / "models" / "yolox-nano-coco.onnx").write_bytes(b"not it")

    shown, told = run("models", "verify"), run("models", "verify", "--json")

    assert (shown.code, told.code) == (1, 1)
    assert "ours: right" in shown.out
    assert "yolox-nano-coco: not the file that was published (sha256 " in shown.err
    assert [row["ok"] for row in told.json] == [True, False]
    assert run("models", "verify", "ours").code == 0


def test_verify_of_a_wrong_model_of_ones_own_points_at_its_entry(
    run: Run, home: Path, model: Path
) -> None:
    model.write_bytes(b"something else")
    shown = run("models", "verify", "ours")
    assert shown.code == 1
    assert "ours: not the file that was registered (" in shown.err
    assert "models.toml" in shown.err


def test_verify_of_what_is_not_there_says_how_to_get_it(run: Run, home: Path) -> None:
    assert run("models", "verify").out == "There are no model files to check.\n"
    shown = run("models", "verify", "dfine-n-coco")
    assert shown.code == 78
    assert "photoqueue models pull dfine-n-coco (15.3 MB)" in shown.err


def test_path_is_all_that_is_printed(run: Run, home: Path, model: Path) -> None:
    assert run("models", "path", "ours").out == f"{model}\n"
    absent = run("models", "path", "dfine-n-coco")
    assert absent.code == 1
    assert absent.out == f"{home / 'models' / 'dfine-n-coco.onnx'}\n"
    assert "not there yet" in absent.err


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_unknown_name_is_told_with_the_nearest(run: Run, home: Path, command: str) -> None:
    shown = run("models", command, "yolox-coco")
    assert shown.code == 78
    assert "Did you mean 'yolox-nano-coco'" in shown.err


def test_doctor_says_which_engine_was_chosen_and_why(run: Run, model: Path) -> None:
    (engine,) = [
        check for check in run("doctor", "--json").json["checks"] if check["check"] == "Engine"
    ]

    assert engine["verdict"] == "ok"
    assert engine["detail"].startswith("detector with ours, built in")
    assert f"chosen because the model ours is in {model.parent}" in engine["detail"]


def test_doctor_names_the_mistake_in_a_model_file(run: Run, home: Path) -> None:
    (home / "models.toml").write_text("[models.a]\npth = 1\n")
    shown = run("doctor")
    assert shown.code == 1
    assert "did you mean 'path'" in shown.out


@pytest.mark.parametrize("engine", ["auto", "builtin"])
def test_worker_with_a_server_database_warns_of_the_built_in_model(
    installation: Installation, home: Path, caplog: pytest.LogCaptureFixture, engine: str
) -> None:
    caplog.set_level(logging.INFO)

    def log_of(queue: str, **changes: Any) -> list[tuple[int, str, dict[str, str]]]:
        caplog.clear()
        installation.settings = installation.settings.model_copy(
            update={"engine": engine, "home": home, **changes}
        )
        Supervisor(installation, [JobType(queue)], concurrency=Concurrency(1, 1))._log_engine()
        return [(one.levelno, one.message, vars(one)["fields"]) for one in caplog.records]

    ((level, message, fields),) = log_of("photo-analyze")
    assert (level, message) == (logging.WARNING, f"results are {FOR_TRYING_OUT}")
    assert fields["engine"] == "builtin"
    assert "photoqueue models pull dfine-l-objects365" in fields["better"]
    assert log_of("inventory-sync") == []
    # The embedded servers are for trying out.
    told = log_of("photo-analyze", database_url=None)
    assert [level for level, _, _ in told] == [logging.INFO] * (engine == "auto")


def test_worker_says_once_which_engine_it_took(
    settings: Settings,
    start_worker: Callable[..., Worker],
    home: Path,
    model: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = settings.model_copy(update={"engine": "auto", "home": home})
    use(chosen)

    worker = start_worker("--queue", "photo-analyze", "--concurrency", "2", settings=chosen)

    (line,) = [line for line in worker.log.splitlines() if "engine chosen" in line]
    assert "engine=detector" in line
    assert "because=" in line and "the model ours" in line
    assert "worker ready" in worker.log
    assert 'engine="detector ours"' in worker.log.partition("worker ready")[2].splitlines()[0]
    # What the live workers run counts, not what this shell would choose.
    here = chosen.model_copy(update={"engine": "builtin"})
    use(here)
    assert "Engine of the live workers: detector ours\n" in run("status").out
    for name, value in here.to_environment().items():
        monkeypatch.setenv(name, value)
    (found,) = [
        check
        for check in run("doctor", "--json").json["checks"]
        if check["check"] == "Engine at work"
    ]
    assert found["detail"] == "live workers run detector ours"
    assert found["advice"] == "A worker started here would run builtin."
    form = SubmitForm(lambda batch: None)
    assert form.hints["engine"] == "Live workers run detector ours."
    form.engine = "builtin"
    assert form.hints["engine"] == f"Note: {FOR_TRYING_OUT}."
    form.source = SAMPLE
    assert form.hints["engine"] == ""
    form.close()
