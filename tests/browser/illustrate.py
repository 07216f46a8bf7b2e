"""Make the README's pictures of the workbench anew: ``make pictures``.

They show a sample home, analysed by the built-in model in a real JupyterLab.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

import photoqueue
from photoqueue import Settings
from photoqueue.installation import Installation
from tests.browser.pages import SCREENSHOTS, LabPage
from tests.browser.servers import JupyterHome
from tests.conftest import REPOSITORY, eventually, submit

SAMPLES = REPOSITORY / "data" / "samples"
IMAGES = REPOSITORY / "docs" / "images"
WORK_MS = 120_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "builtin"})


#: Takes the path of this checkout out of what is shown.
_SHORTEN = """(path) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (text.data.includes(path)) text.data = text.data.replaceAll(path, "");
  }
}"""


def keep(lab: LabPage, name: str) -> None:
    """Keep what is on the page as a small picture."""
    lab.page.evaluate(_SHORTEN, f"{REPOSITORY}/")
    lab.screenshot(name)
    with Image.open(SCREENSHOTS / f"{name}.png") as shown:
        few_colours = shown.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    IMAGES.mkdir(parents=True, exist_ok=True)
    few_colours.save(IMAGES / f"{name}.png", optimize=True)


def test_sample_home(
    lab: LabPage, jupyter_home: JupyterHome, installation: Installation, start_worker
) -> None:
    only_photos = shutil.ignore_patterns("*.json")
    photos = jupyter_home.notebooks / "photos" / "maple-street"
    shutil.copytree(SAMPLES / "maple-street", photos, ignore=only_photos)
    start_worker()
    lab.page.set_viewport_size({"width": 1280, "height": 800})
    lab.run_notebook(["from photoqueue import Workbench\nWorkbench()"])
    page = lab.page
    page.get_by_label("Folder", exact=True).fill("photos/maple-street")
    page.get_by_label("Project", exact=True).fill("maple-street")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("15 photos analysed")).to_be_visible(timeout=WORK_MS)
    eventually(lambda: photoqueue.stats()["inventory-sync"].completed)
    expect(page.get_by_text("in 8 of 10 moves")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="living room").click()
    page.keyboard.press("j")
    expect(page.get_by_role("toolbar").get_by_role("button", name="Accept")).to_be_visible()
    page.keyboard.press("Escape")  # from the rooms to the thing
    page.locator(".pq-review").evaluate("page => page.scrollIntoView({ block: 'start' })")
    page.wait_for_timeout(3000)  # pictures are drawn; nothing is checked here
    keep(lab, "workbench-review")


def test_failed_job(lab: LabPage, settings: Settings, start_worker, tmp_path: Path) -> None:
    failing = settings.model_copy(update={"engine": "tests.engines:scripted", "backoff_delay": 300})
    photoqueue.use(failing)
    job = submit("raise-1", project_id="move-42", room="salon")
    start_worker(settings=failing)
    job.wait(120)
    lab.page.set_viewport_size({"width": 1280, "height": 800})
    lab.run_notebook(["from photoqueue import Workbench\nWorkbench()"])
    lab.page.get_by_role("tab", name="Jobs").click()
    jobs = lab.page.get_by_role("region", name="Jobs", exact=True)
    jobs.get_by_role("button", name="raise-1").click(timeout=WORK_MS)
    details = lab.page.get_by_role("region", name="Job details")
    expect(details).to_be_visible()
    details.scroll_into_view_if_needed()
    keep(lab, "workbench-job")
