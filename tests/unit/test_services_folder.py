"""The folder of the embedded servers and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from photoqueue.errors import ConfigurationError, ServiceError
from photoqueue.services.folder import ServiceFolder, fits_sockets


def test_one_owner_at_a_time_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoqueue.services.folder.LOCK_SECONDS", 0.05)
    place = ServiceFolder.of(tmp_path / "home")

    with place.exclusive(), pytest.raises(ServiceError, match="lsof"), place.exclusive():
        pass
    with place.exclusive():
        pass


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    place = ServiceFolder.of(tmp_path / "home")
    place.root.mkdir(parents=True)
    (tmp_path / "precious").write_text("kept")
    (place.root / "lock").symlink_to(tmp_path / "precious")

    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_HOME"), place.exclusive():
        pass


def test_two_names_of_one_home_are_one_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "home")

    assert ServiceFolder.of(tmp_path / "alias") == ServiceFolder.of(tmp_path / "home")


@pytest.mark.parametrize(
    ("folder", "fits"),
    [
        ("/home/me/.local/share/photoqueue/services/run", True),
        ("/Users/me/Library/Application Support/photoqueue/services/run", True),
        ("/home/" + "x" * 100, False),
        ("/home/a,b/run", False),
        ("/home/rené/run", False),
        ("/home/what?/run", False),
    ],
)
def test_sockets_need_a_short_and_plain_path(folder: str, fits: bool) -> None:
    assert fits_sockets(Path(folder)) is fits
