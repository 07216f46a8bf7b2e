"""The photos in a real browser: keyboard, boxes, names with HTML in them, the large view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, expect

from photoqueue.faces.notebook.palette import CATEGORY_LOOKS
from photoqueue.faces.notebook.photos import PhotosView, shown
from photoqueue.inventory.wording import Wording
from photoqueue.queue.projects import PhotoRow
from photoqueue.words import JobState
from tests.browser.static_page import StaticPage, static_pages
from tests.conftest import picture

NASTY = '<img src=x onerror="window.hacked = 1">.jpg'


def card(number: int, state: JobState = JobState.COMPLETED, **values: Any) -> dict[str, Any]:
    bed = {
        "name": "double bed",
        "key": "double_bed",
        "category": "furniture",
        "score": 0.93,
        "box": [0.1, 0.2, 0.6, 0.9],
        "volume": 1.5,
        "alternatives": {"single_bed": 0.31},
    }
    lamp = {
        "name": "floor lamp",
        "category": "misc",
        "score": 0.41,
        "box": [0.7, 0.1, 0.9, 0.8],
    }
    made = PhotoRow(
        photo_id=f"p{number}",
        sha256="aa",
        file_name=f"view-{number}.jpg",
        room="bedroom 2",
        room_type="bedroom",
        width=480,
        height=320,
        job_id=UUID(int=number),
        state=state,
        result={"items": [bed, lamp]} if state is JobState.COMPLETED else None,
        error_type=None,
        error_message=None,
    )
    return shown(made, Wording.of("en")) | values


def state(*cards: dict[str, Any]) -> dict[str, Any]:
    traits: dict[str, Any] = {f"card_{n}": {} for n in range(24)}
    traits |= {f"thumb_{n}": b"" for n in range(24)}
    for number, one in enumerate(cards):
        thumb = one["state"] == "completed"
        traits[f"card_{number}"] = one
        traits[f"thumb_{number}"] = picture(number, size=(320, 213)) if thumb else b""
    return traits | {
        "order": list(range(len(cards))),
        "place": {"page": 1, "previous": False, "next": True},
        "counted": {"total": 30, "meant": 30, "complete": True, "rooms": [], "states": {}},
        "categories": {name: asdict(look) for name, look in CATEGORY_LOOKS.items()},
        "actions": True,
        "room": None,
        "state": "",
        "text": "",
        "boxes": True,
        "min_score": 0,
        "selected": [],
        "notice": "",
        "empty": "",
        "opened": "",
        "opened_card": {},
        "picture": b"",
        "picture_of": "",
        "picture_reason": "",
    }


@pytest.fixture
def shows(chromium: Browser) -> Iterator[StaticPage]:
    with static_pages(chromium) as page:
        yield page


def show(page: StaticPage, *cards: dict[str, Any], dark: bool = False) -> None:
    page.show(PhotosView._esm, PhotosView._css, state(*cards), dark=dark)


def photo(page: StaticPage, number: int) -> Locator:
    found: Locator = page.page.get_by_role("button", name=f"bedroom 2/view-{number}.jpg: ")
    return found


def test_picture_is_told_in_words(shows: StaticPage) -> None:
    show(shows, card(1), card(2, JobState.WAITING))
    expect(photo(shows, 1)).to_have_accessible_name(
        "bedroom 2/view-1.jpg: 2 things: double bed 0.93, floor lamp 0.41"
    )
    expect(photo(shows, 2)).to_contain_text("waiting")
    expect(shows.page.get_by_role("status").filter(has_text="Page 1 of 2")).to_be_visible()


def test_keyboard_moves_selects_opens_and_comes_back(shows: StaticPage) -> None:
    show(shows, *[card(n) for n in range(1, 8)])
    keyboard = shows.page.keyboard
    photo(shows, 1).focus()
    keyboard.press("ArrowRight")
    expect(photo(shows, 2)).to_be_focused()
    keyboard.press("ArrowDown")  # four tiles side by side
    expect(photo(shows, 6)).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("Space")
    assert shows.get("selected") == ["p2"]
    expect(photo(shows, 2)).to_be_focused()
    expect(shows.page.get_by_role("checkbox", name="Select bedroom 2/view-2.jpg")).to_be_checked()
    expect(shows.page.get_by_text("1 selected")).to_be_visible()

    keyboard.press("Enter")
    dialog = shows.page.get_by_role("dialog", name="bedroom 2/view-2.jpg")
    expect(dialog).to_be_visible()
    assert shows.sent == [{"kind": "open", "photo": "p2"}]
    keyboard.press("ArrowRight")
    expect(shows.page.get_by_role("dialog", name="bedroom 2/view-3.jpg")).to_be_visible()
    keyboard.press("Escape")
    expect(shows.page.get_by_role("dialog")).to_be_hidden()
    expect(photo(shows, 3)).to_be_focused()
    assert shows.sent == [{"kind": "open", "photo": "p3"}, {"kind": "close"}]


def test_focus_stays_when_the_page_is_read_anew(shows: StaticPage) -> None:
    show(shows, card(1), card(2), card(3))
    photo(shows, 2).focus()
    shows.change(order=[2, 1, 0], card_1=card(2) | {"warnings": ["too dark"]})
    expect(photo(shows, 2)).to_be_focused()
    expect(shows.page.get_by_text("too dark")).to_be_visible()


def test_tab_leads_to_the_first_photo_until_another_was_focused(shows: StaticPage) -> None:
    show(shows, card(1), card(2), card(3))
    shows.change(order=[2, 1, 0])
    expect(photo(shows, 3)).to_have_attribute("tabindex", "0")
    expect(photo(shows, 1)).to_have_attribute("tabindex", "-1")
    photo(shows, 2).focus()
    shows.change(order=[0, 1, 2])
    expect(photo(shows, 2)).to_have_attribute("tabindex", "0")
    expect(photo(shows, 1)).to_have_attribute("tabindex", "-1")


def test_slider_hides_boxes_and_counts_what_is_left(shows: StaticPage) -> None:
    show(shows, card(1))
    labels = shows.page.locator(".pq-box-label")
    expect(labels).to_have_text(["floor lamp", "double bed"])
    slider = shows.page.get_by_role("slider", name="Score at least").first
    slider.fill("0.5")
    expect(labels).to_have_text(["double bed"])
    expect(shows.page.get_by_text("1 of 2 things").first).to_be_visible()
    expect(shows.page.get_by_text("0.50").first).to_be_visible()
    expect(photo(shows, 1)).to_have_accessible_name(
        "bedroom 2/view-1.jpg: 1 thing: double bed 0.93"
    )
    toggle = shows.page.get_by_role("button", name="Boxes", pressed=True).first
    toggle.click()
    expect(labels.first).to_be_hidden()
    assert shows.get("boxes") is False


def test_boxes_lie_where_the_things_are(shows: StaticPage) -> None:
    show(shows, card(1))
    photo(shows, 1).click()
    shows.change(picture=picture(9, size=(960, 640)), picture_of="p1")
    image = shows.page.get_by_role("dialog").get_by_role("img")
    # the rectangle without its line
    box = shows.page.locator("dialog svg g[data-thing='0'] rect").last
    frame, found = image.bounding_box(), box.bounding_box()
    assert frame is not None and found is not None
    assert found["x"] - frame["x"] == pytest.approx(0.1 * frame["width"], abs=3)
    assert found["y"] - frame["y"] == pytest.approx(0.2 * frame["height"], abs=3)
    assert found["width"] == pytest.approx(0.5 * frame["width"], abs=5)
    assert frame["width"] / frame["height"] == pytest.approx(1.5, abs=0.01)


def test_boxes_taken_for_one_thing_are_drawn_as_thin_lines(shows: StaticPage) -> None:
    one = card(1)
    one["items"][0]["merged"] = [[0.1, 0.5, 0.3, 0.9], [0.35, 0.5, 0.6, 0.9]]
    show(shows, one)
    photo(shows, 1).click()
    lines = shows.page.locator("dialog svg g[data-thing='0'] rect")
    expect(lines).to_have_count(4)  # two of the box itself
    assert [lines.nth(n).get_attribute("stroke-width") for n in range(4)] == ["1", "1", "4", "2"]
    bed = shows.page.get_by_role("list", name="Things in this photo").get_by_role("button").first
    expect(bed).to_contain_text("3 boxes taken for one thing")


def test_thing_in_the_list_highlights_its_box(shows: StaticPage) -> None:
    show(shows, card(1))
    photo(shows, 1).click()
    things = shows.page.get_by_role("list", name="Things in this photo")
    expect(things).to_contain_text("or single bed 0.31")
    things.get_by_role("button", name="floor lamp").focus()
    expect(shows.page.locator("dialog g[data-thing='0']")).to_have_class("pq-dimmed")
    expect(shows.page.locator("dialog g[data-thing='1']")).to_have_class("pq-raised")


def test_next_leads_on_to_the_next_page(shows: StaticPage) -> None:
    show(shows, card(1))
    photo(shows, 1).click()
    expect(shows.page.get_by_role("button", name="Previous", exact=True)).to_be_disabled()
    shows.page.get_by_role("button", name="Next", exact=True).click()
    assert shows.sent[-1] == {"kind": "turn", "to": "next", "open": True}
    shows.change(card_0=card(8), opened="p8")
    expect(shows.page.get_by_role("dialog", name="bedroom 2/view-8.jpg")).to_be_visible()


def test_names_and_errors_with_html_are_text(shows: StaticPage) -> None:
    named = {"title": f"salon/{NASTY}", "file_name": NASTY, "room": "<b>salon</b>"}
    failed = {"error_type": "ValueError", "error_message": f"<script>{'x' * 300}"}
    traits = state(card(1) | named, card(2, JobState.FAILED) | named | failed)
    traits["counted"] |= {"rooms": [["<b>salon</b>", 2]], "total": 2, "meant": 2}
    shows.show(PhotosView._esm, PhotosView._css, traits | {"notice": NASTY})
    expect(shows.page.get_by_text(NASTY, exact=True).first).to_be_visible()
    expect(shows.page.get_by_role("alert")).to_have_text(NASTY)
    expect(shows.page.get_by_role("combobox", name="Room")).to_contain_text("<b>salon</b> (2)")
    expect(shows.page.get_by_text("ValueError: <script>")).to_be_visible()
    shows.page.get_by_role("button", name="salon/").first.click()
    assert shows.page.evaluate("() => window.hacked") is None


def test_failed_photo_can_be_retried_where_that_is_allowed(shows: StaticPage) -> None:
    failed = card(1, JobState.FAILED, error_type="ValueError", error_message="no such bed")
    show(shows, failed)
    expect(shows.page.get_by_text("ValueError: no such bed")).to_be_visible()
    shows.page.get_by_role("button", name="Retry bedroom 2/view-1.jpg").click()
    assert shows.sent == [{"kind": "retry", "photo": "p1"}]
    shows.change(actions=False)
    expect(shows.page.get_by_role("button", name="Retry")).to_have_count(0)


def test_photo_without_a_picture_says_why(shows: StaticPage) -> None:
    lost = card(1, reason="Photo aa is not in the store")
    traits = state(lost) | {"thumb_0": b""}
    shows.show(PhotosView._esm, PhotosView._css, traits)
    expect(shows.page.get_by_text("Photo aa is not in the store")).to_be_visible()
    shows.page.get_by_role("button", name="view-1.jpg").click()
    shows.change(picture_of="p1", picture_reason="Photo aa is not in the store. Submit it again.")
    expect(shows.page.get_by_role("dialog")).to_contain_text("Submit it again.")


def test_filters_pages_and_selection_are_asked_for(shows: StaticPage) -> None:
    traits = state(card(1), card(2))
    traits["counted"] |= {"rooms": [["", 1], ["kitchen", 29]], "states": {"failed": 3}}
    shows.show(PhotosView._esm, PhotosView._css, traits)
    shows.page.get_by_role("combobox", name="Room").select_option(label="no room (1)")
    shows.page.get_by_role("combobox", name="State").select_option(label="failed (3)")
    shows.page.get_by_label("Find").fill("bed")
    shows.page.wait_for_function("() => model.get('text') === 'bed'")
    assert (shows.get("room"), shows.get("state")) == ("", "failed")
    shows.page.get_by_role("button", name="Clear filters").click()
    assert (shows.get("room"), shows.get("state"), shows.get("text")) == (None, "", "")
    shows.page.get_by_role("button", name="Select page").click()
    assert shows.get("selected") == ["p1", "p2"]
    shows.page.get_by_role("button", name="Clear selection").click()
    assert shows.get("selected") == []
    shows.page.get_by_role("button", name="Next page").click()
    assert shows.sent == [{"kind": "turn", "to": "next"}]
    expect(shows.page.get_by_role("button", name="Previous page")).to_be_disabled()


def test_nothing_to_see_says_what_to_do(shows: StaticPage) -> None:
    traits = state() | {"empty": "There are no photos yet. Choose a folder and submit it."}
    shows.show(PhotosView._esm, PhotosView._css, traits)
    expect(shows.page.get_by_text("There are no photos yet.")).to_be_visible()


def test_dark_theme_is_followed(shows: StaticPage) -> None:
    show(shows, card(1), dark=True)
    tile = shows.page.get_by_role("listitem").first
    expect(tile).to_have_css("background-color", "rgb(33, 33, 33)")
    photo(shows, 1).click()
    expect(shows.page.get_by_role("dialog")).to_have_css("background-color", "rgb(33, 33, 33)")
