"""The board in a real browser, used as a person would: by role and name, with mouse and keys."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import photoqueue
from photoqueue.client.observe import ask
from photoqueue.installation import Installation
from photoqueue.queue.tokens import make_token
from photoqueue.settings import Settings
from photoqueue.words import JobState, TokenScope
from tests.api_server import TOKEN, serving
from tests.bench import Bench
from tests.browser.accessibility import serious_findings
from tests.conftest import eventually, picture, submit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

#: A name that would be a script if it were ever read as HTML.
EVIL = "<img src=x onerror=document.title='owned'><b>bold</b>"
_PATIENCE_MS = 20_000


@pytest.fixture
def address(installation: Installation) -> Iterator[str]:
    unlimited = installation.settings.model_copy(update={"api_requests_per_second": 0.0})
    with serving(unlimited) as address:
        yield address


@pytest.fixture
def show(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open the board; nothing may be asked of another address, and no script may fail."""
    faults: list[str] = []
    contexts = []

    def open_board(address: str, **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security" in said.text else None,
        )
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((address, "data:")) else faults.append(asked.url)
            ),
        )
        page.goto(address)
        return page

    yield open_board
    for context in contexts:
        context.close()
    assert not faults


def failed_job(installation: Installation, name: str = "permanent-1") -> photoqueue.Job:
    job = submit(name, room="salon", project_id="move-1")
    with pytest.raises(photoqueue.JobFailedError):
        Bench(installation)(job)
    with installation.database.direct() as connection:  # as if it may go better another time
        connection.execute("UPDATE jobs SET error_type = 'OSError', attempts = max_attempts")
    return job


def jobs_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Jobs", exact=True).last


def test_empty_installation_says_what_to_do(address: str, show: Callable[..., Page]) -> None:
    page = show(address)
    page.get_by_text("No jobs yet. Submit photos").wait_for()
    page.get_by_text("No worker is running. Start one: photoqueue worker").wait_for()


