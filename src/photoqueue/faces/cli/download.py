"""The progress bar of a download, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from photoqueue.engines.model_registry.pull import PullWatcher
from photoqueue.faces.cli.output import note, warn

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class DownloadBar(PullWatcher):
    """Shows a bar in a terminal, and elsewhere only what is out of the ordinary.

    Parameters
    ----------
    name : str
        What is fetched.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def waiting(self) -> None:
        """Say that another process is at it."""
        note(f"Another process fetches {self._name}; waiting for it …")

    def trying_again(self, reason: str, seconds: float) -> None:
        """Say why it takes longer."""
        warn(f"{reason}; trying again in {seconds:.0f} s.")

    def progress(self, done: int, total: int | None) -> None:
        """Move the bar."""
        if self._bar is None:
            if not sys.stderr.isatty():
                return
            self._bar = _made()
            self._bar.start()
        if self._task is None:
            self._task = self._bar.add_task(self._name, total=total)
        self._bar.update(self._task, completed=done, total=total)


def _made() -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from photoqueue.faces.cli.output import console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )
