"""States of the Review page: first run, waiting, failed photos, unplaced edits, all photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.review_page import KITCHEN, ReviewPage, state
from tests.browser.stage_page import ROOM
from tests.browser.static_page import static_pages


@pytest.fixture
def review_page(chromium: Browser) -> Iterator[ReviewPage]:
    with static_pages(chromium, viewport={"width": 1240, "height": 900}) as static:
        yield ReviewPage(static)


def without_rooms(**head: Any) -> dict[str, Any]:
    none = {"total": 0, "completed": 0, "failed": 0, "waiting": 0, "active": 0}
    analysis = none | {"secondsLeft": None, "worker": False}
    told = {"project": "", "fixed": False, "volume": None, "things": 0, "analysis": analysis}
    return {"head": state(**told | head)["head"], "rooms": [], "part_0": [], "part_1": []}


def test_first_run_says_what_to_do_first(review_page: ReviewPage) -> None:
    review_page.show(**without_rooms(), heading="Review")
    expect(review_page.page.get_by_role("heading", name="No project yet.")).to_be_visible()
    expect(review_page.page.get_by_text("or try a sample home")).to_be_visible()
    review_page.press("j", "a", "v")  # nothing to act on
    assert review_page.edits == []


def test_project_is_chosen_among_those_that_there_are(review_page: ReviewPage) -> None:
    projects = [
        {"id": "move-1", "photos": 15, "rooms": 5},
        {"id": "x" * 80, "photos": 1, "rooms": 1},
    ]
    review_page.show(**without_rooms(projects=projects), heading="Review")
    review_page.page.get_by_role("button", name="move-1").click()
    assert {"kind": "project", "project": "move-1"} in review_page.static.sent
    head = state(fixed=False, projects=projects, project="move-1")["head"]
    review_page.static.change(**state() | {"head": head})
    chosen = review_page.page.get_by_label("Project")
    expect(chosen).to_have_value("move-1")
    chosen.select_option("x" * 80)
    assert {"kind": "project", "project": "x" * 80} in review_page.static.sent


def failed(can_retry: bool) -> dict[str, Any]:
    """Return the traits of a project whose kitchen has one photo, which failed."""
    traits = state()
    analysis = traits["head"]["analysis"] | {"completed": 3, "failed": 1}
    traits["head"]["analysis"] = analysis
    (room,) = traits["part_1"]
    error = {"type": "UnreadablePhotoError", "message": "It is truncated.", "canRetry": can_retry}
    room["photos"][0] |= {"state": "failed", "items": [], "error": error}
    room["lines"] = []
    traits["rooms"][1] |= {"failed": 1, "things": 0, "left": 0}
    return traits


@pytest.mark.parametrize("can_retry", [False, True])
def test_failed_photo_offers_what_can_help(review_page: ReviewPage, can_retry: bool) -> None:
    review_page.show(**failed(can_retry))
    page = review_page.page
    page.get_by_role("button", name="1 failed", exact=True).click()
    (tile,) = page.get_by_role("list", name="Photos").get_by_role("listitem").all()
    expect(tile).to_contain_text("It is truncated.")
    expect(tile.get_by_role("button", name="Retry")).to_have_count(int(can_retry))
    if can_retry:
        tile.get_by_role("button", name="Retry").click()
        assert {"kind": "retry", "photos": ["k1"]} in review_page.static.sent

    with page.expect_file_chooser() as choosing:
        tile.get_by_role("button", name="Replace").click()
    file = {"name": "better.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff picture"}
    choosing.value.set_files([file])
    page.wait_for_function("() => model.sent.some(({ kind }) => kind === 'replace')")
    (sent,) = [one for one in review_page.static.sent if one["kind"] == "replace"]
    assert (sent["photo"], sent["name"]) == ("k1", "better.jpg")
    review_page.refuse(sent, "That is photo 'k1' itself. Give another picture.")
    expect(tile.get_by_role("alert")).to_contain_text("Give another picture.")

    tile.get_by_role("button", name="Exclude").click()
    (edit,) = review_page.edits
    assert (edit["verb"], edit["values"]) == ("exclude", ["k1"])


def test_photo_too_large_for_the_browser_is_refused_with_the_way_by_python(
    review_page: ReviewPage,
) -> None:
    review_page.show(**failed(False))
    page = review_page.page
    page.get_by_role("button", name="1 failed", exact=True).click()
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Replace").click()
    large = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": b"\xff" * (8 * 2**20 + 1)}
    choosing.value.set_files([large])
    alert = page.get_by_role("list", name="Photos").get_by_role("alert")
    expect(alert).to_contain_text("review(project).replace(photo, path)")
    assert [one for one in review_page.static.sent if one["kind"] == "replace"] == []


def test_photos_that_wait_are_there_with_progress(review_page: ReviewPage) -> None:
    traits = failed(False)
    traits["part_1"][0]["photos"][0] |= {"state": "waiting", "error": None}
    analysis = {"completed": 3, "failed": 0, "waiting": 1, "active": 0, "secondsLeft": 80.0}
    traits["head"]["analysis"] |= analysis
    review_page.show(**traits)
    page = review_page.page
    expect(page.get_by_text("3 of 4 photos analysed · about 2 minutes left")).to_be_visible()
    page.get_by_role("button", name=KITCHEN).click()
    expect(page.get_by_text("1 photo waits to be analysed: its things come here.")).to_be_visible()
    expect(page.get_by_text("Waiting to be analysed.")).to_be_visible()


def test_page_alone_offers_a_worker_and_leaves_it_to_the_notice_elsewhere(
    review_page: ReviewPage,
) -> None:
    head = state()["head"]
    head["analysis"] |= {"waiting": 2, "worker": False}
    review_page.show(head=head)
    start = review_page.page.get_by_role("button", name="Start a worker")
    expect(start).to_have_count(0)
    review_page.show(alone=True)
    start.click()
    assert {"kind": "start"} in review_page.static.sent


def test_edits_that_no_longer_fit_are_applied_kept_or_undone(review_page: ReviewPage) -> None:
    unplaced = [
        {"number": 4, "user": "ben", "words": "desk is stool", "reason": "gone", "single": True},
        {"number": 5, "user": "ben", "words": "two are one", "reason": "gone", "single": False},
    ]
    review_page.show(head=state(unplaced=unplaced)["head"])
    page = review_page.page
    expect(page.get_by_text("2 edits no longer fit what the photos show now")).to_be_visible()
    expect(page.get_by_role("button", name="Select its box first")).to_be_disabled()
    review_page.press("j")
    page.get_by_role("button", name="Apply to desk").click()
    expect(page.get_by_text("1 edit no longer fits what the photos show now")).to_be_visible()
    page.get_by_role("button", name="Keep for later").click()
    expect(page.get_by_text("no longer fit")).to_have_count(0)
    (place,) = review_page.edits
    assert (place["verb"], place["values"]) == ("place", [4, "view-3/desk"])
    review_page.save(place, 6)
    (keep,) = review_page.edits
    assert (keep["verb"], keep["values"]) == ("keep", [5])


def test_selected_photos_are_moved_as_one_action(review_page: ReviewPage) -> None:
    review_page.show()
    page = review_page.page
    page.get_by_role("button", name="All photos").click()
    expect(page.get_by_role("list", name="Photos").get_by_role("listitem")).to_have_count(4)
    page.get_by_role("button", name="with something to check 2").click()
    page.get_by_role("checkbox", name="Select all").check()
    expect(page.get_by_text("2 photos selected")).to_be_visible()
    assert set(review_page.static.get("selected")) == {"view-3", "k1"}
    page.get_by_role("button", name="Move to a room").click()
    choices = page.get_by_role("listbox", name="Rooms").get_by_role("option")
    expect(choices).to_have_count(2)
    page.get_by_role("combobox", name="Name of the room").fill("study")
    expect(choices).to_contain_text(["a new room: study"])
    page.keyboard.press("Enter")
    (edit,) = review_page.edits
    assert [(one["verb"], one["values"], one["named"]) for one in edit["edits"]] == [
        ("move", ["view-3"], {"room": "study"}),
        ("move", ["k1"], {"room": "study"}),
    ]
    assert review_page.static.get("selected") == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="study").click()
    expect(page.get_by_role("list", name="Photos of study").get_by_role("listitem")).to_have_count(
        2
    )


def test_tiles_are_sorted_by_their_lowest_score_and_open_their_photo(
    review_page: ReviewPage,
) -> None:
    review_page.show()
    page = review_page.page
    page.get_by_role("button", name="All photos").click()
    page.get_by_label("Sort").select_option("lowest score first")
    tiles = page.get_by_role("list", name="Photos").get_by_role("listitem")
    scores = [
        float(text.rsplit(" ", 1)[1])
        for text in tiles.locator("p").all_inner_texts()
        if "score" in text
    ]
    assert scores == sorted(scores)
    assert len(scores) == 4
    page.get_by_role("button", name="view-2, ").click()
    expect(page.get_by_role("group", name="Photo view-2")).to_be_visible()
    expect(page.get_by_role("heading", name=ROOM)).to_be_visible()


def test_engine_that_is_only_for_trying_out_says_so(review_page: ReviewPage) -> None:
    review_page.show(head=state(banner="The built-in model only tells a few kinds apart.")["head"])
    expect(review_page.page.get_by_text("only tells a few kinds apart")).to_be_visible()


def test_french_page_has_no_english_words(review_page: ReviewPage) -> None:
    review_page.show(lang="fr")
    page = review_page.page
    review_page.press("j")
    expect(page.get_by_text("2 à vérifier", exact=True)).to_be_visible()
    expect(review_page.line("desk").get_by_text("0,67 m³")).to_be_visible()
    for name in ("Accepter", "Retirer", "Toutes les photos", "Pièce vérifiée", "Annuler"):
        expect(page.get_by_role("button", name=name).first).to_be_visible()
    words = set(page.locator("main, #widget").first.inner_text().replace("\n", " ").split(" "))
    assert not words & {"Accept", "Remove", "Rename", "Undo", "things", "photos analysed", "left"}
