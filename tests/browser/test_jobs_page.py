"""The table of jobs in a real Chromium: by keyboard only, and with names full of HTML."""

from __future__ import annotations

import re
from contextlib import closing
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

import photoqueue
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.view import Scope
from photoqueue.installation import Installation
from photoqueue.queue.ledger import Failure, Ledger
from tests.browser.view_page import ViewPage
from tests.conftest import eventually, picture, submit

pytestmark = pytest.mark.usefixtures("installation")
HTML = "<img src=x onerror=document.title='hit'>"


@pytest.fixture
def page(page: Page) -> Page:
    page.set_viewport_size({"width": 1200, "height": 900})
    return page


@pytest.fixture
def failed(installation: Installation) -> photoqueue.Job:
    """Fail a job whose every text is HTML, between two that wait."""
    submit("before")
    job = submit(HTML, room=HTML)
    submit("after")
    with closing(Ledger(installation.database)) as ledger:
        claim = ledger.claim(UUID(job.id), job.queue, worker_id=UUID(int=1), slot=1)
        assert claim is not None
        ledger.fail(claim, Failure(HTML, HTML * 300, HTML * 300, False), delay_ms=0)
    fail_for_good(installation, job)
    return job


def fail_for_good(installation: Installation, *jobs: photoqueue.Job) -> None:
    """Let jobs be given up, as if all their attempts had failed."""
    with installation.database.direct() as connection:
        connection.execute(
            "UPDATE jobs SET state = 'failed', attempts = max_attempts, success = false, "
            "finished_at = now() WHERE job_id = ANY(%s)",
            ([UUID(job.id) for job in jobs],),
        )
        connection.execute("UPDATE job_attempts SET attempt = 4, retry_delay_ms = NULL")


def show(page: Page, **options: bool) -> ViewPage:
    view = JobsView(**options)
    view.refresh()
    return ViewPage(page, view)


def test_job_is_found_read_and_retried_by_keyboard_only(page: Page, failed: photoqueue.Job) -> None:
    shown = show(page)
    press = page.keyboard.press

    # the filter of failed jobs
    page.get_by_role("button", name="failed 1").focus()
    press("Enter")
    filtered = page.get_by_role("button", name="failed 1")
    expect(filtered).to_have_attribute("aria-pressed", "true")
    expect(filtered).to_be_focused()
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(2)

    # open, look, close: the focus goes there and comes back
    row = page.get_by_role("button", name=HTML, exact=True)
    row.focus()
    press("Enter")
    details = page.get_by_role("region", name="Job details")
    expect(details).to_be_focused()
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(details.get_by_text(f"{HTML} after", exact=False)).to_have_text(re.compile("given up"))
    assert "attempt 4" in (details.get_by_role("img").get_attribute("aria-label") or "")
    press("Escape")
    expect(details).to_be_hidden()
    expect(row).to_be_focused()

    # retry it, after a question
    start = page.get_by_role("list", name="Why jobs failed").get_by_role("button", name="Retry 1")
    start.focus()
    press("Enter")
    expect(page.get_by_role("button", name="Leave them")).to_be_focused()
    expect(page.get_by_text("Retry 1 failed job of this installation, each")).to_be_visible()
    press("Escape")
    expect(start).to_be_focused()
    assert failed.state == "failed"
    press("Enter")
    press("Tab")
    press("Enter")
    eventually(lambda: failed.state == "waiting")
    eventually(lambda: not shown.view.busy)
    shown.refresh()
    expect(page.get_by_text("Retried 1 failed job.")).to_be_visible()

    # nothing failed is left; the way out is a button
    page.get_by_role("button", name="Clear the filter").focus()
    press("Enter")
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(4)
    assert shown.problems == []


def test_names_and_errors_are_texts_and_never_html(page: Page, failed: photoqueue.Job) -> None:
    shown = show(page)
    page.get_by_role("button", name=HTML, exact=True).click()
    page.get_by_role("button", name="Show all of the traceback").click()
    expect(page.get_by_label("traceback", exact=True)).to_have_text(HTML * 300)
    page.get_by_text("All fields").click()
    expect(page.get_by_role("definition").filter(has_text=HTML)).to_have_count(3)
    page.get_by_text("Payload").click()
    expect(page.get_by_text('"photoId"')).to_be_visible()
    assert page.locator("main img").count() == 0
    assert (page.title(), shown.problems) == ("view", [])


def test_search_waits_for_a_pause_and_escape_clears_it(page: Page, failed: photoqueue.Job) -> None:
    show(page)
    search = page.get_by_label("Search")
    rows = page.get_by_role("table").first.get_by_role("row")
    search.press_sequentially("AFTER")
    expect(rows).to_have_count(2)
    search.press("Escape")
    expect(rows).to_have_count(4)
    search.fill("nothing like it")
    search.press("Enter")
    expect(page.get_by_text("No job matches this filter.")).to_be_visible()


def test_columns_tell_how_they_are_sorted(page: Page, failed: photoqueue.Job) -> None:
    show(page)
    page.get_by_role("button", name="Photo").click()
    header = page.get_by_role("columnheader", name="Photo")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("table").first.get_by_role("row").nth(2)).to_contain_text("after")
    page.get_by_role("button", name="Photo").click()
    expect(header).to_have_attribute("aria-sort", "descending")


