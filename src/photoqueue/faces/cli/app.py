"""The list of commands, and how errors are shown."""

from __future__ import annotations

import functools
import io
import os
import sys
from typing import Annotated, Any, Final

import typer

from photoqueue.errors import (
    EXIT_CONFIGURATION,
    ConfigurationError,
    PhotoqueueError,
    may_pass,
)
from photoqueue.faces.cli import (
    demo,
    doctor,
    estimate,
    inventory,
    jobs,
    models,
    report,
    service,
    submit,
    tokens,
    webhooks,
)

#: Exit status for any error but a wrong setting.
EXIT_ERROR: Final = 1
#: Exit status after Ctrl-C, as in shells.
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

    Begin with `photoqueue demo`; `photoqueue doctor` shows what is missing.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


#: Commands by panel of ``--help``; each is named like its function.
_COMMANDS: Final = {
    "Jobs": (
        submit.submit,
        jobs.status,
        jobs.jobs,
        jobs.job,
        jobs.retry,
        jobs.cancel,
        jobs.prioritise,
        jobs.pause,
        jobs.resume,
    ),
    "Inventory": (
        inventory.inventory,
        inventory.items,
        inventory.edit,
        inventory.correct,
        inventory.corrections,
        estimate.estimate,
        report.report,
    ),
    "Service": (
        service.worker,
        service.serve,
        jobs.check,
        doctor.doctor,
        service.prune,
        service.erase,
        service.migrate,
        service.down,
        inventory.catalogue,
    ),
    "Try and measure": (demo.demo, models.evaluate),
}
for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(models.app, name="models", rich_help_panel="Service")
app.add_typer(tokens.app, name="tokens", rich_help_panel="Service")
app.add_typer(webhooks.app, name="webhooks", rich_help_panel="Service")


@functools.cache
def commands() -> Any:
    """Build the commands, once in a process: Typer evaluates the annotations of all of them."""
    return typer.main.get_command(app)


def run() -> None:
    """Run a command; errors of photoqueue end it with their message."""
    from photoqueue.faces.cli.output import fail

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show "m³" shows "m?" instead of failing.
            stream.reconfigure(errors="replace")
    try:
        commands()()
    except PhotoqueueError as exc:
        fail(str(exc))
        lasting = isinstance(exc, ConfigurationError) and not may_pass(exc)
        sys.exit(EXIT_CONFIGURATION if lasting else EXIT_ERROR)
    except SystemExit as exc:
        if exc.code == EXIT_INTERRUPTED:
            fail("Interrupted.")
        raise
    finally:
        _flush()


def _flush() -> None:
    """Write remaining output; ignore a closed pipe (``… | head -1``)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
