"""Views in the width that a notebook leaves them, among JupyterLab's own rules of style."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

import photoqueue
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.faces.notebook.system import SystemView
from photoqueue.faces.notebook.view import LiveView, Scope
from photoqueue.installation import Installation
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.pages import JobQuery
from tests.bench import Bench
from tests.browser.accessibility import serious_findings
from tests.browser.pages import SCREENSHOTS
from tests.browser.view_page import ViewPage
from tests.conftest import submit

pytestmark = pytest.mark.usefixtures("installation")
#: Pixels: what is left of 1280 beside JupyterLab's sidebars and the form.
WIDTH = 756
LONG = "a room that somebody has described in more words than there is space " * 2


@pytest.fixture
def page(page: Page) -> Page:
    page.set_viewport_size({"width": WIDTH, "height": 700})
    return page


def style(element: Locator, name: str) -> str:
    return str(element.evaluate("(element, name) => getComputedStyle(element)[name]", name))


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def right_edge(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


def test_facts_of_a_job_stand_in_columns(page: Page) -> None:
    job = submit("p1", room=LONG)
    view = JobsView(query=JobQuery(), selected=job.id)
    view.refresh()
    ViewPage(page, view)
    details = page.get_by_role("region", name="Job details")
    details.get_by_text("All fields", exact=True).click()
    facts = details.locator("dl")
    assert len(style(facts, "gridTemplateColumns").split()) >= 3
    assert style(facts.locator("dt").first, "float") == "none"
    details.get_by_text("Payload", exact=True).click()
    assert style(details.locator("pre").first, "paddingLeft") == "12px"
    keep(page, "narrow-job")


def test_errors_are_in_sight_and_columns_without_a_value_are_not_there(
    page: Page, installation: Installation
) -> None:
    job = submit("p1")
    submit("p2")
    view = JobsView()
    view.refresh()
    shown = ViewPage(page, view)
    table = page.get_by_role("region", name="Jobs", exact=True)
    headers = table.get_by_role("columnheader")
    expect(headers.filter(has_text="Submitted")).to_be_visible()
    for empty in ("Room", "Project", "Batch"):
        expect(headers.filter(has_text=empty)).to_have_count(0)
    with closing(Ledger(installation.database)) as ledger:
        claim = ledger.claim(UUID(job.id), job.queue, worker_id=UUID(int=1), slot=1)
        assert claim is not None
        ledger.fail(claim, Failure("OSError", "no space left " * 99, "", True), delay_ms=0)
    shown.refresh()
    error = table.get_by_text("OSError: no space left")
    assert right_edge(error) < WIDTH
    assert error.evaluate("(element) => element.getClientRects().length") == 1
    keep(page, "narrow-jobs")


def test_queues_can_be_paused_without_scrolling(page: Page) -> None:
    submit("p1")
    view = SystemView()
    view.refresh()
    ViewPage(page, view)
    expect(page.get_by_text("1 job of photo-analyze waits")).to_be_visible()
    for name in ("Pause photo-analyze", "Pause inventory-sync"):
        assert right_edge(page.get_by_role("button", name=name)) < WIDTH
    assert right_edge(page.get_by_role("columnheader", name="live workers")) < WIDTH
    keep(page, "narrow-system")


def test_system_names_what_needs_attention_first(page: Page) -> None:
    submit("p1")
    photoqueue.pause("inventory-sync")
    view = SystemView()
    view.refresh()
    shown = ViewPage(page, view)
    troubles = page.get_by_role("list", name="What needs attention")
    expect(troubles.locator("> li")).to_have_count(2)
    first, second = troubles.locator("> li").all()
    expect(first).to_contain_text("1 job of photo-analyze waits, and no live worker takes it.")
    expect(second).to_contain_text("inventory-sync is paused: its jobs wait.")
    tables = page.get_by_role("table").first.bounding_box()
    above = troubles.bounding_box()
    assert tables is not None and above is not None
    assert above["y"] + above["height"] < tables["y"]
    second.get_by_role("button", name="Resume inventory-sync").click()
    expect(troubles.locator("> li")).to_have_count(1)
    photoqueue.cancel("photo-p1")
    shown.refresh()
    expect(page.get_by_text("Nothing needs attention.")).to_be_visible()


@pytest.mark.parametrize(("width", "columns"), [(1180, 2), (WIDTH, 1)])
def test_charts_are_headed_by_their_findings(
    page: Page, installation: Installation, width: int, columns: int
) -> None:
    for number in range(3):
        Bench(installation)(submit(f"p{number}"))
    view = ChartsView()
    view.refresh()
    page.set_viewport_size({"width": width, "height": 900})
    shown = ViewPage(page, view)
    heading = page.get_by_role("heading", name="100 % of jobs completed at the first attempt")
    expect(heading).to_be_visible()
    expect(page.get_by_role("heading", name="None of 3 attempts failed")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(6)
    lefts = {box["x"] for one in page.get_by_role("region").all() if (box := one.bounding_box())}
    assert len(lefts) == columns
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.problems == []


def test_beside_other_views_the_system_leaves_the_warning_to_the_notice(page: Page) -> None:
    submit("p1")
    view = SystemView()
    view.driven_by(lambda: None)
    view.refresh()
    ViewPage(page, view)
    expect(page.get_by_role("button", name="Start a worker")).to_have_count(1)
    expect(page.get_by_text("1 job of photo-analyze waits")).to_have_count(0)


def test_long_room_does_not_push_controls_off_the_page(page: Page) -> None:
    submit("p1", room=LONG, project_id="m1")
    view = ReviewView(Scope(project="m1"))
    view.refresh()
    ViewPage(page, view)
    for name in ("Rename", "Room reviewed"):
        assert right_edge(page.get_by_role("button", name=name)) < WIDTH
    keep(page, "narrow-review")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", [JobsView, ChartsView, SystemView])
def test_pages_are_readable_and_have_names_for_everything(
    page: Page, installation: Installation, kind: type[LiveView], dark: bool
) -> None:
    jobs = [submit(f"p{number}", room=LONG) for number in range(4)]
    with closing(Ledger(installation.database)) as ledger:
        for number, job in enumerate(jobs[:2]):
            claim = ledger.claim(UUID(job.id), job.queue, worker_id=UUID(int=1), slot=1)
            assert claim is not None
            failure = Failure(f"Odd{number}Error", "no space left", "tb", bool(number))
            ledger.fail(claim, failure, delay_ms=60_000)
    Bench(installation)(jobs[2])
    photoqueue.pause("inventory-sync")
    view = kind()
    if isinstance(view, JobsView):
        view.selected = jobs[1].id
    view.refresh()
    shown = ViewPage(page, view, dark=dark)
    if isinstance(view, JobsView):
        for fold in page.get_by_role("region", name="Job details").locator("summary").all():
            fold.click()
    assert serious_findings(page, "main") == []
    assert shown.problems == []
