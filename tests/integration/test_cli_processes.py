"""The commands as a shell runs them: pipes, signals, and what they leave behind.

What asks nothing of the interpreter itself runs in a warm one (``run``): it takes half the time.
"""

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
from photoqueue.installation import Installation
from photoqueue.queue.tables import SCHEMA_REVISION
from tests import warm
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
def run(settings: Settings) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of the test's installation to its end."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {**os.environ, **settings.to_environment(), **environment}
        return warm.interpreter().run(*arguments, environment=own)

    return run


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
    installation: Installation, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(5):
        submit(f"ok-{number}")
    process = start("jobs")
    assert process.stdout is not None
    process.stdout.close()  # gone before the first line is written
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(120)


def test_broken_pipe_is_silent_in_json(installation: Installation) -> None:
    submit("ok-1")
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, **installation.settings.to_environment()}
    with os.fdopen(writer, "wb") as output, tempfile.TemporaryFile() as errors:
        process = warm.interpreter().start(
            ["jobs", "--json"], environment=environment, output=output, errors=errors
        )
        process.wait(120)
        errors.seek(0)
        assert errors.read() == b""


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
    run: Callable[..., subprocess.CompletedProcess[str]], temporary: Path
) -> None:
    def own(command: str) -> subprocess.CompletedProcess[str]:
        done = run(command, PHOTOQUEUE_HOME=str(temporary), DATABASE_URL="", REDIS_URL="")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    try:
        assert f"from revision none to {SCHEMA_REVISION}" in own("migrate").stdout
        assert "embedded, pid" in own("doctor").stdout
    finally:
        stopped = own("down")
    assert "Stopped PostgreSQL" in stopped.stdout
    assert stopped.stderr == ""
    assert processes_of(temporary) == []


def test_demo_shows_the_chain_and_leaves_nothing_behind(
    run: Callable[..., subprocess.CompletedProcess[str]], temporary: Path, photos: Path
) -> None:
    done = run("demo", photos, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Submitted 3 photos" in done.stdout
    assert "kitchen" in done.stdout
    assert "Inventory of demo" in done.stdout
    assert "photos a second" in done.stdout
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
    run: Callable[..., subprocess.CompletedProcess[str]], temporary: Path, photos: Path
) -> None:
    own = {"TMPDIR": str(temporary), "PHOTOQUEUE_ENGINE": "detector"}
    done = run("demo", photos, "--model", "none.onnx", **own)
    assert done.returncode == 78
    assert done.stdout == ""
    assert "none.onnx" in done.stderr
    assert "photoqueue models pull" in done.stderr
    assert list(temporary.iterdir()) == []


def test_demo_analyses_photos_beside_the_checkout(
    run: Callable[..., subprocess.CompletedProcess[str]], temporary: Path
) -> None:
    if not (SHARED_DATA / "photos" / "annotations.json").is_file():
        pytest.skip("there is no shared/data folder beside the checkout")
    pytest.importorskip("onnxruntime")
    model = SHARED_DATA / "models" / "deimv2_hgnetv2_femto_coco.onnx"
    own = {"TMPDIR": str(temporary), "PHOTOQUEUE_ENGINE": "detector"}
    done = run("demo", SHARED_DATA / "photos", "--model", model, **own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bedroom" in done.stdout
    assert "double bed" in done.stdout
    assert list(temporary.glob("photoqueue-*")) == []
    assert processes_of(temporary) == []


def test_demo_of_homes_shows_the_truth_and_draws_boxes(
    run: Callable[..., subprocess.CompletedProcess[str]], temporary: Path, tmp_path: Path
) -> None:
    for name in ("home-1", "home-2"):
        write_home(tmp_path / "samples", truth(name))
    (tmp_path / "samples" / "home-2" / "kitchen" / "view-1.jpg").write_bytes(b"no picture")
    done = run(
        "demo",
        tmp_path / "samples",
        "--out",
        tmp_path / "pictures",
        TMPDIR=str(temporary),
        PHOTOQUEUE_ENGINE="tests.homes:seeing",
    )
    out = done.stdout
    assert done.returncode == 0, out + done.stderr
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