def test_refresh_keeps_focus_scroll_position_and_details(
    page: Page, failed: photoqueue.Job
) -> None:
    for number in range(40):
        submit(f"more-{number}")
    shown = show(page)
    page.get_by_role("button", name=HTML, exact=True).click()
    page.get_by_text("Payload").click()
    button = page.get_by_role("button", name="more-3", exact=True)
    button.focus()
    scrolled = page.evaluate("document.querySelector('[role=region]').scrollTop")
    photoqueue.cancel("photo-more-3")
    submit("newest")
    shown.refresh()
    expect(page.get_by_role("row", name="cancelled")).to_be_visible()
    expect(button).to_be_focused()
    assert page.evaluate("document.querySelector('[role=region]').scrollTop") == scrolled
    expect(page.get_by_text('"photoId"')).to_be_visible()


def test_page_without_actions_has_no_buttons_for_them(page: Page, failed: photoqueue.Job) -> None:
    show(page, actions=False)
    page.get_by_role("button", name=HTML, exact=True).click()
    expect(page.get_by_role("button", name="Copy id")).to_be_visible()
    for name in ("Retry", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Retry 1")).to_have_count(0)


def test_reading_that_takes_long_is_said_until_it_ends(page: Page, failed: photoqueue.Job) -> None:
    show(page)
    page.evaluate("window.update({ reading: true })")
    jobs = page.get_by_role("region", name="Jobs", exact=True)
    expect(jobs).to_have_attribute("aria-busy", "true")
    expect(page.get_by_text("reading…")).to_be_visible()
    page.evaluate("window.update({ reading: false })")
    expect(page.get_by_text("reading…")).to_be_hidden()
    expect(page.get_by_text("of 3")).to_be_visible()
    expect(jobs).to_have_attribute("aria-busy", "false")


def fails(installation: Installation, count: int, kind: str) -> None:
    """Fail photos for reasons that differ only in the name of the photo."""
    with closing(Ledger(installation.database)) as ledger:
        for number in range(count):
            job = submit(f"{kind}-{number}")
            claim = ledger.claim(UUID(job.id), job.queue, worker_id=UUID(int=1), slot=1)
            assert claim is not None
            message = f"{kind}-{number} of {number + 20_000} bytes is bad. Do something."
            ledger.fail(claim, Failure(f"{kind}Error", message, "tb", True), delay_ms=0)


def test_causes_of_failures_are_counted_and_chosen(page: Page, installation: Installation) -> None:
    for kind, count in (("One", 1), ("Two", 2), ("Three", 3), ("Four", 4), ("Five", 5)):
        fails(installation, count, kind)
    shown = show(page)
    causes = page.get_by_role("list", name="Why jobs failed").get_by_role("listitem")
    expect(causes).to_have_count(3)
    expect(causes.first).to_contain_text("5… of … bytes is bad. FiveError")
    expect(causes.first).to_contain_text("a retry cannot help")
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    page.get_by_role("button", name="2 more").click()
    expect(causes).to_have_count(5)
    two = causes.filter(has_text="TwoError").get_by_role("button", name="Show")
    two.click()
    rows = page.get_by_role("table").first.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(page.get_by_text("rows 1–2 of 2")).to_be_visible()
    expect(two).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Fewer causes").click()
    expect(causes).to_have_count(4)  # the chosen one stays
    two.click()
    expect(rows).to_have_count(16)
    assert shown.problems == []


def test_cause_that_no_retry_helps_leads_to_its_photo(
    page: Page, installation: Installation
) -> None:
    fails(installation, 2, "One")
    shown = show(page)
    expect(page.get_by_role("button", name="replace or exclude the photo")).to_have_count(0)
    view = JobsView(reviewable=True)
    seen = []
    view.to_review = lambda photo, project: seen.append((photo, project))
    view.refresh()
    with page.context.new_page() as other:
        ViewPage(other, view)
        other.get_by_role("button", name="replace or exclude the photo").click()
        eventually(lambda: seen == [("One-1", "")])
        other.get_by_role("button", name="One-0").click()
        details = other.get_by_role("region", name="Job details")
        details.get_by_role("button", name="replace or exclude the photo").click()
        eventually(lambda: seen[1:] == [("One-0", "")])
    assert shown.problems == []


def test_new_submission_begins_with_all_its_jobs(page: Page, failed: photoqueue.Job) -> None:
    scope = Scope()
    view = JobsView(scope)
    view.refresh()
    shown = ViewPage(page, view)
    page.get_by_role("button", name="failed 1").click()
    page.get_by_label("Search").fill("img")
    page.get_by_label("Search").press("Enter")
    page.get_by_role("button", name=HTML, exact=True).click()
    page.get_by_role("button", name="Close details").focus()
    scope.batch = photoqueue.submit_photos([picture(1), picture(2)], user_id="u1").id
    shown.refresh()
    expect(page.get_by_role("region", name="Job details")).to_be_hidden()
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(3)
    expect(page.get_by_label("Search")).to_have_value("")
    expect(page.get_by_role("button", name="All 2")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("width", [1180, 800, 590])
def test_long_names_leave_every_column_in_sight(
    page: Page, installation: Installation, width: int
) -> None:
    name = "Living room from the big window to the garden, second view of it.jpg"
    for number, file in enumerate((name, "a" * 80 + ".jpg")):
        photoqueue.submit_photo(
            picture(number), photo_id=f"p{number}", file_name=file, room=name, user_id="u1"
        )
    page.set_viewport_size({"width": width, "height": 900})
    show(page)
    row = page.get_by_role("button", name=name, exact=True)
    expect(row).to_be_visible()  # the whole name, for a reader of the screen
    assert row.evaluate("(element) => element.getClientRects().length") == 1
    last = page.get_by_role("columnheader").filter(visible=True).last
    box = last.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
    region = page.get_by_role("region", name="Jobs", exact=True)
    assert region.evaluate("(element) => element.scrollWidth <= element.clientWidth")
