"""Folders, globs and lists become a flat list of single photos."""

from __future__ import annotations

import os
import unicodedata
from io import BytesIO
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from photoqueue.errors import PhotoNotFoundError, StorageError
from photoqueue.photos.finding import LeftOut, find_photos, left_out_words, rooms_of
from photoqueue.photos.sources import read_photo
from tests.homes import expanded


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A move's folder, as a phone and a human leave it."""
    names = [
        "10.jpg",
        "2.JPG",
        "bedroom 2/1.heic",
        "bedroom 10/1.webp",
        "notes.txt",
        ".thumbs/1.jpg",
        "._2.jpg",
        "salon/plan.pdf",
        "salon/photo.jpeg",
        "scan.dat",
    ]
    for name in names:
        path = tmp_path / "move" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "move"


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


IN_ORDER = ["2.JPG", "10.jpg", "bedroom 2/1.heic", "bedroom 10/1.webp", "salon/photo.jpeg"]


def test_a_folder_gives_its_pictures_in_natural_order(home: Path) -> None:
    for source in (home, str(home), f"{home}/"):
        assert names(expanded(source), home) == IN_ORDER


def test_a_folder_in_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.parent))

    assert names(expanded("~/move"), home) == IN_ORDER


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["10.jpg"]),
        ("*", ["2.JPG", "10.jpg"]),
        ("**/1.*", ["bedroom 2/1.heic", "bedroom 10/1.webp"]),
        ("**/*.jp*g", ["10.jpg", "salon/photo.jpeg"]),
        ("bedroom*/*", ["bedroom 2/1.heic", "bedroom 10/1.webp"]),
        ("[0-9].JPG", ["2.JPG"]),
        ("*.dat", ["scan.dat"]),
        ("**/*", IN_ORDER),
    ],
)
def test_a_glob_gives_what_it_matches(home: Path, pattern: str, expected: list[str]) -> None:
    assert names(expanded(str(home / pattern)), home) == expected


def test_folders_that_a_glob_matches_are_named(home: Path, bucket: str) -> None:
    found, left_out = find_photos(str(home / "*"))
    assert len(found) == 2
    assert {"bedroom 2", "bedroom 10", "salon"} <= {out.file for out in left_out}
    assert [out for out in find_photos(f"{bucket}/*")[1] if out.file == "room"] == [
        ("room", "is a folder, and only ** looks into folders")
    ]
    with pytest.raises(PhotoNotFoundError, match=r"bedroom 2 is a folder, and only \*\* looks"):
        find_photos(str(home / "bedroom 2*"))


def test_a_glob_is_relative_to_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)

    assert expanded("*.jpg") == [Path("10.jpg")]
    assert expanded("./salon/*.jpeg") == [Path("salon/photo.jpeg")]


@pytest.mark.parametrize("pattern", ["*.png", "nowhere/*.jpg", "salon/*.webp"])
def test_a_glob_without_a_match_says_so(home: Path, pattern: str) -> None:
    with pytest.raises(PhotoNotFoundError, match="matches no file"):
        expanded(str(home / pattern))


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "salon[1].jpg"
    path.touch()
    (tmp_path / "salon1.jpg").touch()

    assert expanded(str(path)) == [str(path)]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(PhotoNotFoundError, match=rf"{tmp_path} is empty"):
        expanded(tmp_path)


