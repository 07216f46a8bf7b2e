"""The upload in a real browser: what is left out, pieces, a busy kernel, cancelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from photoqueue.faces.notebook.upload import Upload
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
            if (message.kind !== "cancel" && !window.busy) setTimeout(window.answer);
        };
    }
"""


@pytest.fixture
def shows(chromium: Browser) -> Iterator[StaticPage]:
    with static_pages(chromium, viewport={"width": 700, "height": 500}) as page:
        yield page


def show(page: StaticPage, **traits: Any) -> None:
    state = {
        "token": "t1",
        "max_bytes": 3000,
        "chunk_bytes": 1000,
        "extensions": [".jpg", ".png"],
        "state": "idle",
        "files": 0,
        "notice": "",
    }
    page.show(Upload._esm, Upload._css, state | traits)
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
