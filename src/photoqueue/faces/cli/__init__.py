"""The command line: ``photoqueue --help`` lists the commands."""

from __future__ import annotations

import atexit
import gc
from typing import Final

#: Allocations between garbage collections; Python's default of 700 suits small programs.
_NEW_OBJECTS: Final = 10_000


def spare_garbage_collection() -> None:
    """Make garbage collection rare in this process, and skip it at exit.

    A command loads a thousand modules that stay for its lifetime. Scanning them again and again
    while they load, and at exit, takes up to a third of the time of a short command.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command line; an error is shown as one sentence, not as a traceback."""
    spare_garbage_collection()
    from photoqueue.faces.cli.app import run

    run()
