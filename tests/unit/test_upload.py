"""Uploads: names that stay inside, pieces in their order, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue import Settings
from photoqueue.errors import PayloadError, PhotoTooLargeError, StorageError
from photoqueue.faces.notebook.upload import CHUNK_BYTES, Reception, Upload, safe_path
from tests.homes import expanded


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("bedroom 2/view-1.jpg", "bedroom 2/view-1.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/cron.d/x.jpg", "etc/cron.d/x.jpg"),
        ("C:\\photos\\..\\1.jpg", "C:/photos/1.jpg"),
        ("a\x00b\n.jpg", "a_b_.jpg"),
        ("..", "photo"),
        ("", "photo"),
        ("./.hidden/.jpg", "hidden/jpg"),
        ("<img src=x>.jpg", "<img src=x>.jpg"),
        ("salon/e\u0301te\u0301.jpg", "salon/été.jpg"),
        ("\ud800.jpg", "_.jpg"),
        ("/".join("abcdefghijk"), "d/e/f/g/h/i/j/k"),
    ],
)
def test_name_stays_inside(sent: str, kept: str) -> None:
    assert str(safe_path(sent)) == kept


@given(st.text())
def test_any_name_stays_inside(name: str) -> None:
    path = safe_path(name)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert "\x00" not in str(path)
    assert path.parts
    assert all(0 < len(part.encode()) <= 255 for part in path.parts)


def test_long_name_keeps_its_extension() -> None:
    kept = safe_path("é" * 300 + ".jpeg").name
    assert kept.endswith("é.jpeg")
    assert len(kept.encode()) <= 200


def pieces(data: bytes, size: int) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + size]) for at in range(0, len(data), size)]


def reception(home: Path, count: int = 1, max_bytes: int = 10_000) -> Reception:
    return Reception(home, count=count, max_bytes=max_bytes)


def test_file_arrives_piece_by_piece(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    upload = reception(tmp_path, 2)
    for offset, piece in pieces(data, 1000):
        upload.take(0, "salon/1.jpg", len(data), offset, piece)
    assert (upload.done, upload.complete) == (1, False)
    upload.take(1, "salon/1.jpg", 1, 0, b"x")  # of the same name

    assert upload.complete
    assert (upload.folder / "salon" / "1.jpg").read_bytes() == data
    assert (upload.folder / "salon" / "1 (2).jpg").read_bytes() == b"x"
    assert upload.folder.parent == tmp_path / "uploads"
    assert upload.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "piece",
    [
        (0, "a.jpg", 10, 0, b"12345"),  # again
        (0, "a.jpg", 10, 8, b"12"),  # too early
        (0, "a.jpg", 10, -1, b"12"),
        (1, "b.jpg", 10, 0, b"12345"),  # another file
        (0, "a.jpg", 10, 5, b"123456"),  # more than was said
        (0, "a.jpg", 99, 5, b"123456"),  # more than was said at first
        (0, "a.jpg", 10, 5, b""),
    ],
)
def test_piece_that_is_not_the_next_is_refused_and_harms_nothing(
    tmp_path: Path, piece: tuple[int, str, int, int, bytes]
) -> None:
    upload = reception(tmp_path, 2)
    upload.take(0, "a.jpg", 10, 0, b"01234")
    with pytest.raises(PayloadError, match="Upload the photos again"):
        upload.take(*piece)
    upload.take(0, "a.jpg", 10, 5, b"56789")
    assert (upload.folder / "a.jpg").read_bytes() == b"0123456789"


def test_too_large_a_file_piece_or_number_is_refused(tmp_path: Path) -> None:
    upload = reception(tmp_path)
    with pytest.raises(PhotoTooLargeError, match="PHOTOQUEUE_MAX_PHOTO_MB"):
        upload.take(0, "a.jpg", 10_001, 0, b"1")
    big = reception(tmp_path, max_bytes=10 * CHUNK_BYTES)
    with pytest.raises(PayloadError, match="does not fit"):
        big.take(0, "a.jpg", 2 * CHUNK_BYTES, 0, bytes(CHUNK_BYTES + 1))
    assert list(upload.folder.iterdir()) == list(big.folder.iterdir()) == []
    for count in (0, -1, 10**9):
        with pytest.raises(PayloadError, match="1 to 100,000 files"):
            reception(tmp_path, count)


def test_file_and_folder_of_one_name_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    upload = reception(tmp_path, 2)
    upload.take(0, "a.jpg", 1, 0, b"1")
    with pytest.raises(StorageError, match="choose that folder"):
        upload.take(1, "a.jpg/b.jpg", 1, 0, b"1")


def test_folder_goes_with_its_reception(tmp_path: Path) -> None:
    upload = reception(tmp_path)
    folder = upload.folder
    upload.discard()
    upload.discard()
    assert not folder.exists()
    forgotten = reception(tmp_path)
    folder = forgotten.folder
    del forgotten
    assert not folder.exists()


def test_what_a_killed_process_left_goes_when_the_next_widget_is_made(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from photoqueue.faces.notebook.upload import Reception; "
        "upload = Reception(Path(sys.argv[1]), count=1, max_bytes=9); "
        "print(upload.folder, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as kernel:
        assert kernel.stdout is not None
        left = Path(kernel.stdout.readline().strip())
        old, new = reception(tmp_path), reception(tmp_path)
        an_hour_ago = time.time() - 3600
        for folder in (left, old.folder):
            os.utime(folder, (an_hour_ago, an_hour_ago))
        Upload(Settings(home=tmp_path))
        assert left.is_dir()  # its process lives
        kernel.kill()
        kernel.wait()
    abandoned_now = new.folder.with_name("just-made")
    abandoned_now.mkdir()
    Upload(Settings(home=tmp_path))
    assert set(uploads(tmp_path)) == {old.folder, new.folder, abandoned_now}


class Browser:
    """Sends to an upload as the front end does, and hears what it says."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.heard: list[dict[str, Any]] = []
        upload.send = lambda message, buffers=None: self.heard.append(message)  # type: ignore[method-assign]  # to hear it

    def send(self, *buffers: bytes, **message: Any) -> None:
        # Jupyter hands buffers over as memory views.
        self.upload._received(self.upload, message, [memoryview(one) for one in buffers])

    def begin(self, count: int, upload: str = "u1") -> None:
        self.send(kind="begin", upload=upload, count=count)

    def piece(self, number: int, path: str, data: bytes, upload: str = "u1") -> None:
        self.send(
            data, kind="piece", upload=upload, number=number, path=path, size=len(data), offset=0
        )


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(Settings(home=tmp_path, max_photo_mb=1))