def test_failed_job_is_found_looked_at_and_started_anew(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    job = failed_job(installation)
    for number in range(3):
        submit(f"other-{number}")
    page = show(address)
    page.get_by_role("button", name="failed 1").click()
    jobs = jobs_of(page)
    jobs.get_by_role("row", name=re.compile("other-0")).wait_for(state="detached")
    assert jobs.get_by_role("row").count() == 2
    jobs.get_by_role("button", name="permanent-1", exact=True).click()
    details = page.get_by_role("region", name="Job details")
    details.get_by_label("traceback", exact=True).get_by_text("can never be analysed").wait_for()
    details.locator("summary", has_text="Attempts").click()
    attempts = details.get_by_role("table", name="Attempts")
    assert "error" in attempts.get_by_role("row").nth(1).inner_text()
    details.get_by_role("button", name="Retry", exact=True).click()
    details.get_by_role("button", name="Cancel", exact=True).wait_for()
    page.get_by_text("permanent-1 of salon is retried.").wait_for()
    assert job.state is JobState.WAITING
    details.get_by_role("button", name="Close details").click()
    page.get_by_role("button", name="failed 0").wait_for()
    page.get_by_text("No job matches this filter.").wait_for()


def test_retry_that_cannot_help_is_not_offered(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    job = submit("permanent-1")
    with pytest.raises(photoqueue.JobFailedError):
        Bench(installation)(job)
    page = show(address)
    page.get_by_role("button", name="permanent-1", exact=True).click()
    page.get_by_role("button", name="Close details").wait_for()
    assert page.get_by_role("button", name="Retry").count() == 0


def test_board_names_file_and_room(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    long = "Living room from the big window to the garden, second view of it.jpg"
    for number, (file, room) in enumerate((("1.jpg", "salon"), ("1.jpg", "cuisine"), (long, ""))):
        photoqueue.submit_photo(
            picture(number), photo_id=f"p{number}", file_name=file, room=room or None, user_id="u1"
        )
    page = show(address)
    row = page.get_by_role("row", name=re.compile("1.jpg.*cuisine"))
    row.get_by_role("button", name="1.jpg", exact=True).click()
    details = page.get_by_role("region", name="Job details")
    details.get_by_text("All fields").click()
    for value in ("1.jpg", "cuisine", "p1"):
        details.get_by_role("definition").get_by_text(value, exact=True).wait_for()
    details.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("1.jpg of cuisine is cancelled.").wait_for()
    details.get_by_role("button", name="Close details").click()
    titles = jobs_of(page).get_by_role("columnheader")
    shown = ["State", "Photo", "Room", "Attempts", "Waited", "Ran", "Submitted ↓", "Finished"]
    eventually(lambda: titles.all_inner_texts() == shown)  # one has ended; none has a project
    shortened = page.get_by_role("button", name=long, exact=True)
    eventually(lambda: 0 < (shortened.bounding_box() or {"height": 0})["height"] < 40)  # one line


def test_jobs_are_sorted_and_several_states_chosen(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    failed_job(installation, "permanent-b")
    for name in ("c", "a"):
        submit(name)
    photoqueue.cancel(submit("d"))
    page = show(address)

    def names() -> list[str]:
        return page.locator("td.pq-jobs-name button").all_inner_texts()

    page.get_by_role("button", name="Photo", exact=True).click()
    eventually(lambda: names() == ["a", "c", "d", "permanent-b"])
    page.get_by_role("button", name="Photo", exact=True).click()
    eventually(lambda: names() == ["permanent-b", "d", "c", "a"])
    page.get_by_role("button", name="failed 1").click()
    page.get_by_role("button", name="cancelled 1").click()
    eventually(lambda: names() == ["permanent-b", "d"])
    page.get_by_text("rows 1–2 of 2").wait_for()


def test_board_is_live(address: str, show: Callable[..., Page], installation: Installation) -> None:
    page = show(address)
    page.get_by_text("No jobs yet").wait_for()
    job = submit("live-1")
    row = page.get_by_role("row", name=re.compile("live-1"))
    row.get_by_text("waiting").wait_for()
    Bench(installation)(job)
    row.get_by_text("completed").wait_for()
    page.get_by_role("button", name="completed 1").wait_for()


def test_order_that_takes_too_long_is_told_and_left(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    submit("slow-1")
    page = show(address)
    page.get_by_role("row", name=re.compile("slow-1")).wait_for()
    problem = {"detail": "There are too many jobs to sort them by name within 15 s."}
    page.route("**/api/jobs?*order=name*", lambda route: route.fulfill(status=422, json=problem))
    page.get_by_role("button", name="Photo", exact=True).click()
    page.get_by_role("alert").get_by_text("There are too many jobs to sort them").wait_for()
    page.locator("th[aria-sort=descending]", has_text="Submitted").wait_for()
    submit("slow-2")  # and the page goes on
    page.get_by_role("row", name=re.compile("slow-2")).wait_for()


def test_search_pages_and_pause(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    for number in range(53):
        submit(f"many-{number:02}")
    submit("needle-1")
    page = show(address)
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("row", name=re.compile("many-00")).wait_for()
    page.get_by_text("rows 51–54 of 54").wait_for()
    page.get_by_role("button", name="Previous page").click()
    page.get_by_role("row", name=re.compile("needle-1")).wait_for()
    page.get_by_role("button", name="Last page").click()
    page.get_by_role("row", name=re.compile("many-00")).wait_for()
    page.get_by_role("searchbox").fill("needle")
    page.get_by_role("button", name="All 1", exact=True).wait_for()
    page.get_by_role("button", name="needle-1", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="cancelled 1").wait_for()
    page.get_by_role("button", name="Pause photo-analyze").click()
    page.get_by_role("button", name="Resume photo-analyze").first.wait_for()
    assert photoqueue.stats()["photo-analyze"].paused
    page.get_by_text("photo-analyze is paused: its jobs wait.").wait_for()
    page.get_by_role("button", name="Resume photo-analyze").first.click()
    page.get_by_role("button", name="Pause photo-analyze").wait_for()


def test_board_is_used_with_the_keyboard_alone(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    failed_job(installation)
    page = show(address)
    page.get_by_role("row", name=re.compile("permanent-1")).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("permanent")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="All 1", exact=True).wait_for()
    focused = "document.activeElement.innerText || document.activeElement.ariaLabel"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "permanent-1":
            break
    page.keyboard.press("Enter")
    details = page.get_by_role("region", name="Job details")
    details.wait_for()
    page.keyboard.press("Escape")
    details.wait_for(state="hidden")
    assert page.evaluate(focused) == "permanent-1"
    page.keyboard.press("Enter")
    details.get_by_role("button", name="Retry").press("Enter")
    details.get_by_role("button", name="Cancel", exact=True).wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_board_is_accessible(
    address: str, show: Callable[..., Page], installation: Installation, scheme: str
) -> None:
    failed_job(installation)
    submit("other-1")
    photoqueue.pause("photo-analyze")
    # High enough that no row is scrolled below the head of the table.
    page = show(address, color_scheme=scheme, viewport={"width": 1280, "height": 1600})
    page.get_by_role("button", name="permanent-1", exact=True).click()
    page.get_by_role("button", name="Close details").wait_for()
    assert serious_findings(page) == []


def test_html_in_names_and_errors_is_text(
    address: str, show: Callable[..., Page], installation: Installation
) -> None:
    photoqueue.submit_photo(
        picture(1),
        photo_id=f"permanent-{EVIL}",
        file_name=f"{EVIL}.jpg".replace("/", ""),
        room=EVIL,
        project_id=EVIL,
        user_id="u1",
    )
    page = show(address)
    page.get_by_role("button", name=EVIL.replace("/", "") + ".jpg", exact=True).click()
    page.get_by_text("All fields").click()
    page.get_by_role("definition").get_by_text(EVIL, exact=True).first.wait_for()
    assert page.locator("main img, main b").count() == 0
    assert page.title() == "photoqueue board"


def test_theme_follows_the_system_and_the_switch(address: str, show: Callable[..., Page]) -> None:
    page = show(address, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(22, 24, 27)"
    page.get_by_label("Theme").select_option("light")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_token_is_asked_for_once_and_kept_for_the_session_only(
    installation: Installation, show: Callable[..., Page]
) -> None:
    values = {**dict(installation.settings), "api_token": TOKEN}
    values["api_requests_per_second"] = 0.0
    with serving(Settings(**values)) as address:
        page = show(address)
        page.get_by_label("Token of this server").fill("a wrong one")
        page.get_by_role("button", name="Open").click()
        page.get_by_text("The server does not accept this token.").wait_for()
        page.get_by_label("Token of this server").fill(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_role("table", name="Queues").wait_for()
        page.reload()
        page.get_by_role("table", name="Queues").wait_for()
        assert TOKEN not in page.evaluate("JSON.stringify(localStorage) + document.cookie")


def test_token_that_may_only_look_is_told_so(
    installation: Installation, show: Callable[..., Page]
) -> None:
    token = ask(make_token, "wall screen", TokenScope.READ)
    values = {**dict(installation.settings), "api_token": TOKEN}
    with serving(Settings(**values)) as address:
        page = show(address)
        page.get_by_label("Token of this server").fill(token)
        page.get_by_role("button", name="Open").click()
        page.get_by_role("button", name="Pause").first.click()
        page.get_by_text("has the scope read, and this needs operate").wait_for()
        assert page.get_by_role("button", name="Resume").count() == 0
        if folder := os.environ.get("PQ_TEST_SHOTS"):
            page.screenshot(path=f"{folder}/board-scope.png")


def test_server_that_ends_is_told(installation: Installation, show: Callable[..., Page]) -> None:
    with serving(installation.settings) as address:
        page = show(address)
        page.get_by_text("No jobs yet").wait_for()
    page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
