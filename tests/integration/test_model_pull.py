"""Models over HTTP, from a real server on this machine that misbehaves."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from photoqueue import Settings
from photoqueue.engines import model_download
from photoqueue.engines.model_download import PullWatcher, pull
from photoqueue.errors import ConfigurationError, DownloadError, EngineUnavailableError, ModelError
from tests.conftest import REPOSITORY, eventually
from tests.file_server import FileServer, Manners, serving

BODY = random.Random(7).randbytes(600_000)
NAME = "rooms"


class Watcher(PullWatcher):
    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None]] = []
        self.troubles: list[str] = []
        self.waits: list[float] = []

    def progress(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))

    def trying_again(self, reason: str, seconds: float) -> None:
        self.troubles.append(reason)
        self.waits.append(seconds)


class Place(NamedTuple):
    server: FileServer
    settings: Settings
    watcher: Watcher

    @property
    def target(self) -> Path:
        return self.settings.home / "models" / f"{NAME}.onnx"

    @property
    def part(self) -> Path:
        return self.target.with_name(f"{NAME}.onnx.part")

    def note(self, etag: str | None) -> None:
        """Say of the part file that it came from the server, and of which version it is."""
        note = {"address": f"{self.server.address}/rooms.onnx", "etag": etag}
        self.part.with_name(f"{self.part.name}.json").write_text(json.dumps(note))

    @property
    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.target.parent.iterdir())

    def register(self, **keys: object) -> None:
        given = {
            "address": f"{self.server.address}/rooms.onnx",
            "sha256": hashlib.sha256(BODY).hexdigest(),
            "size": len(BODY),
            **keys,
        }
        lines = [f"{key} = {value!r}" for key, value in given.items() if value is not None]
        self.settings.home.mkdir(exist_ok=True)
        (self.settings.home / "models.toml").write_text("\n".join((f"[models.{NAME}]", *lines)))

    def pull(self) -> bool:
        """Pull the model; return whether it had to be downloaded."""
        entry, fetched = pull(self.settings, NAME, watcher=self.watcher)
        assert entry.path == self.target
        return fetched


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(model_download, "WAITS", (0.0, 0.0, 0.0))
    with serving(Manners(body=BODY)) as server:
        place = Place(server, Settings(home=tmp_path / "home"), Watcher())
        place.register()
        yield place


def test_model_is_fetched_checked_and_put_in_its_place(place: Place) -> None:
    assert place.pull()

    assert place.target.read_bytes() == BODY
    assert place.watcher.steps[-1] == (len(BODY), len(BODY))
    assert place.leftovers == [".rooms.onnx.lock", "rooms.onnx"]


def test_model_that_is_there_is_not_fetched_again(place: Place) -> None:
    place.pull()

    assert not place.pull()
    assert len(place.server.requests) == 1


def test_download_that_is_cut_goes_on_where_it_stopped(place: Place) -> None:
    place.server.manners.cuts = [200_000, 100_000]

    place.pull()

    assert place.target.read_bytes() == BODY
    assert place.server.ranges_asked == [None, "bytes=200000-", "bytes=300000-"]
    assert "ended after 200,000 bytes" in place.watcher.troubles[0]


def test_download_that_was_given_up_goes_on_the_next_time(place: Place) -> None:
    # Given a server that goes away in the middle
    place.server.manners.cuts = [250_000]
    place.server.manners.statuses = [200, 503, 503, 503, 503]
    with pytest.raises(DownloadError, match="Run the command again to go on"):
        place.pull()
    assert place.part.stat().st_size == 250_000
    # When it is back
    place.pull()
    # Then only the rest is fetched
    assert place.server.ranges_asked[-1] == "bytes=250000-"
    assert place.target.read_bytes() == BODY
    assert place.leftovers == [".rooms.onnx.lock", "rooms.onnx"]


def test_many_cuts_are_no_reason_to_give_up_while_it_goes_on(place: Place) -> None:
    place.server.manners.cuts = [50_000] * 11

    place.pull()

    assert place.target.read_bytes() == BODY


def test_server_that_never_gets_further_is_given_up(place: Place) -> None:
    place.server.manners.ranges = False
    place.server.manners.cuts = [50_000] * 50

    with pytest.raises(DownloadError):
        place.pull()

    assert len(place.server.requests) == 4


def test_server_that_ignores_ranges_is_asked_for_the_whole(place: Place) -> None:
    place.server.manners.ranges = False
    place.server.manners.cuts = [200_000]

    place.pull()

    assert place.target.read_bytes() == BODY
    assert place.server.ranges_asked == [None, "bytes=200000-"]


def test_two_versions_are_never_joined(place: Place) -> None:
    # Given a model of unknown content, half of whose old version has arrived
    place.register(sha256=None, size=None)
    place.server.manners.cuts = [200_000]
    place.server.manners.statuses = [200, 503, 503, 503, 503]
    with pytest.raises(DownloadError):
        place.pull()
    # When its author publishes another
    place.server.manners.body = newer = random.Random(8).randbytes(500_000)
    place.server.manners.etag = '"v2"'
    place.pull()
    # Then it is fetched whole
    assert place.target.read_bytes() == newer


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_file_that_nothing_tells_the_version_of_is_begun_anew(
    place: Place, etag: str | None
) -> None:
    place.register(sha256=None, size=None)
    place.server.manners.etag = etag
    place.server.manners.cuts = [200_000]

    place.pull()

    assert place.server.ranges_asked == [None, None]
    assert place.target.read_bytes() == BODY


@pytest.mark.parametrize("size", [len(BODY), None])
def test_part_that_is_complete_needs_no_more(place: Place, size: int | None) -> None:
    place.register(size=size)
    place.pull()
    place.target.rename(place.part)
    place.note('"v1"')

    place.pull()

    assert place.target.read_bytes() == BODY
    assert len(place.server.requests) == (1 if size else 2)


def test_part_that_is_longer_than_the_file_is_begun_anew(place: Place) -> None:
    place.register(size=None)
    place.target.parent.mkdir()
    place.part.write_bytes(BODY + b"more")
    place.note(None)

    place.pull()

    assert place.target.read_bytes() == BODY


def test_wrong_content_is_removed_and_said(place: Place) -> None:
    place.server.manners.body = bytes(len(BODY))

    with pytest.raises(ModelError) as error:
        place.pull()

    assert "is another file (sha256 " in str(error.value)
    assert "now removed" in str(error.value)
    assert place.leftovers == [".rooms.onnx.lock"]
    place.server.manners.body = BODY
    assert place.pull()


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", BODY + b"more"])
def test_file_of_another_size_is_not_even_fetched(place: Place, body: bytes) -> None:
    place.server.manners.body = body

    with pytest.raises(DownloadError, match=f"has {len(body):,} bytes instead of 600,000"):
        place.pull()

    assert len(place.server.requests) == 1
    assert not place.target.exists()


def test_body_without_end_is_cut_off(place: Place) -> None:
    place.server.manners.body = BODY * 3
    place.server.manners.chunked = True

    with pytest.raises(DownloadError, match="sends more than 600,000 bytes"):
        place.pull()

    assert place.part.stat().st_size <= len(BODY)


def test_body_of_unknown_length_is_taken(place: Place) -> None:
    place.register(size=None)
    place.server.manners.chunked = True

    place.pull()

    assert place.target.read_bytes() == BODY


def test_server_that_is_busy_for_a_moment_is_asked_again(place: Place) -> None:
    place.server.manners.statuses = [503, 429, 200]

    place.pull()

    assert place.target.read_bytes() == BODY
    assert "answers 503" in place.watcher.troubles[0]


def test_wait_that_a_server_asks_for_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("photoqueue.engines.model_download.time.sleep", slept.append)
    place.server.manners.statuses = [503, 200]
    place.server.manners.error_headers = {"Retry-After": "7"}

    place.pull()

    assert slept == place.watcher.waits == [7.0]


def test_missing_file_is_no_reason_to_try_again(place: Place) -> None:
    place.server.manners.statuses = [404]

    with pytest.raises(DownloadError, match="answers 404"):
        place.pull()

    assert len(place.server.requests) == 1


def test_slow_server_is_waited_for(place: Place) -> None:
    place.server.manners.drip = 20_000

    place.pull()

    assert place.target.read_bytes() == BODY
    assert len(place.watcher.steps) > 3


def test_server_that_falls_silent_is_asked_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "SILENCE", 0.3)
    place.server.manners.stalls = 1

    place.pull()

    assert place.watcher.troubles == [
        f"{place.server.address}/rooms.onnx: the server sent nothing more"
    ]
    assert place.server.ranges_asked == [None, "bytes=599999-"]
    assert place.target.read_bytes() == BODY


def test_second_address_stands_in_for_the_first(place: Place) -> None:
    with serving(Manners(statuses=[404])) as gone, serving(Manners(body=bytes(len(BODY)))) as wrong:
        place.register(
            address=[
                "http://127.0.0.1:1/rooms.onnx",
                f"{gone.address}/rooms.onnx",
                f"{wrong.address}/rooms.onnx",
                f"{place.server.address}/rooms.onnx",
            ]
        )
        place.pull()

    assert place.target.read_bytes() == BODY


def test_without_a_network_the_error_says_how_to_bring_the_file(place: Place) -> None:
    place.register(address="http://127.0.0.1:1/rooms.onnx")

    with pytest.raises(DownloadError) as error:
        place.pull()

    for part in (
        "'rooms' (0.6 MB)",
        "http://127.0.0.1:1/rooms.onnx",
        "cannot be reached",
        "by hand",
        str(place.target),
        "photoqueue models verify rooms",
        "PHOTOQUEUE_MODEL_MIRROR",
    ):
        assert part in str(error.value)


def test_mirror_stands_for_the_published_addresses_and_its_login_stays_with_it(
    place: Place, tmp_path: Path
) -> None:
    host = place.server.address.removeprefix("http://")
    with serving(Manners(moved_to=place.server.address)) as mirror:
        login = mirror.address.replace("http://", "http://ana:hunter2@")
        settings = Settings(home=tmp_path / "other", model_mirror=SecretStr(f"{login}/ours/"))
        with pytest.raises(DownloadError) as error:
            pull(settings, "dfine-l-objects365")

    assert "bytes instead of 125,936,360" in str(error.value)
    assert "hunter2" not in str(error.value) + repr(settings)
    ((path, told),) = mirror.requests
    assert path == "/ours/dfine-l-objects365.onnx"
    assert told["Authorization"].startswith("Basic ")
    ((path, told),) = place.server.requests
    assert (path, told["Host"]) == ("/ours/dfine-l-objects365.onnx", host)
    assert "Authorization" not in told


def test_mirror_that_is_no_address_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model_mirror=SecretStr("/srv/models"))

    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_MODEL_MIRROR"):
        pull(settings, "dfine-l-objects365")


def test_another_file_in_the_place_of_the_model_is_left_alone(place: Place) -> None:
    place.target.parent.mkdir()
    place.target.write_bytes(b"something dear")

    with pytest.raises(ModelError, match="remove it and run `photoqueue models pull rooms`"):
        place.pull()

    assert place.target.read_bytes() == b"something dear"


def test_model_without_an_address_says_where_its_file_goes(place: Place) -> None:
    place.register(address=[])

    with pytest.raises(EngineUnavailableError, match="Put its file at") as error:
        place.pull()

    assert str(place.target) in str(error.value)


def test_unknown_model_names_the_nearest(place: Place) -> None:
    with pytest.raises(
        EngineUnavailableError, match="'dfine-s-objects365' or 'dfine-m-objects365'"
    ):
        pull(place.settings, "dfine-objects365")


def test_full_disk_is_said_before_the_download(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place.settings.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))

    with pytest.raises(ConfigurationError) as error:
        place.pull()

    assert "0.6 MB are needed and 0.1 MB are free" in str(error.value)
    assert "Free some space" in str(error.value)
    assert "PHOTOQUEUE_HOME" in str(error.value)
    assert place.server.requests == []


def test_disk_that_fills_up_keeps_what_was_fetched(place: Place) -> None:
    # A limit on the size of files is met in the middle of writing, as a full disk is.
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "from photoqueue.faces.cli import main; sys.argv[1:] = ['models', 'pull', 'rooms']; main()"
    )
    # -B: a compiled module above the limit would be cut off, too, and stay so for later runs.
    done = _python("-B", "-c", code, place=place)

    assert done.returncode == 1  # space may come: worth another try
    assert "cannot be stored in" in done.stderr
    assert "PHOTOQUEUE_HOME" in done.stderr
    assert "Traceback" not in done.stderr
    place.pull()
    assert place.target.read_bytes() == BODY
    assert place.server.ranges_asked[-1] is not None


def test_folder_that_cannot_be_written_names_the_setting(place: Place) -> None:
    (place.settings.home / "models").write_text("in the way")

    with pytest.raises(ConfigurationError, match="Set PHOTOQUEUE_HOME"):
        place.pull()


def test_two_processes_at_once_fetch_a_model_once(place: Place) -> None:
    # Given a process in the middle of the download
    place.server.manners.stalls = 1
    first = _start(place)
    eventually(lambda: place.server.requests)
    # When another one begins
    second = _start(place)
    waits = second.stderr.readline()  # type: ignore[union-attr]  # it is a pipe
    place.server.released.set()
    # Then it waits, and finds the file
    outs = [process.communicate(timeout=150) for process in (first, second)]
    assert "Another process downloads rooms" in waits
    assert [process.returncode for process in (first, second)] == [0, 0], outs
    assert "is downloaded and checked" in outs[0][0]
    assert "is there already and checked" in outs[1][0]
    assert place.target.read_bytes() == BODY


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_download_whose_process_is_ended_goes_on_in_the_next(place: Place, number: int) -> None:
    place.server.manners.stalls = 1
    process = _start(place)
    eventually(lambda: place.part.exists() and place.part.stat().st_size >= 262_144)
    process.send_signal(number)
    process.communicate(timeout=150)

    place.pull()

    assert place.target.read_bytes() == BODY
    assert place.server.ranges_asked[0] is None
    assert place.server.ranges_asked[1] is not None


def _environment(place: Place) -> dict[str, str]:
    return {**os.environ, "PHOTOQUEUE_HOME": str(place.settings.home)}


def _python(*arguments: str, place: Place) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=_environment(place),
        capture_output=True,
        text=True,
        timeout=60,
    )


def _start(place: Place) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "photoqueue", "models", "pull", NAME],
        cwd=REPOSITORY,
        env=_environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
