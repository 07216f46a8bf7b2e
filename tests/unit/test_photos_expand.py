"""Folders, globs and lists become a flat list of single photos."""

from __future__ import annotations

from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from photoqueue.errors import PhotoNotFoundError
from photoqueue.photos.sources import expand_sources


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
        assert names(expand_sources(source), home) == IN_ORDER


def test_a_folder_in_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.parent))

    assert names(expand_sources("~/move"), home) == IN_ORDER


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
    assert names(expand_sources(str(home / pattern)), home) == expected


def test_a_glob_is_relative_to_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)

    assert expand_sources("*.jpg") == [Path("10.jpg")]
    assert expand_sources("./salon/*.jpeg") == [Path("salon/photo.jpeg")]


@pytest.mark.parametrize("pattern", ["*.png", "nowhere/*.jpg", "salon/*.webp"])
def test_a_glob_without_a_match_says_so(home: Path, pattern: str) -> None:
    with pytest.raises(PhotoNotFoundError, match="matches no file"):
        expand_sources(str(home / pattern))


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "salon[1].jpg"
    path.touch()
    (tmp_path / "salon1.jpg").touch()

    assert expand_sources(str(path)) == [str(path)]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(PhotoNotFoundError, match=rf"{tmp_path} is empty.*\.heic"):
        expand_sources(tmp_path)


def test_a_folder_without_pictures_says_what_it_saw(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.pdf", "README"):
        (tmp_path / name).touch()

    with pytest.raises(PhotoNotFoundError, match=r"only 4 other files \(2 × \.txt") as caught:
        expand_sources(tmp_path)
    assert ".jpg, .jpeg, .png, .webp, .heic, .heif" in str(caught.value)


@pytest.mark.timeout(20)
def test_loops_of_links_end(home: Path) -> None:
    (home / "salon" / "up").symlink_to(home)
    (home / "salon" / "self").symlink_to(home / "salon")
    (home / "broken.jpg").symlink_to(home / "nowhere.jpg")

    assert names(expand_sources(home), home) == [
        "2.JPG",
        "10.jpg",
        *IN_ORDER[2:4],
        "broken.jpg",
        IN_ORDER[4],
    ]
    assert len(expand_sources(str(home / "**" / "*.jpeg"))) == 1


def test_a_linked_folder_is_searched(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "camera").symlink_to(home / "salon")

    assert names(expand_sources(tmp_path / "link"), tmp_path / "link") == IN_ORDER
    assert names(expand_sources(tmp_path / "other"), tmp_path) == ["other/camera/photo.jpeg"]


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
        found = expand_sources(single)
        assert len(found) == 1
        assert found[0] is single


def test_lists_of_anything_are_flattened(home: Path) -> None:
    sources = [home / "scan.dat", str(home / "salon"), [b"x", str(home / "*.jpg")]]

    assert expand_sources(sources) == [
        home / "scan.dat",
        home / "salon" / "photo.jpeg",
        b"x",
        home / "10.jpg",
    ]
    assert expand_sources([]) == []
    assert expand_sources(str(path) for path in [home / "10.jpg"]) == [str(home / "10.jpg")]


def test_columns_of_paths_are_lists(home: Path) -> None:
    column = pd.Series([str(home / "10.jpg"), str(home / "2.JPG")])

    assert expand_sources(column) == list(column)
    assert expand_sources(column.to_numpy(dtype=object)) == list(column)
    assert expand_sources(np.array(list(column))) == list(column)


@pytest.fixture
def bucket() -> str:
    memory = fsspec.filesystem("memory")
    for name in ("10.jpg", "2.jpg", "room/1.png", "notes.txt", ".hidden.jpg"):
        memory.pipe_file(f"/expand/move/{name}", b"x")
    return "memory://expand/move"


def test_a_remote_folder_gives_its_pictures(bucket: str) -> None:
    expected = [f"{bucket}/2.jpg", f"{bucket}/10.jpg", f"{bucket}/room/1.png"]

    assert expand_sources(bucket) == expected
    assert expand_sources(f"{bucket}/") == expected
    assert expand_sources(f"{bucket}/**/*") == expected


def test_a_remote_glob_gives_what_it_matches(bucket: str) -> None:
    assert expand_sources(f"{bucket}/*.jpg") == [f"{bucket}/2.jpg", f"{bucket}/10.jpg"]
    assert expand_sources(f"{bucket}/*.txt") == [f"{bucket}/notes.txt"]


def test_a_remote_file_whose_name_looks_like_a_glob_is_itself(bucket: str) -> None:
    fsspec.filesystem("memory").pipe_file("/expand/brackets/salon[1].jpg", b"x")
    url = "memory://expand/brackets/salon[1].jpg"

    assert expand_sources(url) == [url]


@pytest.mark.parametrize("name", ["*.webp", "nowhere/*.jpg"])
def test_a_remote_glob_without_a_match_says_so(bucket: str, name: str) -> None:
    with pytest.raises(PhotoNotFoundError, match="matches no file"):
        expand_sources(f"{bucket}/{name}")


def test_an_archive_is_a_folder_too(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "move.zip", "w") as archive:
        archive.writestr("10.jpg", b"x")
        archive.writestr("2.jpg", b"x")

    found = expand_sources(f"zip://*.jpg::file://{tmp_path}/move.zip")

    assert found == [f"zip://{n}.jpg::file://{tmp_path}/move.zip" for n in (2, 10)]


@pytest.mark.parametrize(
    "url",
    ["https://host/folder/", "https://host/a.jpg?size=*", "http://host/a[1].jpg", "s3://b/a.jpg"],
)
def test_single_addresses_are_returned_without_asking_a_server(url: str) -> None:
    assert expand_sources(url) == [url]
