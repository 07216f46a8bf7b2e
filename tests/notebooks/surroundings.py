"""What a notebook runs in: an installation, a temporary directory and a user of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from photoqueue import Settings, services

NOTEBOOKS: Final = Path(__file__).parents[2] / "notebooks"

_OF_OTHERS: Final = ("PHOTOQUEUE_", "QUEUE_", "PYTEST_", "DATABASE_URL", "REDIS_URL")


@contextmanager
def surroundings(**settings: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Make a folder for a notebook; yield it and the environment to run the notebook in.

    Settings are given by their variables of the environment.

    At the end the servers of its installation are stopped and the folder is removed.
    """
    # Short: the path of a Unix socket has a limit.
    folder = Path(tempfile.mkdtemp(prefix="pq-"))
    home, temporary = folder / "home", folder / "tmp"
    temporary.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHERS)},
        "PHOTOQUEUE_HOME": str(home),
        **settings,
        "TMPDIR": str(temporary),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    _list_fonts()
    try:
        yield folder, environment
    finally:
        services.down(Settings(home=home, database_url=None, redis_url=None))
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _list_fonts() -> None:
    """Let matplotlib do it once: the first chart on a machine says so on standard error."""
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)


def processes_of(folder: Path) -> list[str]:
    """List the processes that work in a folder, or were told of it."""
    found = []
    for process in psutil.process_iter():
        try:
            places = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(folder) in place for place in places):
            found.append(f"{process.pid} {process.name()}")
    return found
