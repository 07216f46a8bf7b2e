"""Names on the large photo of the Review page, drawing, and what is the same in another photo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage_page import ROOM, StagePage, drag, press_at, roughly
from tests.browser.static_page import static_pages


@pytest.fixture
def stage(chromium: Browser) -> Iterator[StagePage]:
    with static_pages(chromium, viewport={"width": 760, "height": 900}) as page:
        yield StagePage(page)


# -- names


def test_rename_offers_alternatives_first_and_takes_either_language(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    stage.page.keyboard.press("r")
    names = stage.page.get_by_role("option")
    expect(names.nth(0)).to_contain_text("pouffe (ottoman)")
    expect(names.nth(0)).to_contain_text("31 %")
    expect(names.nth(1)).to_contain_text("stool")
    stage.page.keyboard.type("etag")
    expect(names.nth(0)).to_contain_text("étagère")
    stage.page.keyboard.press("ControlOrMeta+a")
    stage.page.keyboard.type("pou")
    expect(names.nth(0)).to_contain_text("pouffe")
    stage.page.keyboard.press("Enter")
    (edit,) = stage.edit
    assert edit == {"verb": "rename", "values": ["view-3/desk", "pouffe"], "named": {}}
    expect(stage.box("pouffe")).to_be_focused()
    assert stage.page.evaluate("leaked") == []


def test_rename_speaks_french(stage: StagePage) -> None:
    stage.show(lang="fr")
    stage.tool("Renommer").click()
    stage.page.keyboard.type("sofa")
    first = stage.page.get_by_role("option").first
    expect(first).to_contain_text("canapé")
    expect(first).to_contain_text("sofa")
    first.click()
    (edit,) = stage.edit
    assert edit["values"][1].startswith("sofa")


def test_naming_ends_where_another_thing_is_selected(stage: StagePage) -> None:
    stage.show()
    stage.tool("Rename").click()
    names = stage.page.get_by_role("combobox", name="What is it?")
    expect(names).to_be_focused()
    stage.page.evaluate("() => store.go({ item: 'view-3/r1-03' })")
    expect(names).to_be_hidden()
    expect(stage.tool("Rename")).to_be_visible()
    assert stage.edits == []


def test_rename_finds_synonyms_and_says_which(stage: StagePage) -> None:
    stage.show(lang="fr")
    stage.tool("Renommer").click()
    stage.page.keyboard.type("reclin")
    expect(stage.page.get_by_role("option").first).to_contain_text("fauteuil recliner")
    stage.page.keyboard.type("er")
    expect(stage.page.get_by_role("option")).to_have_count(1)  # nothing that the catalogue lacks
    stage.page.keyboard.press("Enter")
    (edit,) = stage.edit
    assert edit["values"] == ["view-3/desk", "armchair"]


def test_rename_takes_all_views_of_the_thing(stage: StagePage) -> None:
    stage.show()
    press_at(stage, 0.62, 0.9)
    stage.page.keyboard.press("r")
    stage.page.keyboard.type("dining table")
    stage.page.keyboard.press("Enter")
    parts = stage.edit
    assert [part["values"] for part in parts] == [
        [f"{view}/r1-04", "dining_table"] for view in ("view-3", "view-1", "view-2")
    ]


def test_arrows_choose_a_name_and_escape_changes_nothing(stage: StagePage) -> None:
    stage.show()
    stage.tool("Rename").click()
    stage.page.keyboard.press("ArrowDown")
    expect(stage.page.get_by_role("option", selected=True)).to_contain_text("stool")
    stage.page.keyboard.press("Escape")
    expect(stage.page.get_by_role("combobox")).to_have_count(0)
    expect(stage.box("desk")).to_be_focused()
    assert stage.edits == []


def test_unknown_name_asks_category_and_volume_and_keeps_what_was_typed(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    keyboard = stage.page.keyboard
    keyboard.press("r")
    keyboard.type("jukebox")
    expect(stage.page.get_by_role("option").first).to_have_text("add “jukebox” with a volume …↵")
    keyboard.press("Enter")
    volume = stage.page.get_by_label("m³ of one")
    expect(volume).to_be_focused()
    keyboard.type("much")
    keyboard.press("Enter")
    expect(stage.page.get_by_role("alert").filter(visible=True)).to_contain_text("Give the volume")
    expect(volume).to_have_value("much")
    expect(stage.page.get_by_role("combobox", name="What is it?")).to_have_value("jukebox")
    stage.page.get_by_label("Category").select_option(label="electronics things")
    volume.fill("0,45")
    volume.press("Enter")
    (edit,) = stage.edit
    assert edit["values"] == ["view-3/desk", "jukebox"]
    assert edit["named"] == {"category": "electronics", "volume": 0.45}
    expect(stage.box("jukebox")).to_be_focused()


def test_refused_name_comes_back_with_the_error(stage: StagePage) -> None:
    stage.show()
    stage.page.evaluate("refuse = 'A jukebox of 900 m³ is too large: the most is 100 m³.'")
    stage.tool("Rename").click()
    keyboard = stage.page.keyboard
    keyboard.type("jukebox")
    keyboard.press("Enter")
    keyboard.type("900")
    keyboard.press("Enter")
    expect(stage.page.get_by_role("alert").filter(visible=True)).to_contain_text("too large")
    expect(stage.page.get_by_label("m³ of one")).to_have_value("900")
    expect(stage.page.get_by_role("combobox", name="What is it?")).to_have_value("jukebox")
    stage.page.evaluate("refuse = null")
    assert len(stage.edits) == 1
    stage.page.get_by_label("m³ of one").fill("0.9")
    stage.page.get_by_role("button", name="Save").click()
    (edit,) = stage.edit
    assert edit["named"]["volume"] == 0.9
    expect(stage.page.get_by_role("alert").filter(visible=True)).to_have_count(0)


# -- drawing


def test_drawing_with_the_mouse(stage: StagePage) -> None:
    stage.show(start={"room": ROOM, "photo": "view-3"})
    stage.page.get_by_role("button", name="Draw a box").click()
    expect(stage.page.locator(".pq-stage-words")).to_be_visible()
    drag(stage, (0.22, 0.7), (0.2205, 0.7005))  # not a box
    assert stage.page.get_by_role("combobox").count() == 0
    drag(stage, (0.9, 0.95), (0.8, 0.72))
    stage.page.keyboard.type("two-seat")
    stage.page.get_by_role("option").first.click()
    (edit,) = stage.edit
    assert (edit["verb"], edit["values"]) == ("add", ["view-3", "sofa_2_seat"])
    assert roughly(edit["named"]["box"], [0.8, 0.72, 0.9, 0.95])
    expect(stage.page.locator(".pq-box:focus")).to_have_attribute("aria-pressed", "true")
    assert stage.page.locator(".pq-box").count() == 9


def test_drawing_with_the_keyboard(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    keyboard = stage.page.keyboard
    keyboard.press("n")
    keyboard.press("ArrowRight")  # places it
    keyboard.press("ArrowRight")
    keyboard.press("Shift+ArrowDown")
    keyboard.press("Enter")
    expect(stage.page.get_by_role("combobox", name="What is it?")).to_be_focused()
    keyboard.type("floor lamp")
    keyboard.press("Enter")
    (edit,) = stage.edit
    assert edit["values"] == ["view-3", "floor_lamp"]
    assert roughly(edit["named"]["box"], [0.36, 0.35, 0.66, 0.66])
    expect(stage.page.locator(".pq-box:focus")).to_have_attribute("aria-label", "floor lamp")
    assert stage.page.evaluate("leaked") == []


def test_escape_leaves_drawing_and_naming(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    stage.page.keyboard.press("n")
    stage.page.keyboard.press("Escape")
    expect(stage.page.locator(".pq-stage-words")).to_be_hidden()
    stage.page.keyboard.press("n")
    drag(stage, (0.5, 0.1), (0.6, 0.3))
    stage.page.keyboard.press("Escape")
    expect(stage.page.locator(".pq-rubber")).to_be_hidden()
    assert stage.edits == []
    expect(stage.box("desk")).to_be_focused()


# -- the same thing in another photo


def test_same_by_number_with_the_kind_first(stage: StagePage) -> None:
    stage.show()
    press_at(stage, 0.85, 0.6)  # armchair A of view 3
    stage.page.keyboard.press("s")
    panel = stage.page.get_by_role("region", name="Which one is armchair A?")
    expect(panel.get_by_text("view-2, 2 of 2")).to_be_visible()  # where the other armchair is
    expect(panel.get_by_role("button", name="1: armchair B, score 0.82")).to_be_focused()
    expect(panel.get_by_role("img", name="armchair A, the same already")).to_be_visible()
    stage.page.keyboard.press("1")
    (edit,) = stage.edit
    assert edit == {"verb": "same", "values": ["view-3/r1-05", "view-2/r1-09"], "named": {}}
    expect(stage.box("armchair")).to_be_focused()
    assert stage.page.evaluate("leaked") == []


def test_same_with_another_kind_asks_which_name_holds(stage: StagePage) -> None:
    stage.show()
    stage.tool("Same as").click()
    stage.page.keyboard.press("ArrowRight")
    expect(stage.page.get_by_text("view-2, 2 of 2", exact=True)).to_be_visible()
    stage.page.get_by_role("button", name=": potted plant A").click()
    expect(stage.page.get_by_text("One thing has one name.")).to_be_visible()
    stage.page.keyboard.press("Escape")  # back to the choice
    expect(stage.page.get_by_text("One thing has one name.")).to_be_hidden()
    stage.page.get_by_role("button", name=": potted plant A").click()
    stage.page.get_by_role("button", name="potted plant", exact=True).click()
    parts = stage.edit
    assert parts == [
        {"verb": "rename", "values": ["view-3/desk", "potted_plant"], "named": {}},
        {"verb": "same", "values": ["view-3/desk", "view-2/r1-10"], "named": {}},
    ]


def test_escape_leaves_side_by_side(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    stage.page.keyboard.press("s")
    expect(stage.page.locator(".pq-frame")).to_be_hidden()
    stage.page.keyboard.press("Escape")
    expect(stage.box("desk")).to_be_focused()
    assert stage.edits == []
