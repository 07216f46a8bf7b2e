"""The workbench as an analyst uses it: in JupyterLab and Chromium, found by role and name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import photoqueue
from photoqueue import JobState, Settings
from photoqueue.installation import Installation
from tests.browser.pages import LabPage
from tests.conftest import eventually, picture

#: Milliseconds for something that workers do.
WORK_MS = 60_000
CELL = "from photoqueue import Workbench\nworkbench = Workbench()\nworkbench"
HTML_NAME = "<img src=x onerror=document.title='hit'>.jpg"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "tests.engines:by_room"})


@pytest.fixture
def mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that makes the engine like the broken room once it is there."""
    file = tmp_path / "mended"
    monkeypatch.setenv("PQ_TEST_MENDED", str(file))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A move of four photos: one of a room that the engine does not like."""
    names = ("salon/1.jpg", "salon/2.jpg", f"salon/{HTML_NAME}", "broken room/1.jpg")
    for number, name in enumerate(names):
        file = tmp_path / "move-42" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(number, size=(320, 240)))
    return tmp_path / "move-42"


def jobs_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Jobs", exact=True)


def fill(page: Page, name: str, text: str) -> None:
    """Type into a field of the form, and leave it as Tab does."""
    field = page.get_by_label(name, exact=True)
    field.fill(text)
    field.press("Tab")


def open_jobs(page: Page) -> None:
    page.get_by_role("tab", name="Jobs").click()


def submit(lab: LabPage, folder: Path) -> None:
    page = lab.page
    fill(page, "Folder", str(folder))
    fill(page, "Project", folder.name)
    expect(page.get_by_text("4 photos in 2 rooms.")).to_be_visible()
    # Right after a kernel's start, JupyterLab may let a click overtake what was typed before it.
    eventually(lambda: lab.evaluate("workbench.form.project") == repr(folder.name))
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("4 photos submitted")).to_be_visible(timeout=WORK_MS)
    open_jobs(page)


def test_batch_is_submitted_watched_and_its_failed_job_retried(
    lab: LabPage, home: Path, mended: Path, start_worker
) -> None:
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    open_jobs(page)
    expect(page.get_by_text("No jobs yet.")).to_be_visible(timeout=WORK_MS)
    submit(lab, home)

    # Watched to its end, without a click
    expect(page.get_by_role("button", name="completed 3")).to_be_visible(timeout=WORK_MS)
    failed = page.get_by_role("button", name="failed 1")
    expect(failed).to_be_visible(timeout=WORK_MS)
    assert page.title() != "hit"

    # Filtered, opened, read
    failed.click()
    expect(jobs_of(page).get_by_role("row")).to_have_count(2)
    jobs_of(page).get_by_role("button", name="1.jpg").click()
    details = page.get_by_role("region", name="Job details")
    expect(details.get_by_text("the engine does not like this room").first).to_be_visible()
    details.locator("summary", has_text="Attempts").click()
    expect(details.get_by_role("table", name="Attempts").get_by_role("row")).to_have_count(5)
    expect(details.get_by_role("button", name="Copy traceback")).to_be_visible()
    lab.screenshot("workbench-failed-job")

    # Mended and retried: the table says so by itself
    mended.touch()
    details.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_role("button", name="completed 4")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("button", name="failed 0")).to_be_visible()
    assert lab.evaluate("len(workbench.batch), workbench.project") == "(4, 'move-42')"


def test_review_charts_and_system_follow_the_batch(
    lab: LabPage, home: Path, mended: Path, start_worker
) -> None:
    mended.touch()
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    submit(lab, home)
    expect(page.get_by_role("button", name="completed 4")).to_be_visible(timeout=WORK_MS)

    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_text("4 photos analysed")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="salon 1 thing").click()
    expect(page.get_by_role("heading", name="salon")).to_be_visible()
    expect(page.get_by_role("list", name="Things in salon").get_by_text("chair")).to_be_visible()
    lab.screenshot("workbench-review")
    page.get_by_role("button", name="All photos").click()
    photos = page.get_by_role("list", name="Photos")
    expect(photos.get_by_role("listitem")).to_have_count(4)
    photos.get_by_role("checkbox").first.check()
    expect(page.get_by_text("1 photo selected")).to_be_visible()
    eventually(lambda: lab.evaluate("len(workbench.review.selected)") == "1")
    lab.screenshot("workbench-all-photos")

    page.get_by_role("tab", name="Charts").click()
    chart = page.get_by_role("img", name=re.compile("Run time", re.I)).first
    expect(chart).to_be_visible(timeout=WORK_MS)
    lab.screenshot("workbench-charts")

    page.get_by_role("tab", name="System").click()
    expect(page.get_by_role("table", name="Workers: 1 live")).to_be_visible(timeout=WORK_MS)
    lab.screenshot("workbench-system")


def test_everything_is_reached_by_keyboard_only(
    lab: LabPage, home: Path, mended: Path, start_worker
) -> None:
    mended.touch()
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    press = page.keyboard.press

    def tab_to(target: Locator, most: int = 40) -> None:
        for _ in range(most):
            if target.evaluate("element => element === document.activeElement"):
                return
            press("Tab")
        raise AssertionError(f"{most} times Tab do not lead to {target}")

    folder = page.get_by_label("Folder", exact=True)
    folder.wait_for(timeout=WORK_MS)
    page.get_by_label("Source", exact=True).focus()
    tab_to(folder)
    page.keyboard.type(str(home))
    tab_to(page.get_by_label("Project", exact=True))
    page.keyboard.type("move-42")
    expect(page.get_by_text("4 photos in 2 rooms.")).to_be_visible()
    tab_to(page.get_by_role("button", name="Submit", exact=True))
    press("Enter")
    expect(page.get_by_text("4 photos analysed")).to_be_visible(timeout=WORK_MS)

    tab_to(page.get_by_role("tab", name="Review"))
    tab_to(page.get_by_role("button", name="All photos"))
    press("Enter")
    photos = page.get_by_role("list", name="Photos")
    expect(photos.get_by_role("listitem")).to_have_count(4)
    tab_to(photos.get_by_role("checkbox").first)
    press("Space")
    expect(page.get_by_text("1 photo selected")).to_be_visible()
    press("Escape")
    press("j")
    expect(page.get_by_role("status").filter(has_text="Nothing is left to check.")).to_be_visible()


def test_page_loaded_anew_and_kernel_restarted(
    lab: LabPage, home: Path, mended: Path, start_worker
) -> None:
    mended.touch()
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    submit(lab, home)
    expect(page.get_by_role("button", name="completed 4")).to_be_visible(timeout=WORK_MS)
    batch = lab.evaluate("workbench.batch.id").strip("'")

    # The page is loaded anew: the same widget, still live
    lab.save()
    lab.reload()
    expect(page.get_by_role("button", name="completed 4")).to_be_visible(timeout=WORK_MS)
    photoqueue.submit_photo(picture(77), project_id="move-42", user_id="u1").wait(120)
    page.get_by_label("Showing").select_option(label="project move-42")
    # With the inventory of the move that is six jobs.
    expect(page.get_by_role("button", name="completed 6")).to_be_visible(timeout=WORK_MS)

    # The kernel is restarted: the widget says that it is dead, and keeps what was typed
    page.get_by_role("button", name="Add photos").click()
    fill(page, "Project", "move-43")
    lab.restart_kernel()
    expect(page.get_by_text("Not live")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("Run the cell again")).to_be_visible()
    lab.screenshot("workbench-not-live")

    # The cell runs again: what was typed is there
    lab.run_all()
    expect(page.get_by_label("Project", exact=True)).to_have_value("move-43", timeout=WORK_MS)
    expect(page.get_by_text("Not live")).to_be_hidden()

    # The batch is reopened by its id
    lab.run_notebook([f"from photoqueue import Workbench\nWorkbench(batch={batch!r})"])
    open_jobs(page)
    expect(page.get_by_role("button", name="completed 4")).to_be_visible(timeout=WORK_MS)


def test_no_worker_is_said_and_one_is_started(
    lab: LabPage, installation: Installation, home: Path, mended: Path
) -> None:
    mended.touch()
    lab.run_notebook([CELL])
    page = lab.page
    submit(lab, home)
    notice = page.get_by_text("No worker is running for photo-analyze")
    expect(notice).to_be_visible(timeout=WORK_MS)
    lab.screenshot("workbench-no-worker")
    page.get_by_role("button", name="Start a worker").first.click()
    # Its engine is that of the kernel, which knows nothing of the mending.
    expect(page.get_by_role("button", name="completed 3")).to_be_visible(timeout=WORK_MS)
    expect(notice).to_be_hidden()
    # It ends with the kernel.
    lab.restart_kernel()
    eventually(lambda: photoqueue.stats()["photo-analyze"].workers == 0, timeout=60)


def test_wrong_folder_is_said_before_it_is_submitted(lab: LabPage, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "list.txt").write_text("sofa")
    lab.run_notebook([CELL])
    page = lab.page
    for folder, said in (
        ("empty", "is empty"),
        ("nowhere", "does not exist"),
        ("text", "has no pictures"),
    ):
        fill(page, "Folder", str(tmp_path / folder))
        alert = page.get_by_role("alert").filter(has_text=str(tmp_path / folder))
        expect(alert).to_be_visible(timeout=WORK_MS)
        assert said in alert.inner_text().lower()
        page.get_by_role("button", name="Submit", exact=True).click()
        expect(page.get_by_label("Folder", exact=True)).to_be_focused()


def test_page_stays_where_it_is_while_the_review_fills(
    lab: LabPage, home: Path, mended: Path, start_worker, request: pytest.FixtureRequest
) -> None:
    mended.touch()
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    shown = page.viewport_size
    assert shown is not None
    request.addfinalizer(lambda: page.set_viewport_size(shown))
    page.set_viewport_size({"width": 1400, "height": 650})  # the strip of photos is below
    fill(page, "Folder", str(home / "salon"))
    fill(page, "Project", "move-42")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("3 photos analysed")).to_be_attached(timeout=WORK_MS)
    expect(page.locator(".pq-film img")).to_have_count(3, timeout=WORK_MS)
    page.locator(".pq-film img").last.evaluate("image => image.decode()")
    expect(page.get_by_text("3 photos submitted")).to_be_in_viewport()


def test_keys_pressed_on_the_board_do_not_reach_the_notebook(lab: LabPage) -> None:
    lab.run_notebook([CELL, "1 + 1"])
    page = lab.page
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=WORK_MS)
    cells = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"
    for place in (
        page.get_by_role("tab", name="Jobs"),
        page.get_by_role("button", name="Submit", exact=True),
        page.get_by_role("button", name="Open", exact=True),
    ):
        place.focus()
        for key in ("d", "d", "x", "a", "b", "Shift+M"):
            page.keyboard.press(key)
        expect(place).to_be_focused()
        assert page.evaluate(cells) == 2


def test_unknown_batch_and_room_type_are_said(lab: LabPage) -> None:
    lab.run_notebook([CELL])
    page = lab.page
    page.get_by_label("Batch or project id").fill("b-nope")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="No batch 'b-nope'")).to_be_visible()
    fill(page, "Room type", "sauna")
    expect(
        page.get_by_text("'sauna' is not a known kind of room; it is kept as you wrote it.")
    ).to_be_visible()


def test_dark_theme(lab: LabPage, home: Path, mended: Path, start_worker) -> None:
    start_worker()
    lab.run_notebook([CELL])
    page = lab.page
    submit(lab, home)
    expect(page.get_by_role("button", name="failed 1")).to_be_visible(timeout=WORK_MS)
    lab.use_theme("dark")
    colours = jobs_of(page).evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e.closest('.pq')).backgroundColor]"
    )
    text, back = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert text > 3 * 150 > back
    lab.screenshot("workbench-dark-jobs")
    for tab in ("Review", "Charts", "System"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        page.wait_for_load_state("networkidle")
        lab.screenshot(f"workbench-dark-{tab.lower()}")


def test_state_change_made_elsewhere_shows_by_itself(lab: LabPage, start_worker) -> None:
    job = photoqueue.submit_photo(picture(1), user_id="u1")
    lab.run_notebook([CELL])
    open_jobs(lab.page)
    expect(lab.page.get_by_role("button", name="waiting 1")).to_be_visible(timeout=WORK_MS)
    photoqueue.cancel(job)
    expect(lab.page.get_by_role("button", name="cancelled 1")).to_be_visible()
    assert job.poll().state is JobState.CANCELLED
