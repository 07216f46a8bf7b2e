"""The Review page in a browser: edits while the kernel is busy, two persons, keys and focus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import photoqueue
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.faces.notebook.view import Scope
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler
from photoqueue.queue.ledger import Claim
from photoqueue.records.results import FoundItem, PhotoResult
from photoqueue.records.snapshots import AiCall
from tests.bench import Bench
from tests.browser.pages import SCREENSHOTS
from tests.browser.review_page import KITCHEN, ReviewPage, state
from tests.browser.stage_page import ROOM
from tests.browser.static_page import static_pages
from tests.browser.view_page import ViewPage
from tests.conftest import picture, submit


@pytest.fixture
def review_page(chromium: Browser) -> Iterator[ReviewPage]:
    with static_pages(chromium, viewport={"width": 1240, "height": 900}) as static:
        yield ReviewPage(static)


# -- edits that are not saved yet


def test_edits_show_at_once_and_are_sent_one_after_the_other(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "a")
    expect(review_page.line("desk").get_by_text("✓")).to_be_visible()
    expect(review_page.page.get_by_text("1 to check", exact=True)).to_be_visible()
    expect(review_page.message).to_contain_text("Desk accepted.")
    review_page.press("v")  # on to the kitchen
    review_page.press("a")
    expect(review_page.page.get_by_text("Nothing left to check")).to_be_visible()
    expect(review_page.unsaved).to_contain_text("3 edits not saved yet")

    (first,) = review_page.edits
    assert (first["verb"], first["values"], first["project"]) == (
        "accept", ["view-3/desk"], "maple-street",
    )  # fmt: skip
    review_page.save(first, 1)
    (second,) = review_page.edits
    assert (second["verb"], second["values"]) == ("reviewed", [ROOM])
    expect(review_page.unsaved).to_contain_text("2 edits not saved yet")
    review_page.save(second, 2)
    (third,) = review_page.edits
    review_page.save(third, 3)
    expect(review_page.unsaved).to_be_hidden()
    # until Python's own data have them, they stay on the page
    expect(review_page.line("desk").get_by_text("✓")).to_be_visible()


def test_page_that_waits_for_a_busy_kernel_says_so(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "d")
    expect(review_page.unsaved).to_contain_text("The kernel is busy with a cell")
    (edit,) = review_page.edits
    review_page.save(edit, 1)
    expect(review_page.unsaved).to_be_hidden()


def test_reload_sends_again_what_was_not_saved(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "a", "v")
    (before,) = review_page.edits
    review_page.reload()
    expect(review_page.page.get_by_role("heading", name=KITCHEN)).to_be_visible()  # as before
    review_page.press("[")
    expect(review_page.line("desk").get_by_text("✓")).to_be_visible()
    (again,) = review_page.edits
    assert again == before  # Python stores a ref once
    review_page.save(again, 1)
    (second,) = review_page.edits
    review_page.save(second, 2)
    review_page.reload()
    assert review_page.edits == []


def test_thing_drawn_and_named_gets_its_id_before_more_is_said_of_it(
    review_page: ReviewPage,
) -> None:
    review_page.show()
    page = review_page.page
    page.get_by_role("button", name="Add a thing that no photo shows").click()
    page.get_by_role("combobox", name="What is it?").fill("piano")
    page.keyboard.press("Enter")
    (count,) = review_page.edits
    assert (count["verb"], count["named"]["count"], count["named"]["room"]) == ("count", 1, ROOM)
    review_page.save(count, 1)

    review_page.press("Escape", "n")
    frame = page.get_by_role("group", name="Photo view-")
    box = frame.bounding_box()
    assert box
    page.mouse.move(box["x"] + 300, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 380, box["y"] + 90, steps=4)
    page.mouse.up()
    page.get_by_role("combobox", name="What is it?").fill("floor lamp")
    page.keyboard.press("Enter")
    (add,) = review_page.edits
    assert add["verb"] == "add"
    review_page.press("x")
    assert review_page.edits == []
    review_page.save(add, 2)
    (stays,) = review_page.edits
    assert (stays["verb"], stays["values"]) == ("stays", ["e2"])


def test_refused_edit_is_taken_back_and_its_error_stands_beside_the_thing(
    review_page: ReviewPage,
) -> None:
    review_page.show()
    review_page.press("j", "a")
    (edit,) = review_page.edits
    review_page.refuse(edit, "ben has removed it.")
    line = review_page.line("desk")
    expect(line.get_by_role("alert")).to_contain_text("ben has removed it.")
    expect(line.get_by_text("✓")).to_have_count(0)
    expect(review_page.page.get_by_text("2 to check", exact=True)).to_be_visible()
    line.get_by_role("button", name="Dismiss").click()
    expect(line.get_by_role("alert")).to_have_count(0)


def test_count_that_is_refused_comes_back_with_what_was_typed(review_page: ReviewPage) -> None:
    review_page.show()
    line = review_page.line("desk")
    line.get_by_title("Set by hand how many there are").click()
    line.get_by_label("How many", exact=True).fill("-3")
    line.get_by_role("button", name="Save").click()
    expect(line.get_by_role("alert")).to_contain_text("a whole number, 0 or more")
    assert review_page.edits == []
    line.get_by_label("How many", exact=True).fill("12000")
    line.get_by_label("m³ of one").fill("0,4")
    line.get_by_role("button", name="Save").click()
    expect(line.get_by_text("12,000 ×")).to_be_visible()
    (edit,) = review_page.edits
    assert (edit["named"]["count"], edit["named"]["volume"]) == (12000, 0.4)
    review_page.refuse(edit, "12000 is more than 10000.")
    expect(line.get_by_text("12000 is more than 10000.")).to_be_visible()
    expect(line.get_by_label("How many", exact=True)).to_have_value("12000")
    expect(line.get_by_label("m³ of one")).to_have_value("0.4")
    line.get_by_role("button", name="Cancel").click()
    expect(line.get_by_text("12000 is more than 10000.")).to_have_count(0)


def test_servers_that_are_away_are_asked_again(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "a")
    (edit,) = review_page.edits
    review_page.refuse(edit, "PostgreSQL cannot be reached.", again=True)
    expect(review_page.unsaved).to_have_text("1 edit not saved yet. PostgreSQL cannot be reached.")
    expect(review_page.line("desk").get_by_text("✓")).to_be_visible()
    review_page.page.wait_for_function("() => model.sent.some(({ kind }) => kind === 'edit')")
    (again,) = review_page.edits
    assert again == edit
    review_page.save(again, 1)
    expect(review_page.unsaved).to_be_hidden()


def test_undo_takes_back_what_was_not_sent_and_asks_for_the_rest(review_page: ReviewPage) -> None:
    review_page.show(head=state(undo={"number": 7, "words": "armchair accepted"})["head"])
    review_page.press("j", "a", "v")
    (accept,) = review_page.edits
    review_page.press("z")  # the room, which was not sent
    expect(review_page.message).to_have_text(f"Undone: {ROOM} reviewed.")
    expect(review_page.unsaved).to_contain_text("1 edit")
    review_page.press("Shift+Z", "z")
    review_page.press("z")  # the acceptance, which was sent
    expect(review_page.line("desk").get_by_text("✓")).to_have_count(0)
    review_page.save(accept, 8)
    (undo,) = review_page.edits
    assert (undo["verb"], undo["values"]) == ("undo", [])


def test_other_project_has_a_queue_of_its_own(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "a", "v")
    assert len(review_page.edits) == 1
    review_page.static.change(head=state(project="move-2")["head"])
    expect(review_page.page.get_by_role("heading", name="move-2")).to_be_visible()
    expect(review_page.line("desk").get_by_text("✓")).to_have_count(0)
    assert review_page.edits == []
    review_page.static.change(head=state()["head"])
    (again,) = review_page.edits
    assert (again["project"], again["verb"]) == ("maple-street", "accept")


# -- keys and focus


def test_keys_act_while_the_focus_is_on_the_page_and_never_reach_the_notebook(
    review_page: ReviewPage,
) -> None:
    review_page.show()
    page = review_page.page
    page.keyboard.press("a")
    page.keyboard.press("d")
    assert page.evaluate("() => leaked.splice(0)") == ["a", "d"]  # the focus is elsewhere
    assert review_page.edits == []
    review_page.press("j", "d", "d", "x", "z", "?", "Escape", "b", "m", "Enter", "ArrowRight", "]")
    assert page.evaluate("() => leaked") == []
    assert page.locator("#widget").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_arrow_keys_walk_the_things_from_anywhere_on_the_page(review_page: ReviewPage) -> None:
    review_page.show()
    now = review_page.page.locator(".pq-now .pq-line-name")
    lines = review_page.page.locator(".pq-line-name")
    review_page.page.get_by_role("button", name="All photos").focus()
    review_page.press("ArrowUp")  # from nothing to the last one
    expect(now).to_be_focused()
    expect(now).to_have_text(lines.last.inner_text())
    review_page.press("ArrowDown")
    expect(now).to_have_text(lines.first.inner_text())
    review_page.press("]")  # a room opens with what is to check in it
    expect(now).to_have_text("desk")
    assert review_page.edits == []


def test_photo_is_moved_by_typing_a_room(review_page: ReviewPage) -> None:
    review_page.show()
    field = review_page.page.get_by_role("combobox", name="Name of the room")
    review_page.press("m")
    expect(field).to_be_focused()
    review_page.press("Escape")
    expect(review_page.page.get_by_role("button", name="Move to a room")).to_be_focused()
    review_page.press("m", "ArrowDown")
    review_page.page.keyboard.type("KITCH")
    review_page.press("Enter")
    (edit,) = review_page.edits
    assert (edit["verb"], edit["named"]) == ("move", {"room": KITCHEN})
    expect(field).to_be_hidden()


def test_letters_typed_into_a_field_are_no_commands(review_page: ReviewPage) -> None:
    review_page.show()
    page = review_page.page
    page.get_by_role("button", name="Rename", exact=True).first.click()
    name = page.get_by_role("textbox", name="Name of the room")
    name.fill("")
    page.keyboard.type("salad")
    assert review_page.edits == []
    expect(name).to_have_value("salad")
    page.keyboard.press("Enter")
    (edit,) = review_page.edits
    assert (edit["verb"], edit["values"]) == ("rename-room", [ROOM, "salad"])
    expect(page.get_by_role("heading", name="salad")).to_be_visible()
    assert page.evaluate("() => leaked") == []


def test_focus_stays_where_one_works(review_page: ReviewPage) -> None:
    review_page.show()
    page = review_page.page
    desk = review_page.line("desk")
    desk.get_by_role("button", name="desk", exact=False).first.click()
    desk.get_by_role("button", name="Remove: desk").click()
    expect(review_page.line("desk")).to_have_count(0)
    assert page.evaluate(
        "() => document.querySelector('.pq-list').contains(document.activeElement)"
    )
    review_page.press("z")
    review_page.line("desk").get_by_role("button", name="desk, to check").focus()
    page.keyboard.press("Enter")  # to its box
    expect(page.get_by_role("button", name="desk, score 0.46, to check")).to_be_focused()
    page.keyboard.press("Backspace")  # and back
    expect(review_page.line("desk").locator(".pq-line-name")).to_be_focused()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("() => document.activeElement.dataset.line") != "desk"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="All keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="All keys")).to_be_hidden()
    assert page.evaluate(
        "() => document.querySelector('.pq-list').contains(document.activeElement)"
    )


def test_room_reviewed_leads_to_the_next_with_something_to_check(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("v")
    expect(review_page.page.get_by_role("heading", name=KITCHEN)).to_be_visible()
    expect(review_page.line("desk")).to_have_class("pq-line pq-now")
    expect(review_page.page.locator(".pq-rooms").get_by_text("✓ reviewed")).to_have_count(1)
    review_page.press("v")
    expect(review_page.message).to_contain_text("All rooms are reviewed.")
    expect(review_page.page.get_by_text("The move is put right.")).to_be_visible()


def test_read_only_page_shows_all_and_changes_nothing(review_page: ReviewPage) -> None:
    review_page.show(actions=False)
    review_page.press("j", "a", "d", "r", "n", "v", "z")
    assert review_page.edits == []
    expect(review_page.page.get_by_text("2 to check", exact=True)).to_be_visible()
    expect(review_page.line("desk")).to_have_class("pq-line pq-now")
    for name in ("Undo", "Accept", "Remove", "Rename", "Room reviewed", "Exclude", "Add a room"):
        assert review_page.page.get_by_role("button", name=name, exact=True).count() == 0
    review_page.page.get_by_role("button", name="All photos").click()
    expect(
        review_page.page.get_by_role("list", name="Photos").get_by_role("listitem")
    ).to_have_count(4)


# -- narrow


def test_question_at_hand_stays_under_the_photo_of_a_narrow_page(review_page: ReviewPage) -> None:
    review_page.page.set_viewport_size({"width": 800, "height": 900})
    review_page.show()
    review_page.press("j")
    question = review_page.page.locator(".pq-ask")
    expect(question).to_contain_text("Seen in one of 3 photos only".lower(), ignore_case=True)
    photo = review_page.page.get_by_role("group", name="Photo view-3").bounding_box()
    under = question.bounding_box()
    assert photo and under
    assert 0 <= under["y"] - photo["y"] - photo["height"] < 60
    question.get_by_role("button", name="Accept: desk").click()
    (edit,) = review_page.edits
    assert edit["verb"] == "accept"
    assert review_page.page.evaluate("() => document.documentElement.scrollWidth") <= 800


@pytest.mark.parametrize("width", [800, 1240])
def test_page_stays_where_it_was_scrolled_to(review_page: ReviewPage, width: int) -> None:
    page = review_page.page
    page.set_viewport_size({"width": width, "height": 420})
    review_page.show()
    review_page.press("j")
    page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
    before = page.evaluate("() => scrollY")
    assert before > 200
    review_page.static.change(head=review_page.traits["head"] | {"banner": ""})
    page.keyboard.press("ArrowRight")
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    assert page.evaluate("() => scrollY") == before


# -- two persons, on real servers


def telling(result: PhotoResult) -> Callable[[Handler], Handler]:
    """Make a job end with a given result."""

    def around(handler: Handler) -> Handler:
        def handle(claim: Claim, calls: list[AiCall]) -> str:
            handler(claim, calls)
            return result.to_json()

        return handle

    return around


CHAIR = FoundItem(
    name="chair",
    key="chair",
    category="furniture",
    dismountable=False,
    score=0.4,
    box=(0.1, 0.1, 0.5, 0.6),
)


@pytest.fixture
def analysed(installation: Installation) -> str:
    """Analyse two photos of a room, each with a chair; return the project."""
    bench = Bench(installation)
    for number in (1, 2):
        job = submit(f"p{number}", project_id="m1", room="salon")
        result = PhotoResult(
            photo_id=f"p{number}", items=(CHAIR,), room_type="salon", confidence=0.9
        )
        bench(job, telling(result))
    return "m1"


def test_edit_of_another_person_shows_with_the_name(page: Page, analysed: str) -> None:
    view = ReviewView(Scope(project=analysed), user_id="anna")
    view.refresh()
    shows = ViewPage(page, view)
    expect(page.get_by_role("heading", name="salon")).to_be_visible()
    photoqueue.review(analysed, user_id="ben").rename(
        photoqueue.review(analysed).items()["item_id"].iloc[0], "armchair"
    )
    shows.refresh()
    expect(page.get_by_role("status").filter(has_text="Ben: ")).to_contain_text("armchair")
    expect(page.get_by_role("list", name="Things in salon").get_by_text("armchair")).to_be_visible()
    assert shows.problems == []


def test_doubtful_thing_beside_a_sure_one_is_marked_alone(
    page: Page, installation: Installation
) -> None:
    sure = CHAIR.model_copy(update={"score": 0.95, "box": (0.05, 0.3, 0.35, 0.8)})
    doubtful = sure.model_copy(update={"score": 0.2, "box": (0.6, 0.3, 0.9, 0.8)})
    job = submit("p1", project_id="m1", room="salon")
    result = PhotoResult(photo_id="p1", items=(sure, doubtful), room_type="salon", confidence=0.9)
    Bench(installation)(job, telling(result))
    view = ReviewView(Scope(project="m1"), user_id="anna")
    view.refresh()
    shows = ViewPage(page, view)

    page.locator("main").focus()
    page.keyboard.press("j")
    (box,) = page.locator(".pq-box[aria-label*='to check']").all()
    expect(box).to_have_attribute("aria-pressed", "true")
    expect(box).to_have_attribute("aria-label", re.compile("score 0.20"))
    expect(page.locator("li[data-line='chair']")).to_contain_text(
        "1 of 2: seen with little certainty (0.20)"
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "review-doubtful.png")
    page.keyboard.press("d")
    expect(page.get_by_text("Nothing left to check")).to_be_visible()
    assert shows.problems == []


def test_conflict_with_another_person_is_said_beside_the_thing(page: Page, analysed: str) -> None:
    view = ReviewView(Scope(project=analysed), user_id="anna")
    view.refresh()
    shows = ViewPage(page, view)
    page.locator("main").focus()
    page.keyboard.press("j")
    item = page.evaluate("() => document.querySelector('.pq-box[aria-pressed=true]').dataset.item")
    photoqueue.review(analysed, user_id="ben").remove(item)
    page.keyboard.press("x")
    expect(page.get_by_role("alert").first).to_contain_text("ben")
    assert len(photoqueue.review(analysed).log()) == 1
    assert shows.problems == []


def test_edit_is_saved_and_undone_with_its_button(page: Page, analysed: str) -> None:
    view = ReviewView(Scope(project=analysed), user_id="anna")
    view.refresh()
    shows = ViewPage(page, view)
    page.locator("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("li[data-line='chair']").get_by_text("✓")).to_be_visible()
    assert list(photoqueue.review(analysed).log()["kind"]) == ["accept"]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "review-page.png")
    page.get_by_role("button", name="Undo (Z)").click()
    expect(page.locator("li[data-line='chair']").get_by_text("✓")).to_have_count(0)
    assert list(photoqueue.review(analysed).log()["kind"]) == ["accept", "undo"]
    assert shows.problems == []


def test_photo_that_was_uploaded_small_is_shown_as_picture(page: Page, analysed: str) -> None:
    photoqueue.submit_photo(picture(5), photo_id="p5", project_id=analysed, room="salon")
    view = ReviewView(Scope(project=analysed), user_id="anna")
    view.refresh()
    ViewPage(page, view)
    page.get_by_role("button", name="All photos").click()
    expect(page.get_by_role("list", name="Photos").locator("img")).to_have_count(3)


def test_last_thing_to_check_in_a_room_is_said(review_page: ReviewPage) -> None:
    review_page.show()
    review_page.press("j", "a")
    expect(review_page.message).to_have_text(
        "Desk accepted. Nothing is left to check in living room (V)."
    )


def test_another_page_leads_to_a_photo(review_page: ReviewPage) -> None:
    review_page.show()
    page = review_page.page
    page.get_by_role("button", name="All photos").click()
    review_page.static.change(target={"photo": "k1", "number": 1})
    expect(page.get_by_role("group", name="Photo k1")).to_be_focused()
    review_page.press("[")
    review_page.static.change(notice="")
    expect(page.get_by_role("heading", name="living room")).to_be_visible()
