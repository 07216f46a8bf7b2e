"""Homes are private: new ones from the start, existing ones once they are opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from photoqueue.errors import ConfigurationError, DatabaseUnavailableError
from photoqueue.files import close_home, make_private, open_private
from photoqueue.installation import Installation
from photoqueue.services.folder import ServiceFolder
from photoqueue.settings import Settings

NOWHERE = {"database_url": "postgresql://127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1"}


def modes(folder: Path) -> set[str]:
    return {f"{stat.S_IMODE(path.stat().st_mode):o}" for path in (folder, *folder.rglob("*"))}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that every account of this machine can read, as older versions left it."""
    before = os.umask(0o022)
    try:
        for name in ("photos/originals/ab/abc", "logs/worker.log", "models/own.onnx"):
            (tmp_path / "home" / name).parent.mkdir(parents=True)
            (tmp_path / "home" / name).write_text("private")
    finally:
        os.umask(before)
    return tmp_path / "home"


def test_a_home_is_closed_when_it_is_opened_with_configured_servers(home: Path) -> None:
    assert modes(home) == {"755", "644"}
    with pytest.raises(DatabaseUnavailableError):
        Installation.open(Settings(home=home, **NOWHERE))
    assert modes(home) == {"700", "600"}


def test_photos_of_a_closed_home_are_closed_too(home: Path) -> None:
    home.chmod(0o700)
    close_home(home)
    assert modes(home) == {"700", "600"}


def test_what_a_home_only_links_to_stays_as_it_is(home: Path, tmp_path: Path) -> None:
    for name in ("elsewhere", "alias"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "elsewhere" / "page.html").touch(0o644)
    (home / "photos" / "link").symlink_to(tmp_path / "elsewhere")
    (home / "uploads").symlink_to(tmp_path / "elsewhere")
    close_home(home)
    assert modes(tmp_path / "elsewhere") == {"755", "644"}


def test_a_home_with_two_names_is_closed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(home)
    close_home(tmp_path / "alias")
    assert modes(home) == {"700", "600"}


def test_a_folder_of_everybody_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    close_home(tmp_path)
    close_home(tmp_path / "none")
    assert modes(tmp_path) == {"1777"}
    tmp_path.chmod(0o700)


def test_new_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private(tmp_path / "new" / "home")
        for kind in "xwa":
            with open_private(tmp_path / "new" / "home" / kind, kind) as file:
                file.write(b"private")
    finally:
        os.umask(before)
    assert modes(tmp_path / "new") == {"700", "600"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_the_home_of_a_user_belongs_to_the_user(home: Path) -> None:
    os.chown(home, 65534, 65534)
    make_private(home / "new" / "folder")
    with open_private(home / "new" / "folder" / "file", "x"):
        pass
    assert {path.stat().st_uid for path in (home / "new").rglob("*")} == {65534}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_away_nothing_that_a_user_links_to(home: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "shadow").write_text("of root")
    (home / "services").symlink_to(tmp_path / "root")
    (home / "logs" / "w").symlink_to(tmp_path / "root" / "shadow")
    for path in (home, home / "logs", home / "services", home / "logs" / "w"):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    for mode in "wa":
        with pytest.raises(OSError, match="symbolic link"):
            open_private(home / "logs" / "w", mode)
    with pytest.raises(ConfigurationError, match="services is a link of one user to a folder"):
        ServiceFolder.of(home).prepare()
    assert {path.stat().st_uid for path in (tmp_path / "root").rglob("*")} == {0}
    assert (tmp_path / "root" / "shadow").read_text() == "of root"
