"""The dashboard as a web page of Voilà: live, and without anything that changes something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import photoqueue
from photoqueue import Settings
from tests.browser.pages import VoilaPage
from tests.conftest import REPOSITORY, picture, submit

#: Milliseconds for a kernel to start and for something that workers do.
WORK_MS = 90_000
CELL = "from photoqueue import Dashboard\nDashboard()"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "tests.engines:scripted"})


def open_jobs(page: Page) -> None:
    page.get_by_role("tab", name="Jobs").click()


def test_page_shows_jobs_as_they_end_and_changes_nothing(voila: VoilaPage, start_worker) -> None:
    submit("raise-1", project_id="move-1")
    voila.run_notebook([CELL])
    page = voila.page
    open_jobs(page)
    expect(page.get_by_role("button", name="waiting 1")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("Start one with: photoqueue worker")).to_be_visible()

    start_worker()
    expect(page.get_by_role("button", name="failed 1")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("region", name="Jobs", exact=True).get_by_role(
        "button", name="raise-1"
    ).click()
    details = page.get_by_role("region", name="Job details")
    expect(details.get_by_text("the engine does not like this photo").first).to_be_visible()
    for name in ("Retry", "Cancel", "Submit", "Start a worker", "Add up again", "Pause"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.get_by_role("tab", name="System").click()
    expect(page.get_by_role("table", name="Workers: 1 live")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    voila.screenshot("dashboard-system")


def test_address_of_the_page_names_the_batch(
    voila: VoilaPage, tmp_path: Path, start_worker
) -> None:
    submit("ok-elsewhere")
    names = ("kitchen/sink.jpg", "kitchen/oven.jpg", "hall/door.jpg")
    for number, name in enumerate(names):
        (tmp_path / "move-2" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "move-2" / name).write_bytes(picture(number))
    batch = photoqueue.submit_photos(tmp_path / "move-2", project_id="move-2")
    start_worker()
    batch.wait(120, progress="none")
    file = voila._server.home.write("dashboard", [CELL], voila._settings)
    voila.open(file, batch=batch.id)
    page = voila.page
    expect(page.get_by_text("3 photos analysed")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="All photos").click()
    expect(page.get_by_role("list", name="Photos").get_by_role("listitem")).to_have_count(3)
    # Rooms and files have the names that people gave them.
    for name in names:
        expect(page.get_by_role("list", name="Photos")).to_contain_text(Path(name).name)
    open_jobs(page)
    jobs = page.get_by_role("region", name="Jobs", exact=True)
    expect(jobs.get_by_role("row", name="door.jpg")).to_contain_text("hall")
    jobs.get_by_role("button", name="door.jpg").click()
    details = page.get_by_role("region", name="Job details")
    details.get_by_text("All fields").click()
    for words in ("door.jpg", "hall"):
        expect(details.get_by_text(words, exact=True).first).to_be_visible()
    page.get_by_role("tab", name="Review").click()
    for name in ("Undo", "Exclude", "Add a thing that no photo shows"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)

    # Loaded anew it has another kernel, and shows the same
    voila.reload()
    expect(page.get_by_text("3 photos analysed")).to_be_visible(timeout=WORK_MS)
    voila.use_theme("dark")
    expect(page.get_by_text("3 photos analysed")).to_be_visible(timeout=WORK_MS)
    voila.screenshot("dashboard-dark")


def test_shipped_notebook_is_the_dashboard(voila: VoilaPage) -> None:
    home = voila._server.home
    file = home.write("shipped", [], voila._settings)
    cells = (REPOSITORY / "notebooks" / "dashboard.ipynb").read_text(encoding="utf-8")
    # The kernel of the test's installation, and the cells as they are shipped.
    kernel = (home.notebooks / file).read_text(encoding="utf-8")
    shipped = json.loads(cells) | {"metadata": json.loads(kernel)["metadata"]}
    (home.notebooks / file).write_text(json.dumps(shipped), encoding="utf-8")
    voila.open(file)
    expect(voila.page.get_by_text("No project yet.")).to_be_visible(timeout=WORK_MS)
    expect(voila.page.get_by_role("heading", name="photoqueue")).to_be_visible()