def uploads(home: Path) -> list[Path]:
    return list((home / "uploads").iterdir())


def test_photos_arrive_in_a_folder_whose_folders_are_rooms(upload: Upload) -> None:
    browser = Browser(upload)
    browser.begin(2)
    assert (upload.state, upload.uploaded, upload.max_bytes) == ("receiving", None, 2**20)
    browser.piece(0, "salon/1.jpg", b"one")
    assert upload.uploaded is None
    browser.piece(1, "2.jpg", b"two")

    folder = upload.uploaded
    assert folder is not None
    assert (upload.state, upload.files) == ("ready", 2)
    assert repr(upload) == "<Upload: ready, 2 files>"
    assert [path.relative_to(folder).as_posix() for path in expanded(folder)] == [
        "2.jpg", "salon/1.jpg",
    ]  # fmt: skip
    assert browser.heard == [{"kind": "taken", "upload": "u1"}] * 3


def test_cancelling_and_closing_clean_up(upload: Upload, tmp_path: Path) -> None:
    browser = Browser(upload)
    browser.begin(2)
    browser.piece(0, "1.jpg", b"one")
    assert len(uploads(tmp_path)) == 1
    browser.send(kind="cancel", upload="u1")
    assert (upload.state, uploads(tmp_path)) == ("idle", [])
    browser.piece(1, "2.jpg", b"late")  # was on its way
    assert (upload.state, upload.notice, uploads(tmp_path)) == ("idle", "", [])

    browser.begin(1, "u2")
    browser.send(kind="cancel", upload="u1")  # comes late, and means another upload
    browser.piece(0, "1.jpg", b"one", "u2")
    assert upload.files == 1
    browser.begin(1, "u3")
    assert len(uploads(tmp_path)) == 1
    browser.piece(0, "1.jpg", b"one", "u3")
    upload.clear()
    assert (upload.uploaded, upload.files, uploads(tmp_path)) == (None, 0, [])
    browser.begin(1, "u4")
    upload.close()
    assert uploads(tmp_path) == []


def test_what_cannot_be_taken_ends_the_upload_with_its_reason(
    upload: Upload, tmp_path: Path
) -> None:
    browser = Browser(upload)
    wrong: list[dict[str, Any]] = [
        {"number": 0, "path": "a.jpg", "size": 2**20 + 1, "offset": 0},
        {"number": 3, "path": "a.jpg", "size": 10, "offset": 0},
        {"number": "x", "path": "a.jpg", "size": 10, "offset": 0},
        {"number": 0, "path": "a.jpg"},
    ]
    for piece in wrong:
        browser.begin(2)
        browser.send(b"1", kind="piece", upload="u1", **piece)
        assert upload.state == "idle"
        assert "Upload" in upload.notice or "smaller" in upload.notice
        assert browser.heard[-1]["kind"] == "refused"
        assert uploads(tmp_path) == []
    browser.begin(1)
    browser.send(kind="piece", upload="u1", **wrong[1])
    assert "without its bytes" in upload.notice
    browser.begin(0)
    assert "1 to 100,000 files" in upload.notice