def test_a_folder_without_pictures_says_what_it_saw(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    for name in ("b.txt", "c.txt", "d.txt", "README"):
        (tmp_path / name).touch()

    with pytest.raises(
        PhotoNotFoundError,
        match=r"no pictures\. 5 files left out: b\.txt and 3 more: is empty; a\.pdf is a PDF",
    ):
        expanded(tmp_path)


@pytest.mark.timeout(20)
def test_loops_of_links_end(home: Path) -> None:
    (home / "salon" / "up").symlink_to(home)
    (home / "salon" / "self").symlink_to(home / "salon")
    (home / "broken.jpg").symlink_to(home / "nowhere.jpg")

    assert names(expanded(home), home) == [
        "2.JPG",
        "10.jpg",
        *IN_ORDER[2:4],
        "broken.jpg",
        IN_ORDER[4],
    ]
    assert len(expanded(str(home / "**" / "*.jpeg"))) == 1


def test_a_linked_folder_is_searched(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "camera").symlink_to(home / "salon")

    assert names(expanded(tmp_path / "link"), tmp_path / "link") == IN_ORDER
    assert names(expanded(tmp_path / "other"), tmp_path) == ["other/camera/photo.jpeg"]


def test_single_sources_are_returned_unread() -> None:
    image, array = Image.new("RGB", (2, 2)), np.zeros((2, 2), np.uint8)
    for single in (
        b"x",
        bytearray(b"x"),
        memoryview(b"x"),
        image,
        array,
        "no.jpg",
        Path("no.jpg"),
        "",
    ):
        found = expanded(single)
        assert len(found) == 1
        assert found[0] is single


@pytest.fixture
def bucket() -> str:
    memory = fsspec.filesystem("memory")
    for name in ("10.jpg", "2.jpg", "room/1.png", "notes.txt", ".hidden.jpg"):
        memory.pipe_file(f"/expand/move/{name}", b"x")
    return "memory://expand/move"


def test_a_remote_folder_gives_its_pictures(bucket: str) -> None:
    expected = [f"{bucket}/2.jpg", f"{bucket}/10.jpg", f"{bucket}/room/1.png"]

    assert expanded(bucket) == expected
    assert expanded(f"{bucket}/") == expected
    assert expanded(f"{bucket}/**/*") == expected


def test_a_remote_glob_gives_what_it_matches(bucket: str) -> None:
    assert expanded(f"{bucket}/*.jpg") == [f"{bucket}/2.jpg", f"{bucket}/10.jpg"]
    assert expanded(f"{bucket}/*.txt") == [f"{bucket}/notes.txt"]


def test_a_remote_file_whose_name_looks_like_a_glob_is_itself(bucket: str) -> None:
    fsspec.filesystem("memory").pipe_file("/expand/brackets/salon[1].jpg", b"x")
    url = "memory://expand/brackets/salon[1].jpg"

    assert expanded(url) == [url]


@pytest.mark.parametrize("name", ["*.webp", "nowhere/*.jpg"])
def test_a_remote_glob_without_a_match_says_so(bucket: str, name: str) -> None:
    with pytest.raises(PhotoNotFoundError, match="matches no file"):
        expanded(f"{bucket}/{name}")


def test_an_archive_is_a_folder_too(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "move.zip", "w") as archive:
        archive.writestr("10.jpg", b"x")
        archive.writestr("2.jpg", b"x")

    found = expanded(f"zip://*.jpg::file://{tmp_path}/move.zip")

    assert found == [f"zip://{n}.jpg::file://{tmp_path}/move.zip" for n in (2, 10)]


@pytest.mark.parametrize(
    "url",
    ["https://host/folder/", "https://host/a.jpg?size=*", "http://host/a[1].jpg", "s3://b/a.jpg"],
)
def test_single_addresses_are_returned_without_asking_a_server(url: str) -> None:
    assert expanded(url) == [url]


def picture(kind: str = "JPEG") -> bytes:
    stream = BytesIO()
    Image.new("RGB", (16, 12), "teal").save(stream, kind)
    return stream.getvalue()


def lay_out(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_content_decides_and_every_file_is_taken_or_named(tmp_path: Path) -> None:
    """Four rooms as four cameras name their files, and what lies beside."""
    taken = ["a/1.jfif", "a/2.jpe", "b/3.mpo", "b/4.pjpeg", "c/5.hif", "c/no ending", "d/6.JPG.bak"]
    others = {
        "a/scan.tif": b"II*\x00" + bytes(40),
        "b/raw.dng": b"MM\x00*" + bytes(40),
        "b/clip.mov": b"\0\0\0\x14ftypqt  " + bytes(40),
        "c/list.txt": b"a bed",
        "d/empty.bin": b"",
        "d/plan.pdf": b"%PDF-1.7",
    }
    home = lay_out(tmp_path, dict.fromkeys(taken, picture()) | others)

    found, left_out = find_photos(home)

    assert names([one.source for one in found], home) == taken
    assert [one.room for one in found] == ["a", "a", "b", "b", "c", "c", "d"]
    assert dict(left_out) == {
        "a/scan.tif": "is a TIFF or raw camera file",
        "b/raw.dng": "is a TIFF or raw camera file",
        "b/clip.mov": "is a video or raw camera file",
        "c/list.txt": "starts with text",
        "d/empty.bin": "is empty",
        "d/plan.pdf": "is a PDF",
    }
    assert left_out_words(left_out) == (
        "6 files left out: a/scan.tif and 1 more: is a TIFF or raw camera file; b/clip.mov is a "
        "video or raw camera file; c/list.txt starts with text; d/empty.bin is empty; d/plan.pdf "
        "is a PDF"
    )


@pytest.mark.parametrize(
    "aside",
    [
        "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/2.jpg",
        "__MACOSX/kitchen/._1.jpg",
        ".thumbnails/1.jpg",
        "$RECYCLE.BIN/3.jpg",
    ],
)
def test_folders_of_servers_and_systems_are_no_rooms(tmp_path: Path, aside: str) -> None:
    home = lay_out(tmp_path, {"kitchen/1.jpg": picture(), f"kitchen/{aside}": picture()})

    found, left_out = find_photos(home)

    assert [(one.source.name, one.room) for one in found] == [("1.jpg", "kitchen")]
    assert [file for file, _ in left_out] == [f"kitchen/{aside}"]
    assert left_out[0].reason.startswith(("is hidden", "is in "))


def test_links_and_pipes_are_named_and_stop_nothing(tmp_path: Path) -> None:
    home = lay_out(tmp_path / "move", {"kitchen/1.jpg": picture()})
    (home / "loop").symlink_to(home / "loop")
    (home / "away").symlink_to(home / "nowhere")
    (home / "again").symlink_to(home / "kitchen")
    os.mkfifo(home / "kitchen" / "pipe")

    found, left_out = find_photos(home)

    assert len(found) == 1
    assert dict(left_out) == {
        "again": "leads to kitchen again",
        "away": "cannot be read (No such file or directory)",
        "loop": "cannot be read (Too many levels of symbolic links)",
        "kitchen/pipe": "is a device or a pipe",
    }


def test_an_unreadable_folder_is_named_and_the_others_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lay_out(tmp_path, {"kitchen/1.jpg": picture(), "vault/2.jpg": picture()})
    real = os.scandir

    def refuse(path: Path) -> object:  # the suite may run as root, whom no permission stops
        if Path(path).name == "vault":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)

    found, left_out = find_photos(home)

    assert [one.source.name for one in found] == ["1.jpg"]
    assert left_out == [LeftOut("vault", "cannot be read (Permission denied)")]
    with pytest.raises(StorageError, match="vault cannot be read"):
        find_photos(home / "vault")


@pytest.mark.parametrize(
    ("folders", "rooms"),
    [
        (["unzipped/Move 42/kitchen", "unzipped/Move 42/hall"], ["kitchen", "hall"]),
        (["kitchen", "kitchen"], ["kitchen"] * 2),
        (["Move 42/kitchen", "Move 42/kitchen/detail"], ["kitchen"] * 2),
        (["Move 42/kitchen/left", "Move 42/kitchen/right"], ["kitchen"] * 2),
        (["Move 42", "Move 42/kitchen"], [None, "kitchen"]),
        (["cellar", "cellar/shelf"], ["cellar"] * 2),
        (["", "salon"], [None, "salon"]),
        (["", "Move 42/kitchen", "Move 42/hall"], [None, "kitchen", "hall"]),
        (["zip", "zip/Move 42/kitchen", "zip/Move 42/hall"], [None, "kitchen", "hall"]),
        (["Zimmer 1", "Zimmer 1/shelf"], ["Zimmer 1"] * 2),
        (["", ""], [None] * 2),
        (["a/b/c"], ["c"]),
        (["DCIM/100CANON", "DCIM/101CANON"], [None] * 2),
        (["kitchen/100APPLE", "hall/DCIM/101_PANA"], ["kitchen", "hall"]),
        ([], []),
    ],
)
def test_rooms_are_the_folders_below_those_that_only_wrap(
    folders: list[str], rooms: list[str | None]
) -> None:
    assert rooms_of([Path(folder).parts for folder in folders]) == rooms


def test_one_name_in_two_normal_forms_is_one_room(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        room = unicodedata.normalize(form, "Küche")
        lay_out(tmp_path, {f"{room}/{form}.jpg": picture(), f"{room}/é{form}.txt": b"x"})
    lay_out(tmp_path, {"Bad/1.jpg": picture()})

    found, left_out = find_photos(tmp_path)

    assert {one.room for one in found} == {"Bad", "Küche"}
    assert {file for file, _ in left_out} == {"Küche/éNFC.txt", "Küche/éNFD.txt"}


@pytest.mark.parametrize("name", ["a b.jpg", "100%.jpg", "a%20b.jpg", "été #1.jpg"])
def test_a_file_address_is_decoded(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path / "my photos", {name: picture()})

    for url in ((tmp_path / "my photos").as_uri(), f"file://localhost{tmp_path}/my%20photos"):
        assert names(expanded(url), tmp_path / "my photos") == [name]
    assert read_photo((tmp_path / "my photos" / name).as_uri(), max_bytes=10**6, max_pixels=10**6)


def test_remote_files_are_told_by_content_and_give_rooms() -> None:
    memory = fsspec.filesystem("memory")
    files = {"kitchen/1.jfif": picture(), "hall/2": picture("PNG"), "hall/@eaDir/2.jpg": picture()}
    for name, data in (files | {"hall/plan.pdf": b"%PDF-", "hall/none": b""}).items():
        memory.pipe_file(f"/contents/move/{name}", data)

    found, left_out = find_photos("memory://contents/move")

    assert [one.room for one in found] == ["hall", "kitchen"]
    assert dict(left_out) == {
        "hall/@eaDir/2.jpg": "is in @eaDir, which is not for photos",
        "hall/none": "is empty",
        "hall/plan.pdf": "is a PDF",
    }
