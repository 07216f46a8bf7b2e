"""An installation of its own for the demo: nothing is left of it, however it ends."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from photoqueue import services
from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import show
from photoqueue.installation import current, use
from photoqueue.settings import Settings, load_settings

#: Seconds for a worker to end: its photos take far less.
_END_SECONDS: Final = 20.0
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def temporary_installation(settings: Settings, *, keep: bool) -> Iterator[None]:
    """Use an installation with servers and data of its own.

    Parameters
    ----------
    settings
        Give the engine and its model; servers and folders are the installation's own.
    keep
        Leave servers and folder behind, and say where they are.
    """
    _interrupt_when_told_to_end()
    # Short: the path of a Unix socket has a limit.
    home = Path(tempfile.mkdtemp(prefix="photoqueue-demo-"))
    own = load_settings(
        **{
            **settings.model_dump(),
            "home": home,
            "database_url": None,
            "redis_url": None,
            "photo_store": None,
            "grace_seconds": 5.0,
        }
    )
    if (settings.home / "models").is_dir():
        # Models are named by their place in the home; they are used, and stay where they are.
        (home / "models").symlink_to(settings.home / "models")
    if (settings.home / "models.toml").is_file():
        (home / "models.toml").symlink_to(settings.home / "models.toml")
    try:
        show("Starting servers of its own …")
        use(own)
        redis = current().endpoints.redis_url is not None
        show("PostgreSQL and Redis run." if redis else "PostgreSQL runs; it carries the messages.")
        yield
    finally:
        # A second Ctrl-C must not leave half of it behind.
        previous = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING_SIGNALS}
        _end_workers(home)
        use(None)
        if keep:
            _say_what_is_kept(home)
        else:
            services.down(own)
            shutil.rmtree(home, ignore_errors=True)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt_when_told_to_end() -> None:
    """Make SIGTERM, and the end of the terminal, run the clean-up as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in _ENDING_SIGNALS[1:]:
        signal.signal(number, interrupt)


def _end_workers(home: Path) -> None:
    """End a worker that was interrupted while it started: nobody has its handle yet."""
    workers = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if process.environ().get("PHOTOQUEUE_HOME") == str(home):
                process.terminate()
                workers.append(process)
    _, alive = psutil.wait_procs(workers, timeout=_END_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def _say_what_is_kept(home: Path) -> None:
    shown = words.line(home)
    show()
    show(f"Kept in {shown}. Look at it, then remove it:")
    show(f"  export PHOTOQUEUE_HOME={shown} DATABASE_URL= REDIS_URL=")
    show("  photoqueue jobs")
    show(f"  photoqueue down && rm -r {shown}")
