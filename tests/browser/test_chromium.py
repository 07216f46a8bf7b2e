"""Where there is no Chromium, one is told what to install, and nothing is installed."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import REPOSITORY


def test_missing_chromium_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.chromium"],
        cwd=REPOSITORY,
        env={**os.environ, "PHOTOQUEUE_CHROMIUM": "/nowhere/chromium"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "apt-get install chromium" in done.stderr
    assert "PHOTOQUEUE_CHROMIUM" in done.stderr
