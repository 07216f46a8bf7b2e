"""A home that stays empty: tests never touch that of whoever runs them.

Where photoqueue keeps its data by default, embedded servers cannot start, and a try leaves a
trace: it is a test, or a thread or process that one has left, that forgot its installation.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Final

import platformdirs

from photoqueue import Settings, services
from photoqueue.services import Endpoints

#: Where libraries write; other ones of theirs follow HOME.
_CACHES: Final = {"XDG_CACHE_HOME": ".cache", "IPYTHONDIR": ".ipython"}
#: What matplotlib knows of the fonts of this machine, kept: to read them takes a second.
_FONTS: Final = Path(__file__).parents[1] / ".pytest_cache" / "matplotlib"
_HINT: Final = (
    "embedded servers were to be started in the default home. It was this test, or a thread or a "
    "process left by one before it, without the settings of its installation."
)

#: Where in this process such starts were tried.
_tries: list[str] = []
_start_servers = services.ensure


def move_in() -> None:
    """Give this process and its children an empty home in which no server can start."""
    home = Path(tempfile.mkdtemp(prefix="pq-home-"))
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    os.environ["HOME"] = str(home)
    for name, folder in _CACHES.items():
        os.environ[name] = str(home / folder)
    os.environ["MPLCONFIGDIR"] = str(_FONTS)
    folder = _services()
    # The folder of the sockets, or the draft of its address where the path is too long.
    (folder / "socket-folder.new").mkdir(parents=True)
    (folder / "run").touch()


def move_out() -> list[str]:
    """Remove the home; return what photoqueue left in it. Libraries and browsers may write."""
    left = sorted(entry.name for entry in _services().parent.iterdir() if entry != _services())
    # A browser that ends may still write.
    shutil.rmtree(Path.home(), ignore_errors=True)
    return left


def watch() -> None:
    """Note where in this process the servers of the default home are started."""
    default = _services().parent

    def ensure(settings: Settings) -> Endpoints:
        if settings.home == default:
            thread = threading.current_thread().name
            _tries.append(f"in thread {thread}:\n{''.join(traceback.format_stack())}")
        return _start_servers(settings)

    services.ensure = ensure


def trespass() -> str | None:
    """Describe a start of servers in the default home since the last call."""
    trace = _services() / "lock"
    if not trace.exists():
        _tries.clear()
        return None
    trace.unlink(missing_ok=True)
    tries, _tries[:] = "\n".join(_tries), []
    return f"{_HINT}\n{tries}"


def _services() -> Path:
    return Path(platformdirs.user_data_dir("photoqueue")) / "services"
