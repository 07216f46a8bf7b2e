"""The commands, and how their errors are shown."""

from __future__ import annotations

import sys
from typing import Final

import typer
from rich.console import Console

from photoqueue.cli import worker
from photoqueue.errors import ConfigurationError, PhotoqueueError

#: Exit status for a wrong setting (``EX_CONFIG`` of sysexits.h), and for any other error.
EXIT_CONFIGURATION: Final = 78
EXIT_ERROR: Final = 1

app = typer.Typer(
    name="photoqueue",
    help="Analyse photos of rooms for house moves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _photoqueue() -> None:
    """Analyse photos of rooms for house moves."""


app.command("worker")(worker.worker)


def run() -> None:
    """Run a command; photoqueue's own errors end it with their message."""
    try:
        app()
    except PhotoqueueError as exc:
        Console(stderr=True).print(str(exc), style="red", markup=False, highlight=False)
        sys.exit(EXIT_CONFIGURATION if isinstance(exc, ConfigurationError) else EXIT_ERROR)
