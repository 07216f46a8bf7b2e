"""The large photo of the Review page in a real browser, as a person uses it: mouse, keys, touch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import serious_findings
from tests.browser.stage_page import ROOM, StagePage, at, drag, item, living_room, press_at, roughly
from tests.browser.static_page import static_pages


@pytest.fixture
def stage(chromium: Browser) -> Iterator[StagePage]:
    with static_pages(chromium, viewport={"width": 760, "height": 900}) as page:
        yield StagePage(page)


@pytest.fixture
def touched(chromium: Browser) -> Iterator[StagePage]:
    with static_pages(chromium, viewport={"width": 760, "height": 900}, has_touch=True) as page:
        yield StagePage(page)


# -- boxes


def test_box_says_what_it_is(stage: StagePage) -> None:
    stage.show()
    expect(stage.page.get_by_role("button", name="desk, score 0.46, to check")).to_be_visible()
    expect(stage.page.get_by_role("button", name="armchair A, score 0.95")).to_be_visible()
    expect(stage.box("desk")).to_have_attribute("aria-pressed", "true")
    expect(stage.page.get_by_role("group", name="Photo view-3")).to_be_visible()


def test_boxes_lie_on_the_picture_whatever_its_shape(stage: StagePage) -> None:
    room = living_room()
    room["photos"][2].update(width=600, height=1200)
    stage.show(room)
    frame = stage.page.locator(".pq-frame").bounding_box()
    picture = stage.page.locator(".pq-plane").bounding_box()
    box = stage.box("desk").bounding_box()
    assert frame and picture and box
    assert picture["height"] <= 520
    assert picture["width"] == pytest.approx(picture["height"] / 2, abs=1)
    assert picture["x"] - frame["x"] == pytest.approx(
        (frame["width"] - picture["width"]) / 2, abs=1
    )
    assert box["x"] == pytest.approx(picture["x"] + 0.035 * picture["width"], abs=1)
    assert box["height"] == pytest.approx(0.376 * picture["height"], abs=2)


def test_click_selects_the_smallest_and_again_the_next_larger(stage: StagePage) -> None:
    stage.show(start={"room": ROOM, "photo": "view-3"})
    plant = (0.22, 0.56)  # in the plant, the TV unit and the desk
    order = []
    for _ in range(4):
        press_at(stage, *plant)
        order.append(stage.at())
    assert order == ["view-3/r1-10", "view-3/r1-02", "view-3/desk", "view-3/r1-10"]
    expect(stage.box("potted plant A")).to_be_focused()
    press_at(stage, 0.62, 0.05)  # nothing is there
    assert stage.at() is None
    assert stage.edits == []


def test_name_beside_a_box_selects_it(stage: StagePage) -> None:
    stage.show()
    stage.page.locator(".pq-tag", has_text="television").click()
    expect(stage.box("television")).to_be_focused()
    assert stage.at() == "view-3/r1-03"


def test_small_box_can_be_hit_within_24_pixels(stage: StagePage) -> None:
    room = living_room()
    tiny = item("view-3/tiny", "floor_lamp", [0.9, 0.1, 0.903, 0.104], score=0.9)
    room["photos"][2]["items"].append(tiny)
    room["lines"][0]["things"][0]["items"].append(tiny["id"])
    stage.show(room)
    x, y = at(stage, 0.9, 0.1)
    stage.page.mouse.click(x - 8, y - 8)
    assert stage.at() == "view-3/tiny"


def test_tab_walks_the_boxes_and_leaves(stage: StagePage) -> None:
    stage.show(start={"room": ROOM, "photo": "view-3"})
    stage.page.locator(".pq-frame").focus()
    walked = []
    for _ in range(8):
        stage.page.keyboard.press("Tab")
        walked.append(stage.at())
    assert walked[0] == "view-3/desk"  # from left to right
    assert len(set(walked)) == 8
    stage.page.keyboard.press("Tab")  # on to the toolbar of the last one
    expect(stage.page.locator(".pq-tools button:visible").first).to_be_focused()
    assert stage.at() == walked[-1]
    stage.page.keyboard.press("Shift+Tab")  # back to its box
    assert stage.focus.startswith("armchair A")


def test_only_the_selected_box_moves(stage: StagePage) -> None:
    stage.show()
    drag(stage, (0.56, 0.45), (0.6, 0.5))  # the sofa is not selected
    assert stage.edits == []
    drag(stage, (0.15, 0.85), (0.25, 0.9))
    (edit,) = stage.edit
    assert edit["verb"] == "redraw"
    assert edit["values"][0] == "view-3/desk"
    assert roughly(edit["values"][1], [0.135, 0.58, 0.397, 0.956])
    expect(stage.box("desk")).to_be_focused()


def test_box_is_kept_in_the_picture(stage: StagePage) -> None:
    stage.show()
    drag(stage, (0.15, 0.85), (0.15, 1.4))
    (edit,) = stage.edit
    assert roughly(edit["values"][1], [0.035, 0.624, 0.297, 1])


def test_handle_resizes_and_escape_leaves_it_as_it_was(stage: StagePage) -> None:
    stage.show()
    drag(stage, (0.297, 0.906), (0.35, 0.8))
    (edit,) = stage.edit
    assert roughly(edit["values"][1], [0.035, 0.53, 0.35, 0.8])
    mouse = stage.page.mouse
    mouse.move(*at(stage, 0.35, 0.8))
    mouse.down()
    mouse.move(*at(stage, 0.5, 0.9), steps=3)
    stage.page.keyboard.press("Escape")
    mouse.up()
    assert stage.edits == []
    assert stage.at() == "view-3/desk"


def test_arrow_keys_move_and_resize(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    keyboard = stage.page.keyboard
    keyboard.down("Alt")
    for _ in range(3):
        keyboard.press("ArrowRight")
    keyboard.up("Alt")
    keyboard.press("Shift+ArrowUp")
    moved, resized = (parts[0]["values"][1] for parts in stage.edits)  # one edit each
    assert roughly(moved, [0.065, 0.53, 0.327, 0.906])
    assert roughly(resized, [0.065, 0.53, 0.327, 0.896])
    expect(stage.box("desk")).to_be_focused()


# -- the toolbar


@pytest.mark.parametrize("width", [360, 736, 1200])
@pytest.mark.parametrize(
    "box",
    [None, [0, 0, 1, 1], [0.6, 0.02, 0.99, 0.3], [0.1, 0.02, 0.9, 0.98], [0.8, 0.5, 0.99, 0.98]],
)
def test_toolbar_leaves_the_box_free(stage: StagePage, width: int, box: Any) -> None:
    room = living_room()
    if box:
        room["photos"][2]["items"][-1]["box"] = box
    stage.page.set_viewport_size({"width": width + 40, "height": 800})
    stage.show(room, width=width)
    tools = stage.page.get_by_role("toolbar").bounding_box()
    shown = stage.box("desk").bounding_box()
    whole = stage.page.locator(".pq-stage").bounding_box()
    name = stage.page.locator(".pq-tag", has_text="desk").bounding_box()
    assert tools and shown and whole and name
    for one in (shown, name):
        over = min(tools["y"] + tools["height"], one["y"] + one["height"]) - max(
            tools["y"], one["y"]
        )
        across = min(tools["x"] + tools["width"], one["x"] + one["width"]) - max(
            tools["x"], one["x"]
        )
        assert over <= 1 or across <= 1
    assert tools["height"] < 45 or width == 360  # one row, wherever it is
    assert tools["x"] >= whole["x"] - 1
    assert tools["x"] + tools["width"] <= whole["x"] + whole["width"] + 1
    assert tools["y"] + tools["height"] <= whole["y"] + whole["height"] + 1
    for button in stage.page.locator(".pq-stage-part button:visible:not(.pq-box)").all():
        size = button.bounding_box()
        assert size and min(size["width"], size["height"]) >= 24


def test_toolbar_does_what_the_keys_do(stage: StagePage) -> None:
    said = []
    for verb, key in (("Accept", "a"), ("Stays here", "x"), ("Remove", "d")):
        for by in ("click", "key"):
            stage.show()
            if by == "click":
                stage.tool(verb).click()
            else:
                stage.box("desk").focus()
                stage.page.keyboard.press(key)
            (edit,) = stage.edit
            said.append((edit["verb"], edit["values"]))
            inside = "() => document.querySelector('.pq-frame').contains(document.activeElement)"
            assert stage.page.evaluate(inside), (verb, by)
    assert said == [(one, ["view-3/desk"]) for one in ("accept", "stays", "remove") for _ in "ab"]


def test_thing_without_a_box_has_its_toolbar_below(stage: StagePage) -> None:
    room = living_room()
    room["photos"][2]["items"][-1]["box"] = None
    stage.show(room)
    expect(stage.tool("Same as")).to_be_hidden()
    stage.tool("Rename").click()
    stage.page.keyboard.type("pouffe")
    stage.page.keyboard.press("Enter")
    (edit,) = stage.edit
    assert edit["values"] == ["view-3/desk", "pouffe"]


def test_apart_is_offered_for_what_other_photos_show(stage: StagePage) -> None:
    stage.show()
    expect(stage.tool("Apart")).to_be_hidden()
    press_at(stage, 0.62, 0.9)
    stage.tool("Apart").click()
    (edit,) = stage.edit
    assert edit == {"verb": "apart", "values": ["view-3/r1-04"], "named": {}}
    assert stage.at() == "view-3/r1-04"


def test_read_only_page_shows_without_changing(stage: StagePage) -> None:
    stage.show(actions=False)
    expect(stage.box("desk")).to_be_visible()
    expect(stage.page.get_by_role("toolbar")).to_be_hidden()
    expect(stage.page.get_by_role("button", name="Draw a box")).to_be_hidden()
    drag(stage, (0.15, 0.85), (0.25, 0.9))
    stage.box("desk").focus()
    for key in ("d", "n", "r", "s", "Shift+ArrowUp"):
        stage.page.keyboard.press(key)
    assert stage.edits == []
    expect(stage.page.get_by_role("combobox")).to_have_count(0)


# -- zoom


def test_wheel_zooms_with_control_and_scrolls_without(stage: StagePage) -> None:
    stage.show()
    before = stage.page.locator(".pq-plane").bounding_box()
    x, y = at(stage, 0.2, 0.7)
    mouse, keyboard = stage.page.mouse, stage.page.keyboard
    mouse.move(x, y)
    mouse.wheel(0, -100)
    assert stage.page.locator(".pq-plane").bounding_box() == before
    keyboard.down("Control")
    mouse.wheel(0, -100)
    keyboard.up("Control")
    zoomed = stage.page.locator(".pq-plane").bounding_box()
    assert before and zoomed
    assert zoomed["width"] == pytest.approx(before["width"] * 1.65, rel=0.01)
    assert at(stage, 0.2, 0.7) == pytest.approx((x, y), abs=2)  # what is under the pointer stays
    assert stage.page.evaluate("visualViewport.scale") == 1


def test_zoom_by_keys_and_pan_by_drag(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    for _ in range(3):
        stage.page.keyboard.press("+")
    expect(stage.page.get_by_role("button", name="Whole picture")).to_contain_text("274 %")
    box = stage.box("desk").bounding_box()
    frame = stage.page.locator(".pq-frame").bounding_box()
    assert box and frame
    assert frame["x"] <= box["x"] + box["width"] / 2 <= frame["x"] + frame["width"]
    x, y = frame["x"] + frame["width"] - 20, frame["y"] + 20
    stage.page.mouse.move(x, y)
    stage.page.mouse.down()
    stage.page.mouse.move(x - 100, y + 60, steps=3)
    stage.page.mouse.up()
    moved = stage.box("desk").bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(box["x"] - 100, abs=2)
    stage.page.keyboard.press("0")
    expect(stage.page.get_by_role("button", name="Whole picture")).to_contain_text("100 %")
    assert stage.edits == []
    assert stage.at() == "view-3/desk"


def test_space_pans_over_the_selected_box(stage: StagePage) -> None:
    stage.show()
    stage.box("desk").focus()
    for _ in range(3):
        stage.page.keyboard.press("+")
    before = stage.box("desk").bounding_box()
    assert before
    x, y = before["x"] + before["width"] - 60, before["y"] + 60
    stage.page.keyboard.down(" ")
    stage.page.mouse.move(x, y)
    stage.page.mouse.down()
    stage.page.mouse.move(x - 50, y, steps=3)
    stage.page.mouse.up()
    stage.page.keyboard.up(" ")
    after = stage.box("desk").bounding_box()
    assert after
    assert after["x"] == pytest.approx(before["x"] - 50, abs=2)
    assert stage.edits == []


# -- touch


def touches(stage: StagePage, *steps: list[tuple[float, float]]) -> None:
    """Put down fingers, move them, rest, lift them; each step has a place for every finger."""
    device = stage.page.context.new_cdp_session(stage.page)
    # With a rest at the end: after a fling, Chromium drops the next tap, as that stops the fling.
    events = [("touchStart", steps[0]), *(("touchMove", step) for step in [*steps[1:], steps[-1]])]
    begin = time.time() - len(events)
    for second, (kind, fingers) in enumerate([*events, ("touchEnd", [])]):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        event = {"type": kind, "touchPoints": points, "timestamp": begin + second}
        device.send("Input.dispatchTouchEvent", event)
    device.detach()


def test_touch_selects_moves_and_draws(touched: StagePage) -> None:
    touched.show(start={"room": ROOM, "photo": "view-3"})
    touched.page.touchscreen.tap(*at(touched, 0.15, 0.85))
    expect(touched.box("desk")).to_have_attribute("aria-pressed", "true")
    path = [at(touched, x, 0.85) for x in (0.15, 0.17, 0.2, 0.25)]
    touches(touched, *[[point] for point in path])
    (moved,) = touched.edit
    assert roughly(moved["values"][1], [0.135, 0.53, 0.397, 0.906])
    touched.page.get_by_role("button", name="Draw a box").tap()
    expect(touched.page.locator(".pq-stage-words")).to_be_visible()
    touches(touched, *[[at(touched, x, x)] for x in (0.1, 0.12, 0.2, 0.25)])
    expect(touched.page.get_by_role("combobox", name="What is it?")).to_be_visible()
    touched.page.get_by_role("combobox").fill("floor lamp")
    touched.page.get_by_role("option").first.tap()
    (added,) = touched.edit
    assert roughly(added["named"]["box"], [0.1, 0.1, 0.25, 0.25])


def test_pinch_zooms(touched: StagePage) -> None:
    touched.show(start={"room": ROOM, "photo": "view-3"})
    middle_x, middle_y = at(touched, 0.5, 0.5)
    fingers = [
        [(middle_x - gap, middle_y), (middle_x + gap, middle_y)] for gap in (50, 60, 80, 100)
    ]
    touches(touched, *fingers)
    expect(touched.page.get_by_role("button", name="Whole picture")).to_contain_text("200 %")
    assert at(touched, 0.5, 0.5) == pytest.approx((middle_x, middle_y), abs=3)
    assert touched.page.evaluate("visualViewport.scale") == 1
    assert touched.at() is None


# -- the photo itself


def test_other_views_are_below_and_say_what_is_left(stage: StagePage) -> None:
    stage.show()
    film = stage.page.get_by_role("list", name=f"Photos of {ROOM}")
    expect(film.get_by_role("button", name="view-3 1 to check")).to_have_attribute(
        "aria-current", "true"
    )
    expect(film.get_by_role("button", name="view-1 9 things")).to_be_visible()
    film.get_by_role("button", name="view-2").click()
    expect(stage.page.get_by_role("group", name="Photo view-2")).to_be_visible()
    expect(film.get_by_role("button", name="view-2")).to_be_focused()
    assert (stage.at("photo"), stage.at()) == ("view-2", None)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": "waiting", "items": []}, "Waiting to be analysed."),
        ({"state": "active", "items": []}, "Being analysed."),
        ({"state": "excluded"}, "Excluded: its things do not count."),
        ({"items": []}, "Nothing was found. Draw a box around what there is (N)."),
        ({"duplicateOf": "view-1"}, "A copy of view-1: its things count once."),
    ],
)
def test_photo_says_why_it_has_no_boxes(stage: StagePage, changed: Any, words: str) -> None:
    room = living_room()
    room["photos"][2].update(changed)
    stage.show(room, start={"room": ROOM, "photo": "view-3"})
    expect(stage.page.get_by_text(words)).to_be_visible()
    expect(stage.page.locator(".pq-frame .pq-picture")).to_be_visible()  # no grey box


@pytest.mark.parametrize("again", [True, False])
def test_failed_photo_is_retried_only_where_it_can_help(stage: StagePage, again: bool) -> None:
    room = living_room()
    error = {"type": "ImageError", "message": "view-3.jpg ends too early.", "canRetry": again}
    room["photos"][2].update(state="failed", items=[], error=error)
    stage.show(room, start={"room": ROOM, "photo": "view-3"}, pictures={"view-3": b""})
    expect(
        stage.page.get_by_text("Could not be analysed: view-3.jpg ends too early.")
    ).to_be_visible()
    expect(stage.page.get_by_role("button", name="Retry")).to_have_count(int(again))
    expect(stage.page.get_by_role("button", name="Replace")).to_be_visible()
    stage.page.get_by_role("button", name="Exclude").click()
    (edit,) = stage.edit
    assert edit == {"verb": "exclude", "values": ["view-3"], "named": {}}


def test_excluded_photo_is_included_again(stage: StagePage) -> None:
    room = living_room()
    room["photos"][2].update(state="excluded", items=[], excluded=7)
    stage.show(room, start={"room": ROOM, "photo": "view-3"})
    stage.page.get_by_role("button", name="Include again").click()
    expect(stage.page.get_by_text("Its things come back as soon as this is saved.")).to_be_visible()
    (edit,) = stage.edit
    assert edit == {"verb": "undo", "values": [7], "named": {}}


def test_photo_that_was_replaced_is_not_included_again(stage: StagePage) -> None:
    room = living_room()
    room["photos"][2].update(state="excluded", items=[], excluded=None)
    stage.show(room, start={"room": ROOM, "photo": "view-3"})
    expect(stage.page.get_by_text("Excluded: its things do not count.")).to_be_visible()
    expect(stage.page.get_by_role("button", name="Include again")).to_have_count(0)


def test_picture_that_is_missing_leaves_its_boxes(stage: StagePage) -> None:
    stage.show(pictures={"view-3": b""})
    expect(stage.page.get_by_text("The picture is not in the store.")).to_be_visible()
    expect(stage.box("desk")).to_be_visible()
    stage.show(pictures={"view-3": None})
    expect(stage.page.get_by_text("The picture is being loaded.")).to_be_visible()


def test_names_are_text_however_they_look(stage: StagePage) -> None:
    room = living_room()
    nasty = '<img src=x onerror="window.hacked = 1"> ' + "of a very long name " * 3
    room["photos"][2]["items"][-1]["name"] = nasty
    stage.show(room, width=500)
    expect(stage.page.get_by_role("button", name="<img src=x")).to_be_visible()
    tag = stage.page.locator(".pq-tag[data-now]").bounding_box()
    frame = stage.page.locator(".pq-frame").bounding_box()
    assert tag and frame
    assert frame["x"] <= tag["x"]
    assert tag["x"] + tag["width"] <= frame["x"] + frame["width"]
    assert stage.page.evaluate("window.hacked") is None


def test_narrow_page_and_large_text_lose_nothing(stage: StagePage) -> None:
    for width, scale in ((800, 1), (400, 1), (600, 2)):
        stage.page.set_viewport_size({"width": width, "height": 800})
        stage.show()
        stage.page.evaluate("(scale) => { document.body.style.zoom = scale; }", scale)
        stage.tool("Rename").click()
        inside = stage.page.locator(".pq-picker").bounding_box()
        assert inside
        assert inside["x"] >= 0
        assert inside["x"] + inside["width"] <= width
        wide = stage.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + 1


def findings(stage: StagePage) -> list[str]:
    # Boxes lie where the things do, also over each other: the keys and the list of things have
    # the same targets at full size, which WCAG 2.5.8 asks for.
    own = ("target-size", 'class="pq-box"')
    found = serious_findings(stage.page, "#widget")
    return [one for one in found if not all(text in one for text in own)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_people_out(chromium: Browser, dark: bool) -> None:
    scheme = "dark" if dark else "light"
    with static_pages(chromium, color_scheme=scheme) as page:
        stage = StagePage(page)
        for key in ("", "r", "n", "s"):
            stage.show(dark=dark)
            stage.box("desk").focus()
            if key:
                stage.page.keyboard.press(key)
            assert findings(stage) == [], key
        room = living_room()
        error = {"type": "ImageError", "message": "view-3.jpg ends too early.", "canRetry": True}
        room["photos"][0].update(state="excluded")
        room["photos"][1].update(state="waiting", items=[])
        room["photos"][2].update(state="failed", items=[], error=error)
        for photo in ("view-1", "view-2", "view-3"):
            stage.show(room, start={"room": ROOM, "photo": photo}, dark=dark)
            assert findings(stage) == [], photo
