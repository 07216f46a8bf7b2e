"""What axe-core says of the Review page in its states: light and dark, narrow, read-only."""

from __future__ import annotations

import re
from contextlib import closing
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

import photoqueue
from photoqueue import Settings
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.faces.notebook.view import LiveView, Scope
from photoqueue.installation import Installation
from photoqueue.queue.ledger import Failure, Ledger
from tests.bench import Bench
from tests.browser.accessibility import serious_findings
from tests.browser.mistakes import HOME
from tests.browser.view_page import ViewPage
from tests.conftest import submit

PROJECT = "maple-street"
WIDE, NARROW = 1180, 800
#: What is over a picture: a box is as large as its thing is there (and has a key or a number, too),
#: and axe-core takes boxes for lying over the toolbar, which are under it.
_OVER_PICTURE = re.compile(r'target-size: .*class="pq-(box|tool)')
#: Whether a button is 24 px large, and nothing else is where its corners are.
_FREE = """(button) => {
  const { left, right, top, bottom, width, height } = button.getBoundingClientRect();
  const corners = [[left + 3, top + 3], [right - 3, top + 3],
    [left + 3, bottom - 3], [right - 3, bottom - 3]];
  return width >= 24 && height >= 24
    && corners.every(([x, y]) => button.contains(document.elementFromPoint(x, y)));
}"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "tests.browser.mistakes:MistakenEngine"})


@pytest.fixture
def move(installation: Installation) -> str:
    """Return a project of two rooms: photos that are analysed, one that waits, one that failed."""
    bench = Bench(installation)
    for photo in ("living room/view-1.jpg", "living room/view-2.jpg", "kitchen/view-1.jpg"):
        room = photo.split("/")[0]
        job = photoqueue.submit_photo(HOME / photo, project_id=PROJECT, room=room, user_id="ana")
        bench(job)
    bench(photoqueue.submit_inventory(PROJECT, user_id="ana"))
    failed = submit("failed", project_id=PROJECT, room="kitchen")
    with closing(Ledger(installation.database)) as ledger:
        claim = ledger.claim(UUID(failed.id), failed.queue, worker_id=UUID(int=1), slot=1)
        assert claim is not None
        ledger.fail(claim, Failure("OSError", "no space left", "trace", True), delay_ms=0)
    submit("waits", project_id=PROJECT, room="kitchen")
    return PROJECT


class Looked:
    """A page that axe-core looks at in one state after the other."""

    def __init__(self, page: Page, view: LiveView, dark: bool) -> None:
        view.refresh()
        self.page = page
        self.shown = ViewPage(page, view, dark=dark)
        self.found: list[str] = []

    def look(self, state: str) -> None:
        self.found += [
            f"{state}: {one}"
            for one in serious_findings(self.page, "main")
            if not _OVER_PICTURE.match(one)
        ]

    def right(self) -> None:
        assert self.found == [], "\n".join(self.found)
        assert self.shown.problems == []


@pytest.fixture(params=[(False, WIDE), (True, WIDE), (False, NARROW)], ids=str)
def looks(move: str, page: Page, request: pytest.FixtureRequest) -> tuple[Page, bool]:
    dark, width = request.param
    page.set_viewport_size({"width": width, "height": 900})
    return page, dark


def test_review(looks: tuple[Page, bool]) -> None:
    page, dark = looks
    at = Looked(page, ReviewView(Scope(project=PROJECT), user_id="ana"), dark)
    press = page.keyboard.press
    expect(page.locator(".pq-frame img.pq-picture")).to_be_visible()
    at.look("a room")
    page.get_by_role("list", name="Rooms").get_by_role("button", name="living room").focus()
    press("j")
    tools = page.get_by_role("toolbar").get_by_role("button")
    expect(tools.first).to_be_visible()
    assert all(one.evaluate(_FREE) for one in tools.all())
    at.look("a thing to check")
    press("r")
    picker = page.get_by_role("combobox", name="What is it?")
    expect(picker).to_be_focused()
    at.look("names")
    page.keyboard.type("harp")
    press("Enter")
    expect(page.get_by_label("m³ of one")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Give the volume")).to_be_visible()
    at.look("a thing that no catalogue knows")
    press("Escape")
    press("Escape")
    expect(picker).to_be_hidden()
    press("s")
    expect(page.get_by_role("region", name=re.compile("^Which one is"))).to_be_visible()
    at.look("side by side")
    press("Escape")
    press("n")
    expect(page.locator(".pq-frame")).to_have_attribute("data-mode", "draw")
    at.look("drawing")
    press("Escape")
    press("m")
    expect(page.get_by_role("combobox", name="Name of the room")).to_be_focused()
    at.look("another room")
    press("Escape")
    page.locator(".pq-now .pq-count").click()
    expect(page.get_by_label("How many", exact=True)).to_be_focused()
    at.look("a count")
    press("Escape")
    page.get_by_role("button", name="Add a thing that no photo shows").click()
    expect(picker).to_be_focused()
    at.look("a thing that no photo shows")
    press("Escape")
    press("d")
    expect(page.get_by_role("button", name="Undo (Z)")).to_be_visible()
    press("v")
    expect(page.get_by_role("heading", name="kitchen")).to_be_visible()
    at.look("after an edit")
    page.locator(".pq-film").get_by_role("button", name="failed").click()
    expect(page.get_by_text("Could not be analysed")).to_be_visible()
    at.look("a failed photo")
    page.get_by_role("button", name="All photos").click()
    expect(page.get_by_role("list", name="Photos")).to_be_visible()
    page.get_by_role("checkbox").nth(1).check()
    at.look("all photos")
    press("Escape")
    press("?")
    expect(page.get_by_role("dialog", name="All keys")).to_be_visible()
    at.look("all keys")
    at.right()


def test_review_that_is_read_only(move: str, page: Page) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    at = Looked(page, ReviewView(Scope(project=move), actions=False), dark=False)
    expect(page.locator(".pq-frame img.pq-picture")).to_be_visible()
    at.look("a room")
    page.get_by_role("button", name="All photos").click()
    at.look("all photos")
    at.right()
