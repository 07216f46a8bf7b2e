"""The commands, and how their errors are shown."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated, Final

import typer

from photoqueue.errors import ConfigurationError, PhotoqueueError
from photoqueue.faces.cli import (
    autoscale,
    catalogue,
    check,
    demo,
    doctor,
    evaluate,
    inventory,
    jobs,
    models,
    pruning,
    serve,
    servers,
    status,
    steer,
    submit,
    worker,
)

#: Exit status for a wrong setting (``EX_CONFIG`` of sysexits.h), and for any other error.
EXIT_CONFIGURATION: Final = 78
EXIT_ERROR: Final = 1
#: Exit status after Ctrl-C, as shells have it.
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="photoqueue",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from photoqueue import __version__

        typer.echo(f"photoqueue {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _photoqueue(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Analyse photos of rooms for house moves.

    Begin with `photoqueue demo`; `photoqueue doctor` tells what is missing.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


_JOBS: Final = "Jobs"
_INVENTORY: Final = "Inventory"
_SERVICE: Final = "Service"
_TRY: Final = "Try and measure"

app.command("submit", rich_help_panel=_JOBS)(submit.submit)
app.command("status", rich_help_panel=_JOBS)(status.status)
app.command("jobs", rich_help_panel=_JOBS)(jobs.jobs)
app.command("job", rich_help_panel=_JOBS)(jobs.job)
app.command("retry", rich_help_panel=_JOBS)(steer.retry)
app.command("cancel", rich_help_panel=_JOBS)(steer.cancel)
app.command("pause", rich_help_panel=_JOBS)(steer.pause)
app.command("resume", rich_help_panel=_JOBS)(steer.resume)
app.command("inventory", rich_help_panel=_INVENTORY)(inventory.inventory)
app.command("correct", rich_help_panel=_INVENTORY)(inventory.correct)
app.command("corrections", rich_help_panel=_INVENTORY)(inventory.corrections)
app.command("worker", rich_help_panel=_SERVICE)(worker.worker)
app.command("serve", rich_help_panel=_SERVICE)(serve.serve)
app.command("autoscale", rich_help_panel=_SERVICE)(autoscale.autoscale)
app.command("check", rich_help_panel=_SERVICE)(check.check)
app.add_typer(models.app, name="models", rich_help_panel=_SERVICE)
app.command("doctor", rich_help_panel=_SERVICE)(doctor.doctor)
app.command("prune", rich_help_panel=_SERVICE)(pruning.prune)
app.command("erase", rich_help_panel=_SERVICE)(pruning.erase)
app.command("migrate", rich_help_panel=_SERVICE)(servers.migrate)
app.command("down", rich_help_panel=_SERVICE)(servers.down)
app.command("catalogue", rich_help_panel=_SERVICE)(catalogue.catalogue)
app.command("demo", rich_help_panel=_TRY)(demo.demo)
app.command("evaluate", rich_help_panel=_TRY)(evaluate.evaluate)


def run() -> None:
    """Run a command; photoqueue's own errors end it with their message."""
    from photoqueue.faces.cli.output import fail

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show "m³" shows "m?"; it is no reason to fail.
            stream.reconfigure(errors="replace")
    try:
        app()
    except PhotoqueueError as exc:
        fail(str(exc))
        sys.exit(EXIT_CONFIGURATION if isinstance(exc, ConfigurationError) else EXIT_ERROR)
    except SystemExit as exc:
        if exc.code == EXIT_INTERRUPTED:
            fail("Interrupted.")
        raise
    finally:
        _flush()


def _flush() -> None:
    """Write what is left, silently where nobody reads any more (``… | head -1``)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
