"""A home on a disk that is full: embedded servers say so, at once, and go on with space."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import photoqueue
from photoqueue import PhotoqueueError, Settings, services
from photoqueue.client.system import readiness
from photoqueue.installation import use
from photoqueue.services.lifecycle import START_SECONDS
from tests.conftest import eventually, submit

pytestmark = pytest.mark.chaos

#: The servers need 50 MiB, and PostgreSQL another segment of its log as it is used.
SIZE = "100m"
FULL = r"[Nn]o (disk )?space left|is full"


class SmallDisk:
    """A small file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._filling = folder, folder / "filling"

    def fill(self) -> None:
        with self._filling.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        os.truncate(self._filling, 0)


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    folder = Path(tempfile.mkdtemp(prefix="pq-"))  # short: the path of a socket has a limit
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("file systems cannot be mounted here")
    folder.chmod(0o755)
    yield SmallDisk(folder)
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def settings(disk: SmallDisk, tmp_path: Path) -> Iterator[Settings]:
    chosen = Settings(home=disk.folder / "home", photo_store=str(tmp_path / "photos"))
    use(chosen)
    yield chosen
    use(None)
    services.down(chosen)


def test_full_disk_is_told_at_once_and_space_is_enough(
    disk: SmallDisk,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("photoqueue.installation._RECHECK_SECONDS", 0.0)
    monkeypatch.setattr("photoqueue.installation._PROBE_SECONDS", 0.0)
    accepted = [submit("before-1")]
    disk.fill()
    began = time.monotonic()
    # Until Redis, which keeps what fits into its last page, refuses.
    for number in range(200):
        accepted.append(submit(f"full-{number}"))
        if caplog.messages:
            break
    assert "No space left on device. Free some space on its disk" in caplog.text
    (problem,) = [one.problem for one in readiness() if one.name == "broker"]
    assert "No space left" in str(problem)
    # Servers that were stopped do not start.
    services.down(settings)
    disk.fill()
    with pytest.raises(PhotoqueueError, match=FULL):
        submit("stopped-1")
    assert time.monotonic() - began < START_SECONDS
    disk.free()
    accepted.append(submit("after-1"))
    eventually(lambda: [one.problem for one in readiness() if one.name != "workers"] == [None] * 2)
    assert set(photoqueue.history()["job_id"]) == {job.id for job in accepted}
