"""An installation to try things in, and what is left of it: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import photoqueue
from photoqueue import services
from photoqueue.errors import ConfigurationError
from photoqueue.faces.notebook.trial import Trial
from photoqueue.installation import current, use
from tests.conftest import submit


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the trials a temporary directory of their own, with a short path."""
    with tempfile.TemporaryDirectory(prefix="pq-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)
        use(None)
    monkeypatch.setattr(tempfile, "tempdir", None)


def servers_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cwd"]):
        if (process.info["cwd"] or "").startswith(str(folder)):
            found.append(process)
    return found


def test_trial_has_real_servers_and_settings_of_its_own_and_leaves_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere.example/photoqueue")
    monkeypatch.setenv("QUEUE_MAX_RETRIES", "7")
    with Trial(engine="tests.engines:scripted") as trial:
        submit("ok-1")
        assert photoqueue.history().photo_id.tolist() == ["ok-1"]
        assert current().settings is trial.settings
        assert (trial.settings.engine, trial.settings.max_retries) == ("tests.engines:scripted", 7)
        assert trial.database_url.get_secret_value().startswith("postgresql://")
        assert repr(trial) == "<Trial>"
        assert servers_in(temporary)
    assert list(temporary.iterdir()) == []
    assert servers_in(temporary) == []
    trial.close()
    assert repr(trial) == "<Trial: closed>"


def test_wrong_setting_is_an_error_that_leaves_nothing(temporary: Path) -> None:
    with pytest.raises(ConfigurationError, match="QUEUE_MAX_RETRIES"):
        Trial(max_retries=-1)
    assert list(temporary.iterdir()) == []


def test_trial_of_a_killed_process_is_cleared_away_by_the_next_and_a_living_one_is_not(
    temporary: Path,
) -> None:
    # Given a process with a trial
    program = (
        "from photoqueue.faces.notebook.trial import Trial\nt = Trial()\n"
        "print(t.settings.home, flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        other = Path(process.stdout.readline().strip())
        # When there is another one, the first is left alone
        with Trial():
            assert all(one.running for one in services.status(photoqueue.Settings(home=other)))
        assert other.is_dir()
        # When its process was killed, it goes
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Trial():
        assert not other.exists()
    assert servers_in(temporary) == []
