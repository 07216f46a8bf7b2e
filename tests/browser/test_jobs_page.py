"""The table of jobs in a real Chromium: by keyboard only, and with names full of HTML."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

import photoqueue
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.installation import Installation
from photoqueue.queue.ledger import Failure, Ledger
from tests.browser.view_page import ViewPage
from tests.conftest import eventually, submit

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
        failure = Failure(HTML, HTML * 300, HTML, True)
        ledger.fail(claim, failure, delay_ms=0)
    return job


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
    row = page.get_by_role("button", name=HTML)
    row.focus()
    press("Enter")
    details = page.get_by_role("region", name="Job details")
    expect(details.get_by_role("heading").first).to_be_focused()
    expect(details.get_by_role("table", name="Attempts")).to_be_visible()
    assert "attempt 1" in (details.get_by_role("img").get_attribute("aria-label") or "")
    press("Escape")
    expect(details).to_be_hidden()
    expect(row).to_be_focused()

    # retry it, after a question
    start = page.get_by_role("button", name="Retry all failed (1)")
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
    page.get_by_role("button", name=HTML).click()
    page.get_by_role("button", name="Show all of the error").click()
    expect(page.get_by_label("error", exact=True)).to_have_text(HTML * 300)
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
    page.get_by_role("button", name=HTML).click()
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
    page.get_by_role("button", name=HTML).click()
    expect(page.get_by_role("button", name="Copy id")).to_be_visible()
    for name in ("Retry", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Retry all failed")).to_have_count(0)


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
