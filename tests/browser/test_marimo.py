"""Pages in marimo, each wrapped by ``mo.ui.anywidget``.

``PQ_MARIMO`` names a Python that has marimo; without it these tests are skipped, as marimo is no
dependency of the project: ``uv venv m && uv pip install --python m/bin/python marimo``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sysconfig
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import photoqueue
from photoqueue import Settings
from photoqueue.client.verbs import edits
from photoqueue.installation import Installation
from tests.browser.pages import SCREENSHOTS
from tests.conftest import REPOSITORY, eventually, picture

PYTHON = os.environ.get("PQ_MARIMO", "")
#: Milliseconds for a session to start and for something that workers do.
WORK_MS = 90_000
APP = """
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import marimo as mo

    from photoqueue.faces.notebook.charts_view import ChartsView
    from photoqueue.faces.notebook.jobs import JobsView
    from photoqueue.faces.notebook.review import ReviewView
    from photoqueue.faces.notebook.submit_form import SubmitForm
    from photoqueue.faces.notebook.system import SystemView

    return ChartsView, JobsView, ReviewView, SubmitForm, SystemView, mo


@app.cell
def _(SubmitForm, mo):
    mo.ui.anywidget(SubmitForm(lambda batch: None))


@app.cell
def _(ReviewView, mo):
    mo.ui.anywidget(ReviewView())


@app.cell
def _(JobsView, mo):
    mo.ui.anywidget(JobsView())


@app.cell
def _(SystemView, mo):
    mo.ui.anywidget(SystemView())


@app.cell
def _(ChartsView, mo):
    mo.ui.anywidget(ChartsView())
"""

pytestmark = pytest.mark.skipif(not PYTHON, reason="PQ_MARIMO names no Python with marimo")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "tests.engines:scripted"})


@pytest.fixture
def served(installation: Installation, tmp_path: Path) -> Iterator[str]:
    """Serve the pages; return their address."""
    (tmp_path / "app.py").write_text(APP)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = [str(REPOSITORY), str(REPOSITORY / "src"), sysconfig.get_path("purelib")]
    command = ["-m", "marimo", "run", "app.py", "--headless", "--no-token", "--port", str(port)]
    process = subprocess.Popen(
        [PYTHON, *command, "--host", "127.0.0.1"],
        cwd=tmp_path,
        env=os.environ
        | installation.settings.to_environment()
        | {"PYTHONPATH": os.pathsep.join(here)},
    )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except OSError:
            return False

    try:
        eventually(answers, timeout=60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_pages_are_live_and_take_what_is_typed_and_uploaded(
    served: str, page: Page, tmp_path: Path, start_worker: Callable[..., None]
) -> None:
    photo = tmp_path / "ok-1.jpg"
    photo.write_bytes(picture(1))
    page.goto(served)
    page.get_by_label("Source", exact=True).select_option("Upload", timeout=WORK_MS)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files(photo)
    page.get_by_role("button", name="Upload 1 photo").click()
    expect(page.get_by_text("1 photo.", exact=True)).to_be_visible(timeout=WORK_MS)
    for name, text in (("Project", "move-1"), ("Room", "salon")):
        page.get_by_label(name, exact=True).fill(text)
        page.get_by_label(name, exact=True).press("Tab")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("1 photo submitted")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("button", name="Add photos")).to_be_focused()
    assert photoqueue.history()["project_id"].tolist() == ["move-1", "move-1"]

    expect(page.get_by_role("button", name="waiting 2")).to_be_visible(timeout=WORK_MS)
    start_worker()
    expect(page.get_by_role("button", name="completed 2")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("table", name="Workers: 1 live")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="ok-1.jpg").click()
    expect(page.get_by_role("region", name="Job details")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("img", name="Run time").first).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="move-1 1 photo").click()
    page.get_by_role("button", name="chair, score 0.90").click()
    page.keyboard.press("x")
    expect(page.get_by_role("status").filter(has_text="chair")).to_be_attached(timeout=WORK_MS)
    eventually(lambda: [edit.kind for edit in edits("move-1")] == ["stays"])
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "marimo.png", full_page=True)
