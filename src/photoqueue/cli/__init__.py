"""The command line: ``photoqueue --help`` lists the commands."""

from __future__ import annotations


def main() -> None:
    """Run the command line; what goes wrong is one sentence, not a traceback."""
    from photoqueue.cli.app import run

    run()
