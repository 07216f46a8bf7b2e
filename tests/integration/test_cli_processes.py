"""The commands as a shell runs them: pipes, signals, and what they leave behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import photoqueue
from photoqueue import Settings
from photoqueue.queue.tables import SCHEMA_REVISION
from tests.conftest import REPOSITORY, SHARED_DATA, eventually, picture, submit
from tests.homes import truth, write_home
from tests.processes import processes_of

COMMAND = (sys.executable, "-m", "photoqueue")


@pytest.fixture
def start(settings: Settings) -> Callable[..., subprocess.Popen[str]]:
    """Start a command of the test's installation."""

    def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=REPOSITORY,
            env={**os.environ, **settings.to_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Make a temporary directory with a path short enough for sockets, for TMPDIR."""
    folder = Path(tempfile.mkdtemp(prefix="pq-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(picture(number))
    return folder


def test_broken_pipe_is_silent(
    installation: object, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(5):
        submit(f"ok-{number}")
    for arguments in (("jobs",), ("jobs", "--json")):
        process = start(*arguments)
        assert process.stdout is not None
        process.stdout.close()  # gone before the first line is written
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stderr.close()
        process.wait(120)


def test_output_in_a_pipe_has_no_colours_even_when_ascii(
    installation: object, start: Callable[..., subprocess.Popen[str]]
) -> None:
    submit("ok-1", room="salle à manger")
    for arguments in (("job", "photo-ok-1"), ("doctor",)):
        process = start(*arguments, PYTHONIOENCODING="ascii", COLUMNS="20")
        out, err = process.communicate(timeout=150)
        assert process.returncode == 0, err
        assert "\x1b" not in out
        assert err == ""


def test_ctrl_c_while_waiting_is_one_line(
    start_worker: Callable[..., object],
    start: Callable[..., subprocess.Popen[str]],
    photos: Path,
) -> None:
    start_worker("--queue", "photo-analyze")
    photoqueue.pause()
    process = start("submit", photos, "--wait")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Batch b-")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=150)
    assert process.returncode == 130
    *notes, last = err.splitlines()
    assert last == "Interrupted."
    # It had said before what it waits for; there is no traceback.
    assert all("is paused" in note for note in notes)


def test_embedded_servers_start_on_first_use_and_stop_with_down(
    start: Callable[..., subprocess.Popen[str]], temporary: Path
) -> None:
    def run(*arguments: str) -> tuple[str, str]:
        own = {"PHOTOQUEUE_HOME": str(temporary), "DATABASE_URL": "", "REDIS_URL": ""}
        process = start(*arguments, **own)
        out, err = process.communicate(timeout=150)
        assert process.returncode == 0, out + err
        return out, err

    try:
        assert f"from revision none to {SCHEMA_REVISION}" in run("migrate")[0]
        assert "embedded, pid" in run("doctor")[0]
    finally:
        stopped, warned = run("down")
    assert "Stopped PostgreSQL" in stopped
    assert warned == ""
    assert processes_of(temporary) == []


def test_demo_shows_the_chain_and_leaves_nothing_behind(
    start: Callable[..., subprocess.Popen[str]], temporary: Path, photos: Path
) -> None:
    process = start("demo", photos, TMPDIR=str(temporary))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "Submitted 3 photos" in out
    assert "kitchen" in out
    assert "Inventory of demo" in out
    assert "photos a second" in out
    assert list(temporary.glob("photoqueue-*")) == []
    assert processes_of(temporary) == []


@pytest.mark.parametrize(
    ("shown", "number"),
    [("Starting servers", signal.SIGINT), ("Starting a worker", signal.SIGTERM)],
)
def test_interrupted_demo_leaves_nothing_behind(
    start: Callable[..., subprocess.Popen[str]],
    temporary: Path,
    photos: Path,
    shown: str,
    number: int,
) -> None:
    process = start("demo", photos, TMPDIR=str(temporary), PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    while not process.stdout.readline().startswith(shown):
        assert process.poll() is None
    time.sleep(0.4)
    process.send_signal(number)
    _, err = process.communicate(timeout=150)
    assert process.returncode == 130
    assert err.endswith("Interrupted.\n")
    assert "Traceback" not in err
    eventually(lambda: not processes_of(temporary))
    assert list(temporary.glob("photoqueue-*")) == []


def test_demo_without_a_model_says_what_is_missing_and_starts_nothing(
    start: Callable[..., subprocess.Popen[str]], temporary: Path, photos: Path
) -> None:
    own = {"TMPDIR": str(temporary), "PHOTOQUEUE_ENGINE": "detector"}
    process = start("demo", photos, "--model", "none.onnx", **own)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 78
    assert out == ""
    assert "none.onnx" in err
    assert "photoqueue models pull" in err
    assert list(temporary.iterdir()) == []


def test_demo_analyses_photos_beside_the_checkout(
    start: Callable[..., subprocess.Popen[str]], temporary: Path
) -> None:
    if not (SHARED_DATA / "photos" / "annotations.json").is_file():
        pytest.skip("there is no shared/data folder beside the checkout")
    pytest.importorskip("onnxruntime")
    model = SHARED_DATA / "models" / "deimv2_hgnetv2_femto_coco.onnx"
    own = {"TMPDIR": str(temporary), "PHOTOQUEUE_ENGINE": "detector"}
    process = start("demo", SHARED_DATA / "photos", "--model", model, **own)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "bedroom" in out
    assert "double bed" in out
    assert list(temporary.glob("photoqueue-*")) == []
    assert processes_of(temporary) == []


def test_demo_of_homes_shows_the_truth_and_draws_boxes(
    start: Callable[..., subprocess.Popen[str]], temporary: Path, tmp_path: Path
) -> None:
    for name in ("home-1", "home-2"):
        write_home(tmp_path / "samples", truth(name))
    (tmp_path / "samples" / "home-2" / "kitchen" / "view-1.jpg").write_bytes(b"no picture")
    process = start(
        "demo",
        tmp_path / "samples",
        "--out",
        tmp_path / "pictures",
        TMPDIR=str(temporary),
        PHOTOQUEUE_ENGINE="tests.homes:seeing",
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    lines = [line.split() for line in out.splitlines()]
    assert "Submitted 4 photos of home-1." in out
    assert ["living", "room", "armchair", "2", "2"] in lines
    assert ["kitchen", "refrigerator", "1", "1"] in lines
    assert ["kitchen", "refrigerator", "0", "1", "-1"] in lines
    assert "6 of 6 items (0 %)" in out
    assert "3 of 6 items (-50 %)" in out
    assert "! home-2/kitchen/view-1.jpg: " in out
    assert "MEDIAN (P50)" in out
    drawn = sorted(file.name for file in (tmp_path / "pictures").iterdir())
    assert len(drawn) == 7
    assert drawn[:2] == ["home-1-kitchen-view-1.jpg", "home-1-living room-view-1.jpg"]
    assert list(temporary.glob("photoqueue-*")) == []
    assert processes_of(temporary) == []


def test_demo_of_an_installed_wheel_shows_the_sample_home(temporary: Path) -> None:
    pytest.importorskip("onnxruntime")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", temporary / "dist"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = (temporary / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = [file for file in archive.infolist() if "/samples/" in file.filename]
        assert len([file for file in names if file.filename.endswith(".jpg")]) == 4
        assert sum(file.file_size for file in names) <= 600_000
        assert not any(name.startswith(("data/", "tools/")) for name in archive.namelist())
        archive.extractall(temporary / "site")

    # What the package needs comes from this environment, the package itself from the wheel.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOQUEUE")}
    done = subprocess.run(
        [sys.executable, "-m", "photoqueue", "demo"],
        cwd=temporary,
        env={
            **kept,
            "PYTHONPATH": str(temporary / "site"),
            "HOME": str(temporary / "home"),
            "TMPDIR": str(temporary),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Submitted 4 photos of sample-home." in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["living", "room", "armchair", "2", "2"] in lines
    assert re.search(r"\d+ of 17 items .*of 10\.36 m³", done.stdout)
    assert processes_of(temporary) == []
    assert not list(temporary.glob("photoqueue-*"))
