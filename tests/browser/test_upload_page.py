"""The form in a real browser: its fields, what is kept of them, and the upload of photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from photoqueue.faces.notebook.submit_form import FOLDER, SAMPLE, UPLOAD, SubmitForm
from tests.browser.accessibility import serious_findings
from tests.browser.static_page import StaticPage, static_pages

expect.set_options(timeout=30_000)

#: A kernel that takes each piece; `busy` lets it wait.
KERNEL = """
    () => {
        window.pieces = [];
        window.busy = false;
        window.answer = () => model.tell({ kind: "taken", upload: window.last.upload });
        window.kernel = (message, buffers) => {
            window.last = message;
            if (message.kind === "piece") {
                window.pieces.push([message.path, message.offset, buffers[0].byteLength]);
            }
            const waits = ["begin", "piece"].includes(message.kind);
            if (waits && !window.busy) setTimeout(window.answer);
        };
    }
"""


@pytest.fixture
def shows(chromium: Browser) -> Iterator[StaticPage]:
    with static_pages(chromium, viewport={"width": 700, "height": 500}) as page:
        yield page


def show(page: StaticPage, *, dark: bool = False, **traits: Any) -> None:
    state = {
        "token": "t1",
        "max_bytes": 3000,
        "chunk_bytes": 1000,
        "extensions": [".jpg", ".png"],
        "state": "idle",
        "files": 0,
        "notice": "",
        "source": UPLOAD,
        **dict.fromkeys(("folder", "project", "room", "room_type", "engine"), ""),
        "add_up": True,
        "folded": False,
        "ready": False,
        **dict.fromkeys(("found", "question", "busy", "said"), ""),
        "errors": {},
        "hints": {"add_up": "max: the most seen in one photo"},
        "first": False,
        "sources": [FOLDER, UPLOAD, SAMPLE],
        "engines": [["the worker's own", ""], ["builtin", "builtin"]],
        "projects": ["move-41"],
        "room_types": ["kitchen"],
        "kept_as": "one",
    }
    page.show(SubmitForm._esm, SubmitForm._css, state | traits, dark=dark)
    page.page.evaluate(KERNEL)


def home(folder: Path) -> Path:
    """Make a home of two rooms, with files that are no photos for an upload."""
    files = {
        "bedroom 2/view-10.jpg": 2500,
        "bedroom 2/view-2.jpg": 1000,
        "kitchen/<b>x<b>.png": 1,
        "kitchen/large.jpg": 3001,
        "kitchen/notes.txt": 10,
        "kitchen/.DS_Store": 10,
        "empty.jpg": 0,
    }
    for name, size in files.items():
        path = folder / "move-42" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return folder / "move-42"


def choose_folder(page: StaticPage, folder: Path) -> None:
    with page.page.expect_file_chooser() as chooser:
        page.page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)


def test_what_cannot_be_sent_is_said_before_anything_is_sent(
    shows: StaticPage, tmp_path: Path
) -> None:
    show(shows)
    choose_folder(shows, home(tmp_path))

    expect(shows.page.get_by_text("4 files are left out:")).to_be_visible()
    for words in (
        "kitchen/large.jpg is 2.9 KiB; the limit is 2.9 KiB a photo",
        "kitchen/notes.txt is not a picture",
        "kitchen/.DS_Store is hidden",
        "empty.jpg is empty",
        "put them in a folder that the notebook server can read and choose Folder",
    ):
        expect(shows.page.get_by_text(words)).to_be_visible()
    expect(shows.page.get_by_role("button", name="Upload 3 photos")).to_be_focused()
    assert shows.sent == []


def test_pieces_follow_each_other_and_are_small(shows: StaticPage, tmp_path: Path) -> None:
    show(shows)
    choose_folder(shows, home(tmp_path))
    shows.page.get_by_role("button", name="Upload 3 photos").click()
    shows.page.wait_for_function("() => pieces.length === 5")

    assert shows.page.evaluate("() => pieces") == [
        ["bedroom 2/view-2.jpg", 0, 1000],
        ["bedroom 2/view-10.jpg", 0, 1000],
        ["bedroom 2/view-10.jpg", 1000, 1000],
        ["bedroom 2/view-10.jpg", 2000, 500],
        ["kitchen/<b>x<b>.png", 0, 1],
    ]
    assert shows.sent[0]["count"] == 3
    shows.change(state="ready", files=3)
    expect(shows.page.get_by_text("3 photos uploaded, ready to be submitted.")).to_be_visible()
    shows.page.get_by_role("button", name="Remove the uploaded photos").click()
    assert shows.sent[-1] == {"kind": "clear"}


def test_busy_kernel_gets_the_next_piece_later(shows: StaticPage, tmp_path: Path) -> None:
    show(shows)
    choose_folder(shows, home(tmp_path))
    shows.page.evaluate("() => { busy = true; }")
    shows.page.get_by_role("button", name="Upload 3 photos").click()
    progress = shows.page.get_by_role("progressbar", name="Upload")
    expect(progress).to_be_visible()
    expect(shows.page.get_by_text("waiting for the kernel, which is busy")).to_be_visible()
    assert shows.page.evaluate("() => pieces.length") == 0

    shows.page.evaluate("() => answer()")
    shows.page.wait_for_function("() => pieces.length === 1")
    expect(shows.page.get_by_text("Photo 1 of 3: bedroom 2/view-2.jpg")).to_be_visible()
    shows.page.get_by_role("button", name="Cancel").click()
    assert shows.sent[-1]["kind"] == "cancel"
    expect(progress).to_be_hidden()
    shows.page.evaluate("() => answer()")  # of what was cancelled
    expect(shows.page.get_by_role("button", name="Choose photos")).to_be_visible()
    assert shows.page.evaluate("() => pieces.length") == 1


def test_refusal_and_interruption_are_told(shows: StaticPage, tmp_path: Path) -> None:
    show(shows, state="receiving")
    expect(shows.page.get_by_text("The upload was interrupted.")).to_be_visible()
    choose_folder(shows, home(tmp_path))
    shows.page.evaluate("() => { busy = true; }")
    shows.page.get_by_role("button", name="Upload 3 photos").click()
    upload = shows.sent[0]["upload"]
    shows.change(state="idle", notice="The disk is full: <b>")
    shows.tell({"kind": "refused", "upload": upload})
    expect(shows.page.get_by_role("alert")).to_have_text("The disk is full: <b>")
    expect(shows.page.get_by_role("progressbar")).to_be_hidden()


def test_single_photos_keep_their_names(shows: StaticPage, tmp_path: Path) -> None:
    show(shows)
    folder = home(tmp_path) / "bedroom 2"
    with shows.page.expect_file_chooser() as chooser:
        shows.page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files([folder / "view-2.jpg", folder / "view-10.jpg"])
    expect(shows.page.get_by_text("2 photos (3.4 KiB) can be uploaded.")).to_be_visible()
    shows.page.get_by_role("button", name="Upload 2 photos").click()
    shows.page.wait_for_function("() => pieces.length === 4")
    assert shows.page.evaluate("() => pieces[0][0]") == "view-2.jpg"


def type_into(page: StaticPage, name: str, text: str) -> None:
    """Type into a field, and leave it."""
    field = page.page.get_by_label(name, exact=True)
    field.fill(text)
    field.press("Tab")


def test_what_was_submitted_is_one_line_and_the_focus_stays(shows: StaticPage) -> None:
    show(shows, source=FOLDER, folder="photos/move-42", project="move-42", ready=True)
    submit = shows.page.get_by_role("button", name="Submit", exact=True)
    submit.focus()
    shows.page.keyboard.press("Enter")
    (sent,) = shows.sent
    assert (sent["kind"], sent["fields"]["folder"], sent["fields"]["add_up"]) == (
        "submit",
        "photos/move-42",
        True,
    )
    shows.page.keyboard.press("Enter")  # once is enough
    assert shows.sent == []
    shows.change(busy="Storing the photos …")
    expect(shows.page.get_by_role("status").filter(has_text="Storing")).to_be_visible()
    expect(submit).to_be_focused()
    said = "23 photos submitted, 22 were known already"
    shows.change(busy="", said=said, folded=True)
    expect(shows.page.get_by_role("status").filter(has_text=said)).to_be_visible()
    add = shows.page.get_by_role("button", name="Add photos")
    expect(add).to_be_focused()
    expect(submit).to_be_hidden()
    assert shows.page.evaluate("document.querySelector('#widget').offsetHeight") < 60
    add.press("Enter")
    expect(shows.page.get_by_label("Source", exact=True)).to_be_focused()
    assert shows.get("folded") is False


def test_errors_are_beside_their_fields_and_nothing_typed_is_lost(shows: StaticPage) -> None:
    show(shows, source=FOLDER, ready=True)
    type_into(shows, "Folder", "/nowhere")
    type_into(shows, "Project", "x" * 300)
    shows.page.get_by_role("button", name="Submit", exact=True).click()
    shows.change(
        errors={"source": "/nowhere does not exist.", "project": "project_id is too long."}
    )
    folder, project = (shows.page.get_by_label(name, exact=True) for name in ("Folder", "Project"))
    for field, words in (
        (folder, "/nowhere does not exist."),
        (project, "project_id is too long."),
    ):
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(words)
        box, alert = field.bounding_box(), shows.page.get_by_text(words).bounding_box()
        assert box and alert
        assert abs(alert["x"] - box["x"]) < 5
        assert 0 <= alert["y"] - box["y"] - box["height"] < 10
    assert (folder.input_value(), project.input_value()) == ("/nowhere", "x" * 300)
    shows.page.get_by_role("button", name="Submit", exact=True).click()
    expect(folder).to_be_focused()
    assert [message["kind"] for message in shows.sent] == ["submit"]


def test_project_without_which_nothing_is_added_up_is_said_before(shows: StaticPage) -> None:
    show(shows, source=FOLDER)
    words = shows.page.get_by_text("Without a project nothing is added up.")
    expect(words).to_be_visible()
    type_into(shows, "Project", "move-42")
    expect(words).to_be_hidden()
    expect(shows.page.get_by_text("max: the most seen in one photo")).to_be_visible()


def test_question_is_answered_before_anything_is_sent(shows: StaticPage) -> None:
    asked = "maple-street was for the sample home. Submit these photos to it too?"
    show(shows, source=FOLDER, project="maple-street", ready=True, question=asked)
    expect(shows.page.get_by_role("alert").filter(has_text=asked)).to_be_visible()
    submit = shows.page.get_by_role("button", name="Submit", exact=True)
    submit.click()
    keep = shows.page.get_by_role("button", name="Submit to it too")
    expect(keep).to_be_focused()
    assert shows.sent == []
    keep.press("Enter")
    assert shows.sent == [{"kind": "keep"}]
    expect(submit).to_be_focused()
    shows.page.get_by_role("button", name="Another project").click()
    expect(shows.page.get_by_label("Project", exact=True)).to_be_focused()
    assert shows.get("project") == ""


def test_what_was_typed_outlives_the_kernel_until_it_is_submitted(
    chromium: Browser, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text("<!doctype html>")
    page = chromium.new_page()
    page.goto((tmp_path / "page.html").as_uri())  # a page with storage
    try:
        shows = StaticPage(page)
        show(shows, source=FOLDER)
        type_into(shows, "Project", "move-42")
        shows.page.get_by_label("Folder", exact=True).press_sequentially("/photos/mo")
        show(shows, source=FOLDER)  # the cell ran again, in a new kernel
        for name, text in (("Project", "move-42"), ("Folder", "/photos/mo")):
            expect(shows.page.get_by_label(name, exact=True)).to_have_value(text)
        assert (shows.get("project"), shows.get("folder")) == ("move-42", "/photos/mo")
        show(shows, source=FOLDER, kept_as="another installation")
        expect(shows.page.get_by_label("Project", exact=True)).to_have_value("")
        show(shows, source=FOLDER)
        shows.change(said="4 photos submitted", submissions=1, folded=True)
        show(shows, source=FOLDER)
        expect(shows.page.get_by_label("Folder", exact=True)).to_have_value("")
    finally:
        page.close()


def test_kernel_that_does_not_answer_is_said(shows: StaticPage) -> None:
    show(shows, source=FOLDER, folder="photos", ready=True)
    shows.page.get_by_role("button", name="Submit", exact=True).click()
    expect(
        shows.page.get_by_text("Waiting for the kernel: it is busy, or has ended.")
    ).to_be_visible()
    shows.change(busy="Storing the photos …")
    expect(shows.page.get_by_text("Waiting for the kernel")).to_be_hidden()


def test_first_run_says_what_to_do_first(shows: StaticPage) -> None:
    show(shows, source=FOLDER, first=True)
    expect(shows.page.get_by_text("Start with the photos of a home.")).to_be_visible()
    shows.page.get_by_role("button", name="sample home").click()
    assert shows.get("source") == SAMPLE


@pytest.mark.parametrize("dark", [False, True])
def test_form_is_readable_and_named(shows: StaticPage, dark: bool) -> None:
    wrong = {"errors": {"source": "no such folder", "room": "too long", "": "no server"}}
    for state in (
        {"first": True},
        {"source": FOLDER, "question": "Submit these photos to it too?", "ready": True, **wrong},
        {"source": FOLDER, "found": "4 photos in 2 rooms.", "busy": "Storing the photos …"},
        {"folded": True, "said": "4 photos submitted"},
    ):
        show(shows, dark=dark, **state)
        assert serious_findings(shows.page, ".pq-submit") == []


@pytest.mark.parametrize("width", [1180, 800, 380])
def test_fields_fit_their_cell(shows: StaticPage, width: int) -> None:
    shows.page.set_viewport_size({"width": width, "height": 600})
    asked = "a-project-of-a-long-name " * 4
    for source in (FOLDER, UPLOAD, SAMPLE):
        show(shows, source=source, question=asked, errors={"project": "wrong " * 20})
        assert shows.page.evaluate("document.documentElement.scrollWidth") <= width
