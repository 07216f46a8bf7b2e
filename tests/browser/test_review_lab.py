"""The Review page in JupyterLab: keys that stay on the page, and a kernel that is busy or ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

import photoqueue
from photoqueue import Settings
from photoqueue.client.verbs import edits
from photoqueue.installation import Installation
from tests.bench import Bench
from tests.browser.mistakes import HOME
from tests.browser.pages import LabPage
from tests.browser.servers import JupyterServer
from tests.conftest import eventually

PROJECT = "maple-street"
CELL = f"from photoqueue import Workbench\nWorkbench(project={PROJECT!r})"
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
STATUS = f"{KERNEL}.status"
#: Milliseconds until a page shows what its kernel has read.
SHOWN_MS = 60_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "tests.browser.mistakes:MistakenEngine"})


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """Return a file: the kernel is busy as long as it is there."""
    return tmp_path / "busy"


@pytest.fixture
def review(lab: LabPage, installation: Installation, busy: Path) -> LabPage:
    """Open a notebook with the page of one analysed room, and a cell that can be busy."""
    bench = Bench(installation)
    for number in (1, 2):
        photo = HOME / "living room" / f"view-{number}.jpg"
        bench(photoqueue.submit_photo(photo, project_id=PROJECT, room="salon", user_id="ana"))
    wait = f"import os, time\nwhile os.path.exists({str(busy)!r}): time.sleep(0.05)"
    lab.run_notebook([CELL, wait])
    expect(lab.page.locator(".pq-frame img.pq-picture")).to_be_visible(timeout=SHOWN_MS)
    return lab


@contextmanager
def held(server: JupyterServer) -> Iterator[None]:
    """Let the kernel hear nothing, as while a cell holds it; what it is sent waits."""
    (kernel,) = server.kernels()
    kernel.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            kernel.resume()


def kinds() -> list[str]:
    return [str(one.kind) for one in edits(PROJECT)]


def test_no_key_reaches_the_notebook_wherever_the_focus_is(review: LabPage) -> None:
    page = review.page
    cells = """() => Array.from(window.jupyterapp.shell.currentWidget.content.model.cells,
      (cell) => [cell.type, cell.sharedModel.source])"""
    before = page.evaluate(cells)
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    for place in (
        *(".pq-rooms button", ".pq-frame", ".pq-box", ".pq-film button", ".pq-line-name"),
        *(".pq-head button:enabled", ".pq-head select", "[data-key='add']", ".pq-room-head button"),
        *(".pq-keys button", ".pq-tools button:not([hidden])", ".pq-count"),
    ):
        page.locator(f".pq-review {place}").first.focus()
        # What is removed or stays comes back: the page remains as it is.
        for key in ("ArrowDown", "d", "d", "z", "z", "x", "z", "Shift+Z", "z", "a", "z", "b"):
            page.keyboard.press(key)
        for key in ("1", "ArrowLeft", "ArrowRight", "Shift+M", "Shift+ArrowDown", "h", "j", "k"):
            page.keyboard.press(key)
        assert page.evaluate(cells) == before, place
        assert page.evaluate(active) == 0, place  # the cell with the page
        in_page = "() => document.activeElement.closest('.pq-review') !== null"
        assert page.evaluate(in_page), place
    page.locator(".pq-line-name").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    for key in ("d", "d", "x", "Enter"):  # the last one closes the overview
        page.keyboard.press(key)
    assert page.evaluate(cells) == before
    mode = "() => window.jupyterapp.shell.currentWidget.content.mode"
    assert page.evaluate(mode) == "command"


def test_edits_are_saved_beside_a_running_cell_and_in_order(review: LabPage, busy: Path) -> None:
    page = review.page
    busy.touch()
    page.evaluate(
        """() => {
          window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
          window.jupyterapp.commands.execute("notebook:run-cell");
        }"""
    )
    page.wait_for_function(f"() => {STATUS} === 'busy'")
    page.locator(".pq-review .pq-rooms button").first.focus()
    for key in ("j", "a", "d", "v"):
        page.keyboard.press(key)
    # A kernel without subshells hears of them when its cell has ended.
    expect(page.get_by_text("✓ reviewed by")).to_be_visible()
    busy.unlink()
    eventually(lambda: kinds() == ["accept", "remove", "reviewed"])
    expect(page.locator(".pq-unsaved")).to_be_hidden()


def test_kernel_that_is_held_or_ends_loses_no_edit_and_doubles_none(
    review: LabPage, lab_server: JupyterServer
) -> None:
    page = review.page
    press = page.keyboard.press
    waits = page.locator(".pq-unsaved")
    page.locator(".pq-review .pq-rooms button").first.focus()

    with held(lab_server):
        for key in ("j", "a", "d", "v"):
            press(key)
        expect(waits).to_contain_text("3 edits not saved yet")
        expect(waits).to_contain_text("The kernel is busy with a cell")
        expect(page.get_by_text("✓ reviewed by")).to_be_visible()
        assert kinds() == []
    eventually(lambda: kinds() == ["accept", "remove", "reviewed"])
    expect(waits).to_be_hidden()

    with held(lab_server):
        page.locator(".pq-line-name").first.focus()
        for key in ("ArrowDown", "x", "ArrowDown", "x"):
            press(key)
        expect(waits).to_contain_text("2 edits not saved yet")
        page.evaluate(f"() => {{ {KERNEL}.restart(); }}")
        page.wait_for_function(f"() => {STATUS} !== 'idle' && {STATUS} !== 'busy'")
        review.wait_idle()
    assert kinds()[3:] == []
    review.run_all()
    eventually(lambda: kinds()[3:] == ["stays", "stays"])
    expect(waits).to_be_hidden()
    review.run_all()  # a new page has nothing left to send
    expect(page.locator(".pq-frame img.pq-picture")).to_be_visible(timeout=SHOWN_MS)
    expect(page.get_by_text("1 stays here").first).to_be_visible()
    assert kinds() == ["accept", "remove", "reviewed", "stays", "stays"]
